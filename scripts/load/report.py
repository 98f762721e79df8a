"""What a run came to, read from the chain and from the relayer's own outbox."""

import math
import sqlite3
from pathlib import Path

from offchain.orders import Fate
from scripts.demo.conservation import balances
from scripts.demo.world import World
from scripts.load.live import Tally
from scripts.load.plan import Plan
from scripts.load.prepare import MARKET

PERCENTILES = (50, 95, 99)


def percentile(values: list[float], percent: int) -> float:
    """The nearest rank: the least value that so many percent do not exceed."""
    return sorted(values)[max(0, math.ceil(percent / 100 * len(values)) - 1)]


def build(world: World, plan: Plan, tally: Tally, outbox: Path, seconds: float, prepared_seconds: float) -> dict:
    """The report, of a ledger that stands where every epoch is over."""
    market, chain = world.ledger.markets[MARKET], world.chain
    blocks, waits, failed, orders, settled = [], [], 0, 0, 0
    for epoch in range(plan.epochs):
        record = world.ledger.epochs.get((MARKET, epoch))
        orders += record.live if record else 0
        if record is None or record.settlement is None:
            failed += 1
            continue
        close = market.windows(epoch).settle - 1
        took = chain.timestamp(record.settlement.block) - chain.timestamp(close)
        good = [order for order in record.orders if order.reveal and not record.settlement.invalid(order.reveal.slot)]
        settled += len(good)
        blocks += [record.settlement.block - close] * len(good)
        waits += [took] * len(good)
    proven = _after_proof(outbox)
    first, last = (chain.timestamp(market.windows(n).open) for n in (0, plan.epochs))
    report = {
        "orders": orders,
        "orders_per_hour": round(orders * 3_600 / max(1, last - first)),
        "commit_seconds": last - first,
        "settled": settled,
        "epochs": plan.epochs,
        "failed_epochs": failed,
        "unrevealed": sum(not order.reveal for order in world.ledger.orders.values()),
        "refused": tally.refused,
        "most_blocks_from_proof_to_settled": max(proven, default=None),
        "blocks_from_proof_to_settled": proven,
        "conserved": all(balance.holds for balance in balances(world)),
        "read_back_by_owners": _read_back(world),
        "block_seconds": round((last - first) / (plan.epochs * market.commit_blocks), 3),
        "validators": plan.validators,
        "seconds": round(seconds),
        "prepared": {"seconds": round(prepared_seconds), "commit_proofs": plan.orders},
        "live": _sent(outbox),
    }
    for percent in PERCENTILES:
        report[f"close_to_settled_p{percent}_s"] = percentile(waits, percent) if waits else None
        report[f"close_to_settled_p{percent}_blocks"] = percentile(blocks, percent) if blocks else None
    return report


def _sent(outbox: Path) -> dict[str, int]:
    """What the relayer sent, by kind; each settlement, advance and print with a proof that it made meanwhile."""
    with sqlite3.connect(f"file:{outbox}?mode=ro", uri=True) as database:
        return dict(database.execute("SELECT name, COUNT(*) FROM send WHERE state = 'done' GROUP BY name"))


def _after_proof(outbox: Path) -> list[int]:
    """Blocks from the head at which each settlement was signed, just after its proof, to the one that holds it."""
    with sqlite3.connect(f"file:{outbox}?mode=ro", uri=True) as database:
        asked = "SELECT block - sent_block FROM send WHERE name = 'settle' AND state = 'done' ORDER BY block"
        return [blocks for (blocks,) in database.execute(asked)]


def _read_back(world: World) -> int:
    """Orders whose owners' keys alone find them settled on the chain."""
    return sum(status.fate == Fate.FILLED for who in world.members() for status in who.wallet.orders())


def rows(report: dict) -> list[tuple]:
    """For a reader."""
    shown = {name: value for name, value in report.items() if not isinstance(value, dict | list)}
    return [(name.replace("_", " "), "—" if value is None else str(value)) for name, value in shown.items()]
