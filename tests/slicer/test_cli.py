"""`shadowpool agent parent` against a gateway on a desk double."""

import json

import pytest
from typer.testing import CliRunner

from offchain.agent_client import AgentRefused
from offchain.gateway.app import create
from offchain.gateway.serve import serving
from offchain.gateway.settings import Settings
from offchain.slicer.parents import ParentState
from offchain.slicer.routes import router
from scripts.cli.parent import app


@pytest.fixture
def command(bench, monkeypatch):
    """Runs a command; what it printed."""
    gateway = create(bench.desk, Settings(sealing_key=bytes(32)), bench.engine, [router(bench.slicer)])
    with serving(gateway, port=0) as address:
        monkeypatch.setenv("SHADOWPOOL_AGENT", address)
        monkeypatch.setenv("SHADOWPOOL_AGENT_KEY", gateway.state.gateway.gate.keys.new("desk", ["read", "trade"]))

        def run(*words: str) -> str:
            done = CliRunner().invoke(app, words)
            if done.exception is not None:
                raise done.exception
            return done.stdout

        yield run


def test_a_parent_from_start_to_report(bench, command):
    made = json.loads(command("start", "p1", "buy", "1000", "510", "--strategy", "twap", "--epochs", "2", "--json"))
    assert (made["state"], made["quantity"], made["start"], made["end"]) == ("running", "1000", 3, 4)
    bench.slicer.tick()
    bench.fill(price=505)
    bench.slicer.tick()
    assert "twap" in command("list")
    assert json.loads(command("list", "--state", "running", "--json"))[0]["id"] == "p1"
    command("pause", "p1")
    assert bench.slicer.parent("p1").state == ParentState.PAUSED
    command("resume", "p1")
    command("cancel", "p1")
    assert bench.slicer.parent("p1").state == ParentState.CANCELLED
    report = json.loads(command("report", "p1", "--json"))
    assert report["average_price"] == "505" and report["slippage_bps"] == 100
    assert "parent:p1:1" in command("report", "p1")


def test_a_refusal_is_the_agents(command):
    with pytest.raises(AgentRefused, match="rate_bps"):
        command("start", "p1", "buy", "1000", "510", "--strategy", "participation", "--epochs", "2")
