"""An institution's agent at work, and every byte that it gives to somebody else, kept by who got it.

`shadowpool agent run` is a process of its own. Its node, the indexer that it is restored from and the carrier's
service are reached through relays that keep what goes their way; a webhook's receiver and a FIX counterparty keep
what they are told. What its process leaves behind is kept as well: its log, its database, its locks.
"""

import json
import os
import secrets
import socket
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from offchain import keystore
from offchain.agent.desk import DeskOrder, OrderState
from offchain.agent_client import AgentClient, AgentRefused
from offchain.fix.settings import hash_password
from offchain.gateway.keys import Keys
from offchain.gateway.tables import prepare
from offchain.holdings import OwnedNote
from offchain.notes import Side, Terms
from offchain.orders import PlacedOrder
from offchain.paths import ROOT
from offchain.store import Store
from scripts.network.plan import free_port
from tests.carrying import carrier_account, carrying
from tests.e2e.observed import REFERENCE, terms
from tests.e2e.observed_index import watched
from tests.fix import peer as fix
from tests.gateway.sink import Sink, listening
from tests.world import CONFIRMATIONS, Trader, World

STEPS = ("start", "commit", "reveal", "settlement")
SECONDS = 360
FIX, REST, PARENT = "fix:DESK:alpine-heath", "rest-birdsong", "parent-cloudberry"
"""How the three orders are called: of FIX, of REST, and a parent order of one child."""

CONFIG = """
[agent]
rpc = "{node}"
deployment = "deployment.json"
key = "desk.json"
account = "desk.json"
carriers = ["{carrier}"]
indexer = "{indexer}"
credentials = ["credential.json"]
store = "sqlite:///{store}"
confirmations = {confirmations}

[gateway]
listen = "127.0.0.1:{gateway}"

[fix]
listen = "127.0.0.1:{fix}"
counterparties = [{{comp_id = "DESK", password_hash = "{password_hash}"}}]

[limits.markets.0]
order_quantity = "{most}"
"""


class Tap:
    """A relay at `url` to an address of this machine; `heard` is every byte that came to it, and with `answers` those
    that came back. While it is `cut`, it does not answer."""

    def __init__(self, address: str, answers: bool = False):
        host, port = address.removeprefix("http://").split(":")
        self.heard, self.cut, tap = bytearray(), False, self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with socket.create_connection((host, int(port))) as there:
                    back = threading.Thread(target=_pour, args=(there, self.request, self.answer), daemon=True)
                    back.start()
                    _pour(self.request, there, lambda part: self.ask(there, part))
                    back.join()

            def ask(self, there: socket.socket, part: bytes) -> None:
                if tap.cut:
                    raise ConnectionResetError
                tap.heard.extend(part)
                there.sendall(part)

            def answer(self, part: bytes) -> None:
                if answers:
                    tap.heard.extend(part)
                self.request.sendall(part)

        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _pour(source: socket.socket, sink: socket.socket, give: Callable[[bytes], object]) -> None:
    """All that comes, until either side goes away; then the other is told."""
    with suppress(OSError):
        while part := source.recv(1 << 16):
            give(part)
    for one, how in ((source, socket.SHUT_RD), (sink, socket.SHUT_WR)):
        with suppress(OSError):
            one.shutdown(how)


@dataclass
class Desk:
    """What happened, with all that is secret in it; `heard` by observer and step. `notes` it began with, of which it
    still has `kept`; all of it was sent from block `begun` on."""

    world: World
    who: Trader
    folder: Path
    taps: dict[str, Tap]
    sink: Sink = field(default_factory=lambda: Sink(500))
    peer: fix.Peer | None = None
    heard: dict[tuple[str, str], bytes] = field(default_factory=dict)
    orders: dict[str, DeskOrder] = field(default_factory=dict)
    placed: list[PlacedOrder] = field(default_factory=list)
    notes: list[OwnedNote] = field(default_factory=list)
    kept: list[OwnedNote] = field(default_factory=list)
    passwords: dict[str, str | bytes] = field(default_factory=dict)
    begun: int = 0

    def mark(self, step: str) -> None:
        """Remember what everyone has been told by now."""
        for name, tap in self.taps.items():
            self.heard[name, step] = bytes(tap.heard)
        got = b"".join(json.dumps(headers).encode() + body for headers, body in self.sink.got)
        self.heard["webhook", step] = got
        self.heard["counterparty", step] = json.dumps(self.peer.received).encode()

    def named(self) -> bool:
        """Whether its carrier has named every transaction of it that is in a block, and it has asked its node for each."""
        chain, mine = self.world.chain, carrier_account().address
        sent = {event.tx for event in chain.events(self.begun, chain.head())}
        sent = {tx for tx in sent if chain.web3.eth.get_transaction(tx)["from"] == mine}
        return all(tx[2:].encode() in self.taps[name].heard for tx in sent for name in ("carrier", "node"))

    def sink_says(self, state: str) -> int:
        """Of how many orders the webhook's receiver was told that they are in this state."""
        told = (json.loads(body)["order"] for _, body in self.sink.got)
        return len({order["client_id"] for order in told if order and order["state"] == state})

    def left(self) -> dict[str, bytes]:
        """What its process leaves on its machine: its log apart, and every file that it made."""
        given = {"desk.json", "credential.json", "deployment.json", "agent.toml"}
        made = [path for path in sorted(self.folder.rglob("*")) if path.is_file() and path.name not in given]
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in made}


def play(world: World, folder: Path) -> Iterator[Desk]:
    """Three orders, by FIX, REST and the slicer, from their tickets to their fills; the desk, while its agent runs."""
    who = _endow(world)
    office = folder / "office"
    office.mkdir()
    with ExitStack() as stack:
        served = {
            "node": world.chain.rpc_url,
            "indexer": stack.enter_context(watched(world, folder)).url,
            "carrier": stack.enter_context(carrying(world.chain, folder)).url,
        }
        taps = {name: Tap(url, answers=name == "carrier") for name, url in served.items()}
        for tap in taps.values():
            stack.callback(tap.close)
        desk = Desk(world, who, office, taps, notes=list(who.wallet.notes()))
        client = stack.enter_context(_running(desk))
        hook = stack.enter_context(listening(desk.sink))
        secret = client.ask(dict, "POST", "/webhooks", {"url": hook})["secret"]
        desk.passwords["the webhook's secret"] = bytes.fromhex(secret)
        _trade(desk, client)
        yield desk


def _endow(world: World) -> Trader:
    """Notes for three orders, and a counterparty's."""
    deployer = world.accounts["deployer"]
    for name, symbol, count in (("ash", "USD", 4), ("birch", "BTC", 1)):
        who, token = world.traders[name], world.chain.token(world.asset(symbol))
        world.chain.send(deployer, token.functions.mint(who.account.address, 2**124))
        for _ in range(count):
            who.wallet.deposit(world.asset(symbol), secrets.randbits(110) | 1 << 110)
    world.advance_tree()
    return world.traders["ash"]


@contextmanager
def _running(desk: Desk) -> Iterator[AgentClient]:
    """The agent's process, and a client of it."""
    world, office, ports = desk.world, desk.folder, {"gateway": free_port(), "fix": free_port()}
    desk.passwords |= {"the keystore's password": secrets.token_urlsafe(24), "FIX's password": fix.PASSWORD}
    world.deployment.save(office / "deployment.json")
    desk.who.credential.save(office / "credential.json")
    key = int.from_bytes(desk.who.account.key, "big")
    keystore.save(office / "desk.json", keystore.Kind.ACCOUNT, key, desk.passwords["the keystore's password"])
    settings = CONFIG.format(
        **{name: tap.url for name, tap in desk.taps.items()}, **ports, store=office / "agent.sqlite3",
        confirmations=CONFIRMATIONS, password_hash=hash_password(fix.PASSWORD), most=2**52,
    )  # fmt: skip
    (office / "agent.toml").write_text(settings)
    variables = {"SHADOWPOOL_PASSWORD": desk.passwords["the keystore's password"], "XDG_STATE_HOME": str(office)}
    with (office / "agent.log").open("w") as log:
        command = [sys.executable, "-m", "scripts.cli", "agent", "run", "--config", "agent.toml"]
        paths = {"PYTHONPATH": str(ROOT)} | variables
        process = subprocess.Popen(command, cwd=office, env=os.environ | paths, stdout=log, stderr=log)
    try:
        _wait(lambda: "agent serves" in (office / "agent.log").read_text() or process.poll() is not None)
        assert process.poll() is None, (office / "agent.log").read_text()
        store = Store.open(f"sqlite:///{office}/agent.sqlite3")
        prepare(store.engine)
        token = Keys(store.engine).new("desk", ["read", "trade", "move", "admin"])
        desk.passwords["the API key"] = token.split("_", 2)[2]
        store.close()
        desk.peer = fix.Peer(ports["fix"])
        with AgentClient(f"http://127.0.0.1:{ports['gateway']}", token, patience=SECONDS) as client:
            yield client
    finally:
        process.kill()
        process.wait()


def _trade(desk: Desk, client: AgentClient) -> None:
    world, peer, birch = desk.world, desk.peer, desk.world.traders["birch"]
    _refusals(desk, client)
    peer.enter()
    desk.mark("start")

    # Of one limit, and of more lots than are sold: all of them are filled in part.
    epoch, limit = world.open_epoch(), terms(Side.BUY, 20).price
    desk.begun = world.chain.head()
    lots = [secrets.randbits(49) | 1 << 49 for _ in range(3)]
    given = Terms(Side.SELL, sum(lots) // 3, terms(Side.SELL, 20).price)
    sold = birch.wallet.commit(0, epoch, given, birch.credential, carrier=world.accounts["carrier"])
    peer.order(FIX.split(":")[-1], quantity=lots[0], price=limit)
    client.place(REST, 0, Side.BUY, lots[1], limit, epoch)
    client.start_parent(PARENT, 0, Side.BUY, lots[2], limit, "twap", 1, epoch)
    _until(desk, client, OrderState.COMMITTED)
    world.confirm()
    desk.placed = [seen.placed for seen in desk.who.wallet.orders()]
    _reported(peer, "0")
    _wait(lambda: desk.sink_says("committed") >= len(lots))
    desk.mark("commit")

    world.go_to(world.market.windows(epoch).reveal + CONFIRMATIONS)
    birch.wallet.reveal(sold, carrier=world.accounts["carrier"])
    desk.taps["node"].cut = True    # what it says of a node that is away is read as well
    time.sleep(1)
    desk.taps["node"].cut = False
    _until(desk, client, OrderState.REVEALED)
    desk.mark("reveal")

    world.settle(0, epoch)
    _until(desk, client, OrderState.FILLED)
    world.confirm()
    there = {own.nullifier for own in desk.who.wallet.notes()}
    desk.kept = [own for own in desk.notes if own.nullifier in there]
    _reported(peer, "F")
    _wait(lambda: desk.sink_says("filled") >= len(lots))
    desk.mark("settlement")


def _refusals(desk: Desk, client: AgentClient) -> None:
    """What it refuses, so that its log and its decisions speak of that too."""
    stranger = fix.Peer(desk.peer.port).connect()
    stranger.send("A", (98, 0), (108, 30), (554, "a guess of a password"))
    assert stranger.is_closed()
    try:
        client.place("too-large", 0, Side.BUY, 2**53, REFERENCE)
        raise AssertionError("an order over its limit was taken")
    except AgentRefused as error:
        assert error.code == "order_quantity", error


def _reported(peer: fix.Peer, kind: str) -> None:
    """Until the counterparty had an ExecutionReport of this ExecType."""
    while (message := peer.next())[35] != "8" or message[150] != kind:
        pass


def _until(desk: Desk, client: AgentClient, state: OrderState) -> None:
    """Until all three are in a state. Blocks come meanwhile, each when the agent has seen to what is in those before."""

    def there() -> bool:
        known = (one for one in client.orders() if one.source != "chain" and one.client_id != "too-large")
        desk.orders = found = {one.client_id: one for one in known}
        assert not any(one.ended and one.state != state for one in found.values()), found
        if len(found) == 3 and all(one.state == state for one in found.values()):
            return True
        if client.status().head >= desk.world.chain.head() and desk.named():
            desk.world.mine(1)
        return False

    _wait(there, 1)


def _wait(there: Callable[[], bool], seconds: float = 0.05) -> None:
    deadline = time.monotonic() + SECONDS
    while not there():
        assert time.monotonic() < deadline, "it takes too long"
        time.sleep(seconds)
