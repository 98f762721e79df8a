"""`make figures`: what the product costs, flat, in build/figures.json.

Keys: constraints.<circuit>, zkey_bytes.<circuit>, contract_bytes.<name>, and from the
demonstration's report prove_s.<circuit> and gas.<step>.
"""

import json
import sys
from pathlib import Path

from offchain.contracts import ARTIFACTS
from offchain.paths import BUILD, ROOT

CIRCUITS = BUILD / "circuits" / "circuits.json"
REPORT = BUILD / "demo" / "report.json"
FIGURES = BUILD / "figures.json"
CONTRACTS = ROOT / "contracts"
# The circuit behind each step of the report.
PROVED_BY = {
    "deposit": "transact",
    "withdraw": "transact",
    "commit": "commit",
    "reclaim": "reclaim",
    "advance": "advance",
    "settle": "settle_8",
    "print": "print",
    "register reveal key": "key",
}


def circuit_sizes(table: Path) -> dict[str, dict[str, int]]:
    """Constraints and bytes of the proving key, by circuit."""
    built = json.loads(table.read_text())
    return {name: {key: built[name][key] for key in ("constraints", "zkey_bytes")} for name in sorted(built)}


def contract_sizes(folder: Path) -> dict[str, int]:
    """Bytes of deployed code, by contract; test tokens left out."""
    names = sorted(path.stem for path in CONTRACTS.glob("*.vy"))
    return {name: json.loads((folder / f"{name}.json").read_text())["runtime_size"] for name in names}


def proof_seconds(steps: list[dict]) -> dict[str, float]:
    """The least seconds of a proof, by circuit: of a run's proofs, the one that shared the cores least."""
    seconds: dict[str, list[float]] = {}
    for step in steps:
        if step["prove_seconds"] and step["name"] in PROVED_BY:
            seconds.setdefault(PROVED_BY[step["name"]], []).append(step["prove_seconds"])
    return {name: min(seconds[name]) for name in sorted(seconds)}


def figures(artifacts: Path = ARTIFACTS) -> dict[str, int | float]:
    """Every figure, flat. FileNotFoundError where circuits or report are not made yet."""
    report = json.loads(REPORT.read_text())
    circuits = circuit_sizes(CIRCUITS)
    flat: dict[str, int | float] = {}
    for key in ("constraints", "zkey_bytes"):
        flat |= {f"{key}.{name}": sizes[key] for name, sizes in circuits.items()}
    flat |= {f"contract_bytes.{name}": size for name, size in contract_sizes(artifacts).items()}
    flat |= {f"prove_s.{name}": seconds for name, seconds in proof_seconds(report["steps"]).items()}
    return flat | {f"gas.{name.replace(' ', '_')}": gas for name, gas in report["gas"].items()}


def main() -> int:
    try:
        made = figures()
    except FileNotFoundError as error:
        print(f"error: {error.filename} is missing; run `make demo` first", file=sys.stderr)
        return 1
    FIGURES.write_text(json.dumps(made, indent=2) + "\n")
    print(f"{len(made)} figures in {FIGURES.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
