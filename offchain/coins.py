"""Choosing the notes that pay for something: a proof spends at most two."""

from collections.abc import Iterable

from offchain.holdings import OwnedNote

MAX_INPUTS = 2


class InsufficientFunds(Exception):
    """The notes do not cover the amount; the message says what would."""


class NotSpendableYet(InsufficientFunds):
    """The notes would cover the amount once they are in an advanced root."""


class NeedsConsolidation(InsufficientFunds):
    """The notes would cover the amount, but no two of them do."""


def choose(notes: Iterable[OwnedNote], amount: int) -> list[OwnedNote]:
    """One or two unspent notes of one asset whose sum is the smallest that reaches `amount`.

    Raises InsufficientFunds, or the kind of it that says what to do. O(n log n).
    """
    notes = list(notes)
    usable = sorted((note for note in notes if note.advanced), key=lambda note: note.note.amount)
    candidates = [[note] for note in usable if note.note.amount >= amount][:1] + _pairs(usable, amount)
    if candidates:
        return min(candidates, key=_total)
    held, pending = _total(usable), _total(note for note in notes if not note.advanced)
    if held >= amount:
        raise NeedsConsolidation(
            f"{amount} units are needed and {held} held, but no two notes cover it: consolidate first"
        )
    if held + pending >= amount:
        raise NotSpendableYet(
            f"{amount} units are needed; {pending} more wait for their chunk of the tree to be advanced, "
            f"16 blocks after its first leaf at the latest"
        )
    raise InsufficientFunds(f"{amount} units are needed and {held + pending} held: deposit more")


def _pairs(ordered: list[OwnedNote], amount: int) -> list[list[OwnedNote]]:
    """For each note, in rising order, the smallest other one that completes it, if any."""
    found = []
    low, high = 0, len(ordered) - 1
    while low < high:
        pair = [ordered[low], ordered[high]]
        if _total(pair) >= amount:
            found.append(pair)
            high -= 1
        else:
            low += 1
    return found


def _total(notes: Iterable[OwnedNote]) -> int:
    return sum(note.note.amount for note in notes)
