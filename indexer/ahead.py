"""The next range of blocks, read and decoded by a process of its own while the last one is worked on.

The process ends with its pipe, so it does not outlive a follower that is killed.
"""

import gc
import multiprocessing
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection

from indexer.node import Node
from indexer.reading import Range, Reader
from offchain.chain import ChainError
from offchain.deployment import Deployment


class Ahead:
    """Reads one range at a time, beside the caller; the process starts with the first that is asked for."""

    def __init__(self, rpc_url: str, deployment: Deployment):
        self._with = rpc_url, deployment
        self._process = self._pipe = None
        self._asked: tuple | None = None

    def ask(self, first: int, last: int, parent: str) -> None:
        """Begin to read what `read` is going to be called with. ChainError if the process died."""
        if self._process is None:
            self._start()
        self._asked = first, last, parent
        with self._alive():
            self._pipe.send(self._asked)

    def read(self, first: int, last: int, parent: str | None) -> Range | None:
        """The range, as Reader.read gives it or with its errors; None if another one, or none, was asked for.

        ChainError if the process died.
        """
        if self._asked != (first, last, parent):
            return None
        self._asked = None
        with self._alive():
            found = self._pipe.recv()
        if isinstance(found, Exception):
            raise found
        return found

    def close(self) -> None:
        """End the process, whatever it is reading."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._pipe.close()
        self._process = self._pipe = self._asked = None

    @contextmanager
    def _alive(self) -> Iterator[None]:
        try:
            yield
        except (EOFError, OSError):
            self.close()
            raise ChainError("the process that reads blocks ahead has died: is there memory for it?") from None

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")      # a fork would keep the database's files, and threads' locks
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, *self._with), daemon=True, name="reading")
        self._process.start()
        theirs.close()


def _serve(pipe: Connection, rpc_url: str, deployment: Deployment) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)    # the terminal's is for the follower, which closes the pipe
    reader = Reader(Node(rpc_url), deployment)
    with few_collections():
        while True:
            try:
                asked = pipe.recv()
            except EOFError:
                return
            try:
                found = reader.read(*asked)
            except Exception as error:      # it is the follower's to judge
                found = error
            try:
                pipe.send(found)
            except OSError:
                return


@contextmanager
def few_collections() -> Iterator[None]:
    """Look for cycles rarely: a range is many objects and no cycle, and a third of the time went into looking."""
    before = gc.get_threshold()
    gc.set_threshold(100_000, 50, 100)
    try:
        yield
    finally:
        gc.set_threshold(*before)
