"""Windows of time: how prints make one, and how windows make a longer one. All integers are exact."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

WINDOW = 300
HOUR, DAY, WEEK = 3_600, 86_400, 604_800
STEPS = (WINDOW, HOUR, DAY, WEEK)
"""Seconds of a window. All begin at multiples of themselves in Unix time, but weeks begin on Mondays, as FINRA's do."""

MONDAY = 4 * DAY
"""The first Monday of Unix time."""

SHADOWPOOL = "shadowpool"
"""The venue of our own prints; every other is an ATS."""


@dataclass(frozen=True)
class Window:
    """What a market at a venue traded in [start, end), in seconds of Unix time.

    `prints` counts those of nothing too; None for an ATS, which reports none, nor any price. `volume` in
    lots (shares for an ATS), `notional` = Σ price·volume in quote units. `open` to `close` in quote units a
    lot, None where nothing traded. `late` of the prints came when the window was `final`.
    """

    market: str
    venue: str
    start: int
    end: int
    prints: int | None
    volume: int
    notional: int | None
    open: int | None
    high: int | None
    low: int | None
    close: int | None
    late: int
    final: bool

    @property
    def vwap(self) -> int | None:
        """floor(notional / volume): the volume-weighted price, rounded down to a whole quote unit a lot."""
        return self.notional // self.volume if self.volume and self.notional is not None else None

    @property
    def key(self) -> tuple[int, str, str]:
        """The order in which windows are listed."""
        return self.start, self.venue, self.market


def floor(time: int, step: int) -> int:
    """The start of the window of `step` seconds that `time` falls into."""
    offset = MONDAY if step == WEEK else 0
    return (time - offset) // step * step + offset


def window(market: int, start: int, prints: Iterable[tuple[int, int, bool]]) -> dict:
    """The row of a window whose prints, in chain order, are (price, volume, late).

    A print of nothing has price 0 (protocol §3): it is counted, and its price is not.
    """
    found = list(prints)
    prices = [price for price, volume, _ in found if volume]
    return {
        "market": market,
        "start": start,
        "prints": len(found),
        "volume": sum(volume for _, volume, _ in found),
        "notional": sum(price * volume for price, volume, _ in found),
        "open": prices[0] if prices else None,
        "high": max(prices, default=None),
        "low": min(prices, default=None),
        "close": prices[-1] if prices else None,
        "late": sum(late for *_, late in found),
    }


def joined(first: Window, then: Window) -> Window:
    """Two parts of one window of the same market and venue, the earlier first."""
    highs = [part.high for part in (first, then) if part.high is not None]
    lows = [part.low for part in (first, then) if part.low is not None]
    return replace(
        first,
        prints=first.prints + then.prints,
        volume=first.volume + then.volume,
        notional=first.notional + then.notional,
        open=then.open if first.open is None else first.open,
        high=max(highs, default=None),
        low=min(lows, default=None),
        close=first.close if then.close is None else then.close,
        late=first.late + then.late,
    )
