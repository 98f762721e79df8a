"""P5 and P6 over 100,000 random books: the clearing against a brute-force reference.

The reference tries every price at which demand or supply changes, and those beside it; it shares
no code with `offchain.clearing`. The books are the same in every run; a failure prints its book.
"""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pytest

from offchain import clearing
from offchain.clearing import MAX_WORD, Clearing, clear, split
from offchain.notes import BPS, Side, Terms, pay
from tests.offchain.books import clears, offered, wanted

SEED = 20_240_229
BOOKS = 100_000
MOST_ORDERS = 12
OFFSETS = 2**128

Orders = Sequence[Terms | None]


@dataclass(frozen=True)
class Case:
    kind: str
    orders: Orders      # None is an invalid reveal
    reference: int
    collar_bps: int
    offset: int
    shuffle: tuple[int, ...]
    lot: int
    fee_bps: int
    split_bps: int


EXTREMES = (1, 2, 3, 2**32, 2**63 - 1, 2**63, MAX_WORD - 2, MAX_WORD - 1, MAX_WORD)


def draw(rng: random.Random) -> Case:
    """A random case; most books are small and full of ties."""
    kind = rng.choices(
        ("ties", "small", "one price", "one-sided", "extremes", "any"), (30, 30, 10, 10, 15, 5)
    )[0]
    count = rng.randrange(MOST_ORDERS + 1) if kind != "any" else rng.randrange(6)
    highest = {"ties": 3, "one price": 1}.get(kind, 10)
    base, side = rng.choice((0, 0, 99, MAX_WORD - 10)), rng.randrange(2)
    wide = kind in ("extremes", "any")

    def word(small: int) -> int:
        if kind == "extremes":
            return rng.choice(EXTREMES)
        return rng.randrange(1, MAX_WORD + 1) if wide else rng.randrange(1, small + 1)

    def order() -> Terms | None:
        if rng.randrange(12) == 0:
            return None
        return Terms(
            Side(side if kind == "one-sided" else rng.randrange(2)),
            word(6),
            word(highest) + (0 if wide else base),
        )

    return Case(
        kind=kind,
        orders=[order() for _ in range(count)],
        reference=rng.choice(EXTREMES) if wide else max(1, min(MAX_WORD, base + rng.randrange(-2, highest + 3))),
        collar_bps=rng.choice((0, 100, 5000, BPS, BPS, BPS)),
        offset=rng.choice((0, OFFSETS - 1, rng.randrange(OFFSETS), rng.randrange(OFFSETS))),
        shuffle=tuple(rng.sample(range(count), count)),
        lot=rng.choice((1, 10, 10**18, MAX_WORD)),
        fee_bps=rng.choice((0, 1, 30, 1000)),
        split_bps=rng.choice((0, 3333, 5000, BPS)),
    )


def candidates(case: Case) -> list[int]:
    """Every limit and its neighbours, the ends of the range, the reference: between two of
    these, demand and supply do not change."""
    prices = {1, MAX_WORD, case.reference}
    for order in filter(None, case.orders):
        prices.update((order.price - 1, order.price, order.price + 1))
    return sorted(price for price in prices if 1 <= price <= MAX_WORD)


def expected_fills(orders: Orders, price: int, volume: int, offset: int) -> list[int]:
    """Protocol §4, order by order: better ones whole, a side's margin by cumulative floors of what is left."""
    fills = []
    for place, order in enumerate(orders):
        if order is None:
            fills.append(0)
            continue
        beyond = wanted(orders, price, True) if order.side == Side.BUY else offered(orders, price, True)
        margin = [o.quantity if o and (o.side, o.price) == (order.side, price) else 0 for o in orders]
        total, left = sum(margin), volume - beyond
        if order.price != price:
            fills.append(order.quantity if (order.price > price) == (order.side == Side.BUY) else 0)
        else:
            start, before = offset * total // OFFSETS, sum(margin[:place])
            fills.append((left * (before + order.quantity) + start) // total - (left * before + start) // total)
    return fills


def check_price(case: Case, result: Clearing, prices: list[int]) -> None:
    members = [price for price in prices if clears(case.orders, price)]
    assert members and members == prices[prices.index(members[0]):][:len(members)], "an interval"
    assert (result.lo, result.hi) == (members[0], members[-1])
    nearest = min(members, key=lambda price: abs(price - case.reference))
    assert result.clamped == nearest
    assert result.within_collar == (abs(nearest - case.reference) * BPS <= case.collar_bps * case.reference)
    best = max(min(wanted(case.orders, price), offered(case.orders, price)) for price in prices)
    assert result.volume == (best if result.within_collar else 0)
    assert result.price == (nearest if result.volume else 0)


def check_fills(case: Case, result: Clearing) -> None:
    if result.within_collar:
        assert list(result.fills) == expected_fills(case.orders, result.clamped, result.volume, case.offset)
    else:
        assert not any(result.fills)
    traded = Counter()
    for order, fill in zip(case.orders, result.fills, strict=True):
        if order:
            traded[order.side] += fill
            assert 0 <= fill <= order.quantity
            assert not fill or (order.price >= result.price if order.side == Side.BUY else order.price <= result.price)
    assert traded[Side.BUY] == traded[Side.SELL] == result.volume


def check_order_of_reveals(case: Case, result: Clearing) -> None:
    orders = [case.orders[place] for place in case.shuffle]
    other = clear(orders, case.reference, case.collar_bps, case.offset)
    assert (other.lo, other.hi, other.price, other.volume) == (result.lo, result.hi, result.price, result.volume)
    for place, fill in zip(case.shuffle, other.fills, strict=True):
        assert abs(fill - result.fills[place]) <= 1


def check_amounts(case: Case, result: Clearing) -> None:
    """Every base unit and quote unit locked is paid out, to owners or as fees."""
    base, quote, fees = 0, 0, 0
    for order, fill in zip(case.orders, result.fills, strict=True):
        if order is None:
            continue
        paid = pay(order, fill, result.clamped, case.lot, case.fee_bps)
        assert paid.base >= 0 and paid.quote >= 0
        assert paid.fee == fill * result.clamped * case.fee_bps // BPS
        locked = order.lock(case.lot, case.fee_bps)
        base += paid.base - (locked if order.side == Side.SELL else 0)
        quote += paid.quote + paid.fee - (locked if order.side == Side.BUY else 0)
        fees += paid.fee
    assert (base, quote) == (0, 0)
    leader, treasury = split(fees, case.split_bps)
    assert leader == fees * case.split_bps // BPS and leader + treasury == fees


def outcome(case: Case, result: Clearing) -> str:
    """What happened, to show that the books are not all alike."""
    if not any(case.orders):
        return "empty"
    if not result.within_collar:
        return "outside the collar"
    if not result.volume:
        return "no cross"
    rationed = result.rationing.left < result.rationing.total
    return f"{result.rationing.side.name.lower()}s rationed" if rationed else "all filled"


def examine(books: int) -> Counter[str]:
    """Compare that many books, and count kinds and outcomes; fails with the first that differs."""
    rng = random.Random(SEED)
    seen: Counter[str] = Counter()
    for index in range(books):
        case = draw(rng)
        try:
            result = clear(case.orders, case.reference, case.collar_bps, case.offset)
            check_price(case, result, candidates(case))
            check_fills(case, result)
            check_order_of_reveals(case, result)
            check_amounts(case, result)
        except Exception as error:
            pytest.fail(f"book {index} of seed {SEED}: {error!r}\n{case}")
        seen.update((case.kind, outcome(case, result)))
        seen["clamped"] += result.clamped != case.reference
    return seen


def test_p5_p6_many_books():
    seen = examine(BOOKS)
    outcomes = ("empty", "outside the collar", "no cross", "buys rationed", "sells rationed", "all filled", "clamped")
    assert min(seen[name] for name in outcomes) > BOOKS // 100, seen


def ignore_margin(order: Terms, price: int) -> bool:
    return order.price >= price if order.side == Side.BUY else order.price <= price


def floor_each(orders: Orders, price: int, rationing: clearing.Rationing) -> tuple[int, ...]:
    fills = expected_fills(orders, price, 0, 0)
    return tuple(
        rationing.left * order.quantity // rationing.total if order and order.price == price else fill
        for order, fill in zip(orders, fills)
    )


@pytest.mark.parametrize("name, defect", [
    ("_beats", ignore_margin),
    ("_fill", floor_each),
    ("clearing_interval", lambda book: (1, MAX_WORD)),
])
def test_a_wrong_clearing_is_found(monkeypatch, name, defect):
    monkeypatch.setattr(clearing, name, defect)
    with pytest.raises(pytest.fail.Exception, match=rf"book \d+ of seed {SEED}: .*\n.*orders="):
        examine(1000)
