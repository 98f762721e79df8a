"""What must not change unnoticed: one committed file each in tests/snapshots.

    python -m scripts.snapshot            # compare; exit status 1 and the differences where it moved
    python -m scripts.snapshot --write    # measure again and write, gas included

constraints         of every circuit: constraints, words of its statement, SHA-256 of its constraint system
verification_keys   circuit ids under a set-up from a fixed seed, public and so for tests alone
contract_bytes      bytes of code as deployed
gas                 what tests/contracts/test_gas.py measures, which compares it itself
"""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from offchain import circuits, prover
from offchain.paths import BUILD, ROOT
from offchain.wasm import replace_file
from scripts import circuits as circuit_build
from scripts import contracts as contract_build

FOLDER = ROOT / "tests" / "snapshots"
KEYS = BUILD / "snapshots"
SEED = b"shadowpool snapshot".hex()
WRITE_GAS = "SHADOWPOOL_WRITE_GAS"


def constraints() -> dict[str, dict]:
    """{circuit: {"constraints", "words", "r1cs_sha256"}} of every circuit, built where out of date."""
    rows = circuit_build.build()
    return {
        name: {"constraints": row["constraints"], "words": row["words"], "r1cs_sha256": _sha256(circuits.file(name, "r1cs"))}
        for name, row in sorted(rows.items())
    }


def verification_keys() -> dict[str, str]:
    """{circuit: circuit id} of a set-up from `SEED`."""
    circuit_build.build()
    KEYS.mkdir(parents=True, exist_ok=True)
    return {name: _seeded_id(name) for name in sorted(circuit_build.names())}


def contract_bytes() -> dict[str, int]:
    """{contract: bytes at run time}, the test tokens left out."""
    contract_build.build()
    names = (path.stem for path in contract_build.sources() if path.parent == contract_build.SOURCES)
    return {name: contract_build.load(name)["runtime_size"] for name in sorted(names)}


MEASURES: dict[str, Callable[[], dict]] = {
    "constraints": constraints,
    "verification_keys": verification_keys,
    "contract_bytes": contract_bytes,
}


def committed(name: str) -> dict:
    """The snapshot of that name."""
    return json.loads((FOLDER / f"{name}.json").read_text())


def differences(old: dict, new: dict) -> list[str]:
    """A line for each name under which the two differ."""
    return [
        f"{name}: {old.get(name, 'absent')} → {new.get(name, 'absent')}"
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]


def _seeded_id(name: str) -> str:
    """The circuit's id under the seed. Kept with what it was made of, as a set-up takes seconds."""
    r1cs, kept = circuits.file(name, "r1cs"), KEYS / f"{name}.json"
    made_of = {"r1cs": _sha256(r1cs), "prover": _sha256(prover.BINARY), "seed": SEED}
    if kept.exists() and (found := json.loads(kept.read_text()))["made_of"] == made_of:
        return found["circuit_id"]
    with tempfile.TemporaryDirectory(dir=KEYS) as folder:
        zkey, vkey = Path(folder) / "zkey", Path(folder) / "vkey.json"
        prover.setup(r1cs, zkey, vkey, SEED)
        words = circuits.verification_words(json.loads(vkey.read_text()))
    circuit_id = "0x" + circuits.circuit_id(words).hex()
    replace_file(kept, json.dumps({"made_of": made_of, "circuit_id": circuit_id}).encode())
    return circuit_id


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _gas(write: bool) -> int:
    """Run the gas test, which compares or writes its snapshot; pytest's exit status."""
    command = [sys.executable, "-m", "pytest", "-p", "no:ape_test", "-q", "tests/contracts/test_gas.py"]
    environment = {name: value for name, value in os.environ.items() if name != WRITE_GAS}
    return subprocess.run(command, cwd=ROOT, env=environment | ({WRITE_GAS: "1"} if write else {})).returncode


def main(write: Annotated[bool, typer.Option("--write", help="Write what is measured.")] = False) -> None:
    """Compare every snapshot, or write it."""
    moved = False
    for name, measure in MEASURES.items():
        file, new = FOLDER / f"{name}.json", measure()
        lines = differences(committed(name) if file.exists() else {}, new)
        moved |= bool(lines)
        print(f"{name}: {len(lines)} of {len(new)} differ" if lines else f"{name}: as committed", flush=True)
        for line in lines:
            print(f"  {line}")
        if write:
            replace_file(file, (json.dumps(new, indent=1) + "\n").encode())
    failed = _gas(write) != 0
    raise typer.Exit(int(failed or (moved and not write)))


if __name__ == "__main__":
    typer.run(main)
