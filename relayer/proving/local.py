"""Proofs by processes of this machine, one proof at a time each: the default.

They are apart from the relayer, so that a crash or a lack of memory in one costs one attempt. They
end with their standard input, so also when the relayer is killed.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from queue import Empty, LifoQueue
from threading import BoundedSemaphore, Lock
from typing import Self

from offchain.circuits import Proven
from offchain.paths import ROOT
from offchain.witness import Inputs
from relayer.proving.job import Closed, Job, Late, ProvingError, checked

ATTEMPTS = 2
MAX_PROCESSES = 64


class _Died(Exception):
    """The process ended before it answered."""


class _Process:
    """One proving process, started when first needed and again after a death, until it is closed."""

    def __init__(self) -> None:
        self._process: subprocess.Popen | None = None
        self._closed = False
        self._lock = Lock()

    def ask(self, line: bytes) -> bytes:
        process = self._running()
        try:
            process.stdin.write(line + b"\n")
            process.stdin.flush()
            reply = process.stdout.readline()
        except (BrokenPipeError, ValueError):   # ended; or closed, and its pipes with it
            reply = b""
        if not reply.endswith(b"\n"):
            self._end()
            raise _Died
        return reply

    def close(self) -> None:
        with self._lock:
            self._closed = True
        self._end()

    def _running(self) -> subprocess.Popen:
        with self._lock:
            if self._closed:
                raise Closed("the relayer stops proving")
            if self._process is None:
                command = [sys.executable, "-m", "relayer.proving.process"]
                # A session of its own: Ctrl-C is the relayer's to handle.
                self._process = subprocess.Popen(
                    command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
                )
            return self._process

    def _end(self) -> None:
        with self._lock:
            if self._process is not None:
                self._process.kill()
                self._process.communicate()
                self._process = None


class LocalProver:
    """At most `processes` proofs at once, and of them `large` of the largest circuits, for memory's sake."""

    def __init__(self, processes: int = 1, large: int = 1):
        if not 1 <= processes <= MAX_PROCESSES or large < 1:
            raise ProvingError(f"proofs need 1 to {MAX_PROCESSES} processes, not {processes}, and 1 for large ones")
        self._idle: LifoQueue[_Process] = LifoQueue()
        self._all = [_Process() for _ in range(processes)]
        for process in self._all:
            self._idle.put(process)
        self._large = BoundedSemaphore(large)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def prove(
        self, circuit: str, d: list[int], inputs: Inputs, chain_id: int, pool: int, deadline: float | None = None
    ) -> Proven:
        """See Prover. A proof that has begun is finished; ProvingError if its process dies twice."""
        job = Job(circuit, d, inputs, chain_id, pool, deadline)
        with self._turn(job), self._process(job) as process:
            for _ in range(ATTEMPTS):
                try:
                    return checked(process.ask(job.encode()), job)
                except _Died:
                    continue
        raise ProvingError(f"the process proving {circuit} died {ATTEMPTS} times: was it killed for lack of memory?")

    def close(self) -> None:
        """End the processes, at work or not, and with them every `prove`, by Closed."""
        for process in self._all:
            process.close()

    @contextmanager
    def _turn(self, job: Job) -> Iterator[None]:
        if job.size != "large":
            yield
            return
        if not self._large.acquire(timeout=job.seconds_left):
            raise Late(f"the deadline of a proof of {job.circuit} passed while it waited for another large one")
        try:
            yield
        finally:
            self._large.release()

    @contextmanager
    def _process(self, job: Job) -> Iterator[_Process]:
        try:
            process = self._idle.get(timeout=job.seconds_left)
        except Empty:
            raise Late(f"the deadline of a proof of {job.circuit} passed while every process was at work") from None
        try:
            yield process
        finally:
            self._idle.put(process)
