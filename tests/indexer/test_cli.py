"""`shadowpool indexer`: run, status and check, as their user sees them."""

import json

import pytest
from typer.testing import CliRunner

from indexer.follow import FollowError
from offchain.deployment import Deployment
from scripts.cli.app import app


@pytest.fixture
def command(story, tmp_path):
    """Runs a command of the indexer on the story's chain; gives what it printed."""
    file = tmp_path / "deployment.json"
    story.world.deployment.save(file)

    def run(*arguments: str, refused: type[Exception] | None = None) -> str:
        whole = ["--rpc", story.url, "--deployment", str(file), "indexer", *arguments, "--database", f"sqlite:///{tmp_path}/index.sqlite"]
        done = CliRunner().invoke(app, whole)
        if refused:
            assert isinstance(done.exception, refused), done.output
            return str(done.exception)
        assert done.exit_code == 0, (done.output, done.exception)
        return done.output

    return run


def test_run_status_and_check(story, command, tmp_path):
    assert json.loads(command("status", "--json"))["events"] == 0
    said = command("run", "--once", "--websocket", "")
    assert f"{tmp_path}/index.sqlite" in said and "every proof verified" in said
    status = json.loads(command("status", "--json"))
    assert (status["state"], status["block"], status["proofs pending"]) == ("live", story.world.chain.head(), 0)
    assert status["proofs verified"] > 0 and status["settlements"] == 1
    checked = json.loads(command("check", "--json"))
    assert checked["epochs compared"] == status["epochs"] and checked == json.loads(command("check", "--json"))
    Deployment(**vars(story.world.deployment) | {"start_block": 2}).save(tmp_path / "deployment.json")
    assert "a database of its own" in command("run", "--once", refused=FollowError)
