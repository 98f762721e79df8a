"""How much of a parent is due in an epoch, and the size drawn for it. Rationals and integers throughout.

A schedule is a share of what is left, so that whatever comes back unfilled is spread over the epochs
that remain, and the last epoch takes the rest.
"""

import secrets
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import lru_cache

from offchain.notes import BPS

Randbelow = Callable[[int], int]

LOOKBACK = 8
"""Epochs whose mean volume stands for one that has not printed yet."""

CATCH_UP = 2
"""Participation takes no more than this many epochs' share at once, however far it is behind."""

GRAIN = 1 << 64


@lru_cache(maxsize=1024)
def share(left: int, urgency_bps: int = 0) -> Fraction:
    """The part of what remains that is due in the first of `left` epochs.

    Almgren and Chriss, "Optimal execution of portfolio transactions" (2000), for linear impact: the best
    holdings x_j after each of N periods of length τ obey x_{j-1} - 2·x_j + x_{j+1} = κ̃²·τ²·x_j with x_N = 0.
    So x_j / x_0 = y_{N-j} / y_N where y_0 = 0, y_1 = 1 and y_{k+1} = (2 + κ̃²·τ²)·y_k - y_{k-1}, which is their
    sinh(κ(T - t_j)) / sinh(κT) without a root. `urgency_bps` is 10⁴·κ̃²τ² (risk aversion times variance over
    temporary impact); at 0 nothing is risked by waiting, and the shares are equal: TWAP.
    """
    before, now = 0, 1      # y_k·BPS^(k-1)
    for _ in range(left - 1):
        before, now = now, (2 * BPS + urgency_bps) * now - BPS * BPS * before
    return 1 - Fraction(BPS * before, now)


def participation(
    rate_bps: int, volumes: Mapping[int, int], start: int, epoch: int, worked: int
) -> Fraction:
    """Lots due in `epoch` for a share of the market's volume since `start`, of which `worked` lots are filled or open.

    `volumes` are the lots printed of past epochs, as a tape gives them; one that is not there yet counts as the
    mean of the last that are. Never negative.
    """
    known = sorted(past for past in volumes if past < epoch)[-LOOKBACK:]
    if not known:
        return Fraction(0)
    mean = Fraction(sum(volumes[past] for past in known), len(known))
    span = range(start, epoch + 1)
    expected = sum((volumes.get(past, mean) for past in span), Fraction(0))
    rate = Fraction(rate_bps, BPS)
    return max(Fraction(0), min(rate * expected - worked, CATCH_UP * rate * mean))


def draw(due: Fraction, remaining: int, least: int, jitter_bps: int, randbelow: Randbelow = secrets.randbelow) -> int:
    """A child's lots: `due` give or take `jitter_bps` of it, at most `remaining`; all of it where all is due.

    No child has fewer than `least` lots, nor leaves fewer to be placed: where `due` is too small for one, it is a
    child of the smallest size that may be, or none, at odds that keep the mean.
    """
    if remaining < least or due <= 0:
        return 0
    if due >= remaining:
        return remaining
    place = Fraction(randbelow(GRAIN), GRAIN)
    wanted = due * (1 + Fraction(jitter_bps, BPS) * (2 * place - 1))
    lots = int(wanted)
    lots = min(remaining, lots + (randbelow(GRAIN) < (wanted - lots) * GRAIN))
    smallest = least if remaining >= 2 * least else remaining
    if lots < smallest:
        return smallest if randbelow(smallest) < lots else 0
    return lots if lots == remaining else min(lots, remaining - least)
