"""One institution's way through the web app, as steps for `frontend/e2e/desk.mjs`, and what the chain does meanwhile."""

import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from offchain import keystore
from offchain.agent.agent import Agent
from offchain.agent.config import AgentConfig, GatewayConfig
from offchain.agent.run import opened
from offchain.gateway.keys import Keys
from offchain.issuer import Issued
from offchain.notes import Side, Terms
from offchain.paths import ROOT
from tests.world import CONFIRMATIONS, World, account

WEB_DEPTH = 5
"""How many blocks the web app's wallet stays behind the head."""

PASSPHRASE = "a passphrase for one test"
BUYS = Terms(Side.BUY, 6, 520)
SELLS = Terms(Side.SELL, 4, 480)
HANDED = Terms(Side.BUY, 2, 520)
"""What the page hands to the agent."""

CARRIER = 15
"""The account, by its number, that the agent has its calls sent by."""

SECONDS = 300

LOOKS = [
    {"name": f"{width}-{scheme}", "width": width, "height": height, "scheme": scheme}
    for width, height in ((1440, 900), (390, 844))
    for scheme in ("light", "dark")
]


@dataclass
class Office:
    """The trader's own agent, whose clients it serves; `run` lets it act."""

    address: str
    token: str
    run: Callable[[], None]


@contextmanager
def office(world: World, rpc: str, trader: str, folder: Path, origin: str) -> Iterator[Office]:
    """An agent on the trader's key, with a gateway for pages of `origin`."""
    who = world.traders[trader]
    secrets = {"key": who.account, "carrier": account(CARRIER)}
    for name, holder in secrets.items():
        keystore.save(folder / f"{name}.json", keystore.Kind.ACCOUNT, int.from_bytes(holder.key, "big"), PASSPHRASE)
    world.deployment.save(folder / "deployment.json")
    config = AgentConfig(
        key=folder / "key.json",
        deployment=folder / "deployment.json",
        credentials=(issue(who.credential, folder),),
        rpc=rpc,
        carriers=(folder / "carrier.json",),
        store=f"sqlite:///{folder}/agent.sqlite3",
        confirmations=CONFIRMATIONS,
        gateway=GatewayConfig("127.0.0.1", 0, frozenset({origin})),
    )
    with opened(config, PASSPHRASE) as running:
        stop = threading.Event()
        acting = threading.Thread(target=running.agent.run, args=(stop,))
        try:
            yield Office(running.gateway, _key(running.agent), acting.start)
        finally:
            stop.set()
            if acting.ident is not None:
                acting.join()


def _key(agent: Agent) -> str:
    return Keys(agent.book.engine).new("page", ["read", "trade"])


@dataclass
class Chain:
    """What moves the chain when the walk asks for it, by name."""

    world: World
    office: Office | None = None
    settled: list[int] = field(default_factory=list)

    def agent(self) -> None:
        self.office.run()

    def confirm(self) -> None:
        self.world.mine(WEB_DEPTH)
        self.world.ledger.sync()

    def advance(self) -> None:
        self.world.advance_tree()
        self.confirm()

    def open(self) -> None:
        """Into the next commit window, with blocks to spare."""
        self.world.open_epoch()
        self.world.ledger.sync()

    def committed(self) -> None:
        """Until an order that nobody here sent is on chain."""
        epoch = self.epoch
        self._until(lambda: self._record(epoch).orders, self.world.market.windows(epoch).freeze - 20)
        self.confirm()

    def meet(self) -> None:
        """Another institution takes the other side of the epoch that is open; then the reveal window."""
        world, epoch = self.world, self.epoch
        carrier, trader = world.accounts["carrier"], world.traders["birch"]
        placed = world.wallet("birch").commit(0, epoch, SELLS, trader.credential, carrier=carrier)
        world.go_to(world.market.windows(epoch).reveal + CONFIRMATIONS)
        world.wallet("birch").reveal(placed, carrier=carrier)
        self.confirm()

    def revealed(self) -> None:
        """Until both orders of the epoch in its reveal window are."""
        epoch = max(epoch for _, epoch in self.world.ledger.epochs)
        self._until(lambda: len(self._record(epoch).reveals) == 2, self.world.market.windows(epoch).settle - 10)

    def settle(self) -> None:
        epoch = max(epoch for (_, epoch), record in self.world.ledger.epochs.items() if record.reveals)
        self.world.settle(0, epoch)
        self.settled.append(epoch)
        self.advance()

    @property
    def epoch(self) -> int:
        return self.world.market.epoch_at(self.world.chain.head() + 1)

    def _record(self, epoch: int):
        """The epoch as the ledger has it, or as it is before its first order."""
        return self.world.ledger.epochs.get((0, epoch)) or _Untouched()

    def _until(self, there: Callable[[], object], last: int) -> None:
        """Until the chain shows what somebody else sends. Blocks go by up to `last`, and then to confirm what was sent:
        the window stays open however long that takes, with room for what follows."""
        deadline = time.monotonic() + SECONDS
        while not there():
            assert time.monotonic() < deadline, "it does not come"
            head = self.world.chain.head()
            if head < last or self._fresh(head):
                self.world.confirm()
            time.sleep(1)

    def _fresh(self, head: int) -> bool:
        """Whether the ledger is still to take in what the last blocks hold: among the empty ones that are mined here,
        too, somebody's transaction may have come."""
        block = self.world.chain.web3.eth.get_block
        return any(block(head - back)["transactions"] for back in range(CONFIRMATIONS))


@dataclass(frozen=True)
class _Untouched:
    orders: tuple = ()
    reveals: tuple = ()


def issue(issued: Issued, folder: Path) -> Path:
    path = folder / "credential.json"
    issued.save(path)
    return path


def walk(plan: dict, chain: object, folder: Path) -> dict:
    """What the walk of a plan reports; where it says a word, `chain` has a method for it."""
    (folder / "plan.json").write_text(json.dumps(plan))
    command = ["node", "e2e/desk.mjs", folder / "plan.json"]
    walking = subprocess.Popen(
        command, cwd=ROOT / "frontend", stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    said, failures = [], []

    def listen() -> None:
        for line in walking.stderr:
            said.append(line)
            word, _, what = line.strip().partition(" ")
            if word not in ("say", "ask"):
                continue
            try:
                getattr(chain, what)()
                if word == "ask":
                    walking.stdin.write("\n")
                    walking.stdin.flush()
            except Exception as error:
                failures.append(error)
                walking.kill()

    listener = threading.Thread(target=listen)
    listener.start()
    try:
        output = walking.stdout.read()
        walking.wait(60)
    finally:
        walking.kill()
        listener.join()
    if failures:
        raise failures[0]
    assert walking.returncode == 0, "".join(said)
    return json.loads(output)
