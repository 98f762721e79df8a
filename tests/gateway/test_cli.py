"""Keys and decisions on the command line, beside an agent's gateway that runs on the same database."""

import json

import pytest
from typer.testing import CliRunner

from offchain.gateway.controls import Controls
from offchain.gateway.keys import KeyRefused, Keys
from offchain.gateway.pretrade import Restricted
from offchain.hashchain import LogBroken
from scripts.cli.agent import app

CONFIG = """
[agent]
key = "key.json"
deployment = "deployment.json"
carriers = ["carrier.json"]
credentials = []
store = "sqlite:///{store}"
"""


@pytest.fixture
def config(tmp_path, engine):
    file = tmp_path / "agent.toml"
    file.write_text(CONFIG.format(store=engine.url.database))
    return file


def run(config, *arguments: str):
    done = CliRunner().invoke(app, [*arguments, "--config", str(config), "--json"], catch_exceptions=True)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return json.loads(done.stdout)


def test_a_key_from_making_to_its_end(config, engine):
    running = Keys(engine)
    made = run(config, "key", "new", "--name", "desk-1", "--scopes", "read,trade", "--per-second", "2.5", "--burst", "7", "--days", "3")
    assert running.holder(made["key"]).scopes == {"read", "trade"}
    [row] = run(config, "key", "list")
    assert (row["name"], row["scopes"], row["per_second"], row["burst"], row["revoked"]) == ("desk-1", "read trade", 2.5, 7, None)
    assert row["expires"] > row["created"] and made["key"] not in json.dumps(row)
    run(config, "key", "revoke", "desk-1")
    assert run(config, "key", "list")[0]["revoked"]
    with pytest.raises(KeyRefused, match="revoked"):
        Keys(engine).holder(made["key"])
    with pytest.raises(KeyRefused, match="scopes are read, trade, move, admin"):
        run(config, "key", "new", "--name", "x", "--scopes", "all")


def test_decisions_are_verified_while_others_are_taken(config, desk, engine):
    controls = Controls(desk, engine)
    for number in range(3):
        controls.put(Restricted(markets=[number]), "rest:desk-1")
    count, link = controls.decisions.head()
    assert run(config, "decisions", "verify") == {"decisions": count, "link": link} and count == 3
    assert run(config, "decisions", "verify", "--kept", f"3:{link}")["link"] == link
    with pytest.raises(LogBroken, match="3 rows are left"):
        run(config, "decisions", "verify", "--kept", f"4:{link}")
