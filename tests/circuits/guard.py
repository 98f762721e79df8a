"""Whether a claim is refused, and by which of the numbered guarantees of which template."""

import re
from functools import cache
from pathlib import Path

import pytest

from offchain.circuits import load, witness
from offchain.paths import CIRCUITS
from offchain.statement import Statement, statement
from offchain.witness import WitnessError
from tests.circuits.model import Claim
from tests.circuits.world import CHAIN_ID, POOL


def stated(name: str, d: list[int]) -> Statement:
    return statement(d, load(name).id, CHAIN_ID, POOL)


def satisfied(claim: Claim) -> list[int]:
    """The words of the claim's witness; WitnessError if it has none."""
    name, d, inputs = claim
    values = witness(name, stated(name, d), inputs)[76:]
    return [int.from_bytes(values[at : at + 32], "little") for at in range(0, len(values), 32)]


def refused(claim: Claim, *guards: str) -> None:
    """The claim has no witness, and each guard ("Commit E4") stands on the line that failed or
    on one that it was reached through."""
    with pytest.raises(WitnessError) as error:
        satisfied(claim)
    assert set(guards) <= failed(error.value), str(error.value)


def failed(error: WitnessError) -> set[str]:
    """The guarantees beside the lines that a calculator names: "Template En"."""
    frames = re.findall(r"Error in template (\w+)_\d+ line: (\d+)", str(error))
    return {f"{template} {guard}" for template, line in frames for guard in _beside(template, int(line))}


def _beside(template: str, line: int) -> list[str]:
    """What the comment beside or next above a line says that it ensures, up to its colon."""
    lines = _sources().get(template, [])
    for text in reversed(lines[:line]):
        comment = text.partition("//")[2].partition(":")[0]
        if guards := re.findall(r"\bE\d+\b", comment):
            return guards
    return []


@cache
def _sources() -> dict[str, list[str]]:
    """The lines of the file that defines each template."""
    return {
        name: path.read_text().splitlines()
        for path in sorted(CIRCUITS.rglob("*.circom"))
        for name in re.findall(r"^template (\w+)\(", path.read_text(), re.MULTILINE)
    }


def with_hint(source: Path, hint: str, lie: str) -> str:
    """A source whose prover fills in `lie` for `hint`: its constraints must refuse that."""
    text = source.read_text().replace("pragma circom 2.2.0;\n", "")
    assert text.count(hint) == 1, f"{hint} is not in {source}"
    return text.replace(hint, lie)
