"""The pages on Python and parents say what is there."""

import ast
import json
import re

import pytest
from typer.testing import CliRunner

from offchain.agent_client import AgentClient
from offchain.paths import ROOT
from offchain.sdk import Trader
from offchain.slicer.routes import NewParent, ReportTold
from scripts.bench import restore

PYTHON, SLICER = (ROOT / "docs" / name for name in ("python.md", "slicer.md"))
KINDS = {"trader": Trader, "agent": AgentClient}


def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", PYTHON.read_text(), re.DOTALL)


def test_the_code_calls_what_there_is():
    called = set()
    for block in blocks():
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in KINDS:
                assert hasattr(KINDS[node.value.id], node.attr), node.attr
                called.add(node.attr)
            if isinstance(node, ast.ImportFrom):
                module = __import__(node.module, fromlist=["*"])
                assert all(hasattr(module, name.name) for name in node.names)
    assert {"trade", "deposit", "withdraw", "place", "wait", "stream"} <= called


def test_from_key_to_fill_takes_ten_lines():
    lines = [line for line in blocks()[0].splitlines() if line.strip()]
    assert len(lines) <= 10 and "Trader.open" in blocks()[0] and ".fill" in blocks()[0]


def test_every_field_of_a_parent_is_told_of():
    text = SLICER.read_text()
    fields = set(NewParent.model_fields) | set(ReportTold.model_fields) - {"parent"}
    assert [name for name in sorted(fields) if f"`{name}`" not in text] == []


@pytest.mark.parametrize("page", [PYTHON, SLICER], ids=lambda page: page.name)
def test_what_a_page_names_exists(page):
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text())
    paths = re.findall(r"`((?:offchain|tests|docs|scripts)/[\w./-]*)`", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_a_restore_is_measured(tmp_path):
    out = tmp_path / "restore.json"
    done = CliRunner().invoke(restore.app, ["--events", "400", "--out", str(out)])
    assert done.exception is None, done.exception
    found = json.loads(out.read_text())
    assert found["notes"] > 200 and found["notes_per_s"] > 0 and found["events"] >= 400
