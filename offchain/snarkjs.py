"""The reference implementation, snarkjs, by its command line: ceremonies, and cross-checks of our prover."""

import json
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from offchain.paths import BUILD, NODE_MODULES
from offchain.prover import Proof

CLI = NODE_MODULES / "snarkjs" / "cli.js"


class SnarkjsError(Exception):
    """snarkjs failed; the text is its own."""


def prove(zkey: Path, wtns: bytes) -> Proof:
    """Prove with snarkjs. It reads files only, so the witness lies in a private folder meanwhile."""
    with _folder() as folder:
        witness, proof, publics = (folder / name for name in ("w.wtns", "proof.json", "public.json"))
        witness.write_bytes(wtns)
        code, text = run("groth16", "prove", zkey, witness, proof, publics)
        if code != 0:
            raise SnarkjsError(text)
        made = {"proof": json.loads(proof.read_text()), "publicSignals": json.loads(publics.read_text())}
    return Proof.from_json(made)


def verify(vkey: Path, proof: Proof) -> bool:
    """Whether snarkjs accepts the proof; SnarkjsError if it cannot tell."""
    with _folder() as folder:
        made = proof.json()
        points, publics = folder / "proof.json", folder / "public.json"
        points.write_text(json.dumps(made["proof"]))
        publics.write_text(json.dumps(made["publicSignals"]))
        code, text = run("groth16", "verify", vkey, publics, points)
    if code == 0 and "OK!" in text:
        return True
    if "Invalid proof" in text:
        return False
    raise SnarkjsError(text)


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder of mode 0700 under BUILD, removed on leaving."""
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="snarkjs-") as name:
        yield Path(name)


def run(*args: str | Path, stdin: str = "") -> tuple[int, str]:
    """One command's exit code and what it wrote, without colours. The code may be 0 after a failure."""
    if not CLI.is_file():
        raise SnarkjsError(f"no snarkjs at {CLI}: run `npm ci` into build/node (make setup)")
    done = subprocess.run(["node", CLI, *args], input=stdin, capture_output=True, text=True)
    return done.returncode, re.sub(r"\x1b\[[0-9;]*m", "", done.stdout + done.stderr)
