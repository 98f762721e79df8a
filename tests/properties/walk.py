"""Many steps: one world after another, each from its own seed. A long walk can be taken up again."""

import json
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path

from offchain.wasm import replace_file
from scripts import contracts
from tests.properties.machine import Diverged, Machine

EPISODE = 1000
"""Steps of one world."""
ENOUGH = 3
"""Broken worlds after which a walk ends."""


@dataclass
class Walk:
    seeds: int = 0
    steps: int = 0
    accepted: int = 0
    refused: int = 0
    seconds: float = 0
    checked: dict[str, int] = field(default_factory=dict)
    """How often each promise was looked at."""
    broken: list[tuple[str, str]] = field(default_factory=list)
    """(promise, what happened)."""

    def of(self, promise: str) -> list[str]:
        return [what for broken, what in self.broken if broken == promise]


def walk(steps: int, kept: Path | None = None, report=lambda line: None) -> Walk:
    """Take that many steps. With `kept`, take up the walk that is kept there, if nothing changed since."""
    source = _source_hash()
    done = _load(kept, source) if kept else Walk()
    while done.steps < steps and len(done.broken) < ENOUGH:
        started = time.monotonic()
        machine = Machine(done.seeds)
        try:
            machine.run(min(EPISODE, steps - done.steps))
        except Diverged as error:
            done.broken.append((error.promise, str(error)))
        done.seeds, done.steps = done.seeds + 1, done.steps + machine.step
        done.accepted, done.refused = done.accepted + machine.accepted, done.refused + machine.refused
        done.checked = dict(Counter(done.checked) + machine.promises.checked)
        done.seconds += time.monotonic() - started
        if kept:
            _write(kept, {"source": source} | asdict(done))
        left = (steps - done.steps) * done.seconds / done.steps
        report(f"{done.steps} of {steps} steps, {len(done.broken)} violations, {left:.0f} s left")
    return done


def summarise(done: Walk, file: Path) -> None:
    """Write {"source", "steps", "violations"}; a longer walk of the same sources, of which this is a part, stays."""
    source = _source_hash()
    if file.is_file() and not done.broken:
        before = json.loads(file.read_text())
        if before["source"] == source and before["steps"] > done.steps:
            return
    _write(file, {"source": source, "steps": done.steps, "violations": len(done.broken)})


def _write(file: Path, content: dict) -> None:
    replace_file(file, (json.dumps(content, indent=1) + "\n").encode())


def _load(kept: Path, source: str) -> Walk:
    if kept.is_file():
        found = json.loads(kept.read_text())
        if found.pop("source") == source:
            found["broken"] = [tuple(entry) for entry in found["broken"]]
            return Walk(**found)
    return Walk()


def _source_hash() -> str:
    """Of all contracts and of what walks them."""
    digest = sha256()
    for folder in (contracts.SOURCES, Path(__file__).parent):
        for path in sorted([*folder.rglob("*.vy*"), *folder.rglob("*.py")]):
            if not path.name.startswith(("test_", "conftest")):
                digest.update(path.read_bytes())
    return digest.hexdigest()
