"""The browser's cryptography is held to vectors that Python makes; these are the very ones."""

import os

from tests.frontend import vectors


def test_the_committed_vectors_are_python_s():
    """After a change of the protocol: SHADOWPOOL_WRITE_VECTORS=1 pytest tests/frontend/test_vectors.py."""
    if os.environ.get("SHADOWPOOL_WRITE_VECTORS"):
        vectors.FILE.write_text(vectors.text())
    assert vectors.FILE.read_text() == vectors.text()
