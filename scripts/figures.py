"""`make figures`: what the product costs and how it was attacked, flat, in build/figures.json.

Every figure stands in a file that a command wrote: SOURCES names them. A command is run where its file is
missing or older than the code that it measures; one of more than `PATIENCE_MINUTES` only with `--long` (`make
figures LONG=1`), else it is named, and figures that are missing are left out. What was measured is written after
every command, so that a run that was stopped is taken up again.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from offchain.contracts import ARTIFACTS
from offchain.paths import BUILD, ROOT

Figures = dict[str, int | float]
CIRCUITS = BUILD / "circuits" / "circuits.json"
FIGURES = BUILD / "figures.json"
CONTRACTS = ROOT / "contracts"
OURS = "ours"
PATIENCE_MINUTES = 15


def report(path: Path, whole: bool) -> Path:
    """Where a command writes: of a part of its work beside the file that the figures are taken from."""
    return path if whole else path.with_stem(f"{path.stem}-part")


def circuit_sizes(table: Path = CIRCUITS) -> dict[str, dict[str, int]]:
    """Constraints and bytes of the proving key, by circuit."""
    built = json.loads(table.read_text())
    return {name: {key: built[name][key] for key in ("constraints", "zkey_bytes")} for name in sorted(built)}


def sizes(table: Path) -> Figures:
    """constraints.<circuit>, zkey_bytes.<circuit>"""
    found = circuit_sizes(table)
    return {f"{key}.{name}": row[key] for key in ("constraints", "zkey_bytes") for name, row in found.items()}


def contract_bytes(folder: Path) -> Figures:
    """contract_bytes.<name>: of code as deployed; test tokens left out."""
    names = sorted(path.stem for path in CONTRACTS.glob("*.vy"))
    return {f"contract_bytes.{name}": json.loads((folder / f"{name}.json").read_text())["runtime_size"] for name in names}


def gas(file: Path) -> Figures:
    """gas.<transaction>; gas.transact is that of the dearest kind."""
    totals = {name: parts["total"] for name, parts in json.loads(file.read_text()).items()}
    dearest = max(total for name, total in totals.items() if name.startswith("transact_"))
    return {f"gas.{name}": total for name, total in ({"transact": dearest} | totals).items()}


def proofs(file: Path) -> Figures:
    """prove_s, prove_cpu_s, prove_rss_mb and witness_s of every circuit."""
    keys = {"prove_s": "seconds", "prove_cpu_s": "cpu_seconds", "prove_rss_mb": "peak_mb", "witness_s": "witness_seconds"}
    rows = json.loads(file.read_text())
    return {f"{key}.{name}": row[column] for key, column in keys.items() for name, row in rows.items()}


def comparison(file: Path) -> Figures:
    """prove_vs.<tool>: our seconds over its, in one run, on the largest circuit compared, and on each;
    prove_cpu_vs the same of processor seconds, which other load sways less"""
    rows = json.loads(file.read_text())
    by_size = sorted(rows, key=lambda circuit: int(circuit.removeprefix("settle_")))
    found: Figures = {}
    for key, column in (("prove_vs", "seconds"), ("prove_cpu_vs", "cpu_seconds")):
        for circuit in by_size:
            ours = rows[circuit][OURS][column]
            ratios = {tool: round(ours / row[column], 3) for tool, row in rows[circuit].items() if tool != OURS}
            for tool, ratio in ratios.items():
                found |= {f"{key}.{tool}.{circuit}": ratio, f"{key}.{tool}": ratio}
    return found


def clearing(file: Path) -> Figures:
    """clearing.orders_per_s and clearing.vs_python at the largest batch, and every batch's and method's speed"""
    found: Figures = {}
    for row in json.loads(file.read_text()):
        name, seconds = f"{row['batch']}.{row['orders']}", row["seconds"]
        speeds = {method: round(row["orders"] / taken) for method, taken in seconds.items()}
        found |= {f"clearing.orders_per_s.{name}.{method}": speed for method, speed in speeds.items()}
        found[f"clearing.seconds.{name}"] = round(seconds["engine"], 6)
        if row["batch"] == "book":
            found["clearing.orders_per_s"] = speeds["engine"]
            found["clearing.vs_python"] = round(seconds["python"] / seconds["engine"], 3)
    return found


def ablations(file: Path) -> Figures:
    """ablations.<total|forged|guarded>, ensures.<total|covered>"""
    read = json.loads(file.read_text())
    return _named("ablations", read["ablations"], "total", "forged", "guarded") | _named(
        "ensures", read["ensures"], "total", "covered"
    )


def stateful(file: Path) -> Figures:
    """stateful.<steps|violations>"""
    return _named("stateful", json.loads(file.read_text()), "steps", "violations")


def fuzzing(folder: Path) -> Figures:
    """fuzz.<target>.<cases|crashes>"""
    found: Figures = {}
    for file in sorted(folder.glob("*.json")):
        found |= _named(f"fuzz.{file.stem}", json.loads(file.read_text()), "cases", "crashes")
    if not found:
        raise FileNotFoundError(2, "no report", str(folder))
    return found


def model(file: Path) -> Figures:
    """model.states: of the search for safety, which is complete."""
    checks = json.loads(file.read_text())
    return {"model.states": checks["safety"]["states"], "model.errors": sum(len(one["errors"]) for one in checks.values())}


def workers(file: Path) -> Figures:
    """workers.<1|2|4>.<proofs_per_s|ratio>: of settle_8 by workers of one core each; workers.cores there were"""
    read = json.loads(file.read_text())
    found: Figures = {"workers.cores": read["cores"]}
    for count, row in read["workers"].items():
        found |= _named(f"workers.{count}", row, "proofs_per_s", "ratio")
    return found


def indexer(file: Path) -> Figures:
    """indexer.<events_per_s|rollback_64_s|postgres_events_per_s>"""
    return _named("indexer", json.loads(file.read_text()), "events_per_s", "rollback_64_s", "postgres_events_per_s")


def faults(file: Path) -> Figures:
    """faults.<injected|survived>"""
    return _named("faults", json.loads(file.read_text()), "injected", "survived")


def load(file: Path) -> Figures:
    """load.<orders_per_hour|settled|failed_epochs|close_to_settled_p50_s|p95_s|p99_s>; seconds from the reveals' end"""
    waits = (f"close_to_settled_p{percent}_s" for percent in (50, 95, 99))
    return _named("load", json.loads(file.read_text()), "orders_per_hour", "settled", "failed_epochs", *waits)


def api(file: Path) -> Figures:
    """api.<p95_ms|schemathesis_cases|failures>"""
    return _named("api", json.loads(file.read_text()), "p95_ms", "schemathesis_cases", "failures")


def wallet(file: Path) -> Figures:
    """wallet.<notes_per_s|notes_per_cpu_s>: memos tried that are others'"""
    return _named("wallet", json.loads(file.read_text()), "notes_per_s", "notes_per_cpu_s")


def gateway(file: Path) -> Figures:
    """gateway.<orders_per_s|p95_ms>: POST /v1/orders of an idle agent, every check set"""
    return _named("gateway", json.loads(file.read_text()), "orders_per_s", "p95_ms")


def restore(file: Path) -> Figures:
    """restore.notes_per_s: of a wallet found again from its key and a node alone"""
    return _named("restore", json.loads(file.read_text()), "notes_per_s")


def browser(file: Path) -> Figures:
    """browser.<transact_s|commit_s|bundle_kb|worker_kb|zkey_mb>: proofs in Chromium by a prover just started, its key kept"""
    return _named("browser", json.loads(file.read_text()), "transact_s", "commit_s", "bundle_kb", "worker_kb", "zkey_mb")


def audit(file: Path) -> Figures:
    """audit.<fills_rederived|mismatches>: of the run with an exchange's real orders"""
    return _named("audit", json.loads(file.read_text()), "fills_rederived", "mismatches")


def fix(file: Path) -> Figures:
    """fix.<messages|resync_cases>: spoken between acceptors and counterparties, and ways of losing step"""
    return _named("fix", json.loads(file.read_text()), "messages", "resync_cases")


def _named(prefix: str, row: dict, *names: str) -> Figures:
    return {f"{prefix}.{name}": row[name] for name in names}


@dataclass(frozen=True)
class Source:
    """`read` takes figures from `path`, which `command` (of Python) writes in about `minutes` on two cores, and which
    is of what stands in `code` (files and folders of ours). A command of no minutes looks itself at what is new."""

    read: Callable[[Path], Figures]
    path: Path
    command: str
    minutes: int = 0
    code: tuple[str, ...] = ()

    def stale(self) -> bool:
        """Whether there is no file, or one that is older than its code."""
        written = min(_times(self.path), default=0)
        return any(time > written for one in self.code for time in _times(ROOT / one)) or written == 0


def _times(path: Path) -> list[float]:
    """When each file at or below a path was written."""
    files = path.rglob("*") if path.is_dir() else [path]
    return [one.stat().st_mtime for one in files if one.is_file() and one.suffix != ".pyc"]


TESTS = "pytest -p no:ape_test"
BENCH = BUILD / "bench"
PROVING = ("circuits",)
WALLET = ("offchain/restore.py", "offchain/scan.py", "offchain/state.py", "offchain/streams.py", "offchain/holdings.py")
SERVICE = ("relayer", "offchain/outbox.py", "offchain/store.py", "contracts")
SOURCES = (
    Source(sizes, CIRCUITS, "scripts.circuits build"),
    Source(contract_bytes, ARTIFACTS, "scripts.contracts build"),
    Source(wallet, BENCH / "scan.json", "scripts.bench.api scan", 1, WALLET),
    Source(restore, BENCH / "restore.json", "scripts.bench.restore", 1, WALLET),
    Source(gateway, BENCH / "gateway.json", "scripts.bench.gateway run", 1, ("offchain/gateway", "offchain/agent")),
    Source(model, BUILD / "model" / "model.json", "scripts.model", 1, ("scripts/model.py", "model")),
    Source(proofs, BENCH / "circuits.json", "scripts.bench.circuits", 1, PROVING),
    Source(clearing, BENCH / "clearing.json", "scripts.bench.clearing", 1, ("relayer/engine.py", "offchain/clearing.py")),
    Source(fix, BENCH / "fix.json", "scripts.bench.fix", 2, ("offchain/fix", "tests/fix")),
    Source(comparison, BENCH / "prover.json", "scripts.bench.prover run", 3, PROVING),
    Source(workers, BENCH / "workers.json", "scripts.bench.workers", 3, ("relayer/proving", *PROVING)),
    Source(browser, BENCH / "browser.json", "scripts.bench.browser", 3, ("frontend/sdk/src", "frontend/src", *PROVING)),
    Source(indexer, BENCH / "indexer.json", "scripts.bench.indexer", 3, ("indexer",)),
    Source(api, BENCH / "api.json", "scripts.bench.api serve", 5, ("indexer",)),
    Source(gas, BENCH / "gas.json", "scripts.bench.gas", 5, ("contracts", "circuits")),
    Source(audit, BUILD / "audit" / "summary.json", "scripts.bench.audit", 5, ("indexer/audit",)),
    Source(stateful, BUILD / "properties" / "summary.json", f"{TESTS} tests/properties", 5, ("contracts", "tests/properties")),
    Source(ablations, BUILD / "ablation" / "summary.json", f"{TESTS} tests/ablation", 10, ("circuits", "tests/ablation")),
    Source(fuzzing, BUILD / "fuzz", f"{TESTS} tests/fuzz tests/prover", 10, ("tests/fuzz", *PROVING)),
    Source(faults, BUILD / "faults" / "faults.json", "scripts.faults", 40, SERVICE),
    Source(load, BUILD / "load" / "load.json", "scripts.load", 45, SERVICE),
)


def measure(
    sources: tuple[Source, ...] = SOURCES, patience: int = PATIENCE_MINUTES, out: Path = FIGURES
) -> tuple[Figures, list[str]]:
    """(every figure there is, what is wanting and how to make it); runs commands of up to `patience` minutes."""
    found: Figures = {}
    wanting = []
    for source in sources:
        what = source.read.__doc__.splitlines()[0].split(":")[0]
        problem = _run(source) if source.minutes <= patience else None
        try:
            found |= source.read(source.path)
        except FileNotFoundError as error:
            problem = problem or f"{error.filename} is missing"
        except (LookupError, TypeError, ValueError) as error:
            problem = problem or f"its file is of another form ({error!r})"
        if problem or (source.minutes and source.stale()):
            wanting.append(f"{what}: {problem or 'measured on older code'}; run `python -m {source.command}`")
        out.write_text(json.dumps(found, indent=2) + "\n")
    return found, wanting


def _run(source: Source) -> str | None:
    """Run a command whose file is wanting; what went wrong."""
    if source.minutes and not source.stale():
        return None
    took = f", about {source.minutes} min" if source.minutes else ""
    print(f"python -m {source.command}{took}", flush=True)
    done = subprocess.run([sys.executable, "-m", *source.command.split()], cwd=ROOT)
    return "its command failed" if done.returncode else None


def main(long: Annotated[bool, typer.Option("--long", help=f"Also what takes over {PATIENCE_MINUTES} minutes.")] = False) -> None:
    """Measure what is missing or older than its code, and write every figure."""
    found, wanting = measure(patience=max(source.minutes for source in SOURCES) if long else PATIENCE_MINUTES)
    for line in wanting:
        print(f"wanting: {line}", file=sys.stderr)
    print(f"{len(found)} figures in {FIGURES.relative_to(ROOT)}")


if __name__ == "__main__":
    typer.run(main)
