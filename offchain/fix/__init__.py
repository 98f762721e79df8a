"""A FIX 4.4 acceptor on an institution's agent: a session layer of our own, and orders on its desk (docs/fix.md)."""
