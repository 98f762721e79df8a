"""What the agent decides without a chain: epochs, notes to join, what a parcel's database row gives back."""

import json

import pytest

from offchain.agent.book import Book, Parcel
from offchain.agent.core import choose_epoch, makes
from offchain.agent.desk import Ticket, TicketRefused
from offchain.agent.moves import to_join
from offchain.calls import Call
from offchain.holdings import OwnedNote
from offchain.notes import Note, Side
from offchain.store import StoreError
from tests.agent.sim import DEPLOYMENT, KEY, MARKET


def notes(*amounts):
    return [OwnedNote(Note(1, amount, KEY.owner, n), n, n, False, True) for n, amount in enumerate(amounts)]


@pytest.mark.parametrize(
    "held,amount,pairs,joined",
    [
        ((1, 2, 3, 4), 6, 1, ()),                   # 4 + 2
        ((1, 2, 3, 4), 8, 1, (3, 4)),               # three are needed
        ((1, 2, 3, 4), 11, 1, ()),                  # nothing would do
        ((3, 3, 7, 9), 10, 2, ()),                  # 9 + 3 and 7 + 3
        ((1, 1, 3, 3, 10), 8, 2, (3, 3)),           # 10 alone; the rest must grow
        ((), 5, 1, ()), ((5,), 5, 1, ()), ((4,), 5, 1, ()),
    ],
)  # fmt: skip
def test_the_two_largest_are_joined_where_no_pair_covers(held, amount, pairs, joined):
    assert tuple(own.note.amount for own in to_join(notes(*held), amount, pairs)) == joined


def test_a_commit_is_begun_only_if_it_lands_before_the_freeze():
    """Windows of 20 blocks from 100 on; a commit that takes 5 blocks is made up to block 114."""
    assert [choose_epoch(MARKET, head, 5)[0] for head in (90, 100, 114, 115, 119, 120)] == [0, 0, 0, 1, 1, 1]
    assert choose_epoch(MARKET, 117, 5) == (1, 120)
    assert makes(MARKET, 3, 100, 5) and not makes(MARKET, 0, 118, 5)
    assert choose_epoch(MARKET, 105, 500)[0] == 0, "where proofs take longer than windows, half a window has to do"


def test_a_call_is_sealed_and_opens_as_it_was(tmp_path):
    book = Book.open(f"sqlite:///{tmp_path}/a.sqlite3", DEPLOYMENT, agent="a")
    book.load(KEY)
    word = 2**255 - 19
    call = Call("Market", "commit", ([word, 1], 7, {"quota_nullifier": word, "rk": "0x11"}, [1, 2]))
    parcel = Parcel("commit:x:1", "x", "commit", 1, 2, (3, 4), 100)
    book.write(parcel, calls={parcel.key: call})
    book.close()
    stored = (tmp_path / "a.sqlite3").read_bytes()
    assert str(word).encode() not in stored and b"quota_nullifier" not in stored
    book = Book.open(f"sqlite:///{tmp_path}/a.sqlite3", DEPLOYMENT, agent="a")
    book.load(KEY)
    [again] = book.parcels.values()
    opened = book.call(again)
    assert again == parcel and json.dumps(opened.args) == json.dumps(call.args) and opened.function == "commit"
    book.close()
    with pytest.raises(StoreError, match="of agent a, not b"):
        Book.open(f"sqlite:///{tmp_path}/a.sqlite3", DEPLOYMENT, agent="b")


@pytest.mark.parametrize("name, source", [("fix:OMS:1", "rest"), ("parent:june:7", "fix"), ("auto:1", "rest"), ("chain:1", "agent")])
def test_names_of_one_source_are_no_other_s(name, source):
    with pytest.raises(TicketRefused, match="must not begin"):
        Ticket(name, 0, Side.BUY, 1, 1, source=source)
