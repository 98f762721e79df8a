"""`make figures`: what the product costs and how it was attacked, flat, in build/figures.json.

Every figure stands in a file that a command wrote: SOURCES names them. Where a file is missing, a
command of a minute or so is run; a longer one is named, and its figures are left out.
"""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from offchain.contracts import ARTIFACTS
from offchain.paths import BUILD, ROOT

Figures = dict[str, int | float]
CIRCUITS = BUILD / "circuits" / "circuits.json"
FIGURES = BUILD / "figures.json"
CONTRACTS = ROOT / "contracts"
OURS = "ours"


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
    """browser.<transact_s|commit_s|bundle_kb|zkey_mb>: proofs in Chromium by a prover just started, its key kept"""
    return _named("browser", json.loads(file.read_text()), "transact_s", "commit_s", "bundle_kb", "zkey_mb")


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
    """`read` takes figures from `path`, which `command` (of Python) writes; run here if `quick`."""

    read: Callable[[Path], Figures]
    path: Path
    command: str
    quick: bool = False


TESTS = "pytest -p no:ape_test"
SOURCES = (
    Source(sizes, CIRCUITS, "scripts.circuits build", quick=True),
    Source(contract_bytes, ARTIFACTS, "scripts.contracts build", quick=True),
    Source(gas, BUILD / "bench" / "gas.json", "scripts.bench.gas"),
    Source(proofs, BUILD / "bench" / "circuits.json", "scripts.bench.circuits", quick=True),
    Source(comparison, BUILD / "bench" / "prover.json", "scripts.bench.prover run"),
    Source(clearing, BUILD / "bench" / "clearing.json", "scripts.bench.clearing", quick=True),
    Source(ablations, BUILD / "ablation" / "summary.json", f"{TESTS} tests/ablation"),
    Source(stateful, BUILD / "properties" / "summary.json", f"{TESTS} tests/properties"),
    Source(fuzzing, BUILD / "fuzz", f"{TESTS} tests/fuzz tests/prover"),
    Source(workers, BUILD / "bench" / "workers.json", "scripts.bench.workers"),
    Source(indexer, BUILD / "bench" / "indexer.json", "scripts.bench.indexer"),
    Source(api, BUILD / "bench" / "api.json", "scripts.bench.api serve"),
    Source(wallet, BUILD / "bench" / "scan.json", "scripts.bench.api scan", quick=True),
    Source(restore, BUILD / "bench" / "restore.json", "scripts.bench.restore", quick=True),
    Source(browser, BUILD / "bench" / "browser.json", "scripts.bench.browser"),
    Source(gateway, BUILD / "bench" / "gateway.json", "scripts.bench.gateway run", quick=True),
    Source(audit, BUILD / "audit" / "summary.json", "scripts.bench.audit"),
    Source(fix, BUILD / "bench" / "fix.json", "scripts.bench.fix"),
    Source(faults, BUILD / "faults" / "faults.json", "scripts.faults"),
    Source(load, BUILD / "load" / "load.json", "scripts.load"),
    Source(model, BUILD / "model" / "model.json", "scripts.model", quick=True),
)


def figures(sources: tuple[Source, ...] = SOURCES) -> tuple[Figures, list[str]]:
    """(every figure there is, what is missing and how to make it)."""
    found: Figures = {}
    missing = []
    for source in sources:
        try:
            found |= _read(source)
        except (FileNotFoundError, subprocess.CalledProcessError) as error:
            what = source.read.__doc__.splitlines()[0]
            missing.append(f"{what}: {_why(error)}; run `python -m {source.command}`")
    return found, missing


def _read(source: Source) -> Figures:
    """FileNotFoundError where the file is missing and slow to make; CalledProcessError where making it failed."""
    try:
        return source.read(source.path)
    except FileNotFoundError:
        if not source.quick:
            raise
    print(f"python -m {source.command}", flush=True)
    subprocess.run([sys.executable, "-m", *source.command.split()], cwd=ROOT, check=True)
    return source.read(source.path)


def _why(error: Exception) -> str:
    return f"{error.filename} is missing" if isinstance(error, FileNotFoundError) else "its command failed"


def main() -> int:
    found, missing = figures()
    FIGURES.write_text(json.dumps(found, indent=2) + "\n")
    for line in missing:
        print(f"left out: {line}", file=sys.stderr)
    print(f"{len(found)} figures in {FIGURES.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
