"""circuits/lib/clearing.circom."""

from offchain.clearing import BPS, MAX_WORD, clear, clearing_interval
from offchain.field import R
from offchain.notes import Side, Terms
from tests.ablation.harness import Subject, cut

BUY, SELL = Side.BUY, Side.SELL
WORD64 = 1 << 64
SLOTS = 3
_CROSSED = [Terms(BUY, 5, 10), Terms(SELL, 5, 4)]           # E = [4, 10]
_MARGIN = [Terms(BUY, 7, 5), Terms(SELL, 5, 5), Terms(SELL, 4, 5)]
_BETTER = [Terms(BUY, 7, 9), Terms(SELL, 5, 5), Terms(SELL, 4, 5)]


# --- The book in Python, over a subject's signals ---


def _sums(s, price: int) -> tuple[list[int], list[int]]:
    """[D⁺, U⁻] and [D, U] at a price."""
    beyond = [
        sum(lots for lots, limit in zip(s.bid, s.limit) if limit > price),
        sum(lots for lots, limit in zip(s.ask, s.limit) if limit < price),
    ]
    at = [sum(lots for lots, limit in zip(side, s.limit) if limit == price) for side in (s.bid, s.ask)]
    return beyond, [b + a for b, a in zip(beyond, at)]


def _better(s) -> list[int]:
    pairs = zip(s.bid, s.ask, s.limit)
    return [bid if limit > s.price else ask if limit < s.price else 0 for bid, ask, limit in pairs]


def _at(s, lots: list[int]) -> list[int]:
    return [lot if limit == s.price else 0 for lot, limit in zip(lots, s.limit)]


def _orders(s) -> list[Terms | None]:
    words = zip(s.side, s.quantity, s.limit)
    return [Terms(Side(side), quantity, limit) if quantity else None for side, quantity, limit in words]


def _cleared(s):
    return clear(_orders(s), s.reference, s.collar_bps, s.offset_source)


def _fills(s, rationed: bool) -> bool:
    """Whether the fills of the rationed side's margin, or all others, are the clearing's."""
    true = _cleared(s)
    margin = [
        order is not None and order.price == true.clamped and order.side == true.rationing.side for order in _orders(s)
    ]
    return all(a == b for a, b, at in zip(s.fill, true.fills, margin) if at == rationed)


def _floors(s) -> list[int]:
    reached = [sum(s.lots[: k + 1]) for k in range(SLOTS)]
    floors = [0, *((s.left * c + s.offset) // s.total for c in reached)]
    return [b - a for a, b in zip(floors, floors[1:])]


# --- Inputs ---


def _split(orders) -> dict:
    orders = [*orders, *[None] * (SLOTS - len(orders))]
    return {
        "bid": [o.quantity if o and o.side == BUY else 0 for o in orders],
        "ask": [o.quantity if o and o.side == SELL else 0 for o in orders],
        "limit": [o.price if o else 0 for o in orders],
    }


def _interval(orders) -> dict:
    lo, hi = clearing_interval(orders)
    return _split(orders) | {"lo": lo, "hi": hi}


def book(orders, reference: int, collar_bps: int = BPS, offset_source: int = 0) -> dict:
    true = clear(orders, reference, collar_bps, offset_source)
    orders = [*orders, *[None] * (SLOTS - len(orders))]
    return {
        "side": [int(o.side) if o else 0 for o in orders],
        "quantity": [o.quantity if o else 0 for o in orders],
        "limit": [o.price if o else 0 for o in orders],
        "reference": reference,
        "collar_bps": collar_bps,
        "offset_source": offset_source,
        "lo": true.lo,
        "hi": true.hi,
        "offset": true.rationing.offset,
    }


_FULL = _interval([*_CROSSED, Terms(SELL, 1, 12)])
_REFERENCE = {"reference": 20, "collar_bps": 5000, "lo": 4, "hi": 10}
_RATION = {"lots": [5, 4, 0], "left": 7, "offset_source": 2**127, "offset": 4}
_LARGE = {"lots": [WORD64 - 1, 5, 5], "left": 9, "offset_source": 1}
_WRAPPED = R // 2**128      # times 2^128 this is less than 2^128 below 0
_INTERVAL = "ClearingInterval(n)(bid, ask, limit, lo, hi);"
_E2, _E3 = "AtMost(LOTS)(low.beyond[0], low.up_to[1]);", "AtMost(LOTS)(over_supply, low.up_to[0]);"
_E4, _E5 = "AtMost(LOTS)(high.beyond[1], high.up_to[0]);", "AtMost(LOTS)(over_demand, high.up_to[1]);"
_FLOOR = "floors[k].numerator <== reached[k] + offset;"
_FILL = "fill[k] <== target.within * (whole + ration.share[k]);"

SUBJECTS = (
    Subject(
        "Depth", f"({SLOTS})", lambda: _split(_MARGIN) | {"price": 5},
        {
            "E1": lambda s: s.beyond[0] == _sums(s, s.price)[0][0],
            "E2": lambda s: s.beyond[1] == _sums(s, s.price)[0][1],
            "E3": lambda s: s.up_to == _sums(s, s.price)[1],
            "E4": lambda s: s.better == _better(s) and s.margin == _at(s, s.bid) + _at(s, s.ask),
        },
        (
            cut("E1", "any demand lies beyond", ("beyond <== [demand, supply];", "beyond[0] <-- 9; beyond[1] <== supply;")),
            cut("E1", "a bid at the price lies beyond it",
                ("above[k] <== LessThan(64)([price, limit[k]]);", "above[k] <-- 1;")),
            cut("E1", "more is bid", ("bid_above[k] <== bid[k] * above[k];", "bid_above[k] <-- 9;")),
            cut("E2", "any supply lies beyond", ("beyond <== [demand, supply];", "beyond[0] <== demand; beyond[1] <-- 9;")),
            cut("E2", "an ask below the price does not", ("ask_above[k] <== ask[k] * above[k];", "ask_above[k] <-- ask[k];"),
                price=7),
            cut("E3", "any demand and supply are met",
                ("up_to <== [demand + bid_margin, supply + ask_margin];", "up_to <-- [9, 9];")),
            cut("E3", "no order is at the price", ("at[k] <== IsEqual()([price, limit[k]]);", "at[k] <-- 0;")),
            cut("E4", "no bid is at the price", ("margin[0][k] <== bid[k] * at[k];", "margin[0][k] <-- 0;")),
            cut("E4", "no ask is", ("margin[1][k] <== ask[k] * at[k];", "margin[1][k] <-- 0;")),
            cut("E4", "no order is better",
                ("better[k] <== bid_above[k] + ask[k] - ask_above[k] - margin[1][k];", "better[k] <-- 0;"), price=6),
        ),
    ),
    Subject(
        "ClearingInterval", f"({SLOTS})", lambda: _interval(_CROSSED),
        {
            "E1": lambda s: 1 <= s.lo < WORD64 and 1 <= s.hi < WORD64,
            "E2": lambda s: _sums(s, s.lo)[0][0] <= _sums(s, s.lo)[1][1],
            "E3": lambda s: s.lo == 1 or _sums(s, s.lo)[1][0] > _sums(s, s.lo)[0][1],
            "E4": lambda s: _sums(s, s.hi)[0][1] <= _sums(s, s.hi)[1][0],
            "E5": lambda s: s.hi == MAX_WORD or _sums(s, s.hi)[1][1] > _sums(s, s.hi)[0][0],
        },
        # Only numbers in the range meet E2 to E5 as the circuit compares, so these stop it too.
        (
            cut("E1", "the lowest price is 2^64", ("Range(64)(lo);", ""), beside=(_E3, ""), **_FULL | {"lo": WORD64}),
            cut("E1", "the highest is 2^64", ("Range(64)(hi);", ""), beside=[(_E4, ""), (_E5, "")],
                **_FULL | {"hi": WORD64}),
            cut("E1", "the lowest is 0", ("NonZero()(lo);", ""), beside=[(_E2, ""), (_E3, "")], lo=0),
            cut("E1", "the highest is 0", ("NonZero()(hi);", ""), beside=(_E5, ""), hi=0),
            cut("E2", "3, where buyers outbid the supply, clears", (_E2, ""), lo=3),
            cut("E3", "5 is the lowest price, though 4 clears", (_E3, ""), lo=5),
            cut("E3", "a price that is not 1 counts as 1",
                ("signal at_floor <== IsEqual()([lo, 1]);", "signal at_floor <-- 1;"), lo=5),
            cut("E3", "no supply is over", ("signal over_supply <== (1 - at_floor) * (low.beyond[1] + 1);",
                "signal over_supply <-- 0;"), lo=5),
            cut("E4", "11, where sellers exceed the demand, clears", (_E4, ""), hi=11),
            cut("E5", "9 is the highest price, though 10 clears", (_E5, ""), hi=9),
            cut("E5", "a price that is not 2^64 - 1 counts as that",
                ("signal at_ceiling <== IsEqual()([hi, 2 ** 64 - 1]);", "signal at_ceiling <-- 1;"), hi=9),
            cut("E5", "no demand is over", ("signal over_demand <== (1 - at_ceiling) * (high.beyond[0] + 1);",
                "signal over_demand <-- 0;"), hi=9),
        ),
    ),
    Subject(
        "ReferencePrice", "()", lambda: _REFERENCE,
        {
            "E1": lambda s: s.price == max(s.lo, min(s.reference, s.hi)),
            "E2": lambda s: s.within == int(
                abs(max(s.lo, min(s.reference, s.hi)) - s.reference) * BPS <= s.collar_bps * s.reference),
        },
        (
            cut("E1", "any price is the clamped one", ("price <== reference - down + up;", "price <-- 7;")),
            cut("E1", "the reference is not above the interval",
                ("signal over <== LessThan(64)([hi, reference]);", "signal over <-- 0;")),
            cut("E1", "it is not below", ("signal under <== LessThan(64)([reference, lo]);", "signal under <-- 0;"), reference=2),
            cut("E1", "the price comes down too far", ("signal down <== over * (reference - hi);", "signal down <-- 15;")),
            cut("E1", "the price goes up", ("signal up <== under * (lo - reference);", "signal up <-- 5;")),
            cut("E2", "the price is outside the collar and passes",
                ("within <== LessEqThan(78)([(down + up) * 10000, allowed]);", "within <-- 1;"), collar_bps=4999),
            cut("E2", "it is inside and does not",
                ("within <== LessEqThan(78)([(down + up) * 10000, allowed]);", "within <-- 0;")),
            cut("E2", "the collar is as wide as one likes", ("signal allowed <== collar_bps * reference;",
                "signal allowed <-- 10000 * reference;"), collar_bps=4999),
        ),
    ),
    Subject(
        "Ration", f"({SLOTS})", lambda: _RATION,
        {
            "E1": lambda s: s.total == (sum(s.lots) or 1),
            "E2": lambda s: s.offset == s.offset_source * (sum(s.lots) or 1) >> 128,
            "E3": lambda s: s.share == _floors(s),
        },
        (
            cut("E1", "the margin is larger, so it gets less", ("signal total <== sum + empty;", "signal total <-- sum + 1;"), offset=5),
            cut("E1", "a margin counts as empty", ("signal empty <== IsZero()(sum);", "signal empty <-- 1;"), offset=5),
            cut("E2", "the leader picks the offset", ("Range(128)(scaled - offset * 2 ** 128);", ""), offset=8),
            cut("E2", "the offset is far above the margin, and hands out lots that are not there",
                ("Range(LOTS)(offset);", ""), offset=_WRAPPED, **_LARGE),
            cut("E2", "the offset's source is another", ("signal scaled <== offset_source * total;", "signal scaled <-- 0;"),
                offset=0),
            cut("E3", "any share", ("share[k] <== floors[k].quotient - (k == 0 ? 0 : floors[k - 1].quotient);",
                "share[k] <-- 3;")),
            cut("E3", "what is left reaches nobody", ("reached[k] <== left * running;", "reached[k] <-- 0;")),
            cut("E3", "the offset is left out", (_FLOOR, "floors[k].numerator <-- reached[k];"), offset=4),
            cut("E3", "the divisor is another", ("floors[k].divisor <== total;", "floors[k].divisor <-- 100;")),
            cut("E3", "a floor is one too low", ("FloorDiv", "AtMost(divisorBits)(remainder, divisor - 1);", ""),
                lie=("FloorDiv", "quotient <-- numerator \\ divisor;", "quotient <-- numerator \\ divisor - 1;")),
        ),
    ),
    Subject(
        "Clearing", f"({SLOTS})", lambda: book(_MARGIN, 5, offset_source=2**127),
        {
            "E1": lambda s: (s.lo, s.hi) == clearing_interval([order for order in _orders(s) if order]),
            "E2": lambda s: s.price == max(s.lo, min(s.reference, s.hi)),
            "E3": lambda s: s.volume == _cleared(s).volume,
            "E4": lambda s: _cleared(s).within_collar or s.fill == [0] * SLOTS,
            "E5": lambda s: not _cleared(s).within_collar or _fills(s, rationed=False),
            "E6": lambda s: not _cleared(s).within_collar or _fills(s, rationed=True),
        },
        (
            cut("E1", "the interval is what the leader says", (_INTERVAL, ""), **(book(_CROSSED, 20) | {"hi": 20})),
            cut("E2", "the price is the leader's", ("price <== target.price;", "price <-- 8;"), **book(_CROSSED, 7)),
            cut("E3", "any volume", ("volume <== target.within * crossed;", "volume <-- 100;")),
            cut("E3", "more crosses than either side has",
                ("signal crossed <== book.up_to[1] + ask_longer * (book.up_to[0] - book.up_to[1]);", "signal crossed <-- 8;")),
            cut("E3", "the longer side is the shorter", ("signal ask_longer <== LessThan(LOTS)([book.up_to[0], book.up_to[1]]);",
                "signal ask_longer <-- 0;"), **book([Terms(BUY, 1, 5), Terms(SELL, 5, 5)], 5)),
            cut("E4", "orders fill outside the collar", (_FILL, "fill[k] <-- whole + ration.share[k];"),
                **book(_CROSSED, 20, collar_bps=100)),
            cut("E5", "a better order fills in part", (_FILL, "fill[k] <-- 1;"), **book(_BETTER, 5)),
            cut("E5", "an order counts as none", ("bid[k] <== quantity[k] - ask[k];", "bid[k] <-- 0;"),
                **(book(_CROSSED, 7) | {"lo": 1, "hi": 4})),
            cut("E6", "the margin shares more than is left", ("ration.left <== crossed - longer_beyond;", "ration.left <-- 9;")),
            cut("E6", "nothing lies beyond the price", 
                ("signal longer_beyond <== book.beyond[0] + ask_longer * (book.beyond[1] - book.beyond[0]);",
                 "signal longer_beyond <-- 1;")),
            cut("E6", "the leader picks the offset", ("ration.offset_source <== offset_source;", "ration.offset_source <-- 0;"),
                offset=0),
            cut("E6", "a friend's order takes the margin", ("rationed[k] <== book.margin[0][k] + ask_longer * (book.margin[1][k] - book.margin[0][k]);",
                "rationed[k] <-- k == 1 ? 9 : 0;")),
        ),
    ),
)
