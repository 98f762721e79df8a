"""An agent's office: a folder with all that `shadowpool agent run` needs, one process after the other, and a client."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property

from offchain import keystore
from offchain.agent.book import Book
from offchain.agent.desk import AgentStatus, DeskOrder
from offchain.agent_client import AgentClient, AgentRefused
from offchain.gateway.keys import Keys
from offchain.gateway.tables import prepare
from offchain.paths import ROOT
from scripts.ports import kept_port
from tests.world import CONFIRMATIONS, account

PASSWORD = "only of this test"
SECONDS = 300
PATIENCE_SECONDS = 30.0
BLOCK_SECONDS, PROOF_SECONDS = 0.5, 5.0
"""A block comes so long after the one before at the least; and so long while a commit is still being proven, which must
not lose its window to that."""

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


@contextmanager
def opened(world, folder) -> Iterator["Office"]:
    """The office of ash, whose gateway has the same port in every process of its agent."""
    world.deployment.save(folder / "deployment.json")
    world.traders["ash"].credential.save(folder / "credential.json")
    for name, who in (("ash", world.traders["ash"].account), ("carrier", account(15))):
        keystore.save(folder / f"{name}.json", keystore.Kind.ACCOUNT, int.from_bytes(who.key, "big"), PASSWORD)
    with kept_port() as port:
        facts = {"rpc": world.chain.rpc_url, "confirmations": CONFIRMATIONS, "port": port, "hash": "0" * 64}
        text = CONFIG.format(folder=folder, **facts)
        (folder / "agent.toml").write_text(text)
        yield Office(world, folder, f"http://127.0.0.1:{port}")


class Office:
    def __init__(self, world, folder, url):
        self.world, self.folder, self.url = world, folder, url

    @cached_property
    def client(self) -> AgentClient:
        book = Book.open(f"sqlite:///{self.folder}/agent.sqlite3")
        prepare(book.engine)
        token = Keys(book.engine).new("test", ["read", "trade", "move", "admin"])
        book.close()
        return AgentClient(self.url, token, patience=SECONDS)

    def start(self, *kill) -> subprocess.Popen:
        """The agent's process; with (POINT, KIND) of killed.py it dies there."""
        words = [str(ROOT / "tests" / "agent" / "killed.py"), *kill] if kill else ["-m", "scripts.cli"]
        paths = {"PYTHONPATH": str(ROOT), "XDG_STATE_HOME": str(self.folder), "SHADOWPOOL_PASSWORD": PASSWORD}
        self.log = self.folder / f"agent{len(list(self.folder.glob('*.log')))}.log"
        with self.log.open("w") as log:
            return subprocess.Popen(
                [sys.executable, *words, "agent", "run", "--config", "agent.toml"],
                cwd=self.folder, env=os.environ | paths, stdout=log, stderr=log,
            )  # fmt: skip

    @contextmanager
    def running(self, *kill) -> Iterator[subprocess.Popen]:
        process = self.start(*kill)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def wait(self, process: subprocess.Popen) -> None:
        """Until it answers."""
        deadline = time.monotonic() + SECONDS
        while "agent serves" not in self.log.read_text():
            assert process.poll() is None and time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.1)

    def killed(self, process: subprocess.Popen) -> None:
        """Until it has killed itself. Now and then a block comes, for what failed is tried again at the next one."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            with suppress(subprocess.TimeoutExpired):
                assert process.wait(PATIENCE_SECONDS) == -signal.SIGKILL, self.log.read_text()
                return
            self.world.mine(1)
        raise AssertionError(f"it lives on: {self.log.read_text()}")

    def until(self, client_id: str, state: str) -> DeskOrder:
        """The order once it is in a state. Blocks come meanwhile, each after the agent has seen the one before."""
        began = mined = time.monotonic()
        while (order := self._order(client_id)) is None or order.state != state:
            status, now = self.client.status(), time.monotonic()
            assert now - began < SECONDS and (order is None or not order.ended), (order, status)
            proving = order is None or order.quota_nullifier is None
            pause = PROOF_SECONDS if proving else BLOCK_SECONDS
            if status.head >= self.world.chain.head() and now - mined >= pause:
                self.world.mine(1)
                mined = now
            time.sleep(0.1)
        return order

    def seen(self) -> AgentStatus:
        """The status once a round at the chain's head has ended: an order's state is news before that."""
        deadline = time.monotonic() + SECONDS
        while (status := self.client.status()).head < self.world.chain.head():
            assert time.monotonic() < deadline, status
            time.sleep(0.1)
        return status

    def _order(self, client_id: str) -> DeskOrder | None:
        try:
            return self.client.order(client_id)
        except AgentRefused as refused:
            assert refused.status == 404, refused
            return None     # its parent has not placed it yet
