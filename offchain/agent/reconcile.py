"""Whether the agent owns what its own history says it should.

By asset, unspent notes and what live orders hold must be what they were, and what the orders and
movements that ended since have added or taken. All of it is read at one block of the ledger. What is
left over was done by somebody else: a payment received, or the same key at work elsewhere.
"""

from dataclasses import replace

from offchain.agent.book import Book, Entry, Transfer
from offchain.agent.core import Core
from offchain.agent.desk import DeskOrder, MovementState, OrderState
from offchain.agent.purse import Look
from offchain.chain import as_address
from offchain.notes import Terms, pay
from offchain.records import MarketTerms

FACT = "expected"


class Reconcile:
    def __init__(self, core: Core):
        self.core, self.book, self.purse = core, core.book, core.purse
        self._ends: tuple[int, int] | None = None

    def round(self, look: Look) -> None:
        """Book what has ended; an event for every difference, and a problem where units are missing."""
        actual = look.totals()
        with self.book.lock:
            entries = [one for one in self.book.entries.values() if one.order.ended and not one.booked]
            transfers = [one for one in self.book.transfers.values() if _final(one) and not one.booked]
            expected = _expected(self.book)
            known = {sight.word for sight in look.sights}
            first = expected is None
            expected = dict(actual) if first else expected
            for entry in () if first else entries:
                if entry.order.quota_nullifier in known:
                    _add(expected, _of_order(entry.order, self.purse.ledger.markets[entry.order.market]))
            for transfer in () if first else transfers:
                _add(expected, _of_transfer(transfer))
            booked = [replace(one, booked=True) for one in (*entries, *transfers)]
            if not booked and not first and expected == actual:
                return
            assets = sorted(actual.keys() | expected.keys())
            differences = {asset: actual.get(asset, 0) - expected.get(asset, 0) for asset in assets}
            for asset, units in differences.items():
                if units:
                    self._tell(asset, units)
            self.book.write(*booked, facts=_fact(actual))   # last: a death before it has them told once more

    def _tell(self, asset: int, units: int) -> None:
        symbol, _ = self.purse.symbols.get(asset, (as_address(asset), 0))
        self.book.write(tell="balance", asset=as_address(asset), unexplained=str(units))
        if units < 0:
            self.core.problems[f"balance:{asset}"] = (
                f"{-units} units of {symbol} left by no order or movement of this agent: is the key used elsewhere?"
            )


def unbooked(core: Core, entry: Entry) -> tuple[Entry, dict]:
    """For an order whose end a reorganisation took back or changed: its entry and the facts as before it was booked.

    To be written together, under the book's lock.
    """
    expected, market = _expected(core.book), core.purse.ledger.markets.get(entry.order.market)
    if not entry.booked or expected is None or market is None:
        return replace(entry, booked=False), {}
    _add(expected, {asset: -units for asset, units in _of_order(entry.order, market).items()})
    return replace(entry, booked=False), _fact(expected)


def _expected(book: Book) -> dict[int, int] | None:
    found = book.fact(FACT)
    return None if found is None else {int(asset): int(amount) for asset, amount in found.items()}


def _fact(totals: dict[int, int]) -> dict:
    return {FACT: {str(asset): str(amount) for asset, amount in totals.items()}}


def _of_order(order: DeskOrder, market: MarketTerms) -> dict[int, int]:
    """What an ended order changed, by asset: its payment less what it had locked, or what it forfeited."""
    terms = Terms(order.side, order.quantity, order.price)
    asset, lock = market.rules(order.market).lock(terms)
    if order.state != OrderState.FILLED:
        return {asset: -(order.forfeited or 0)}
    paid = pay(terms, order.fill, order.fill_price, market.lot, market.fee_bps)
    found = {int(market.base, 16): paid.base, int(market.quote, 16): paid.quote}
    return found | {asset: found[asset] - lock}


def _final(transfer: Transfer) -> bool:
    return transfer.movement.state in (MovementState.DONE, MovementState.FAILED)


def _of_transfer(transfer: Transfer) -> dict[int, int]:
    movement = transfer.movement
    if movement.state != MovementState.DONE:
        return {}
    moved = {"deposit": movement.amount, "withdrawal": -movement.amount}.get(movement.kind, 0)
    return {int(movement.asset, 16): moved - transfer.fee}


def _add(totals: dict[int, int], changes: dict[int, int]) -> None:
    for asset, units in changes.items():
        totals[asset] = totals.get(asset, 0) + units
