"""The whole demonstration on a network of its own, from nothing to a checked report."""

import shutil
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from offchain.paths import BUILD
from scripts import network
from scripts.demo import conservation, steps_after, steps_fail, steps_open, steps_settle, steps_trade, views
from scripts.demo.explorer import Explorer, explorer
from scripts.demo.narration import Narrator
from scripts.demo.terms import reference_price
from scripts.demo.world import World, new_world
from scripts.figures import CIRCUITS, circuit_sizes
from scripts.network.plan import DEFAULT_PORT_BASE, PORT_SPAN, port_is_free
from scripts.orders import OrderRow, batches
from scripts.orders import read as read_orders

FOLDER = BUILD / "demo"


class Terminated(BaseException):
    """The process was asked to end (SIGTERM): leave as on Ctrl-C."""


@contextmanager
def started_network(folder: Path, world: World, validators: int, usual_ports: bool = False) -> Iterator[str]:
    """A fresh network in `folder`, which ends with the block, however that ends; its RPC address."""
    if folder.exists():
        network.wipe(folder) if (folder / "network.json").exists() else shutil.rmtree(folder)
    paying = [*world.accounts.values(), *(who.account for who in world.institutions.values())]
    plan = network.Plan(
        validators=validators,
        port_base=_ports() if usual_ports else network.free_port_base(),
        funded=tuple(sorted(account.address for account in paying)),
    )
    with world.report.timed("start network", f"{validators} validators"):
        running = network.start(folder, plan, say=world.say.line)
    try:
        yield running.http
    finally:
        running.stop()


def _ports() -> int:
    """The usual ports, where a client looks first; others if something else has them."""
    usual = range(DEFAULT_PORT_BASE, DEFAULT_PORT_BASE + PORT_SPAN)
    return DEFAULT_PORT_BASE if all(map(port_is_free, usual)) else network.free_port_base()


def run(orders: Path, validators: int, out: Path, folder: Path = FOLDER, serve: bool = False) -> World:
    """Run the demonstration and write its report to `out`, also where it fails.

    With `serve` the network and the explorer stay up until the process is interrupted, and the command
    line's deployment file names the network. Raises BadOrders before anything starts; DemoError or a
    component's own error where something is not as promised.
    """
    rows = read_orders(orders)
    say = Narrator()
    for name in ("world", "index"):
        shutil.rmtree(folder / name, ignore_errors=True)
    (folder / "world").mkdir(parents=True)
    out.unlink(missing_ok=True)
    world = new_world(folder / "world", validators, say)
    world.report.orders.file, world.report.orders.rows = str(orders), len(rows)
    # SIGINT too: a shell's background job inherits it ignored.
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, _terminate)
    with ExitStack() as stack:
        try:
            rpc = stack.enter_context(started_network(folder / "network", world, validators, serve))
            play(world, rpc, rows)
            shown = stack.enter_context(explorer(world, folder / "index"))
        finally:
            say.console.print(world.report.table())
            world.report.write(out)
        say.line(f"all of it in {world.report.json()['seconds']:.0f} s; the report is {out}")
        say.line(f"the explorer is at {shown.address}" + ("" if serve else ", and ends now: SERVE=1 keeps it"))
        if serve:
            _serve(world, shown, network.status(folder / "network").ws)
    return world


def _serve(world: World, shown: Explorer, websocket: str) -> None:
    """Leave everything up until interrupted."""
    world.chain.deployment.save(BUILD / "deployment.json")
    world.say.line(f"the network is at {world.chain.rpc_url}: set SHADOWPOOL_RPC to it if that is not port 8545")
    world.say.line("Ctrl-C ends both")
    try:
        shown.serve(world, websocket)
    except Terminated:
        world.say.line("ended")


def play(world: World, rpc: str, rows: list[OrderRow]) -> None:
    """The eight steps of the demonstration, then the check of every token."""
    say, first, *later = world.say, *batches(rows)
    world.report.circuits = circuit_sizes(CIRCUITS)

    say.step(1, "The governor opens a market; relayers bond; the auditor registers its key")
    steps_open.deploy_contracts(world, rpc)
    steps_open.offices(world, reference_price(rows))

    say.step(2, "The issuer admits six institutions")
    steps_open.admit(world)

    say.step(3, "They deposit, and commit sealed orders")
    silent = steps_fail.rows()
    steps_trade.deposit_all(world, [first, *later, silent])
    steps_trade.refuse_deposit(world)
    world.advance_tree()
    batch = steps_trade.commit_batch(world, first, misbehaving=True)

    say.step(4, "The window closes; orders are revealed to the leader, encrypted")
    steps_trade.reveal_batch(world, batch)

    say.step(5, "The leader clears, proves and settles; anyone advances the tree")
    steps_settle.settle(world, batch)
    world.advance_tree()
    for number, more in enumerate(later, start=2):
        say.line(f"batch {number} of the order file")
        steps_settle.whole_epoch(world, more)
    say.line("the next window is open meanwhile: two orders for step 7")
    next_batch = steps_trade.commit_batch(world, silent)

    say.step(6, "Everyone reads the outcome from the chain with its own key")
    steps_after.outcome(world, batch)
    steps_after.print_epoch(world, batch)

    say.step(7, "A leader stays silent: slashed, and every order comes back whole")
    steps_fail.silent_epoch(world, next_batch)

    say.step(8, "Three views of the same epoch")
    views.side_by_side(world, batch)

    conservation.check(world)


def _terminate(*_: object) -> None:
    raise Terminated
