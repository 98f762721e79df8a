"""The service against the contracts, with real proofs: every duty, two relayers, two databases, deaths."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from offchain import keystore
from offchain.chain import Chain, ChainError
from offchain.governance import Governance
from offchain.keys import from_wallet
from offchain.ledger import Ledger
from offchain.notes import BPS, Side, Terms
from offchain.outbox import SendState
from offchain.paths import ROOT
from offchain.records import EpochState
from relayer.aggregate import FEWEST
from relayer.config import RelayerConfig
from relayer.duties import Duty
from relayer.leader import Leader
from relayer.sender import Sender
from relayer.service import PATIENCE, Service, Settings
from relayer.store import Journal, Store
from relayer.telemetry.metrics import PREFIX, REGISTRY, SHARES
from scripts.cli.relayer.run import rehearsed
from scripts.deploy import STAKE_UNIT
from tests.relayer import killed
from tests.relayer.databases import KINDS, database
from tests.world import CONFIRMATIONS, PARAMETERS, anvil, build_world

BOND = 1_000 * STAKE_UNIT
PASSWORD = "only of this test"
SETTLE_BLOCKS = 400
ROTATE = 1_500
BATCH = f"{PREFIX}_batch_share_bps"
BUY, SELL = ("ash", Side.BUY, 300, 505), ("birch", Side.SELL, 200, 495)


@dataclass
class Operator:
    """A relayer's service on a database of its own, driven round by round."""

    world: object
    role: str
    notes: object
    url: str
    folder: object
    service: Service | None = None

    def start(self):
        """As after a restart: all but the database, the keys and the chain is new."""
        world, who = self.world, self.world.accounts[self.role]
        chain = Chain(world.chain.rpc_url, world.deployment, CONFIRMATIONS, poll_seconds=0.01)
        store = Store.open(self.url, world.deployment)
        ledger = Ledger(chain, journal=Journal(store))
        leader = Leader(chain, ledger, who, self.notes, self.folder, PASSWORD)
        leader.duties.rotate_blocks = ROTATE
        self.service = Service(leader, Sender(chain, store, who), store, Settings(key_retention_blocks=10))
        return self

    def stop(self):
        self.service.close()
        self.service.sender.close()
        self.service.store.close()

    def round(self, finish=True):
        started = self.service.round(self.world.chain.head())
        for future in list(self.service._running.values()) if finish else ():
            future.result()
        return started

    def work(self, rounds=40):
        """Rounds, with blocks between them, until nothing is due or open."""
        for _ in range(rounds):
            if not self.round() and not self.service.sender.open():
                return
            self.world.mine(1)
        raise AssertionError([task.model_dump() for task in self.service.store.tasks()])

    def task(self, stage, market, epoch):
        return self.service.store.task(stage, market, epoch)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with anvil() as url:
        built = build_world(url, tmp_path_factory.mktemp("world"), settle_blocks=SETTLE_BLOCKS)
        second = replace(built.market, start_block=built.market.start_block, lot=2_000)
        governance = Governance(built.chain, built.accounts["governor"])
        proposals = governance.propose(built.chain.contract("Market").functions.open_market(second.words()))
        built.mine(PARAMETERS.governor_delay)
        for proposal in proposals:
            governance.execute(proposal)
        built.confirm()
        # Blocks a second apart by their own time: else the relayers see a chain of a thousand a second.
        built.chain.web3.provider.make_request("anvil_setBlockTimestampInterval", [1])
        built.fund("ash", USD=10**11)
        built.fund("ash", USD=10**11)
        built.fund("birch", BTC=10**10)
        built.fund("birch", BTC=10**10)
        yield built


@pytest.fixture(scope="module")
def operators(world, tmp_path_factory):
    """One on SQLite and one on PostgreSQL, by address; the world's own relayer has left."""
    unbond = world.chain.contract("Relayers").functions.unbond(BOND)
    world.chain.send(world.accounts["relayer"], unbond)
    folder = tmp_path_factory.mktemp("operators")
    place = world.chain.chain_id, world.deployment.contracts["Pool"]
    with database("sqlite", folder) as first, database("postgres", folder) as second:
        made = [
            Operator(world, role, from_wallet(world.accounts[role], *place), url, folder / role)
            for role, url in (("stranger", first), ("guardian", second))
        ]
        mint = world.chain.contract("StakeToken").functions.mint
        for one in made:
            one.start()
            leader = one.service.leader
            world.chain.send(world.accounts["deployer"], mint(leader.account.address, BOND))
            leader.register()
            leader.bond(BOND)
        world.mine(CONFIRMATIONS)
        yield {one.service.leader.account.address: one for one in made}
        for one in made:
            one.stop()


@pytest.fixture(scope="module")
def bonded(world, operators):
    """The operators, once their services have registered their first reveal keys."""
    for one in operators.values():
        one.work()
        assert one.task("rotate_key", 0, 1).state == "done"
        assert len(list(one.folder.iterdir())) == 1
    world.mine(10)
    return operators


def commit(world, markets, *orders, leader=None):
    epoch = world.open_epoch()
    while leader is not None and whose(world, epoch) != leader.service.leader.account.address:
        epoch = world.open_epoch()
    placed = []
    for market in markets:
        for name, *terms in orders:
            wallet, credential, carrier = world.wallet(name), world.traders[name].credential, world.accounts["carrier"]
            placed.append((wallet, wallet.commit(market, epoch, Terms(*terms), credential, carrier=carrier)))
    world.advance_tree()
    world.go_to(world.market.windows(epoch).reveal + CONFIRMATIONS)
    return epoch, placed


def whose(world, epoch):
    turn = world.chain.contract("Relayers").functions.leader_at(epoch, world.market.windows(epoch).open)
    return world.chain.call(turn)


def trade(world, *orders, markets=(0,), leader=None):
    epoch, placed = commit(world, markets, *orders, leader=leader)
    for wallet, order in placed:
        world.send("carrier", wallet.build_reveal(order))
    world.go_to(world.market.windows(epoch).settle + CONFIRMATIONS)
    world.ledger.sync()
    return epoch


def state(world, market, epoch):
    return world.chain.call(world.chain.contract("Market").functions.state(market, epoch))


def led_by(world, operators, market, epoch):
    leader = world.ledger.epochs[market, epoch].leader
    return operators[leader], next(one for address, one in operators.items() if address != leader)


def told(market):
    """What the metrics say of a market's last batch."""
    values = {share: REGISTRY.get_sample_value(BATCH, {"market": str(market), "share": share}) for share in SHARES}
    return None if set(values.values()) == {None} else values


def test_every_market_is_settled_printed_and_advanced(world, bonded, monkeypatch):
    epoch = trade(world, BUY, SELL, markets=(0, 1))
    leader, other = led_by(world, bonded, 0, epoch)
    assert world.ledger.epochs[1, epoch].leader == leader.service.leader.account.address
    leader.service.ledger.sync()
    found = leader.service.duties.find(world.chain.head())
    assert [(duty.stage, duty.market) for duty in found[:2]] == [("settle", 0), ("settle", 1)]
    leader.round()
    leader.work()
    service = leader.service
    with monkeypatch.context() as patch:    # even if two orders were enough, nothing is said before the print
        patch.setattr("relayer.aggregate.FEWEST", 2)
        service._tell_of_batch(0, epoch)
    assert state(world, 0, epoch) == EpochState.SETTLED and told(0) is None
    world.mine(world.market.deferral)
    leader.work()
    assert told(0) is None and told(1) is None and FEWEST == 5
    with monkeypatch.context() as patch:
        patch.setattr("relayer.aggregate.FEWEST", 2)
        service._tell_of_batch(0, epoch)
    assert told(0) == {"matched": BPS, "imbalance": 2_000, "width": 500} and told(1) is None
    for market in (0, 1):
        assert state(world, market, epoch) == EpochState.SETTLED
        for stage in ("settle", "print"):
            task = leader.task(stage, market, epoch)
            assert (task.state, task.attempts, task.error) == ("done", 1, None)
    world.confirm()
    assert world.ledger.epochs[0, epoch].printed == (505, 200)
    assert leader.service.store.timings("settle_8") and leader.service.store.timings("print")
    other.work()
    assert other.task("settle", 0, epoch) is None and other.service.sender.find(f"print:0:{epoch}") is None
    world.mine(CONFIRMATIONS)
    assert not {duty.stage for duty in leader.service.duties.find(world.chain.head())} - {"advance"}


def test_a_restart_reads_no_event_twice(world, bonded, monkeypatch):
    for one in bonded.values():
        one.work()
        before = one.service.ledger
        one.stop()
        asked = []
        events = Chain.events
        noted = lambda chain, first, last: asked.append(first) or events(chain, first, last)     # noqa: E731
        monkeypatch.setattr(Chain, "events", noted)
        one.start()
        one.round()
        monkeypatch.undo()
        after = one.service.ledger
        assert all(first > before.block for first in asked) and after.block >= before.block
        assert after.epochs == before.epochs and after.spent == before.spent and after.memos == before.memos
        assert after.tree(0).root == before.tree(0).root and after.reveal_keys == before.reveal_keys


def test_a_silent_leader_is_reported_and_the_next_epoch_goes_on(world, bonded):
    epoch = trade(world, BUY)
    _silent, other = led_by(world, bonded, 0, epoch)
    world.go_to(world.market.windows(epoch).deadline)
    balance = world.chain.contract("StakeToken").functions.balanceOf(other.service.leader.account.address)
    before = world.chain.call(balance)
    for _ in range(4 * PATIENCE):
        other.round()
        world.mine(1)
    other.work()
    assert other.task("fail", 0, epoch).state == "done"
    assert world.chain.call(balance) == before + PARAMETERS.bounty
    epoch = trade(world, BUY, SELL)
    leader, _ = led_by(world, bonded, 0, epoch)
    leader.work()
    assert state(world, 0, epoch) == EpochState.SETTLED


def test_the_stake_of_an_empty_epoch_is_released(world, bonded):
    epoch, _ = commit(world, (0,), BUY)
    world.go_to(world.market.windows(epoch).settle + CONFIRMATIONS)
    world.ledger.sync()
    leader, _ = led_by(world, bonded, 0, epoch)
    leader.work()
    assert leader.task("release", 0, epoch).state == "done"


def proven_too_late(world, leader, epoch, monkeypatch):
    """A proof that the chain overtook is not sent, though a simulation on the head would pass."""
    head, service = world.chain.head(), leader.service
    with monkeypatch.context() as patch:
        patch.setattr(service.pace, "lands", lambda circuit, block: 0)
        service._do(Duty("settle", 0, epoch, head + 1), head)
    task = leader.task("settle", 0, epoch)
    assert (task.state, task.error) == ("failed", "Late") and service.sender.find(task.send_key) is None
    world.mine(2)


def test_an_epoch_that_cannot_be_made_is_not_tried(world, bonded, capsys, monkeypatch):
    """Its best proof ever took longer than is left: said once, looked at again, never proven."""
    epoch = trade(world, BUY, SELL)
    leader, _ = led_by(world, bonded, 0, epoch)
    store, real = leader.service.store, leader.service.store.timings
    store.timings = lambda circuit: [10.0**6]
    for _ in range(2):
        leader.round()
        world.mine(5)
    task = leader.task("settle", 0, epoch)
    assert (task.state, task.attempts) == ("skipped", 0) and state(world, 0, epoch) == EpochState.SETTLING
    assert capsys.readouterr().err.count("cannot settle in time") == 1
    store.timings = real
    proven_too_late(world, leader, epoch, monkeypatch)
    leader.work()
    assert state(world, 0, epoch) == EpochState.SETTLED


def test_what_can_wait_does_not_hold_up_a_settlement():
    """All workers wait for proofs of prints: an epoch whose leader would be slashed is begun all the same."""
    service = Service(SimpleNamespace(chain=None, ledger=None, duties=None), None, None, Settings(workers=1))
    free, begun = threading.Event(), []
    service._do = lambda duty, head: (begun.append(duty.stage), free.wait(60))
    try:
        assert service._start(Duty("print", 0, 1), 5) and not service._start(Duty("advance", 0, 2), 5)
        assert service._start(Duty("settle", 0, 3, deadline=9), 5)
        assert not service._start(Duty("settle", 0, 4, deadline=9), 5)
        deadline = time.monotonic() + 60
        while sorted(begun) != ["print", "settle"]:
            assert time.monotonic() < deadline, begun
            time.sleep(0.01)
    finally:
        free.set()
        service.close()


def test_half_of_the_workers_are_for_settlements():
    service = Service(SimpleNamespace(chain=None, ledger=None, duties=None), None, None, Settings(workers=4))
    free = threading.Event()
    service._do = lambda duty, head: free.wait(60)
    try:
        assert [service._start(Duty("print", 0, epoch), 5) for epoch in range(3)] == [True, True, False]
        assert [service._start(Duty("settle", 0, epoch, deadline=9), 5) for epoch in range(4)] == [True, True, True, False]
    finally:
        free.set()
        service.close()


def test_a_proof_outlives_a_node_that_is_away(tmp_path, monkeypatch):
    """The node does not answer when the settlement is proven: the next attempt posts that proof, and makes none."""
    store, posted, away = Store.open(f"sqlite:///{tmp_path}/relayer.sqlite3"), [], [True, False]
    made = SimpleNamespace(settled=SimpleNamespace(circuit="settle_8"), call=SimpleNamespace(proof_seconds=60.0))
    built = iter([made])
    leader = SimpleNamespace(
        chain=SimpleNamespace(head=lambda: 5), ledger=None, duties=None, settle_key=lambda *place: "settle:0:3:x",
        circuit=lambda *place: "settle_8", build_settle=lambda *place, deadline: next(built),
    )  # fmt: skip

    def post(key, call):
        if away.pop(0):
            raise ChainError("no node answers")
        posted.append((key, call))

    service = Service(leader, SimpleNamespace(post=post), store)
    monkeypatch.setattr(service.pace, "until", lambda *_: 60.0)
    duty = Duty("settle", 0, 3, deadline=9)
    monkeypatch.setattr(service.pace, "lands", lambda *_: 6)
    service._do(duty, 5)
    assert store.task("settle", 0, 3).state == "failed" and not posted
    monkeypatch.setattr(service.pace, "lands", lambda *_: 12)     # no time for another
    service._do(duty, 6)
    assert store.task("settle", 0, 3).state == "posted" and posted == [("settle:0:3:x", made.call)]
    assert not service._made
    service.close()
    store.close()


def test_a_dry_run_says_what_is_due_without_a_key(world, bonded, tmp_path):
    epoch = trade(world, BUY, SELL)
    leader, other = led_by(world, bonded, 0, epoch)
    world.deployment.save(tmp_path / "deployment.json")
    config = RelayerConfig(world.chain.rpc_url, tmp_path / "deployment.json", confirmations=CONFIRMATIONS)
    before = world.chain.head()
    found = rehearsed(config, leader.service.leader.account.address)
    deadline = world.market.windows(epoch).deadline
    assert {"would": "settle", "market": 0, "epoch": epoch, "before": deadline} in found
    assert not any(row["would"] == "settle" for row in rehearsed(config, other.service.leader.account.address))
    assert world.chain.head() == before
    leader.work()


def test_a_reorganisation_is_undone(world, bonded):
    """The blocks with the settlement fall out, deep enough to have counted: it is sent again, once."""
    epoch = trade(world, BUY, SELL)
    leader, _ = led_by(world, bonded, 0, epoch)
    before = world.chain.web3.provider.make_request("evm_snapshot", [])["result"]
    parted = world.chain.head()
    leader.work()
    world.mine(CONFIRMATIONS)
    leader.round()
    send = leader.service.sender.find(leader.task("settle", 0, epoch).send_key)
    assert leader.service.ledger.epochs[0, epoch].settlement and send.state == SendState.DONE
    world.go_back(before)
    world.mine(send.block - parted + 2 * CONFIRMATIONS)
    assert state(world, 0, epoch) == EpochState.SETTLING
    leader.service.ledger.sync()
    assert leader.service.ledger.epochs[0, epoch].settlement is None
    leader.work()
    world.mine(CONFIRMATIONS)
    leader.work()
    assert state(world, 0, epoch) == EpochState.SETTLED
    settled = [
        event for event in world.chain.events(parted, world.chain.head())
        if event.name == "Settled" and event.args["epoch"] == epoch
    ]
    assert len(settled) == 1
    world.ledger.sync()


def test_keys_are_changed_and_destroyed_in_time(world, bonded):
    world.mine(ROTATE)
    world.ledger.sync()
    for one in bonded.values():
        old = next(iter(one.folder.iterdir()))
        one.work()
        assert one.task("rotate_key", 0, 2).state == "done"
        world.mine(world.market.commit_blocks + 20)
        one.work()
        files = list(one.folder.iterdir())
        assert len(files) == 1 and old not in files
    epoch = trade(world, BUY, SELL)
    assert world.ledger.epochs[0, epoch].reveal_version == 2
    leader, _ = led_by(world, bonded, 0, epoch)
    leader.work()
    assert state(world, 0, epoch) == EpochState.SETTLED


def test_a_key_that_was_never_registered_is_used(world, bonded):
    """Killed between making a key and registering it: the next process registers that one."""
    one = next(iter(bonded.values()))
    made = one.service.leader.keys.create()
    call = one.service.leader.build_register_key(world.chain.head())
    assert call.args[2:] == tuple(made.public)
    one.service.leader.keys.erase(made.public)


def test_troubles_are_noted_and_tried_again(world, bonded, monkeypatch, capsys):
    """An error costs an attempt, no other duty, and leaves neither its text nor a value behind."""
    epoch = trade(world, BUY, SELL)
    leader, _ = led_by(world, bonded, 0, epoch)

    def trouble(*_, **__):
        raise KeyError("hunter2")

    monkeypatch.setattr(leader.service.leader, "build_settle", trouble)
    head = world.chain.head()
    leader.round()
    task = leader.task("settle", 0, epoch)
    assert (task.state, task.error, task.attempts) == ("failed", "KeyError", 1)
    assert task.next_block == head + 1
    monkeypatch.undo()
    said = capsys.readouterr().err
    assert '"task failed"' in said and "hunter2" not in said
    world.mine(1)
    leader.work()
    assert leader.task("settle", 0, epoch).state == "done" and state(world, 0, epoch) == EpochState.SETTLED


def test_the_database_of_another_deployment_is_refused(world, bonded):
    one = next(iter(bonded.values()))
    contracts = world.deployment.contracts | {"Pool": "0x" + "00" * 20}
    with pytest.raises(Exception, match="is of deployment"):
        Store.open(one.url, replace(world.deployment, contracts=contracts))


# --- Deaths ---


@contextmanager
def relayer(config, *point):
    """A relayer of its own process; ends with the context, if it has not yet."""
    program = [str(Path(killed.__file__)), *point] if point else ["-m", "scripts.cli"]
    environment = os.environ | {"SHADOWPOOL_PASSWORD": PASSWORD, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, *program, "relayer", "run", "--config", config]
    with open(config.with_suffix(".log"), "a") as file, subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=file, stderr=file
    ) as process:
        try:
            yield process
        finally:
            process.terminate()


def drive(world, process, until=lambda: False):
    """A block a second, as their own times say, until the process ends, or what is awaited has come."""
    begun = mined = time.monotonic()
    while process.poll() is None and not until():
        assert (now := time.monotonic()) < begun + 400, "the relayer does nothing"
        if now > mined + 1:
            world.mine(1)
            mined = now
        time.sleep(0.1)


POINTS = {
    "sqlite": ("mid_proof", "before_broadcast", "after_broadcast"),
    "postgres": ("before_note",),
}


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("kind", KINDS)
def test_a_killed_relayer_goes_on(world, bonded, kind, tmp_path):
    """Killed again and again at one settlement: it lands once, and the next is settled too."""
    one = {"sqlite": bonded_of(bonded, "stranger"), "postgres": bonded_of(bonded, "guardian")}[kind]
    epoch = trade(world, BUY, SELL, leader=one)
    one.stop()
    try:
        config = write_config(world, one, tmp_path)
        settled = lambda: state(world, 0, epoch) == EpochState.SETTLED    # noqa: E731
        for point in POINTS[kind]:
            with relayer(config, point) as process:
                drive(world, process)
            assert process.wait() == -signal.SIGKILL, (point, config.with_suffix(".log").read_text())
        with relayer(config) as process:
            drive(world, process, settled)
            drive(world, process, lambda: done(one, epoch))
        assert process.wait() == 0
    finally:
        one.start()
    sends = [
        event for event in world.chain.events(world.market.windows(epoch).settle, world.chain.head())
        if event.name == "Settled" and event.args["epoch"] == epoch
    ]
    assert len(sends) == 1
    assert one.service.sender.find(one.task("settle", 0, epoch).send_key).attempts == 1


def bonded_of(operators, role):
    return next(one for one in operators.values() if one.role == role)


def done(one, epoch):
    store = Store.open(one.url)
    try:
        task = store.task("settle", 0, epoch)
        return task is not None and task.state == "done"
    finally:
        store.close()


def write_config(world, one, folder):
    account = folder / "account.json"
    keystore.save(account, keystore.Kind.ACCOUNT, int.from_bytes(world.accounts[one.role].key, "big"), PASSWORD)
    world.deployment.save(folder / "deployment.json")
    settings = {
        "rpc": world.chain.rpc_url, "deployment": str(folder / "deployment.json"), "account": str(account),
        "keys": str(one.folder), "database": one.url, "confirmations": CONFIRMATIONS,
    }  # fmt: skip
    file = folder / "relayer.toml"
    file.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in settings.items()))
    return file
