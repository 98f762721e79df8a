"""Built circuits, and proofs that the contracts take.

A circuit's files are made by `python -m scripts.circuits build`. `prove` takes, for any
circuit, the words of its statement and its input signals but the three public ones: what
`assemble()` gives of a class of `offchain.claims`, or of the relayer's settlement.
"""

import json
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

from offchain import prover
from offchain.paths import BUILD
from offchain.statement import Statement, circuit_id, statement
from offchain.witness import Inputs, WitnessCalculator

FOLDER = BUILD / "circuits"
FILES = ("r1cs", "wasm", "sym", "zkey", "vkey.json")


class NotBuilt(Exception):
    """A circuit's files are missing."""


class KeyShapeError(ValueError):
    """A verification key is not one of a circuit with three public inputs."""


@dataclass(frozen=True)
class Circuit:
    """A built circuit. `verification_key` is the 22 words that its Verifier is deployed with."""

    name: str
    verification_key: tuple[int, ...]

    @property
    def id(self) -> bytes:
        return circuit_id(list(self.verification_key))

    @cached_property
    def calculator(self) -> WitnessCalculator:
        return WitnessCalculator(file(self.name, "wasm"))


@dataclass(frozen=True)
class Proven:
    """A proof for the contracts: `words` as Verifier takes them, and the public inputs."""

    words: list[int]
    statement: Statement
    proof: prover.Proof

    @property
    def digest(self) -> int:
        return self.statement.digest


def file(name: str, end: str) -> Path:
    """Where a circuit's file of the given ending (see FILES) is."""
    return FOLDER / f"{name}.{end}"


def settle_sizes() -> tuple[int, ...]:
    """How many orders each settle circuit that is built takes, ascending."""
    found = (path.name.removesuffix(".vkey.json").removeprefix("settle_") for path in FOLDER.glob("settle_*.vkey.json"))
    return tuple(sorted(map(int, found)))


def load(name: str) -> Circuit:
    """A built circuit; NotBuilt if it is not."""
    for end in ("wasm", "zkey", "vkey.json"):
        if not file(name, end).is_file():
            raise NotBuilt(f"circuit {name} is not built: run `python -m scripts.circuits build {name}`")
    return read(file(name, "vkey.json"))


def read(vkey: Path) -> Circuit:
    """The circuit that a verification key (NAME.vkey.json) is of; KeyShapeError."""
    return _load(vkey.name.removesuffix(".vkey.json"), vkey.read_text())


@cache
def _load(name: str, vkey: str) -> Circuit:
    return Circuit(name, tuple(verification_words(json.loads(vkey))))


def verification_words(vkey: dict) -> list[int]:
    """22 words of a snarkjs verification key: alpha, beta, gamma, delta, IC 0 to 3, G2 points
    with imaginary parts first (EIP-197). KeyShapeError unless it is one of three public inputs."""
    try:
        if vkey["nPublic"] != 3 or len(vkey["IC"]) != 4:
            raise ValueError(f"a circuit has three public inputs, not {vkey['nPublic']!r}")
        words = [*prover.point_g1(vkey["vk_alpha_1"])]
        for name in ("vk_beta_2", "vk_gamma_2", "vk_delta_2"):
            words += [part for pair in prover.point_g2(vkey[name]) for part in reversed(pair)]
        return words + [part for point in vkey["IC"] for part in prover.point_g1(point)]
    except (KeyError, TypeError, ValueError) as error:
        raise KeyShapeError(f"not a verification key in snarkjs's form: {error!r}") from None


def witness(name: str, stated: Statement, inputs: Inputs) -> bytes:
    """The witness (.wtns) of `inputs` for a statement; WitnessError if there is none."""
    public = {"digest": stated.digest, "challenge": stated.challenge, "evaluation": stated.evaluation}
    return load(name).calculator.calculate(inputs | public)


def prove(name: str, d: list[int], inputs: Inputs, chain_id: int, pool: int) -> Proven:
    """Prove statement `d` for the pool (its address as a word) on a chain.

    The proof is verified before it is given. WitnessError if `inputs` do not satisfy the
    circuit or state other words than `d`; NotBuilt; ProverError.
    """
    stated = statement(d, load(name).id, chain_id, pool)
    proof = prover.prove(file(name, "zkey"), witness(name, stated, inputs))
    if list(proof.publics) != stated.publics:
        raise prover.ProverError(f"the proof of {name} states other public inputs; build the circuit again")
    return Proven(proof.words(), stated, proof)
