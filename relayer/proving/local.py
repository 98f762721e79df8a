"""Proofs by processes of this machine, one proof at a time each: the default.

They are apart from the relayer, so that a crash or a lack of memory in one costs one attempt. They
end with their standard input, so also when the relayer is killed.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from math import inf
from threading import Condition, Lock, Timer
from typing import Self

from offchain.circuits import Proven
from offchain.paths import ROOT
from offchain.witness import Inputs
from relayer.proving.job import Closed, Job, Late, ProvingError, checked

ATTEMPTS = 2
MAX_PROCESSES = 64
HANGS_SECONDS = 1_800
"""No proof takes that long: its process is ended, and counts as dead."""


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
        hangs = Timer(HANGS_SECONDS, process.kill)
        hangs.daemon = True
        hangs.start()
        try:
            process.stdin.write(line + b"\n")
            process.stdin.flush()
            reply = process.stdout.readline()
        except (BrokenPipeError, ValueError):   # ended; or closed, and its pipes with it
            reply = b""
        finally:
            hangs.cancel()
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


@dataclass(frozen=True, order=True)
class _Turn:
    """A proof that waits: by its deadline, and of equals by when it came."""

    deadline: float
    number: int
    large: bool


class LocalProver:
    """At most `processes` proofs at once, and of them `large` of the largest circuits, for memory's sake.

    The earliest deadline goes first, whoever came first.
    """

    def __init__(self, processes: int = 1, large: int = 1):
        if not 1 <= processes <= MAX_PROCESSES or large < 1:
            raise ProvingError(f"proofs need 1 to {MAX_PROCESSES} processes, not {processes}, and 1 for large ones")
        self._all = tuple(_Process() for _ in range(processes))
        self._idle, self._large = list(self._all), large
        self._waiting: list[_Turn] = []
        self._changed = Condition()
        self._count = count()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def prove(
        self, circuit: str, d: list[int], inputs: Inputs, chain_id: int, pool: int, deadline: float | None = None
    ) -> Proven:
        """See Prover. A proof that has begun is finished; ProvingError if its process dies twice."""
        job = Job(circuit, d, inputs, chain_id, pool, deadline)
        with self._process(job) as process:
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
    def _process(self, job: Job) -> Iterator[_Process]:
        left, large = job.seconds_left, job.size == "large"
        with self._changed:
            turn = _Turn(inf if job.deadline is None else job.deadline, next(self._count), large)
            self._waiting.append(turn)
            came = self._changed.wait_for(lambda: self._next() == turn, left)
            self._waiting.remove(turn)
            self._changed.notify_all()      # the next one may go too
            if not came:
                raise Late(f"the deadline of a proof of {job.circuit} passed while it waited for a process")
            process = self._idle.pop()
            self._large -= large
        try:
            yield process
        finally:
            with self._changed:
                self._idle.append(process)
                self._large += large
                self._changed.notify_all()

    def _next(self) -> _Turn | None:
        """Whose turn it is, of those that may begin now."""
        able = (turn for turn in self._waiting if self._idle and (self._large or not turn.large))
        return min(able, default=None)
