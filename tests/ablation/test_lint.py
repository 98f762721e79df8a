"""A hint, what a prover may fill in as it likes, stands beside the constraint that pins it."""

import re

import pytest

from tests.ablation.sources import FILES, templates

NEAR = 5
"""Lines below a hint in which its constraint stands."""


def hints() -> list:
    """The parameters (template, lines, index) of each `<--` and `-->`, comments aside."""
    found = []
    for name, template in templates().items():
        lines = template.body.splitlines()
        for at, line in enumerate(lines):
            if re.search(r"<--|-->", line.partition("//")[0]):
                found.append(pytest.param(lines, at, id=f"{name}: {line.strip()[:40]}"))
    return found


def is_pinned(lines: list[str], at: int) -> bool:
    """Whether the line says where its signal is pinned, and a constraint on the signal is near."""
    code, _, comment = lines[at].partition("//")
    signal = re.search(r"([\w.]+(?:\[\w+\])*)\s*<--", code) or re.search(r"-->\s*([\w.]+(?:\[\w+\])*)", code)
    constraint = re.compile(rf"===|<==|^\s*\w+\(.*\)\(")
    uses = re.compile(rf"(?<![\w.]){re.escape(signal[1])}(?!\w)")
    near = [line.partition("//")[0] for line in lines[at + 1 : at + 1 + NEAR]]
    return "pinned" in comment and any(uses.search(line) and constraint.search(line) for line in near)


@pytest.mark.parametrize("lines, at", hints())
def test_a_hint_is_beside_its_constraint(lines, at):
    assert is_pinned(lines, at)


def test_every_hint_is_in_a_template():
    """So none escapes the test above."""
    everywhere = sum(len(re.findall(r"^(?!\s*//).*<--", path.read_text(), re.MULTILINE)) for path in FILES)
    assert len(hints()) == everywhere > 0


@pytest.mark.parametrize(
    "lines",
    [
        ["signal x <-- 1 / y;", "x * y === 1;"],                                    # says nothing
        ["signal x <-- 1 / y;    // pinned by the next line", "y === 1;"],          # of another signal
        ["signal x <-- 1 / y;    // pinned below", *["y === 1;"] * NEAR, "x * y === 1;"],    # too far
        ["signal x <-- 1 / y;    // pinned by the next line", "signal z <-- x;"],   # another hint
    ],
)
def test_a_hint_that_nothing_pins_is_noticed(lines):
    assert not is_pinned(lines, 0)
