"""Proofs of the chain, verified again: the statement's digest by our hash, the proof by our verifier.

Both take long (milliseconds a proof), so that a pool of threads does them beside the following.
"""

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from sqlalchemy import Connection, Engine, select, update

from indexer import models
from offchain import circuits, prover
from offchain.circuits import NotBuilt
from offchain.deployment import Deployment
from offchain.poseidon import sponge
from offchain.prover import Proof
from offchain.state import Diverged

PROOFS = models.Proof.__table__
AHEAD = 256
"""Proofs handed to the threads at once."""

WORKERS = max(1, min(4, os.cpu_count() or 1))


@dataclass(frozen=True)
class Pending:
    """A proof that waits: its row's key, and what it takes to verify it."""

    block: int
    log_index: int
    tx: str
    circuit: str
    words: tuple[int, ...]
    statement: tuple[int, ...]
    publics: tuple[int, ...]


class Verifier:
    """Verifies what `proofs` holds as pending. The caller owns the database: `work` writes in its thread.

    NotBuilt, by `check_keys`, if a key of the deployment is not at hand.
    """

    def __init__(self, engine: Engine, deployment: Deployment, workers: int = WORKERS):
        self.engine, self.deployment = engine, deployment
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="proofs")
        self._running: dict[tuple[int, int, str], tuple[Pending, Future[str | None]]] = {}

    def check_keys(self) -> None:
        """Hold every verification key here to the one that the deployment's verifier was made with."""
        for name in self.deployment.verifiers:
            self._key(name)

    @cache
    def _key(self, circuit: str) -> Path:
        if circuits.load(circuit).id != self.deployment.verifiers[circuit].id:
            raise NotBuilt(
                f"the verification key of circuit {circuit} here is not the deployment's: "
                f"build the circuits that were deployed, or fetch their keys into {circuits.FOLDER}"
            )
        return circuits.file(circuit, "vkey.json")

    def work(self) -> int:
        """Take up pending proofs and write down what is finished; how many are still under way.

        Diverged for a proof that does not hold: the contract took it.
        """
        self._collect()
        free = AHEAD - len(self._running)
        if free > 0:
            with self.engine.connect() as connection:
                for pending in _pending(connection, free + len(self._running)):
                    key = pending.block, pending.log_index, pending.tx
                    if key not in self._running:
                        self._running[key] = pending, self._pool.submit(self._problem, pending)
        return len(self._running)

    def drain(self) -> None:
        """Verify until nothing is pending."""
        while self.work():
            for _, future in list(self._running.values()):
                future.exception()

    @property
    def busy(self) -> bool:
        return bool(self._running)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def _collect(self) -> None:
        done = {key: found for key, found in self._running.items() if found[1].done()}
        for key in done:
            del self._running[key]
        if not done:
            return
        refuted = [(pending, problem) for pending, future in done.values() if (problem := future.result()) is not None]
        good = [pending for pending, future in done.values() if future.result() is None]
        with self.engine.begin() as connection:
            for pending in good:
                connection.execute(_of(pending).values(status=models.ProofStatus.VERIFIED))
            # A proof that a reorganisation took away meanwhile refutes nothing.
            refuted = [one for one in refuted if connection.execute(_of(one[0]).values(tx=one[0].tx)).rowcount]
        for pending, problem in refuted:
            raise Diverged(f"the proof ({pending.circuit}) of transaction {pending.tx} in block {pending.block}: {problem}")

    def _problem(self, pending: Pending) -> str | None:
        """What is wrong with a proof; None if it holds."""
        if sponge(list(pending.statement)) != pending.publics[0]:
            return "its digest is not that of its statement"
        if not prover.verify(self._key(pending.circuit), as_proof(pending.words, pending.publics)):
            return "it does not hold for its statement"
        return None


def as_proof(words: tuple[int, ...], publics: tuple[int, ...]) -> Proof:
    """A proof from its eight words (EIP-197: imaginary parts first) and public inputs."""
    a, b, c = words[:2], words[2:6], words[6:]
    return Proof(a, ((b[1], b[0]), (b[3], b[2])), c, publics)


def _pending(connection: Connection, limit: int) -> Iterator[Pending]:
    columns = [PROOFS.c[name] for name in Pending.__dataclass_fields__]
    where = PROOFS.c.status == models.ProofStatus.PENDING
    for row in connection.execute(select(*columns).where(where).order_by(PROOFS.c.block, PROOFS.c.log_index).limit(limit)):
        yield Pending(*row)


def _of(pending: Pending):
    at = (PROOFS.c.block == pending.block) & (PROOFS.c.log_index == pending.log_index) & (PROOFS.c.tx == pending.tx)
    return update(PROOFS).where(at & (PROOFS.c.status == models.ProofStatus.PENDING))
