"""Every numbered guarantee of a template stands beside a line of it, and has a test of its own.

The settlement's templates are tested by promise (tests/circuits/test_settle*.py), and that the
statement is these words by test_proofs.py, for each word of every circuit.
"""

import re
from pathlib import Path

import pytest

from offchain.paths import CIRCUITS

HERE = Path(__file__).parent
FILES = [
    *(CIRCUITS / f"{name}.circom" for name in ("transact", "commit", "reclaim", "advance", "print", "key")),
    *(CIRCUITS / "lib" / f"{name}.circom" for name in ("statement", "range", "merkle", "note", "order")),
    *(CIRCUITS / "lib" / f"{name}.circom" for name in ("credential", "curve")),
]


def templates() -> list:
    """The parameters (name, header, body) of each template."""
    found = []
    for path in FILES:
        for match in re.finditer(r"((?:^//.*\n)+)template (\w+)\(.*\n((?:.*\n)*?)^}", path.read_text(), re.MULTILINE):
            found.append(pytest.param(match[2], match[1], match[3], id=match[2]))
    return found


def guarantees(text: str) -> dict[str, str]:
    return dict(re.findall(r"^// ensures\s+(E\d+)\s+(.*)", text, re.MULTILINE))


@pytest.mark.parametrize("name, header, body", templates())
def test_each_guarantee_has_a_line_and_a_test(name, header, body):
    numbers = guarantees(header)
    assert list(numbers) == [f"E{i}" for i in range(1, len(numbers) + 1)] and numbers
    beside = set(re.findall(r"\bE\d+\b", " ".join(re.findall(r"//(.*)", body))))
    assert set(numbers) <= beside, "a guarantee without a line"
    assert beside <= set(numbers), "a line for a guarantee that is not stated"
    tests = "\n".join(path.read_text() for path in HERE.glob("test_*.py"))
    snake = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
    tested = {n for names in re.findall(rf"def test_{snake}((?:_E\d+)+)", tests) for n in re.findall(r"E\d+", names)}
    missing = {n for n, clause in numbers.items() if n not in tested and not clause.startswith("the statement is")}
    assert not missing, f"no test of {name} {missing}"


def test_no_template_is_left_out():
    count = sum(len(re.findall(r"^template ", path.read_text(), re.MULTILINE)) for path in FILES)
    assert len(templates()) == count


def test_every_hint_is_beside_its_constraint():
    for path in FILES:
        lines = path.read_text().splitlines()
        for line, text in enumerate(lines):
            if "<--" in text:
                assert "pinned by" in text, f"{path}:{line + 1}"
