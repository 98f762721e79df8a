"""Our prover beside others: the same keys and witnesses, one run, every proof verified twice.

    python -m scripts.bench.prover install            # groth16py and snarkrs, into build/bench
    python -m scripts.bench.prover run [--rounds 3] [--sizes 8,16,64]

A measurement is a whole process: it reads key and witness, proves and writes the proof. One
that is not installed is left out. Writes build/bench/prover.json.
"""

import json
import random
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Annotated

import typer

from offchain import circuits, prover, snarkjs
from offchain.paths import BUILD
from offchain.prover import Proof
from offchain.statement import statement
from scripts.bench.world import Batch, Side
from scripts.figures import report

FOLDER = BUILD / "bench"
SIZES = "8,16,64"
OUTPUT = FOLDER / "prover.json"
GROTH16PY, SNARKRS = FOLDER / "groth16py", FOLDER / "snarkrs"
GROTH16PY_VERSION, SNARKRS_VERSION = "0.2.0", "0.1.0"
CHAIN_ID = 31337

# Run as a process of its own: groth16py is GPL-3, and no part of ours.
GROTH16PY_SCRIPT = """
import sys, time
sys.path.insert(0, sys.argv[1])
import groth16py
key, _ = groth16py.import_zkey(sys.argv[2])
began = time.monotonic()
proof = groth16py.prove_wtns(key, sys.argv[3])
print(time.monotonic() - began, proof.hex())
"""

# The kernel counts what a process held before it became another program as that program's peak: so
# the command is started by a small process, which tells seconds, processor seconds and peak KB.
LAUNCHER = """
import json, os, sys, time
began = time.monotonic()
child = os.fork()
if child == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
_, status, usage = os.wait4(child, 0)
cost = time.monotonic() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss
with open(sys.argv[1], "w") as file:
    json.dump(cost, file)
sys.exit(os.waitstatus_to_exitcode(status))
"""

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Compare provers.")


class BenchError(Exception):
    """A prover failed, or made a proof that another refuses."""


@dataclass(frozen=True)
class Job:
    """What is proven. The witness is of made-up orders, so it may lie in a file."""

    circuit: str
    witness: Path
    publics: tuple[int, ...]
    folder: Path

    def file(self, end: str) -> Path:
        return circuits.file(self.circuit, end)


@dataclass(frozen=True)
class Measured:
    """Seconds and processor seconds (which other load sways less) of the process, and its peak memory;
    `alone` are the seconds of the proof without reading the key, where they are told."""

    seconds: float
    cpu_seconds: float
    peak_mb: float
    alone: float | None
    proof: Proof


def timed(command: list) -> tuple[tuple[float, float, float], str]:
    """((seconds, processor seconds, peak MB), standard output) of a process; BenchError if it fails."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, tempfile.NamedTemporaryFile() as told:
        launcher = [sys.executable, "-IS", "-c", LAUNCHER, told.name, *map(str, command)]
        status = subprocess.run(launcher, stdout=out, stderr=err).returncode
        for file in (out, err):
            file.seek(0)
        if status:
            raise BenchError(f"{command[0]} ended with {status}: {(err.read() or out.read()).decode()}")
        seconds, cpu_seconds, peak_kb = json.load(told)
        return (seconds, cpu_seconds, peak_kb / 1024), out.read().decode()


def ours(job: Job) -> Measured:
    cost, out = timed([prover.BINARY, "prove", "--zkey", job.file("zkey"), "--wtns", job.witness])
    return Measured(*cost, None, Proof.from_json(json.loads(out)))


def with_snarkjs(job: Job) -> Measured:
    return _with_files(job, ["node", snarkjs.CLI, "groth16", "prove"])


def with_snarkrs(job: Job) -> Measured:
    return _with_files(job, [SNARKRS / "bin" / "snarkrs", "groth16", "prove"])


def _with_files(job: Job, command: list) -> Measured:
    proof, publics = job.folder / "proof.json", job.folder / "public.json"
    cost, _ = timed([*command, job.file("zkey"), job.witness, proof, publics])
    made = {"proof": json.loads(proof.read_text()), "publicSignals": json.loads(publics.read_text())}
    return Measured(*cost, None, Proof.from_json(made))


def with_groth16py(job: Job) -> Measured:
    cost, out = timed([sys.executable, "-c", GROTH16PY_SCRIPT, GROTH16PY, job.file("zkey"), job.witness])
    alone, made = out.split()
    ax, ay, bx_im, bx_re, by_im, by_re, cx, cy = (int(made[at : at + 64], 16) for at in range(0, 512, 64))
    proof = Proof((ax, ay), ((bx_re, bx_im), (by_re, by_im)), (cx, cy), job.publics)
    return Measured(*cost, float(alone), proof)


PROVERS = {"ours": ours, "snarkrs": with_snarkrs, "groth16py": with_groth16py, "snarkjs": with_snarkjs}
INSTALLED = {"ours": prover.BINARY, "snarkrs": SNARKRS / "bin" / "snarkrs", "groth16py": GROTH16PY, "snarkjs": snarkjs.CLI}


def check(job: Job, name: str, proof: Proof) -> None:
    """Two implementations accept the proof, and neither takes it for another statement."""
    if proof.publics != job.publics:
        raise BenchError(f"{name} proves other public inputs of {job.circuit}")
    other = Proof(proof.a, proof.b, proof.c, (proof.publics[0] ^ 1, *proof.publics[1:]))
    for verifier in (prover, snarkjs):
        if not verifier.verify(job.file("vkey.json"), proof):
            raise BenchError(f"{verifier.__name__} refuses the proof of {job.circuit} by {name}")
        if verifier.verify(job.file("vkey.json"), other):
            raise BenchError(f"{verifier.__name__} accepts the proof of {job.circuit} by {name} for other words")


def full_batch(size: int, folder: Path) -> Job:
    """A settlement of `size` orders with random terms about a price, every eighth invalid."""
    batch, rng = Batch(size), random.Random(size)
    for place in range(size):
        if place % 8 == 7:
            batch.add_random_words()
        else:
            batch.add(rng.choice(list(Side)), rng.randrange(1, 1_000), 100 + rng.randrange(-9, 10))
    settled = batch.settle(size)
    d, inputs = settled.assemble()
    context = settled.epoch.context
    stated = statement(d, circuits.load(settled.circuit).id, CHAIN_ID, context.pool)
    witness = folder / f"{settled.circuit}.wtns"
    began = time.monotonic()
    witness.write_bytes(circuits.witness(settled.circuit, stated, inputs))
    print(f"{settled.circuit}: witness in {time.monotonic() - began:.1f} s, compiled code included", flush=True)
    return Job(settled.circuit, witness, tuple(stated.publics), folder)


def compare(job: Job, rounds: int) -> dict[str, dict]:
    """Medians over rounds, in which the provers take turns."""
    found: dict[str, list[Measured]] = {name: [] for name in PROVERS if INSTALLED[name].exists()}
    for turn in range(rounds):
        for name in found:
            made = PROVERS[name](job)
            check(job, name, made.proof)
            found[name].append(made)
            print(f"{job.circuit:<10} {name:<10} {made.seconds:7.2f} s  ({turn + 1}/{rounds})", flush=True)
    rows = {name: _median(many) for name, many in found.items()}
    ours_row = rows["ours"]
    return {
        name: row
        | {f"ours_over_{kind}": round(ours_row[kind] / row[kind], 3) for kind in ("seconds", "cpu_seconds")}
        for name, row in rows.items()
    }


def _median(many: list[Measured]) -> dict:
    rows = [asdict(one) for one in many]
    return {
        name: round(median(row[name] for row in rows), 3) if rows[0][name] is not None else None
        for name in ("seconds", "cpu_seconds", "peak_mb", "alone")
    }


@app.command()
def install() -> None:
    """Install groth16py and snarkrs where only this benchmark finds them (cargo: some minutes)."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    pip = [Path(sys.executable).parent / "uv", "pip", "install", "--no-deps", "--target", GROTH16PY]
    subprocess.run([*pip, f"groth16py=={GROTH16PY_VERSION}"], check=True)
    cargo = ["cargo", "install", "snarkrs", "--version", SNARKRS_VERSION, "--locked", "--root", SNARKRS]
    subprocess.run([*cargo, "--no-default-features", "--features", "cpu"], check=True)


@app.command()
def run(
    sizes: Annotated[str, typer.Option(help="Full batches to settle.")] = SIZES,
    rounds: Annotated[int, typer.Option(min=1, help="Proofs by each prover.")] = 3,
) -> None:
    """Compare on full batches."""
    found = {}
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER) as name:
        for size in sizes.split(","):
            job = full_batch(int(size), Path(name))
            found[job.circuit] = compare(job, rounds)
    report(OUTPUT, whole=sizes == SIZES).write_text(json.dumps(found, indent=2) + "\n")
    print(f"{'circuit':<10} {'prover':<10} {'s':>7} {'cpu s':>7} {'MB':>6} {'ours/it':>8} {'cpu':>6} {'alone s':>8}")
    for circuit, rows in found.items():
        for name, row in rows.items():
            alone = f"{row['alone']:8.2f}" if row["alone"] else ""
            cost = f"{row['seconds']:7.2f} {row['cpu_seconds']:7.2f} {row['peak_mb']:6.0f}"
            print(f"{circuit:<10} {name:<10} {cost} {row['ours_over_seconds']:8.2f} {row['ours_over_cpu_seconds']:6.2f} {alone}")
    for name, where in INSTALLED.items():
        if not where.exists():
            print(f"{name} is not installed: python -m scripts.bench.prover install")


if __name__ == "__main__":
    app()
