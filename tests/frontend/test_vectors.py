"""The cryptography in TypeScript is held to vectors that Python makes; these are the very ones."""

import os

import pytest

from tests.frontend import vectors


@pytest.mark.parametrize("path", vectors.FILES, ids=lambda path: path.stem)
def test_the_committed_vectors_are_python_s(path):
    """After a change of the protocol: SHADOWPOOL_WRITE_VECTORS=1 pytest tests/frontend/test_vectors.py."""
    if os.environ.get("SHADOWPOOL_WRITE_VECTORS"):
        path.write_text(vectors.text(path))
    assert path.read_text() == vectors.text(path)
