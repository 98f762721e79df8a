"""Settling throughput by proving workers: `python -m scripts.bench.workers [--proofs 8] [--rounds 2]`.

Real settlements of eight orders through a private Redis to real workers, each held to one core, all
proofs verified by the asker. 1, 2 and 4 workers take turns in one run, so that other load sways them
alike; more workers than cores show what sharing a core costs. Writes build/bench/workers.json.
"""

import json
import os
import random
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated

import typer

from offchain import keystore
from offchain.paths import BUILD, ROOT
from relayer.proving import Prover, open_prover
from relayer.proving.broker import PASSWORD_VARIABLE
from relayer.proving.sealing import WorkerKey
from relayer.settlement import Settlement
from scripts.bench.world import Batch, Side
from scripts.services import redis
from scripts.services.redis import RedisServer

OUTPUT = BUILD / "bench" / "workers.json"
SIZE = 8
COUNTS = (1, 2, 4)
PATIENCE_SECONDS = 600.0
"""With workers that do not come up."""


def settlement(seed: int) -> Settlement:
    """A full batch of orders about a price."""
    batch, rng = Batch(seed), random.Random(seed)
    for _ in range(SIZE):
        batch.add(rng.choice(list(Side)), rng.randrange(1, 1_000), 100 + rng.randrange(-9, 10))
    return batch.settle(SIZE)


def prove_all(prover: Prover, settlements: list[Settlement]) -> float:
    """Seconds from asking for all of them at once until the last proof is verified."""

    def one(settled: Settlement) -> None:
        context = settled.epoch.context
        deadline = time.time() + PATIENCE_SECONDS
        prover.prove(settled.circuit, *settled.assemble(), context.chain_id, context.pool, deadline)

    began = time.monotonic()
    with ThreadPoolExecutor(len(settlements)) as threads:
        try:
            list(threads.map(one, settlements))
        except BaseException:
            prover.close()   # or an interrupt would wait for every proof
            raise
    return time.monotonic() - began


@contextmanager
def worker(server: RedisServer, key: Path, password: str, core: int) -> Iterator[None]:
    """The operator's command on one core; its prover takes as many threads as it has cores."""
    environment = os.environ | {PASSWORD_VARIABLE: server.password, keystore.PASSWORD_VARIABLE: password}
    command = ["taskset", "-c", str(core), sys.executable, "-m", "scripts.cli"]
    command += ["worker", "run", "--redis", server.url, "--key", str(key)]
    with key.with_suffix(".log").open("w+") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            if process.wait():
                log.seek(0)
                print(f"a worker ended with {process.returncode}:\n{log.read()[-2000:]}", file=sys.stderr)


def measure(count: int, proofs: int, folder: Path) -> float:
    """Seconds for `proofs` settlements by `count` workers, each of which has proven before."""
    password, cores = secrets.token_urlsafe(16), sorted(os.sched_getaffinity(0))
    with ExitStack() as stack:
        server = stack.enter_context(redis(folder / "redis"))
        listed = folder / "workers"
        with listed.open("w") as lines:
            for place in range(count):
                seed = keystore.new_seed()
                key = folder / f"{count}-{place}-{seed % 10**9}"
                keystore.save(key, keystore.Kind.SEED, seed, password)
                lines.write(WorkerKey.from_seed(seed).public + "\n")
                stack.enter_context(worker(server, key, password, cores[place % len(cores)]))
        prover = stack.enter_context(open_prover(server.url, listed, server.password, patience=None))
        prove_all(prover, [settlement(seed) for seed in range(3 * count)])
        return prove_all(prover, [settlement(seed) for seed in range(100, 100 + proofs)])


def main(
    proofs: Annotated[int, typer.Option(min=4, help="Settlements in each measurement.")] = 8,
    rounds: Annotated[int, typer.Option(min=1, help="Measurements of each number of workers.")] = 2,
) -> None:
    """Measure 1, 2 and 4 workers in turn, print a table, write the file."""
    seconds = dict.fromkeys(COUNTS, 0.0)
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(rounds):
            for count in COUNTS if turn % 2 == 0 else reversed(COUNTS):
                seconds[count] += (took := measure(count, proofs, Path(folder)))
                print(f"{count} workers: {proofs} proofs in {took:.1f} s  ({turn + 1}/{rounds})", flush=True)
    rates = {count: proofs * rounds / took for count, took in seconds.items()}
    rows = {
        str(count): {"proofs_per_s": round(rate, 4), "ratio": round(rate / rates[1], 3)} for count, rate in rates.items()
    }
    cores = len(os.sched_getaffinity(0))
    OUTPUT.write_text(json.dumps({"cores": cores, "circuit": f"settle_{SIZE}", "workers": rows}, indent=2) + "\n")
    print(f"{'workers':>7} {'proofs/s':>9} {'ratio':>6}   on {cores} cores")
    for count, row in rows.items():
        print(f"{count:>7} {row['proofs_per_s']:9.3f} {row['ratio']:6.2f}")


if __name__ == "__main__":
    typer.run(main)
