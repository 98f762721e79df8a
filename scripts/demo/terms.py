"""The numbers of the demonstration's market and stake, and how long each window is."""

import os
from statistics import median_low

from offchain.deployment import Deployment
from offchain.notes import Terms
from scripts.orders import BATCH, LOT, OrderRow

# A client acts on a block five deep. Eight commits take a dozen blocks of a second where nothing
# else runs, the leader's proof and settlement four; a machine three times as slow still fits.
# LEAD_BLOCKS is about when the institutions will have deposited: nobody waits for the first window.
LEAD_BLOCKS = 54
COMMIT_BLOCKS = 32
FREEZE_BLOCKS = 6
REVEAL_BLOCKS = 12
SETTLE_BLOCKS = 20
DEFERRAL_BLOCKS = 10

FEE_BPS = 10
BOND_BPS = 500
SPLIT_BPS = 6_000
COLLAR_BPS = 2_000
TIER = 2
JURISDICTIONS = {"CH": 42, "DE": 57, "SG": 197}

STAKE = 10**18
EPOCH_STAKE = 100 * STAKE
BONDS = {"north": 300 * STAKE, "south": 200 * STAKE}


def pace() -> int:
    """How much longer than usual windows must be, 1 to 4: others may want this machine too."""
    busy = os.getloadavg()[0] / (os.cpu_count() or 1)
    return min(4, max(1, round(busy / 1.5)))


def market_terms(deployment: Deployment, head: int) -> dict:
    """The terms of the BTC/USD market, as `Market.open_market` takes them at block `head`."""
    slow = pace()
    return {
        "base": deployment.tokens["BTC"].address,
        "quote": deployment.tokens["USD"].address,
        "lot": LOT,
        "min_quantity": 1,
        "fee_bps": FEE_BPS,
        "bond_bps": BOND_BPS,
        "jurisdictions": sum(1 << code for code in JURISDICTIONS.values()),
        "tier": TIER,
        "start_block": head + LEAD_BLOCKS * slow,
        "commit_blocks": COMMIT_BLOCKS * slow,
        "freeze_blocks": FREEZE_BLOCKS,
        "reveal_blocks": REVEAL_BLOCKS * slow,
        "settle_blocks": SETTLE_BLOCKS * slow,
        "capacity": BATCH,
        "quota": BATCH,
        "split_bps": SPLIT_BPS,
        "deferral": DEFERRAL_BLOCKS,
        "source": deployment.contracts["Oracle"],
        "max_age": 10_000,
        "collar_bps": COLLAR_BPS,
    }


def reference_price(rows: list[OrderRow]) -> int:
    """What the feeder observes: the middle of the file's limits, in quote units a lot."""
    return median_low(row.terms.price for row in rows)


def lock(terms: Terms) -> int:
    """What an order locks, in base units of its side's token."""
    return terms.lock(LOT, FEE_BPS)
