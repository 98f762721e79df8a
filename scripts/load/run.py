"""One run: prepare, open the market, send, wait until the last epoch is over, report."""

import json
import os
import time
from pathlib import Path

from offchain.chain import ChainError
from offchain.deployment import write_atomically
from offchain.paths import BUILD
from scripts.demo.narration import Narrator
from scripts.demo.run import started_network
from scripts.demo.world import World
from scripts.load import prepare, report
from scripts.load.live import Live
from scripts.load.plan import Plan
from scripts.load.prepare import MARKET, Prepared
from scripts.network.plan import free_port
from scripts.venue import daemons, world as venue

FOLDER = BUILD / "load"
OUTPUT = FOLDER / "load.json"
RELAYER = "north"
STAKE = 20_000 * 10**18
SAMPLE = 12
"""Commits proven to see how long all of them will take."""

SECONDS_AHEAD = 3_600
MARGIN_SECONDS = 300
"""From the run's end, as planned, to the time that commits are dated: for blocks that take longer."""


class LoadError(Exception):
    """The run cannot be made, or did not come to its end; the message says why."""


def run(plan: Plan, folder: Path = FOLDER, out: Path = OUTPUT) -> dict:
    """Measure, write the report to `out` and return it."""
    site, say = folder / "site", Narrator()
    daemons.clear(site)
    world, began = venue.new(site, plan.validators, (RELAYER,), say), time.monotonic()
    say.line(f"{plan.orders} orders, {plan.per_epoch} in each of {plan.epochs} epochs: {plan.rate} an hour")
    with started_network(site / "network", world, plan.validators) as rpc:
        venue.deploy(world, rpc, (RELAYER,), STAKE)
        prepare.fund(world, plan)
        epochs, dated = _prepared(world, plan)
        prepared_seconds = time.monotonic() - began
        found = _measured(world, plan, epochs, dated, rpc, prepared_seconds)
    found |= {"cores": len(os.sched_getaffinity(0)), "load_average_before": round(os.getloadavg()[2], 1)}
    write_atomically(out, json.dumps(found, indent=2) + "\n")
    say.table("Load", ["", ""], report.rows(found))
    return found


def _prepared(world: World, plan: Plan) -> tuple[list[list[Prepared]], int]:
    """(commits by epoch, the time that they are dated): from a few, how long all take is told beforehand."""
    terms = venue.market_terms(world, 1, **plan.terms())
    began = time.monotonic()
    prepare.commits(world, plan, terms, _now(world) + SECONDS_AHEAD, SAMPLE)
    each = (time.monotonic() - began) / SAMPLE
    dated = _now(world) + round(each * plan.orders) + SECONDS_AHEAD * 3 // 4
    commits = prepare.commits(world, plan, terms, dated)
    latest = dated - plan.duration - MARGIN_SECONDS
    if _now(world) > latest:
        raise LoadError("preparing took so much longer than foreseen that the proofs are too old: is the machine busy?")
    return commits, dated


def _measured(world: World, plan: Plan, epochs: list[list[Prepared]], dated: int, rpc: str, prepared: float) -> dict:
    """Open the market, run, wait, report."""
    earliest = dated - SECONDS_AHEAD
    while (early := earliest - _now(world)) > 0:
        world.say.line(f"prepared early: waiting {early} s until the proofs may be used")
        time.sleep(min(early, 30))
    port = free_port()
    outbox = world.folder / "relayer.sqlite3"
    relayer = daemons.relayer(world, RELAYER, rpc, f"sqlite:///{outbox}")
    carrier = daemons.carrier(world, port)
    try:
        relayer.start()
        carrier.start()
        url = f"http://127.0.0.1:{port}"
        daemons.answering(carrier, url, world.chain.deployment)
        began = time.monotonic()
        start = venue.open_market(world, **plan.terms())
        world.say.line(f"market open from block {start}; relayer and carrier run; measuring for {plan.duration} s")
        tally = Live(world, plan, epochs, start, url).run()
        _wait(world, plan)
        seconds = time.monotonic() - began
        return report.build(world, plan, tally, outbox, seconds, prepared)
    finally:
        daemons.stop((relayer, carrier))


def _wait(world: World, plan: Plan) -> None:
    """Until every epoch is settled and deep, or its deadline is."""
    market = world.ledger.markets[MARKET]
    end = market.windows(plan.epochs - 1).deadline
    while world.ledger.block < end:
        try:
            world.ledger.sync()
        except ChainError as error:
            world.say.line(f"the node is slow: {error}")
        over = [r for r in world.ledger.epochs.values() if r.settlement and world.chain.confirmations]
        if len(over) == plan.epochs:
            break
        time.sleep(0.5)
    # The relayer counts a settlement once it is deep, and only then says so in its outbox.
    world.chain.wait_for(world.ledger.block + 2 * world.chain.confirmations)
    world.ledger.sync()


def _now(world: World) -> int:
    """Seconds of the chain's clock."""
    return world.chain.timestamp(world.chain.head())
