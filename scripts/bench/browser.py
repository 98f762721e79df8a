"""Proofs in Chromium by the SDK, as a desk's browser makes them: `python -m scripts.bench.browser`.

The page and the circuits' files come from the indexer's API with its own headers. Writes build/bench/browser.json:
medians of seconds of `transact` and `commit` by a prover just started whose key the browser keeps already (IndexedDB; read,
hashed and parsed within the time), `*_ready_s` by one that has it in memory, `*_unisolated_s` and `*_one_thread_s`
the first of them without cross-origin isolation and with one thread; kB of the whole web app (`make setup` builds it), of
what its first page loads and of the proving worker, MB of the keys that a desk proves with, and of what is downloaded for them.
"""

import gzip
import json
import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import typer

from indexer import database
from indexer.api import Settings, create_app
from indexer.api.artifacts import LEVEL
from indexer.api.serve import beside
from offchain import circuits
from offchain.deployment import CircuitEntry, Deployment
from offchain.paths import BUILD, ROOT
from offchain.prover import Proof
from offchain.statement import statement
from scripts.bench.events import Made
from scripts.bench.prover import CHAIN_ID
from scripts.bench.world import POOL, honest

OUTPUT = BUILD / "bench" / "browser.json"
FRONTEND = ROOT / "frontend"
APP = BUILD / "frontend"
PAGE = BUILD / "bench" / "page"
VITE = BUILD / "web" / "node_modules" / ".bin" / "vite"
CIRCUITS = ("transact", "commit")
PROVEN = (*CIRCUITS, "reclaim")
"""What a desk proves."""

ISOLATION = (b"cross-origin-opener-policy", b"cross-origin-embedder-policy")
Step = dict[str, Any]


def inputs(circuit: str) -> dict[str, Any]:
    """All signals of an honest claim, numbers in decimal text."""
    d, signals = honest(circuit).assemble()
    stated = statement(d, circuits.load(circuit).id, CHAIN_ID, POOL)
    return _decimal(signals | {"digest": stated.digest, "challenge": stated.challenge, "evaluation": stated.evaluation})


def _decimal(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _decimal(part) for name, part in value.items()}
    return [_decimal(part) for part in value] if isinstance(value, (list, tuple)) else str(value)


def job(circuit: str, rounds: int = 1, **more: Any) -> Step:
    """A step of `drive.mjs` that proves."""
    named = {"circuit": circuit, "circuitId": "0x" + circuits.load(circuit).id.hex()}
    return {"job": named | {"inputs": inputs(circuit), "rounds": rounds} | more}


def proof(told: dict[str, list[str]]) -> Proof:
    """The SDK's eight words and public signals as a proof that `offchain.prover` verifies."""
    ax, ay, bx_im, bx_re, by_im, by_re, cx, cy = map(int, told["words"])
    return Proof((ax, ay), ((bx_re, bx_im), (by_re, by_im)), (cx, cy), tuple(map(int, told["publicSignals"])))


def build_page() -> None:
    subprocess.run([VITE, "build", "--config", "e2e/prover/vite.config.ts"], cwd=FRONTEND, check=True, capture_output=True)


@contextmanager
def serving(folder: Path, isolated: bool = True, files: Path = circuits.FOLDER, page: Path = PAGE) -> Iterator[str]:
    """The address of the API with the page, over an empty database and a deployment of the built circuits."""
    engine = database.open(f"sqlite:///{folder}/index.sqlite")
    settings = Settings(key_file=folder / "key", frontend=page, circuits=files, compressed=folder / "compressed")
    app = create_app(engine, _deployment(), settings)
    try:
        with beside(app if isolated else _unisolated(app), port=0) as address:
            yield address
    finally:
        engine.dispose()


def _deployment() -> Deployment:
    made = Made(2).deployment
    entries = {
        name: CircuitEntry(entry.address, f"0x{circuits.load(name).id.hex()}")
        for name, entry in made.verifiers.items()
        if name in ("transact", "commit", "reclaim")
    }
    return replace(made, verifiers=entries)


def _unisolated(app: Any) -> Any:
    """The same answers without the two headers that isolate a page."""

    async def called(scope: Any, receive: Any, send: Any) -> None:
        async def sent(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [pair for pair in message["headers"] if pair[0].lower() not in ISOLATION]
            await send(message)

        await app(scope, receive, sent)

    return called


def drive(address: str, steps: list[Step], folder: Path, patience: float = 600) -> list[Any]:
    """What each step gave, all in one browser profile."""
    plan = folder / "plan.json"
    plan.write_text(json.dumps({"base": address, "steps": steps}))
    command = ["node", "e2e/prover/drive.mjs", plan]
    done = subprocess.run(command, cwd=FRONTEND, capture_output=True, text=True, timeout=patience)
    if done.returncode:
        raise RuntimeError(f"the walk failed: {done.stderr}")
    return json.loads(done.stdout)


def measure(rounds: int) -> dict[str, float]:
    """Every figure; each proof is verified by our own verifier."""
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory(dir=OUTPUT.parent) as name:
        folder = Path(name)
        for isolated, kinds in ((True, {"": {}, "_ready": {}, "_one_thread": {"threads": 1}}), (False, {"_unisolated": {}})):
            with serving(folder, isolated) as address:
                for circuit in CIRCUITS:
                    first = job(circuit)    # downloads
                    steps = {kind: _rounds(circuit, kind, rounds, more) for kind, more in kinds.items()}
                    outcomes = drive(address, [first, *sum(steps.values(), [])], folder)[1:]
                    for kind, made in steps.items():
                        seconds = _seconds(circuit, isolated, outcomes[: len(made)])[-rounds:]
                        outcomes = outcomes[len(made) :]
                        found[f"{circuit}{kind}_s"] = round(median(seconds), 3)
                        print(f"{circuit + kind:<22} {median(seconds):6.2f} s  {[round(one, 2) for one in seconds]}", flush=True)
    return found | _sizes()


def _rounds(circuit: str, kind: str, rounds: int, more: Step) -> list[Step]:
    """Provers started anew, or one that proves once more than it is measured."""
    return [job(circuit, rounds + 1, **more)] if kind == "_ready" else [job(circuit, **more) for _ in range(rounds)]


def _seconds(circuit: str, isolated: bool, outcomes: list[Any]) -> list[float]:
    for outcome in outcomes:
        if outcome.get("error") or outcome["isolated"] != isolated:
            raise RuntimeError(f"{circuit}: {outcome.get('error') or 'the page is not isolated as it should be'}")
        for told in outcome["proofs"]:
            if not circuits.prover.verify(circuits.file(circuit, "vkey.json"), proof(told)):
                raise RuntimeError(f"the proof of {circuit} does not verify")
    return [seconds for outcome in outcomes for seconds in outcome["seconds"]]


def _sizes() -> dict[str, float]:
    app = [path for path in (APP / "assets").iterdir() if path.suffix in (".js", ".css")]
    first = [path for path in app if path.name in (APP / "index.html").read_text()]
    files = [circuits.file(circuit, kind).read_bytes() for circuit in PROVEN for kind in ("zkey", "wasm")]
    return {
        "bundle_kb": _kb(app),
        "first_kb": _kb(first),
        "worker_kb": _kb((PAGE / "assets").glob("worker-*.js")),
        "zkey_mb": round(sum(map(len, files[::2])) / 1e6, 1),
        "download_mb": round(sum(len(gzip.compress(file, LEVEL)) for file in files) / 1e6, 1),
    }


def _kb(files: Iterable[Path]) -> float:
    return round(sum(path.stat().st_size for path in files) / 1e3, 1)


def main(rounds: Annotated[int, typer.Option(min=1, help="Proofs of each kind.")] = 5) -> None:
    """Measure, print a table, write the file."""
    OUTPUT.parent.mkdir(parents=True, exist_ok=True)
    build_page()
    found = measure(rounds) | {"cores": os.cpu_count() or 1}
    OUTPUT.write_text(json.dumps(found, indent=2) + "\n")
    print(", ".join(f"{name} {value}" for name, value in found.items()))


if __name__ == "__main__":
    typer.run(main)
