"""`shadowpool agent …` against the gateway of a desk in memory."""

import json
from secrets import token_bytes

import pytest
from typer.testing import CliRunner

from offchain.agent.desk import OrderState
from offchain.agent_client import KEY_VARIABLE, URL_VARIABLE, AgentRefused
from offchain.gateway.app import create
from offchain.gateway.keys import Keys
from offchain.gateway.serve import serving
from offchain.gateway.settings import Settings
from offchain.store import Store
from scripts.cli.agent import app
from tests.agent.desk_double import DeskDouble


@pytest.fixture
def desk():
    return DeskDouble()


@pytest.fixture
def cli(desk, tmp_path, monkeypatch):
    store = Store.open(f"sqlite:///{tmp_path}/agent.sqlite3")
    gateway = create(desk, Settings(token_bytes(32)), store.engine)
    monkeypatch.setenv(KEY_VARIABLE, Keys(store.engine).new("desk-1", ["read", "trade", "move", "admin"]))
    with serving(gateway, port=0) as url:
        monkeypatch.setenv(URL_VARIABLE, url)

        def run(*words, code=0):
            done = CliRunner().invoke(app, [*words, "--json"] if words[0] != "limits" else [*words])
            if done.exception is not None and not isinstance(done.exception, SystemExit):
                raise done.exception
            assert done.exit_code == code, done.output
            return json.loads(done.stdout)

        yield run
    store.close()


def test_an_order_from_the_command_line(cli, desk):
    placed = cli("place", "a-1", "buy", "5", "500")
    assert (placed["state"], placed["side"], placed["quantity"], placed["account"]) == ("accepted", "buy", "5", "desk-1")
    assert cli("place", "a-1", "buy", "5", "500")["sequence"] == placed["sequence"]
    desk.commit("a-1")
    assert cli("orders", "a-1")[0]["state"] == "committed" and cli("orders", "--state", "filled") == []
    desk.fill("a-1", 5, 500)
    assert cli("orders")[0]["fill"] == "5"
    cli("place", "a-2", "sell", "1", "500")
    assert cli("cancel", "a-2")["state"] == "cancelled" == desk.order("a-2").state


def test_what_there_is(cli, desk):
    assert {row["symbol"]: row["available"] for row in cli("balances")}["USD"] == str(10**12)
    assert cli("status")["problems"] == [] and cli("movements") == [] and cli("limits")["version"] == 0
    desk.problems = ("order x is not revealed",)
    assert cli("status", code=1)["problems"] == ["order x is not revealed"]


def test_the_switch(cli, desk):
    cli("place", "b-1", "buy", "1", "500")
    assert cli("kill", "drill", "--cancel")["killed"] and desk.order("b-1").state == OrderState.CANCELLED
    with pytest.raises(AgentRefused, match="drill"):
        cli("place", "b-2", "buy", "1", "500")
    cli("kill", "over", "--off")
    cli("place", "b-3", "buy", "1", "500")


def test_a_fix_password_and_its_hash(cli):
    made = cli("fix-password")
    assert len(made["password_hash"]) == 64 and made["password"] not in made["password_hash"]
