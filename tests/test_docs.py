"""The documentation points at things that exist.

`docs/protocol.md` §9 says where each promise is kept: circuit line, contract function, test.
Every reference is looked up in the sources, so the table cannot go stale.
"""

import ast
import re

import pytest

from offchain.paths import ROOT
from scripts import figures

PROTOCOL = ROOT / "docs" / "protocol.md"
SOUNDNESS = ROOT / "docs" / "soundness.md"
DISCLOSURE = ROOT / "docs" / "disclosure.md"
README = ROOT / "README.md"
HEADING = "## 9. Where each promise is kept"
NONE = "—"
REFERENCE = {
    "circuit": re.compile(r"[A-Z]\w*\.E\d+"),
    "contract": re.compile(r"\w+\.\w+"),
    "test": re.compile(r"tests/[\w/]+\.py::\w+(?:::\w+)?"),
}


def promise_rows() -> list[list[str]]:
    """The cells of every row of the table: promise, circuit, contract, test."""
    _, found, section = PROTOCOL.read_text().partition(HEADING)
    assert found, f"docs/protocol.md lacks {HEADING!r}"
    section = section.split("\n## ")[0]
    table = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


def references(kind: str) -> set[str]:
    """Every reference in the column of that kind; a cell holds nothing else."""
    column = 1 + list(REFERENCE).index(kind)
    found: set[str] = set()
    for row in promise_rows():
        cell = row[column].replace("`", "")
        parts = [part.strip() for part in cell.split(",") if part.strip() != NONE]
        wrong = [part for part in parts if not REFERENCE[kind].fullmatch(part)]
        assert not wrong, f"{row[0]}: {wrong} is no {kind} reference"
        found.update(parts)
    return found


def guarantees() -> set[str]:
    """Template.En of every numbered `ensures` in the comment over a circom template."""
    found = set()
    for path in (ROOT / "circuits").rglob("*.circom"):
        comment: list[str] = []
        for line in path.read_text().splitlines():
            if line.startswith("//"):
                comment.append(line)
            elif match := re.match(r"template (?:parallel )?(\w+)\(", line):
                numbers = re.findall(r"^// ensures\s+(E\d+)\b", "\n".join(comment), re.MULTILINE)
                found.update(f"{match[1]}.{number}" for number in numbers)
            else:
                comment = []
    return found


def contract_functions() -> set[str]:
    return {
        f"{path.stem}.{name}"
        for path in (ROOT / "contracts").rglob("*.vy")
        for name in re.findall(r"^def (\w+)\(", path.read_text(), re.MULTILINE)
    }


def test_nodes(path: str) -> set[str]:
    """The test functions of a file, `name` or `Class::name`."""
    file = ROOT / path
    if not file.is_file():
        return set()
    nodes = set()
    for node in ast.parse(file.read_text()).body:
        if isinstance(node, ast.FunctionDef):
            nodes.add(node.name)
        elif isinstance(node, ast.ClassDef):
            nodes.update(f"{node.name}::{m.name}" for m in node.body if isinstance(m, ast.FunctionDef))
    return nodes


test_nodes.__test__ = False


def test_every_promise_has_a_row_that_ends_in_a_test():
    promises = {row[0].split()[0] for row in promise_rows()}
    assert promises == {f"P{number}" for number in range(1, 13)}
    for row in promise_rows():
        assert len(row) == 4, row
        assert row[3] != NONE, f"{row[0]} names no test"


def test_every_circuit_line_exists():
    assert references("circuit") - guarantees() == set()


def test_every_contract_function_exists():
    assert references("contract") - contract_functions() == set()


def test_every_test_exists():
    missing = []
    for reference in references("test"):
        path, _, name = reference.partition("::")
        if name not in test_nodes(path):
            missing.append(reference)
    assert missing == []


@pytest.mark.parametrize("document", [README, PROTOCOL, SOUNDNESS, DISCLOSURE], ids=lambda path: path.name)
def test_every_file_that_a_document_links_to_exists(document):
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_the_arguments_name_only_what_exists():
    text = SOUNDNESS.read_text()
    lines = set(re.findall(r"`([A-Z]\w*\.E\d+)`", text))
    functions = set(re.findall(r"`(\w+\.[a-z_]\w*)`", text))
    assert len(lines) > 40 and lines - guarantees() == set()
    assert len(functions) > 15 and functions - contract_functions() == set()


def test_every_figure_is_reproduced_by_the_command_that_makes_it():
    text = SOUNDNESS.read_text()
    for source in figures.SOURCES:
        path = source.path.relative_to(ROOT)
        assert f"`python -m {source.command}` | `{path}` |" in text, source.command


@pytest.mark.parametrize("document", [README, SOUNDNESS, DISCLOSURE], ids=lambda path: path.name)
def test_a_document_names_only_paths_that_exist(document):
    named = re.findall(r"`((?:contracts|circuits|offchain|relayer|scripts|tests|docs|model)/[\w./-]*)`", document.read_text())
    assert named
    assert [path for path in named if not (ROOT / path).exists()] == []
