"""Every token, to the last unit: what the pool holds is what all keys together own (P6)."""

from collections.abc import Iterator
from dataclasses import dataclass

from offchain.holdings import Holdings
from scripts.demo.narration import units
from scripts.demo.world import World, need


@dataclass(frozen=True)
class Balance:
    """One token in base units: the pool's own account, its balance, and what all keys find."""

    symbol: str
    decimals: int
    total: int
    balance: int
    notes: int
    locked: int

    @property
    def holds(self) -> bool:
        return self.total == self.balance == self.notes + self.locked


def holdings(world: World) -> Iterator[Holdings]:
    """What every key of the world owns, read afresh from the ledger."""
    traders = [who.key for who in world.institutions.values()]
    for key in (*traders, *world.leader_notes.values()):
        yield Holdings(world.ledger, key)
    yield Holdings(world.ledger, world.treasury_notes, world.treasury)


def locked(world: World, held: Holdings) -> Iterator[tuple[int, int]]:
    """(asset, amount) of each order of a key that was neither settled nor reclaimed."""
    for placed in held.orders:
        if placed.quota_nullifier in held.fills or world.ledger.orders[placed.quota_nullifier].reclaim:
            continue
        order = placed.order
        yield world.ledger.markets[order.market].rules(order.market).lock(order.terms)


def balances(world: World) -> list[Balance]:
    """Every token that the pool takes, as of the ledger's block."""
    notes: dict[int, int] = {}
    locks: dict[int, int] = {}
    for held in holdings(world):
        held.refresh()
        need(not held.unreadable, "a commit does not open with its owner's key")
        for owned in held.notes:
            if not owned.spent:
                notes[owned.note.asset] = notes.get(owned.note.asset, 0) + owned.note.amount
        for asset, amount in locked(world, held):
            locks[asset] = locks.get(asset, 0) + amount
    chain, block = world.chain, world.ledger.block
    pool = chain.contract("Pool")
    return [
        Balance(
            symbol=symbol,
            decimals=token.decimals,
            total=chain.call(pool.functions.total(token.address), block),
            balance=chain.call(chain.token(token.address).functions.balanceOf(pool.address), block),
            notes=notes.get(token.word, 0),
            locked=locks.get(token.word, 0),
        )
        for symbol, token in chain.deployment.tokens.items()
    ]


def check(world: World) -> None:
    """Show and check every token; the report says conserved only if all hold. DemoError if not."""
    world.sync()
    found = balances(world)
    rows = [
        (b.symbol, *(units(n, b.decimals) for n in (b.balance, b.total, b.notes, b.locked)), "yes" if b.holds else "NO")
        for b in found
    ]
    columns = ["token", "pool's balance", "pool's account", "unspent notes of all keys", "locked orders", "conserved"]
    world.say.table("Conservation, to the last unit", columns, rows)
    world.report.conserved = bool(found) and all(balance.holds for balance in found)
    need(world.report.conserved, "tokens are not conserved")
