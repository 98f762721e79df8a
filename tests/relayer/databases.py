"""A fresh database of each kind that a relayer may use."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scripts.services import postgres

KINDS = ("sqlite", "postgres")


@contextmanager
def database(kind: str, folder: Path) -> Iterator[str]:
    """The URL of an empty database that ends with the context."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'relayer.sqlite3'}"
    else:
        with postgres(folder / "postgres") as server:
            yield server.url
