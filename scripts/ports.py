"""Ports of this machine for servers that are told theirs, in tests and benchmarks."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def kept_port() -> Iterator[int]:
    """A free port that nobody else is given while the context lasts: nothing answers there but what is told of it.

    A bound socket that does not listen keeps it. Servers set SO_REUSEADDR too, and so may listen beside it.
    """
    with socket.socket() as keeper:
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind(("127.0.0.1", 0))
        yield keeper.getsockname()[1]
