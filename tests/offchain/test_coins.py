"""Coin selection against the plainest search there is."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from offchain.coins import InsufficientFunds, NeedsConsolidation, NotSpendableYet, choose
from offchain.holdings import OwnedNote
from offchain.notes import Note


def own(amount: int, advanced: bool = True, position: int = 0) -> OwnedNote:
    return OwnedNote(Note(1, amount, 2, position), position, position, False, advanced)


@given(st.lists(st.tuples(st.integers(1, 40), st.booleans()), max_size=8), st.integers(1, 120))
def test_the_smallest_sum_that_covers(amounts, wanted):
    notes = [own(amount, advanced, place) for place, (amount, advanced) in enumerate(amounts)]
    usable = [note for note in notes if note.advanced]
    sums = [sum(n.note.amount for n in group) for size in (1, 2) for group in combinations(usable, size)]
    best = min((total for total in sums if total >= wanted), default=None)
    if best is None:
        with pytest.raises(InsufficientFunds):
            choose(notes, wanted)
        return
    chosen = choose(notes, wanted)
    assert sum(n.note.amount for n in chosen) == best
    assert len({n.position for n in chosen}) == len(chosen) <= 2 and all(n.advanced for n in chosen)


def test_each_refusal_says_what_helps():
    with pytest.raises(NeedsConsolidation, match="consolidate"):
        choose([own(4), own(4), own(4)], 10)
    with pytest.raises(NotSpendableYet, match="advanced"):
        choose([own(4), own(8, advanced=False)], 10)
    with pytest.raises(InsufficientFunds, match="deposit more"):
        choose([own(4)], 10)
