"""Schedules and draws: exact sums, bounds and means, over numbers that hypothesis chooses."""

from fractions import Fraction
from math import acosh, ceil, floor, isclose, sinh
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.notes import BPS
from offchain.slicer.parents import MAX_EPOCHS, MAX_JITTER_BPS, MAX_URGENCY_BPS
from offchain.slicer.schedule import CATCH_UP, GRAIN, draw, participation, share

LOTS = st.integers(1, (1 << 64) - 1)
JITTER = st.integers(0, MAX_JITTER_BPS)
URGENCY = st.integers(0, MAX_URGENCY_BPS)


def middle(below: int) -> int:
    return below // 2


@given(st.integers(1, 300), URGENCY)
def test_the_shares_of_a_schedule_take_everything_and_never_more(epochs, urgency):
    left = Fraction(1)
    for at in range(epochs, 0, -1):
        part = share(at, urgency)
        assert 0 < part <= 1
        left -= left * part
    assert left == 0


@given(st.integers(2, 100), st.integers(1, MAX_URGENCY_BPS))
def test_a_shortfall_is_front_loaded_and_more_so_by_urgency(epochs, urgency):
    assert share(epochs, urgency) > Fraction(1, epochs) == share(epochs)
    assert share(epochs, urgency + 1) > share(epochs, urgency)


@pytest.mark.parametrize("epochs,urgency", [(5, 100), (20, 2_500), (40, 10), (3, 100_000)])
def test_the_trajectory_is_almgren_and_chriss(epochs, urgency):
    kappa, left = acosh(1 + urgency / BPS / 2), 1.0
    for at in range(1, epochs):
        left *= 1 - float(share(epochs - at + 1, urgency))
        assert isclose(left, sinh(kappa * (epochs - at)) / sinh(kappa * epochs), rel_tol=1e-9)


def test_the_longest_and_most_urgent_schedule_is_worked_out():
    assert 0 < share(MAX_EPOCHS, MAX_URGENCY_BPS) < 1


@given(st.fractions(0, 1 << 64), LOTS, LOTS, JITTER, st.randoms(use_true_random=False))
def test_a_draw_is_nothing_or_a_child_that_may_be(due, remaining, least, jitter, rng):
    lots = draw(due, remaining, least, jitter, rng.randrange)
    assert type(lots) is int and 0 <= lots <= remaining
    assert lots == 0 or lots >= least
    assert remaining - lots == 0 or remaining - lots >= least or remaining < least
    if lots and remaining >= 2 * least and due < remaining:
        spread = due * jitter / BPS
        assert floor(due - spread) <= lots <= max(ceil(due + spread), least) or lots == remaining


@given(LOTS, LOTS, JITTER)
def test_all_that_is_due_is_drawn_whole(remaining, least, jitter):
    assert draw(Fraction(remaining), remaining, least, jitter) == (remaining if remaining >= least else 0)


@pytest.mark.parametrize("due,least", [("21/2", 1), ("7/3", 10), ("40", 1), ("35", 50)])
def test_draws_have_the_mean_of_what_is_due(due, least):
    rng, due = Random(7), Fraction(due)
    drawn = [draw(due, 10_000, least, 3_000, rng.randrange) for _ in range(4_000)]
    assert abs(sum(drawn) / len(drawn) - due) < due / 10
    assert len(set(drawn)) > 1


def test_without_jitter_a_whole_number_is_drawn_as_it_is():
    assert draw(Fraction(12), 100, 1, 0, middle) == 12


def test_the_extremes_of_the_random_source_are_the_bounds():
    assert draw(Fraction(100), 1_000, 1, 2_000, lambda below: 0) in (80, 81)
    assert draw(Fraction(100), 1_000, 1, 2_000, lambda below: below - 1) in (119, 120)
    assert GRAIN == 1 << 64


VOLUMES = st.dictionaries(st.integers(0, 30), st.integers(0, 1 << 70))


@given(st.integers(1, BPS), VOLUMES, st.integers(0, 30), st.integers(0, 20), st.integers(0, 1 << 64))
def test_participation_is_bounded_by_what_was_printed(rate, volumes, start, on, worked):
    epoch = start + on
    due = participation(rate, volumes, start, epoch, worked)
    past = [volume for at, volume in volumes.items() if at < epoch]
    assert 0 <= due <= CATCH_UP * Fraction(rate, BPS) * max(past, default=0)


def test_participation_makes_up_for_what_it_missed_and_waits_when_ahead():
    volumes = {8: 100, 9: 100, 10: 100, 11: 100}
    assert participation(1_000, volumes, 10, 12, 0) == 20      # 30 are due, at most two epochs' worth at once
    assert participation(1_000, volumes, 10, 12, 20) == 10
    assert participation(1_000, volumes, 10, 12, 25) == 5
    assert participation(1_000, volumes, 10, 12, 40) == 0
    assert participation(1_000, {}, 10, 12, 0) == 0, "nothing is known: nothing is placed"


def test_an_epoch_that_has_not_printed_counts_as_the_mean():
    assert participation(5_000, {9: 30, 10: 50}, 10, 11, 25) == Fraction(1, 2) * (50 + 40) - 25


def test_no_rest_is_left_that_is_too_small_to_place():
    assert draw(Fraction(95), 100, 10, 0) == 90
    assert draw(Fraction(90), 100, 10, 0) == 90
    drawn = [draw(Fraction(95), 100, 60, 0, lambda below, at=at: min(at, below - 1)) for at in (94, 95)]
    assert drawn == [100, 0]
