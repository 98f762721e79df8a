"""Proofs by workers elsewhere, asked for through Redis."""

import secrets
import time
from dataclasses import dataclass, field
from typing import Self

from kombu.exceptions import OperationalError
from redis import AuthenticationError, RedisError

from offchain.circuits import Proven
from offchain.prover import ProverError
from offchain.witness import Inputs, WitnessError
from relayer.proving.broker import PASSWORD_VARIABLE, Broker, priority
from relayer.proving.job import Closed, Job, Late, Prover, ProvingError, checked
from relayer.proving.sealing import Unreadable, new_content_key, open_result, seal_job
from relayer.telemetry import metrics

ATTEMPTS = 3
TICK_SECONDS = 0.5
AWAY = (RedisError, OperationalError, OSError)


class _Silence(Exception):
    """No worker has been at the job for longer than the asker's patience."""


@dataclass
class _Request:
    """One job as it is put up; a new one, with another key, for every attempt."""

    job: Job
    workers: tuple[str, ...]
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    key: bytes = field(default_factory=new_content_key, repr=False)
    queued: bool = False
    leased: bool = False
    lively: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self.sealed = seal_job(self.job.encode(), self.id, self.key, self.workers)


class QueueProver:
    """Asks `workers` (public keys), all of which it trusts with inputs; none needs to be trusted with the
    result. `fallback` proves what no worker has been at for `patience` seconds; without it, it waits."""

    def __init__(
        self, broker: Broker, workers: tuple[str, ...], fallback: Prover | None = None, patience: float = 20.0
    ):
        self.broker, self.workers, self.fallback, self.patience = broker, workers, fallback, patience
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End every `prove` that waits, by Closed; connections go with the last of them."""
        self._closed = True
        if self.fallback is not None:
            self.fallback.close()

    def prove(
        self, circuit: str, d: list[int], inputs: Inputs, chain_id: int, pool: int, deadline: float | None = None
    ) -> Proven:
        """See Prover. A worker that dies or answers wrongly is replaced by another, as is Redis by a new one."""
        job = Job(circuit, d, inputs, chain_id, pool, deadline)
        failed: Exception = ProvingError(f"no worker proved {circuit}")
        for _ in range(ATTEMPTS):
            try:
                return checked(self._ask(_Request(job, self.workers)), job)
            except _Silence:
                break
            except WitnessError as error:
                failed = error
            except (Late, Closed):
                raise
            except ProverError as error:
                failed = error
        if self.fallback is None:
            raise failed
        return self.fallback.prove(circuit, d, inputs, chain_id, pool, deadline)

    def _ask(self, request: _Request) -> bytes:
        """The answer to a request; Late, or _Silence where there is a fallback."""
        try:
            while not self._closed:
                left = request.job.seconds_left
                try:
                    answer = self._tick(request, min(TICK_SECONDS, left or TICK_SECONDS))
                    metrics.up.labels(service="redis").set(1)
                    if answer is not None:
                        return answer
                except AuthenticationError:
                    url = self.broker.url
                    raise ProvingError(f"Redis at {url} refuses the password of {PASSWORD_VARIABLE}") from None
                except AWAY:
                    metrics.up.labels(service="redis").set(0)
                    request.queued = False
                    time.sleep(TICK_SECONDS)
                if self.fallback is not None and time.monotonic() - request.lively > self.patience:
                    raise _Silence
            raise Closed("the relayer stops proving")
        finally:
            try:
                self.broker.forget(request.id)
            except AWAY:
                pass   # then it ends by itself

    def _tick(self, request: _Request, seconds: float) -> bytes | None:
        """Put the request up if it is not, and wait a little for its answer."""
        if not (request.queued and self.broker.keep(request.id)):
            self.broker.put(request.id, request.sealed)
            self._send(request)
        answer = self._answer(request, seconds)
        if answer is None and self.broker.leased(request.id):
            request.leased, request.lively = True, time.monotonic()
        elif answer is None and request.leased:
            # Its worker is gone; unless it ended well between the two looks.
            answer = self._answer(request, 0)
            if answer is None:
                self._send(request)
        return answer

    def _send(self, request: _Request) -> None:
        self.broker.send(request.id, request.job.size, priority(request.job.seconds_left))
        request.queued, request.leased = True, False

    def _answer(self, request: _Request, seconds: float) -> bytes | None:
        sealed = self.broker.result(request.id, seconds)
        try:
            return None if sealed is None else open_result(sealed, request.id, request.key)
        except Unreadable:
            return None   # whoever wrote it could not read the job
