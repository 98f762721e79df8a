"""Groth16 by our Go prover, build/bin/shadowpool-prover (sources in circuits/prover)."""

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from offchain.field import check, decimal
from offchain.paths import BUILD

BINARY = BUILD / "bin" / "shadowpool-prover"

G1 = tuple[int, int]
G2 = tuple[tuple[int, int], tuple[int, int]]


Q = 21888242871839275222246405745257275088696311157297823662689037894645226208583
"""Order of the field of BN254's coordinates (EIP-196)."""


class ProverError(Exception):
    """The prover refused its input; the text is its own."""


def point_g1(point: list) -> G1:
    """snarkjs's [x, y, "1"]; ValueError if it is another thing."""
    if not isinstance(point, list) or len(point) != 3 or point[2] != "1":
        raise ValueError("a point of G1 is three decimal strings, the last 1")
    x, y = (decimal(part, Q) for part in point[:2])
    return x, y


def point_g2(point: list) -> G2:
    """snarkjs's [[x, x'], [y, y'], ["1", "0"]], real parts first; ValueError if it is another thing."""
    if not isinstance(point, list) or len(point) != 3 or point[2] != ["1", "0"]:
        raise ValueError("a point of G2 is three pairs of decimal strings, the last 1 and 0")
    if not all(isinstance(pair, list) and len(pair) == 2 for pair in point):
        raise ValueError("a coordinate of G2 is a pair")
    x, y = (tuple(decimal(part, Q) for part in pair) for pair in point[:2])
    return x, y


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
            a, c = (point_g1(points[name]) for name in ("pi_a", "pi_c"))
            b = point_g2(points["pi_b"])
            seconds = text.get("seconds", {})
            if not isinstance(publics, list) or not isinstance(seconds, dict):
                raise ValueError("public signals are a list, seconds a mapping")
            signals = tuple(decimal(signal, 10**78) for signal in publics)
        except (KeyError, TypeError, ValueError) as error:
            raise ProverError(f"not a proof in snarkjs's form: {error!r}") from None
        for signal in signals:
            check(signal, "public input")
        return cls(a, b, c, signals, seconds)


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
