"""`shadowpool agent run` as a process: traded through over HTTP, killed where it hurts, alone with its key, ended politely."""

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from offchain import keystore
from offchain.agent.book import Book
from offchain.agent.desk import OrderState
from offchain.agent_client import AgentClient, AgentError
from offchain.gateway.keys import Keys
from offchain.gateway.tables import prepare
from offchain.notes import Side, Terms
from offchain.paths import ROOT
from tests.world import CONFIRMATIONS, account, anvil, build_world

PASSWORD = "only of this test"
SECONDS = 120
CONFIG = """
[agent]
rpc = "{rpc}"
deployment = "deployment.json"
key = "ash.json"
account = "ash.json"
carriers = ["carrier.json"]
credentials = ["credential.json"]
store = "sqlite:///{folder}/agent.sqlite3"
confirmations = {confirmations}

[gateway]
listen = "127.0.0.1:{port}"

[fix]
listen = "127.0.0.1:0"
counterparties = [{{comp_id = "OMS", password_hash = "{hash}"}}]

[limits]
orders_per_minute = 100
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with anvil() as url:
        found = build_world(url, tmp_path_factory.mktemp("world"), commit_blocks=100)
        found.fund("ash", USD=50_000)
        found.fund("birch", BTC=50_000)
        yield found


@pytest.fixture(scope="module")
def office(world, tmp_path_factory):
    """A folder with all that the agent of ash needs, and its client."""
    folder = tmp_path_factory.mktemp("office")
    world.deployment.save(folder / "deployment.json")
    world.traders["ash"].credential.save(folder / "credential.json")
    for name, who in (("ash", world.traders["ash"].account), ("carrier", account(15))):
        keystore.save(folder / f"{name}.json", keystore.Kind.ACCOUNT, int.from_bytes(who.key, "big"), PASSWORD)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    text = CONFIG.format(rpc=world.chain.rpc_url, folder=folder, confirmations=CONFIRMATIONS, port=port, hash="0" * 64)
    (folder / "agent.toml").write_text(text)
    return Office(world, folder, f"http://127.0.0.1:{port}")


class Office:
    def __init__(self, world, folder, url):
        self.world, self.folder, self.url = world, folder, url
        self._token: str | None = None

    @property
    def client(self) -> AgentClient:
        if self._token is None:
            book = Book.open(f"sqlite:///{self.folder}/agent.sqlite3")
            prepare(book.engine)
            self._token = Keys(book.engine).new("test", ["read", "trade", "move", "admin"])
            book.close()
        return AgentClient(self.url, self._token, patience=SECONDS)

    def start(self, *kill) -> subprocess.Popen:
        words = [str(ROOT / "tests" / "agent" / "killed.py"), *kill] if kill else ["-m", "scripts.cli"]
        paths = {"PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(self.folder), "SHADOWPOOL_PASSWORD": PASSWORD}
        self.log = self.folder / f"agent{len(list(self.folder.glob('*.log')))}.log"
        with self.log.open("w") as log:
            return subprocess.Popen(
                [sys.executable, *words, "agent", "run", "--config", "agent.toml"],
                cwd=self.folder, env=os.environ | paths, stdout=log, stderr=log,
            )  # fmt: skip

    @contextmanager
    def running(self, *kill):
        process = self.start(*kill)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def wait(self, process):
        """Until it answers."""
        deadline = time.monotonic() + SECONDS
        while "agent serves" not in self.log.read_text():
            assert process.poll() is None and time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)

    def until(self, client_id, state):
        """The order once it is in a state; blocks come meanwhile, as long as they do not end a window."""
        deadline = time.monotonic() + SECONDS
        while (order := self.client.order(client_id)).state != state:
            assert time.monotonic() < deadline and not order.ended, (order, self.client.status())
            self.world.mine(1)
            time.sleep(0.5)
        return order


def killed(process):
    assert process.wait(SECONDS) == -signal.SIGKILL


def test_an_order_outlives_four_deaths(world, office):
    epoch = world.open_epoch()
    client = office.client
    with office.running("before_given", "commit") as process:
        office.wait(process)
        placed = client.place("one", 0, Side.BUY, 10, 505, epoch)
        assert (placed.state, placed.source, placed.account) == (OrderState.ACCEPTED, "rest", "test")
        killed(process)
    with office.running("before_broadcast", "commit") as process:
        killed(process)
    with office.running("after_given", "commit") as process:
        killed(process)
    with office.running() as process:
        assert client.place("one", 0, Side.BUY, 10, 505, epoch).client_id == "one"
        office.until("one", OrderState.COMMITTED)
        sell = world.wallet("birch").commit(
            0, epoch, Terms(Side.SELL, 10, 495), world.traders["birch"].credential, carrier=world.accounts["carrier"]
        )
        process.kill()
    world.go_to(world.market.windows(epoch).reveal)
    with office.running("before_given", "reveal") as process:
        killed(process)
    with office.running() as process:
        office.until("one", OrderState.REVEALED)
        world.wallet("birch").reveal(sell, carrier=world.accounts["carrier"])
        assert world.settle(0, epoch).count == 2
        filled = office.until("one", OrderState.FILLED)
        assert (filled.fill, filled.fill_price) == (10, 500) and filled.commit_tx and filled.reveal_tx
        assert len(world.ledger.epochs[0, epoch].orders) == 2, "one of birch, one of ash"
        assert not client.status().problems

        second = office.start()
        assert second.wait(SECONDS) == 1 and "another process" in office.log.read_text(), office.log.read_text()

        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0
    told = "".join(log.read_text() for log in office.folder.glob("*.log"))
    assert "agent stopped" in told
    with pytest.raises(AgentError, match="no agent answers"):
        AgentClient(office.url, "sp_" + "0" * 16 + "_" + "0" * 43, patience=0.0).status()
    assert PASSWORD not in told and "505" not in told
