"""What is asked of a proving process and what it answers: the same on a pipe and through a broker.

JSON, never pickle: whoever writes to a broker must not run code in a worker. Whoever asked checks
the answer against its own statement and verification key, so a worker is trusted with secrets
(the inputs) but not with the truth.
"""

import json
import re
import time
from dataclasses import dataclass, field
from typing import Protocol, Self

from offchain import circuits, prover
from offchain.circuits import Proven
from offchain.field import RangeError
from offchain.prover import Proof, ProverError
from offchain.statement import Statement, statement
from offchain.witness import Inputs, WitnessError

NAME = re.compile(r"[a-z]+(_[0-9]+)?")
MAX_BYTES = 1 << 24
"""Of a request: four times that of the largest circuit."""

SIZES = {"small": 10 << 20, "medium": 80 << 20, "large": 1 << 40}
"""Size classes of circuits, by bytes of the proving key, to which time and memory are in proportion."""


class ProvingError(ProverError):
    """No proof could be had; the message says why and what to do."""


class Late(ProvingError):
    """The deadline passed before a proof was made."""


class Closed(ProvingError):
    """The prover was closed before a proof was made."""


class Prover(Protocol):
    """`prove` blocks, takes many threads at once, and means what offchain.circuits.prove means;
    `deadline` is in Unix seconds: Late once it is over. In a `with` block, it is closed at the end."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def close(self) -> None:
        """End; every `prove` that still waits raises Closed."""

    def prove(
        self, circuit: str, d: list[int], inputs: Inputs, chain_id: int, pool: int, deadline: float | None = None
    ) -> Proven: ...


@dataclass(frozen=True)
class Job:
    """One proof to make."""

    circuit: str
    d: list[int] = field(repr=False)
    inputs: Inputs = field(repr=False)
    chain_id: int
    pool: int
    deadline: float | None

    @property
    def size(self) -> str:
        """The circuit's class, see SIZES; NotBuilt."""
        circuits.load(self.circuit)
        key_bytes = circuits.file(self.circuit, "zkey").stat().st_size
        return next(name for name, limit in SIZES.items() if key_bytes < limit)

    @property
    def seconds_left(self) -> float | None:
        """None without a deadline; Late if it is over."""
        if self.deadline is None:
            return None
        left = self.deadline - time.time()
        if left <= 0:
            raise Late(f"the deadline of a proof of {self.circuit} passed {-left:.1f} s ago")
        return left

    def statement(self) -> Statement:
        return statement(self.d, circuits.load(self.circuit).id, self.chain_id, self.pool)

    def encode(self) -> bytes:
        """One line of JSON, secret."""
        return json.dumps(vars(self)).encode()

    @classmethod
    def decode(cls, line: bytes) -> "Job":
        """ValueError if it is not a job; the words themselves are checked where they are used."""
        try:
            job = cls(**json.loads(line))
        except (TypeError, RecursionError):
            raise ValueError("not a job: other fields") from None
        if not isinstance(job.circuit, str) or not NAME.fullmatch(job.circuit):
            raise ValueError("not a job: no circuit has such a name")
        if not isinstance(job.d, list) or not isinstance(job.inputs, dict):
            raise ValueError("not a job: words are a list, inputs a mapping")
        if type(job.chain_id) is not int or type(job.pool) is not int:
            raise ValueError("not a job: chain id and pool are integers")
        if job.deadline is not None and type(job.deadline) not in (int, float):
            raise ValueError("not a job: a deadline is in seconds")
        return job


def answer(line: bytes) -> bytes:
    """Prove one encoded job and answer in one line of JSON: the proof, or why there is none."""
    try:
        job = Job.decode(line)
        _ = job.seconds_left
        made = circuits.prove(job.circuit, job.d, job.inputs, job.chain_id, job.pool).proof
    except (WitnessError, RangeError) as error:
        return json.dumps({"refused": str(error)}).encode()
    except Exception as error:
        # Of a stranger only the class: its text may hold an input.
        known = isinstance(error, (ProverError, circuits.NotBuilt))
        return json.dumps({"failed": str(error) if known else type(error).__name__}).encode()
    return json.dumps({"made": made.json() | {"seconds": made.seconds}}).encode()


def checked(line: bytes, job: Job) -> Proven:
    """The proof in an answer, verified by us for the statement that was asked for.

    WitnessError if the worker says that the inputs have no witness; ProvingError for every other
    answer without a good proof.
    """
    try:
        kind, content = next(iter(json.loads(line).items()))
        proof = Proof.from_json(content) if kind == "made" else None
    except (ValueError, AttributeError, StopIteration, RecursionError, ProverError):
        raise ProvingError(f"the answer to a proof of {job.circuit} cannot be read") from None
    if kind == "refused":
        raise WitnessError(content)
    if proof is None:
        raise ProvingError(f"no proof of {job.circuit}: {content}")
    stated = job.statement()
    if list(proof.publics) != stated.publics:
        raise ProvingError(f"the proof of {job.circuit} states something else than was asked for")
    if not prover.verify(circuits.file(job.circuit, "vkey.json"), proof):
        raise ProvingError(f"the proof of {job.circuit} does not verify")
    return Proven(proof.words(), stated, proof)
