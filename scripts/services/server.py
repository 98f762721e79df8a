"""One background server with a folder of its own: started, watched, killed and stopped by pid."""

from __future__ import annotations

import os
import shutil
import signal
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path

from scripts.network import process

START_SECONDS = 180.0
STOP_SECONDS = 60.0
"""Patience, not a pace: a server is up within a second unless the machine is loaded."""


class ServiceError(Exception):
    """A server cannot be started; the message says why and what to do."""


class Server(ABC):
    """A server with all that is its own in `folder`, which the end of a `with` block deletes."""

    gentle: signal.Signals = signal.SIGTERM

    def __init__(self, folder: Path):
        self.folder = Path(folder).resolve()
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.wipe()

    @property
    @abstractmethod
    def url(self) -> str:
        """Where it is; no secret in it."""

    @property
    def pid(self) -> int | None:
        """Of the running server, None if it does not run."""
        return process.running_pid(self.folder)

    def start(self) -> None:
        """Return once it answers; nothing to do if it does. ServiceError if it does not come up."""
        deadline = time.monotonic() + START_SECONDS
        while not (self.pid and self._answers()):
            if self.pid is None:
                self._launch()
            if time.monotonic() > deadline:
                raise ServiceError(f"no answer after {START_SECONDS:.0f} s; its log ends:\n{process.log_tail(self.folder)}")
            time.sleep(0.02)

    def stop(self) -> None:
        """End it in good order."""
        process.end([self.folder], self.gentle, STOP_SECONDS)

    def kill(self) -> None:
        """End it as a power cut would: at once, with every child."""
        pid = self.pid
        if pid is None:
            return
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        process.end([self.folder], signal.SIGKILL)
        for child in map(int, children):
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)

    def wipe(self) -> None:
        """Stop it and delete what it holds."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def restart(self) -> None:
        """Start it again at the same place, after `kill` or as a stop and a start."""
        self.stop()
        self.start()

    @abstractmethod
    def _launch(self) -> None:
        """Start the process; ServiceError if it cannot be."""

    @abstractmethod
    def _answers(self) -> bool:
        """Whether a client is served now."""
