"""Two institutions trade in two browsers, on five validators, with their own agents: their tabs are shut when it matters.

Each connects a wallet, deposits, and places an order: one proves it in the page, the other hands it to its agent. Both
then leave. The agents reveal, a relayer settles, and on coming back each finds its fill and withdraws.
"""

import json
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from offchain.agent.desk import OrderState
from offchain.agent_client import AgentClient
from offchain.ledger import Ledger
from offchain.notes import Side, Terms
from offchain.orders import Fate
from offchain.paths import BUILD, ROOT
from offchain.wallet import Wallet
from scripts.demo.narration import Narrator
from scripts.demo.run import started_network
from scripts.demo.world import Institution, World
from scripts.network.plan import free_port
from scripts.venue import daemons, world as venue
from tests.frontend import desk, scene

pytestmark = pytest.mark.timeout(1_500)
RELAYER = "north"
STAKE = 20_000 * 10**18
WINDOWS = {"commit_blocks": 90, "freeze_blocks": 8, "reveal_blocks": 40, "settle_blocks": 90, "capacity": 8, "quota": 2}
ROOM = 75
"""Blocks of a commit window in which two browsers on two cores prove and send: 18 with seven times the work."""

PATIENCE = 600
BUYS, SELLS = Terms(Side.BUY, 10, 2_400_000), Terms(Side.SELL, 10, 2_300_000)
FILL, PRICE = 10, venue.PRICE


@dataclass
class Desk:
    """An institution with its agent; `chain` words are what its walk waits for."""

    world: World
    who: Institution
    terms: Terms
    agent: AgentClient
    token: str
    meet: threading.Barrier
    report: dict = field(default_factory=dict)

    def together(self) -> None:
        """Until both are ready, and the window is one that both make."""
        self.meet.wait(PATIENCE)

    def committed(self) -> None:
        self._until(OrderState.COMMITTED, OrderState.REVEALED, OrderState.FILLED)

    def filled(self) -> None:
        self._until(OrderState.FILLED)

    def order(self):
        [order] = self.agent.orders()
        return order

    def _until(self, *states: OrderState) -> None:
        deadline = time.monotonic() + PATIENCE
        while not (found := self.agent.orders()) or found[0].state not in states:
            assert time.monotonic() < deadline, found
            time.sleep(0.5)


def _window(world: World) -> None:
    """Until a commit window has room for both proofs: looked at for both at once, or one might wait for the next."""
    market, chain = world.ledger.markets[0], world.chain
    while True:
        head = chain.head()
        windows = market.windows(market.epoch_at(max(head, market.start_block)))
        if windows.open <= head < windows.freeze - ROOM:
            return
        time.sleep(0.5)


@pytest.fixture(scope="module")
def desks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("desks")
    site = folder / "site"
    with ExitStack() as stack:
        world = venue.new(site, 5, (RELAYER, "carrier of alder", "carrier of birch"), Narrator())
        rpc = stack.enter_context(started_network(site / "network", world, 5))
        venue.deploy(world, rpc, (RELAYER,), STAKE)
        venue.open_market(world, **WINDOWS)
        running = [daemons.relayer(world, RELAYER, rpc, f"sqlite:///{folder}/relayer.sqlite3")]
        stack.callback(lambda: daemons.stop(running))
        running[0].start()
        base = stack.enter_context(scene.served(SimpleNamespace(deployment=world.chain.deployment), rpc, folder))
        meet = threading.Barrier(2, lambda: _window(world))
        found = []
        for name, terms in (("alder", BUYS), ("birch", SELLS)):
            who = world.institutions[name]
            venue.endow(world, who, 1)
            daemon, agent, token = _agent(world, who, rpc, base)
            running.append(daemon)
            agent.status()      # it serves: a page that pairs asks once
            found.append(Desk(world, who, terms, agent, token, meet))
        _walk_all(found, base, rpc, folder)
        yield found


def _agent(world: World, who: Institution, rpc: str, origin: str):
    """`shadowpool agent run`, as its institution starts it: (daemon, its client, the key of that)."""
    folder = world.folder / "agents" / who.name
    daemons.saved_account(folder, who.account, world.password)
    daemons.saved_account(folder / "carrier", world.accounts[f"carrier of {who.name}"], world.password)
    who.credential.save(folder / "credential.json")
    port, file = free_port(), folder / "agent.toml"
    settings = {
        "rpc": rpc, "deployment": str(world.folder / "deployment.json"), "key": "account.json",
        "carriers": ["carrier/account.json"], "credentials": ["credential.json"],
        "store": f"sqlite:///{folder}/agent.sqlite3",
    }  # fmt: skip
    gateway = {"listen": f"127.0.0.1:{port}", "origins": [origin]}
    file.write_text("".join(
        f"[{table}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in rows.items())
        for table, rows in (("agent", settings), ("gateway", gateway))
    ))  # fmt: skip
    command = [sys.executable, "-m", "scripts.cli", "agent", "key", "new", "--config", file, "--name", "desk"]
    made = subprocess.run([*command, "--scopes", "read,trade", "--json"], capture_output=True, text=True, check=True)
    token = json.loads(made.stdout)["key"]
    daemon = daemons.Daemon(folder, {"SHADOWPOOL_PASSWORD": world.password}, "agent", "run", "--config", file)
    daemon.start()
    return daemon, AgentClient(f"http://127.0.0.1:{port}", token, patience=PATIENCE), token


def _walk_all(desks: list[Desk], base: str, rpc: str, folder) -> None:
    """Both at once, each in a browser of its own."""

    def one(which: Desk) -> None:
        place = folder / which.who.name
        place.mkdir()
        plan = {
            "base": base, "rpc": rpc, "key": which.who.account.key.hex(), "out": str(BUILD / "shots" / which.who.name),
            "looks": desk.LOOKS[:1], "services": [which.agent.url], "patience": PATIENCE * 1_000,
            "steps": _steps(which, place),
        }  # fmt: skip
        try:
            which.report = desk.walk(plan, which, place)
        except BaseException:
            which.meet.abort()
            raise

    failures = []
    threads = [threading.Thread(target=_keeping(failures, one), args=(which,)) for which in desks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def _keeping(failures: list, action):
    def run(*arguments) -> None:
        try:
            action(*arguments)
        except BaseException as error:
            failures.append(error)

    return run


def _steps(which: Desk, folder) -> list[dict]:
    credential = desk.issue(which.who.credential, folder)
    buys = which.terms.side == Side.BUY
    asset, amount, got = ("USD", "500000", "BTC") if buys else ("BTC", "5", "USD")
    deposit, withdraw = "form[aria-label=Deposit]", "form[aria-label=Withdraw]"
    sending = (
        [{"click": "Your own account", "role": "radio", "loose": True}, {"click": "Prove and send"}, {"see": ".task-done"}]
        if buys else
        [{"click": "Your agent", "role": "radio", "loose": True}, {"click": "Hand it over"}, {"see": ".task-done"}]
    )  # fmt: skip
    return [
        {"go": "/desk"}, {"click": "Local wallet"}, {"click": "Sign"}, {"see": "h1", "text": "Balances"},
        {"go": "/desk/settings"}, {"file": "The issuer’s file", "path": str(credential)}, {"see": "dt", "text": "Tier"},
        {"fill": "Passphrase", "text": desk.PASSPHRASE}, {"fill": "The same again", "text": desk.PASSPHRASE},
        {"click": "Seal in this browser"}, {"see": ".badge", "text": "sealed in this browser"},
        {"fill": "Agent’s address", "text": which.agent.url}, {"fill": "API key", "text": which.token},
        {"click": "Pair"}, {"see": ".lamp-good"},
        {"go": "/desk"}, {"choose": "Asset", "text": asset, "within": deposit},
        {"fill": "Amount", "text": amount, "within": deposit}, {"click": "Deposit", "within": deposit},
        {"see": ".task-done"}, {"see": ".badge", "text": "spendable"},
        {"go": "/desk/order"}, {"click": "Buy" if buys else "Sell", "role": "radio"}, {"fill": "Quantity", "text": "0.10"},
        {"fill": "Limit", "text": "240" if buys else "230"}, {"count": ".desk-checks .bad", "of": 0}, {"ask": "together"},
        *sending, {"ask": "committed"}, {"leave": True}, {"ask": "filled"},
        {"go": "/desk"}, {"fill": "Passphrase", "text": desk.PASSPHRASE}, {"click": "Unlock"},
        {"see": "h1", "text": "Balances"}, {"go": "/desk/blotter"}, {"see": "td .badge", "text": "filled"}, {"shot": "filled"},
        {"go": "/desk"}, {"see": ".badge", "text": "spendable"},
        {"choose": "Asset", "text": asset, "within": withdraw}, {"fill": "Amount", "text": "1", "within": withdraw},
        {"click": "Withdraw", "within": withdraw}, {"see": ".task-done", "text": "Withdraw"}, {"shot": "withdrawn"},
    ]  # fmt: skip


def test_both_ways_are_walked(desks):
    for which in desks:
        assert which.report["failed"] is None, which.who.name
        assert which.report["outside"] == [] and not any(shot["violations"] for shot in which.report["shots"])


def test_each_was_revealed_by_its_agent_and_filled(desks):
    for which, source in zip(desks, ("chain", "rest")):
        order = which.order()
        assert (order.state, order.fill, order.fill_price, order.source) == (OrderState.FILLED, FILL, PRICE, source)
        world = which.world
        sent = world.chain.web3.eth.get_transaction(order.reveal_tx)
        assert sent["from"] == world.accounts[f"carrier of {which.who.name}"].address


def test_the_keys_alone_find_the_same(desks):
    for which in desks:
        chain = which.world.chain
        wallet = Wallet(chain, Ledger(chain), which.who.key, which.who.account)
        [status] = wallet.orders()
        assert (status.placed.order.terms, status.fate) == (which.terms, Fate.FILLED)
        assert (status.fill, status.price) == (FILL, PRICE)
