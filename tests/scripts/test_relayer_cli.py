"""The operator's commands at a terminal: stake, keys, epochs, status, check, drain."""

import json

import pytest
from typer.testing import CliRunner

from offchain.ledger import Ledger
from offchain.notes import Side, Terms
from scripts.cli.app import app
from scripts.cli.relayer.common import in_time
from scripts.deploy import STAKE_UNIT
from tests.relayer.processes import configure, password, running, until
from tests.world import CONFIRMATIONS, PARAMETERS, anvil, build_world

pytestmark = pytest.mark.timeout(900)
# What the commands without a configuration wait for.
DEPTH = 5


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with anvil() as url:
        yield build_world(url, tmp_path_factory.mktemp("world"), settle_blocks=20_000)


@pytest.fixture(scope="module")
def config(world, tmp_path_factory):
    return configure(world, tmp_path_factory.mktemp("operator"))


@pytest.fixture
def relayer(world, config, monkeypatch):
    """Run `shadowpool relayer …` and read its JSON; `blind` without any key, by address alone."""

    def run(*arguments: str, code: int = 0, blind: bool = False):
        whole = ["--rpc", world.chain.rpc_url, "--deployment", str(config.with_name("deployment.json")), "relayer"]
        if blind:
            arguments = (*arguments, "--relayer", world.accounts["relayer"].address)
        else:
            monkeypatch.setenv("SHADOWPOOL_ACCOUNT", str(config.with_name("account.json")))
            monkeypatch.setenv("SHADOWPOOL_PASSWORD", password(world))
        monkeypatch.setenv("SHADOWPOOL_REVEAL_KEYS", str(world.leader.keys.folder))
        done = CliRunner().invoke(app, [*whole, *arguments, "--json"])
        monkeypatch.undo()
        assert done.exit_code == code, (arguments, done.output, done.exception)
        return json.loads(done.stdout) if code == 0 else done

    return run


def test_stake_is_bonded_unbonded_and_withdrawn_when_its_time_is_over(world, relayer):
    mint = world.chain.contract("StakeToken").functions.mint(world.accounts["relayer"].address, 50 * STAKE_UNIT)
    world.chain.send(world.accounts["deployer"], mint)
    assert relayer("stake", "show", blind=True) == {
        "bonded": "1000", "unbonding": "0", "reserved": "0", "free": "1000", "epoch_stake": "100",
        "epochs it is free for": 10, "withdraw": None,
    }  # fmt: skip
    assert [row["step"] for row in relayer("stake", "bond", "50")] == ["approve", "bond"]
    assert relayer("stake", "unbond", "149.5")["step"] == "unbond"
    shown = relayer("stake", "show", blind=True)
    assert (shown["bonded"], shown["unbonding"], shown["free"]) == ("900.5", "149.5", "1050")
    assert shown["withdraw"].startswith(f"in {PARAMETERS.unbonding_blocks - 1} blocks")
    assert "too early" in str(relayer("stake", "withdraw", code=1).exception)
    world.mine(PARAMETERS.unbonding_blocks)
    assert relayer("stake", "show", blind=True)["withdraw"] == "now"
    assert relayer("stake", "withdraw")["step"] == "withdraw"
    assert relayer("stake", "show", blind=True)["unbonding"] == "0"


def test_dry_runs_need_no_key_and_send_nothing(world, relayer):
    head = world.chain.head()
    for what in (["bond", "1"], ["unbond", "1"]):
        [row] = relayer("stake", *what, "--dry-run", blind=True)
        assert row["from"] == world.accounts["relayer"].address
    assert "nothing unbonding" in str(relayer("stake", "withdraw", "--dry-run", blind=True, code=1).exception)
    assert world.chain.head() == head


def test_keys_are_listed_made_and_erased(world, relayer):
    [first] = relayer("keys", "list", blind=True)
    assert (first["version"], first["here"], first["needed"]) == (1, "yes", "no")
    assert relayer("keys", "new")[0]["proof seconds"] > 0
    world.mine(DEPTH)
    old, new = relayer("keys", "list", blind=True)
    assert (old["ends"], new["version"], new["age"]) == ("over", 2, DEPTH)
    world.open_epoch()
    world.mine(DEPTH)
    assert relayer("keys", "erase") == [{"version": 1}]
    old, new = relayer("keys", "list", blind=True)
    assert (old["here"], new["here"]) == ("no", "yes")


def test_epochs_and_status_tell_whose_turn_it_is(world, relayer):
    shown = relayer("epochs", "--ahead", "4", blind=True)
    assert shown["led"] == [] and [turn["turn"] for turn in shown["turns"]] == ["ours"] * 5
    seen = relayer("status", blind=True)
    assert seen["stake"]["bonded epochs"] == 9 and seen["key"]["version"] == 2 and seen["epochs"] == []
    assert seen["block"] - seen["ledger"] == DEPTH


def test_status_once_for_a_reader(world, relayer, config):
    where = ["--rpc", world.chain.rpc_url, "--deployment", str(config.with_name("deployment.json"))]
    whole = [*where, "relayer", "status", "--relayer", world.accounts["relayer"].address, "--once"]
    done = CliRunner().invoke(app, whole)
    assert done.exit_code == 0 and "coming turns" in done.stdout and "free epochs" in done.stdout


def test_who_is_meant_must_be_known(world, relayer):
    assert "no address of 20 bytes" in str(relayer("stake", "show", "--relayer", "north", code=1).exception)


def test_check_ends_with_its_verdict(world, relayer, config, tmp_path):
    said = json.loads(relayer("check", "--config", str(config), "--patience", "0", code=1).stdout)
    assert said["verdict"] == "NO-GO"
    wrong = [line["says"] for line in said["lines"] if line["level"] == "FAIL" and line["part"] == "chain"]
    assert wrong[0].startswith("the head has stood")
    (tmp_path / "bad.toml").write_text("confirmations = -1\n")
    said = json.loads(relayer("check", "--config", str(tmp_path / "bad.toml"), code=1).stdout)
    [line] = said["lines"]
    assert "confirmations must be a whole number" in line["says"]


@pytest.mark.parametrize(("blocks", "said"), [
    (-3, "now"), (0, "now"), (10, "in 10 blocks, about 20 s"), (600, "in 600 blocks, about 20 min"),
    (7200, "in 7200 blocks, about 4 h"),
])  # fmt: skip
def test_a_countdown_for_a_reader(blocks, said):
    assert in_time(blocks, 2.0) == said


def test_a_drain_killed_goes_on_and_says_when_it_is_safe_to_stop(world, relayer, config, tmp_path):
    """An epoch is in its reveal window; the drain settles it, prints it, and leads nothing more."""
    world.ledger.sync()
    world.fund("ash", USD=10**12)
    world.fund("birch", BTC=10**10)
    epoch = world.open_epoch()
    placed = []
    for name, side, price in (("ash", Side.BUY, 505), ("birch", Side.SELL, 495)):
        wallet, credential = world.wallet(name), world.traders[name].credential
        terms, carrier = Terms(side, 100, price), world.accounts["carrier"]
        placed.append((wallet, wallet.commit(0, epoch, terms, credential, carrier=carrier)))
    world.advance_tree()
    world.go_to(world.market.windows(epoch).reveal + CONFIRMATIONS)
    for wallet, order in placed:
        world.send("carrier", wallet.build_reveal(order))
    world.confirm()
    led = relayer("drain", "--dry-run", blind=True)
    assert not led["safe to stop"] and led["to finish"] == [f"0/{epoch} reveal"] and led["may still lead"]

    drain = ("relayer", "drain", "--config", str(config), "--json")
    stake = world.chain.contract("Relayers").functions.stake_of(world.accounts["relayer"].address)
    out = tmp_path / "out.txt"
    with running(tmp_path, *drain, SHADOWPOOL_PASSWORD=password(world)) as process:
        until(lambda: world.chain.call(stake) == 0, process=process)
        process.kill()
        process.wait()
    assert '"safe to stop": true' not in out.read_text()
    with running(tmp_path, *drain, SHADOWPOOL_PASSWORD=password(world)) as process:
        until(lambda: process.poll() is not None, world, blocks=2)
        assert process.returncode == 0, (tmp_path / "err.txt").read_text()
    said = [json.loads(line) for line in out.read_text().splitlines()]
    assert said[-1]["safe to stop"] is True and said[-1]["withdraw"]
    ledger = Ledger(world.chain)
    ledger.sync()
    assert ledger.epochs[0, epoch].printed and ledger.epochs[0, epoch].failed_block is None
    turns = relayer("epochs", blind=True)["turns"]
    assert "ours" not in [turn["turn"] for turn in turns]
