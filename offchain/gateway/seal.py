"""Secrets at rest in the agent's database: AES-GCM, bound to the row that holds them."""

import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from offchain.gateway.settings import KEY_BYTES

NONCE_BYTES = 12


class SealBroken(Exception):
    """A sealed secret does not open: of another key or another row, or damaged."""


def sealing_key(secret: bytes) -> bytes:
    """32 bytes that follow from a secret of at least as many, such as the shielded key's."""
    if len(secret) < KEY_BYTES:
        raise ValueError(f"a sealing key follows from at least {KEY_BYTES} secret bytes")
    return HKDF(SHA256(), KEY_BYTES, None, b"shadowpool gateway seal v1").derive(secret)


class Box:
    """Seals and opens under one key; `row` names where the sealed bytes stand."""

    def __init__(self, key: bytes):
        self._cipher = AESGCM(key)

    def seal(self, secret: bytes, row: str) -> bytes:
        nonce = secrets.token_bytes(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret, row.encode())

    def open(self, sealed: bytes, row: str) -> bytes:
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], row.encode())
        except (InvalidTag, ValueError):
            raise SealBroken(f"the secret of {row} does not open: was the agent's key changed? Make it anew") from None
