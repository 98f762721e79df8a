"""What a run measured: gas and seconds of every step, epochs, circuits; as a table and as JSON."""

import json
import os
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from time import monotonic

from rich.table import Table


@dataclass(frozen=True)
class Step:
    """One transaction or piece of work; `gas` is None where nothing was sent."""

    name: str
    gas: int | None
    seconds: float
    detail: str = ""
    prove_seconds: float | None = None


@dataclass
class EpochFigures:
    """One epoch's outcome; `price` and `volume` in quote units a lot and lots, None if unknown."""

    market: int
    epoch: int
    state: str
    price: int | None = None
    volume: int | None = None
    gas_settle: int | None = None
    prove_seconds: float | None = None

    def json(self) -> dict:
        amounts = {name: _text(getattr(self, name)) for name in ("price", "volume")}
        return asdict(self) | amounts


@dataclass
class OrderCounts:
    """Orders of the epochs that settled: the file's, and the two that misbehave."""

    file: str = ""
    rows: int = 0
    committed: int = 0
    revealed: int = 0
    settled: int = 0
    unrevealed: int = 0
    invalid: int = 0


@dataclass
class Report:
    """Collects figures while a run goes on; `conserved` turns true only when checked."""

    validators: int
    conserved: bool = False
    orders: OrderCounts = field(default_factory=OrderCounts)
    epochs: list[EpochFigures] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    circuits: dict[str, dict[str, int]] = field(default_factory=dict)
    began: float = field(default_factory=monotonic)

    def sent(self, name: str, gas: int, seconds: float, detail: str = "", proof: float | None = None) -> None:
        """Note a transaction: its gas, and the seconds from its proof's start to its receipt."""
        self.steps.append(Step(name, gas, round(seconds, 3), detail, proof and round(proof, 3)))

    @contextmanager
    def timed(self, name: str, detail: str = "") -> Iterator[None]:
        """Note work that sends nothing itself."""
        start = monotonic()
        yield
        self.steps.append(Step(name, None, round(monotonic() - start, 3), detail))

    def gas(self) -> dict[str, int]:
        """The median gas of each kind of transaction."""
        return {name: int(median(s.gas for s in steps)) for name, steps in self._kinds() if steps[0].gas}

    def prove_seconds(self) -> dict[str, float]:
        """The median proof time of each kind of transaction that carries one."""
        timed = ((name, [s.prove_seconds for s in steps if s.prove_seconds]) for name, steps in self._kinds())
        return {name: round(median(seconds), 3) for name, seconds in timed if seconds}

    def _kinds(self) -> list[tuple[str, list[Step]]]:
        kinds: dict[str, list[Step]] = defaultdict(list)
        for step in self.steps:
            kinds[step.name].append(step)
        return list(kinds.items())

    def table(self) -> Table:
        table = Table(title="Gas and time of every step (medians where a step was repeated)")
        table.add_column("step")
        for column in ("times", "gas", "proof s", "seconds", "total s"):
            table.add_column(column, justify="right")
        gas, proofs = self.gas(), self.prove_seconds()
        for name, steps in self._kinds():
            seconds = [step.seconds for step in steps]
            table.add_row(
                name,
                str(len(steps)),
                f"{gas[name]:,}" if name in gas else "",
                f"{proofs[name]:.2f}" if name in proofs else "",
                f"{median(seconds):.2f}",
                f"{sum(seconds):.1f}",
            )
        return table

    def json(self) -> dict:
        return {
            "validators": self.validators,
            "conserved": self.conserved,
            "orders": asdict(self.orders),
            "epochs": [epoch.json() for epoch in self.epochs],
            "steps": [asdict(step) for step in self.steps],
            "circuits": self.circuits,
            "gas": self.gas(),
            "prove_seconds": self.prove_seconds(),
            "seconds": round(monotonic() - self.began, 1),
        }

    def write(self, path: Path) -> None:
        """Write the report whole or not at all."""
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft")
        draft.write_text(json.dumps(self.json(), indent=2) + "\n")
        os.replace(draft, path)


def _text(amount: int | None) -> str | None:
    return None if amount is None else str(amount)
