"""Our prover on every circuit: `python -m scripts.bench.circuits`.

A measurement is a whole process, which reads key and witness, proves, verifies and writes the
proof; settlements are full batches. Writes build/bench/circuits.json: medians of seconds,
processor seconds and peak MB by circuit, and the seconds of its witness.
"""

import json
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Annotated

import typer

from offchain import circuits
from offchain.paths import BUILD
from offchain.statement import statement
from scripts import circuits as circuit_build
from scripts.bench.prover import CHAIN_ID, Job, check, full_batch, ours
from scripts.bench.world import POOL, honest

OUTPUT = BUILD / "bench" / "circuits.json"


def job(name: str, folder: Path) -> tuple[Job, float]:
    """(a witness to prove, the seconds that making it took)."""
    began = time.monotonic()
    if name.startswith("settle_"):
        made = full_batch(int(name.removeprefix("settle_")), folder)
        return made, time.monotonic() - began
    d, inputs = honest(name).assemble()
    stated = statement(d, circuits.load(name).id, CHAIN_ID, POOL)
    witness = folder / f"{name}.wtns"
    witness.write_bytes(circuits.witness(name, stated, inputs))
    return Job(name, witness, tuple(stated.publics), folder), time.monotonic() - began


def measure(name: str, rounds: int, folder: Path) -> dict[str, float]:
    """Medians over the rounds; every proof is verified by two implementations."""
    proving, witness_seconds = job(name, folder)
    made = []
    for _ in range(rounds):
        made.append(ours(proving))
        check(proving, "ours", made[-1].proof)
    row = {key: round(median(getattr(one, key) for one in made), 3) for key in ("seconds", "cpu_seconds", "peak_mb")}
    return row | {"witness_seconds": round(witness_seconds, 3)}


def main(rounds: Annotated[int, typer.Option(min=1, help="Proofs of each circuit.")] = 3) -> None:
    """Measure every circuit, print a table, write the file."""
    circuit_build.build()
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    found = {}
    with tempfile.TemporaryDirectory(dir=OUTPUT.parent) as folder:
        for name in circuit_build.names():
            found[name] = row = measure(name, rounds, Path(folder))
            cost = f"{row['seconds']:6.2f} s {row['cpu_seconds']:6.2f} cpu s {row['peak_mb']:5.0f} MB"
            print(f"{name:<10} {cost}, witness {row['witness_seconds']:.2f} s", flush=True)
    OUTPUT.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    typer.run(main)
