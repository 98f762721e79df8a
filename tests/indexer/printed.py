"""Blocks and prints as an indexer would have taken them in, put into its tables directly."""

from dataclasses import dataclass

from sqlalchemy import Engine

from indexer import database, models
from offchain.deployment import CONTRACTS, Deployment, Token
from offchain.records import MarketTerms

BTC, USD = (Token("0x" + f"{byte:02d}" * 20, decimals) for byte, decimals in ((11, 8), (22, 6)))
ADDRESS = "0x" + "33" * 20


@dataclass(frozen=True)
class Mined:
    """A block: its time and its prints as (market, epoch, price, volume)."""

    block: int
    hash: str
    timestamp: int
    prints: tuple[tuple[int, int, int, int], ...] = ()


def put(engine: Engine, *blocks: Mined) -> None:
    """Add blocks."""
    rows = [{"block": one.block, "hash": one.hash, "parent": "", "timestamp": one.timestamp} for one in blocks]
    names = ("market", "epoch", "price", "volume")
    prints = [
        dict(zip(names, values, strict=True)) | {"block": one.block, "log_index": place}
        for one in blocks for place, values in enumerate(one.prints)
    ]  # fmt: skip
    with engine.begin() as connection:
        database.insert(connection, {models.Block.__table__: rows, models.Print.__table__: prints})


def forget(engine: Engine, block: int) -> None:
    """Go back to a block."""
    with engine.begin() as connection:
        database.forget(connection, block)


def open_market(engine: Engine, market: int, base: str = BTC.address, quote: str = USD.address, lot: int = 10**5) -> None:
    """Terms of a market, of which the liquidity windows read tokens and lot alone."""
    terms = dict.fromkeys(MarketTerms.__dataclass_fields__, 1)
    row = terms | {"market": market, "base": base, "quote": quote, "lot": lot, "source": ADDRESS, "block": 0, "log_index": market}
    with engine.begin() as connection:
        database.insert(connection, {models.Market.__table__: [row]})


def deployment() -> Deployment:
    """One of which nothing but the tokens is ever asked."""
    return Deployment(31337, 0, dict.fromkeys(CONTRACTS, ADDRESS), {}, {"BTC": BTC, "USD": USD})
