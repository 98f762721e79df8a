"""Groth16 by our Go prover, build/bin/shadowpool-prover (sources in circuits/prover)."""

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from offchain.field import check
from offchain.paths import BUILD

BINARY = BUILD / "bin" / "shadowpool-prover"

G1 = tuple[int, int]
G2 = tuple[tuple[int, int], tuple[int, int]]


class ProverError(Exception):
    """The prover refused its input; the text is its own."""


@dataclass(frozen=True)
class Proof:
    """Groth16's three points and the public inputs.

    `a` and `c` are (x, y); `b` is ((x's real part, x's imaginary part), (y's …)).
    """

    a: G1
    b: G2
    c: G1
    publics: tuple[int, ...]
    seconds: dict[str, float] = field(default_factory=dict, compare=False)

    def words(self) -> list[int]:
        """Eight words as the EVM's pairing takes them (EIP-197): imaginary parts first."""
        (x_re, x_im), (y_re, y_im) = self.b
        return [*self.a, x_im, x_re, y_im, y_re, *self.c]

    def json(self) -> dict:
        """snarkjs's form: {"proof": …, "publicSignals": […]}, numbers as decimal strings."""
        return {
            "proof": {
                "pi_a": [str(n) for n in (*self.a, 1)],
                "pi_b": [[str(n) for n in pair] for pair in (*self.b, (1, 0))],
                "pi_c": [str(n) for n in (*self.c, 1)],
                "protocol": "groth16",
                "curve": "bn128",
            },
            "publicSignals": [str(n) for n in self.publics],
        }

    @classmethod
    def from_json(cls, text: dict) -> "Proof":
        """Read snarkjs's form; ProverError if it is another, RangeError for a public >= R."""
        try:
            points, publics = text["proof"], text["publicSignals"]
            a, c = (tuple(int(n) for n in points[name][:2]) for name in ("pi_a", "pi_c"))
            (x, y) = (tuple(int(n) for n in pair) for pair in points["pi_b"][:2])
            signals = tuple(int(n) for n in publics)
            if {len(a), len(c), len(x), len(y)} != {2}:
                raise ValueError("a point has two coordinates")
        except (KeyError, TypeError, ValueError) as error:
            raise ProverError(f"not a proof in snarkjs's form: {error!r}") from None
        for signal in signals:
            check(signal, "public input")
        return cls(a, (x, y), c, signals, text.get("seconds", {}))


def setup(r1cs: Path, zkey: Path, vkey: Path, seed: str | None = None) -> None:
    """Make a development key pair of a circuit; `seed` (hex) makes it reproducible, for tests."""
    args = ["setup", "--r1cs", r1cs, "--zkey", zkey, "--vkey", vkey]
    _succeed(args + (["--seed", seed] if seed else []))


def prove(zkey: Path, wtns: bytes) -> Proof:
    """Prove a witness, which goes through a pipe and is never on disk.

    The prover verifies every proof before it gives it out. ProverError if the witness does not
    satisfy the circuit or does not belong to the key.
    """
    output = _succeed(["prove", "--zkey", zkey, "--wtns", "-"], wtns)
    return Proof.from_json(json.loads(output))


def verify(vkey: Path, proof: Proof) -> bool:
    """Whether the proof holds. ProverError if the key or the proof cannot be read."""
    result = _run(["verify", "--vkey", vkey, "--proof", "/dev/stdin"], json.dumps(proof.json()).encode())
    if result.returncode not in (0, 1):
        raise _error(result)
    return result.returncode == 0


def info(zkey: Path) -> dict:
    """What a key is: sizes, and whether it is a development key."""
    return json.loads(_succeed(["info", "--zkey", zkey]))


def development_alpha() -> list[int]:
    """The alpha point (x, y) that marks every key of a development set-up."""
    return [int(word) for word in json.loads(_succeed(["markers"]))["developmentAlpha"]]


def _succeed(args: list, stdin: bytes = b"") -> bytes:
    result = _run(args, stdin)
    if result.returncode != 0:
        raise _error(result)
    return result.stdout


def _run(args: list, stdin: bytes) -> subprocess.CompletedProcess:
    if not BINARY.is_file():
        raise ProverError(f"no prover at {BINARY}: build it with `make setup`")
    return subprocess.run([BINARY, *map(str, args)], input=stdin, capture_output=True)


def _error(result: subprocess.CompletedProcess) -> ProverError:
    lines = result.stderr.decode(errors="replace").strip().splitlines()
    return ProverError(lines[-1] if lines else f"the prover ended with {result.returncode}")
