"""Shared cryptography, proving and chain code, and the institution's side of Shadowpool."""
