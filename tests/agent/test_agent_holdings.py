"""What a key owns, taken in block by block: as found at once from the beginning, at a cost that follows what is open."""

from types import SimpleNamespace

import pytest

from offchain import admission, keys, notes
from offchain.babyjubjub import B8
from offchain.holdings import Holdings
from offchain.ledger import Diverged, Ledger
from offchain.records import EpochRecord
from tests.frontend import chain_vectors as vectors


def found(holdings):
    return holdings.notes, holdings.orders, holdings.fills, holdings.unreadable


def fresh(script):
    made = Holdings(script.state, script.own, script.treasury)
    made.refresh()
    return found(made)


@pytest.fixture
def followed(monkeypatch):
    """A made-up pool, and holdings that were refreshed at every block of it."""
    script = vectors.Script()
    holdings, at = Holdings(script.state, script.own, script.treasury), script.at

    def and_refresh(block):
        at(block)
        script.state.version += 1
        holdings.refresh()
        assert found(holdings) == fresh(script), block

    monkeypatch.setattr(script, "at", and_refresh)
    vectors._registries(script, [])
    vectors._play(script)
    script.at(vectors.HEAD)
    return script, holdings


def test_block_by_block_gives_what_all_at_once_does(followed):
    _, holdings = followed
    assert len(holdings.orders) == 3 and len(holdings.fills) == 1 and len({own.spent for own in holdings.notes}) == 2


def test_another_branch_is_taken_in_from_its_beginning(followed, monkeypatch):
    """What others see meanwhile is what there was before."""
    script, holdings = followed
    before = found(holdings)
    events, state = script.events, vectors.Followed()
    for event in events[: len(events) // 2]:
        state.apply(event)
    script.state.__dict__.update(vars(state) | {"version": script.state.version + 1})
    seen, keep = [], holdings._keep
    monkeypatch.setattr(holdings, "_keep", lambda *note: seen.append(found(holdings)) or keep(*note))
    holdings.refresh()
    assert seen and all(one == before for one in seen)
    assert found(holdings) == fresh(script) != before
    for event in events[len(events) // 2 :]:
        script.state.apply(event)
    script.state.version += 1
    holdings.refresh()
    assert found(holdings) == before


def test_what_has_ended_costs_nothing_more(followed, monkeypatch):
    """Notes and orders of old are not hashed again because a block came."""
    script, holdings = followed
    holdings.treasury_key, hashed = None, []
    poseidon = notes.poseidon_hash
    for module in (keys, notes):
        monkeypatch.setattr(module, "poseidon_hash", lambda *words: hashed.append(words) or poseidon(*words))
    script.state.version += 1
    holdings.refresh()
    assert not hashed


def test_a_ledger_made_again_is_never_seen_half_made(monkeypatch):
    """Another thread that reads it meanwhile sees what was there before."""
    script = vectors.Script()
    vectors._registries(script, [])
    vectors._play(script)
    ledger = Ledger.__new__(Ledger)
    ledger._compared = ledger.version = 0
    ledger._rebuild(script.events)
    assert 0 in ledger.markets and ledger.orders
    known, seen = len(ledger.orders), []
    apply = vectors.State.apply

    def and_look(state, event):
        seen.append((0 in ledger.markets, len(ledger.orders), ledger.next_leaf))
        apply(state, event)

    monkeypatch.setattr(vectors.State, "apply", and_look)
    ledger._rebuild(script.events[:-1])
    assert set(seen) == {(True, known, script.state.next_leaf)}


# --- To whom an order is opened ---

TRUE = {"leader": vectors.LEADER, "reveal_key_version": 1, "reveal_key": tuple(B8), "commit_chain": b"\x07" * 32}


def ledger_of(**held):
    """Events tell of `TRUE`, the contract holds that but for `held`."""
    view = SimpleNamespace(functions=SimpleNamespace(epochs=lambda market, epoch: (market, epoch)))
    chain = SimpleNamespace(contract=lambda name: view, call=lambda asked, block: SimpleNamespace(**TRUE | held))
    return SimpleNamespace(chain=chain, block=70, reveal_keys={(vectors.LEADER, 1): B8})


EPOCH = EpochRecord(0, 3, vectors.LEADER, 1, 1, 1, TRUE["commit_chain"])


def test_a_reveal_is_made_for_whom_the_contract_names():
    assert admission.check_leader(ledger_of(), EPOCH) == B8


@pytest.mark.parametrize(
    "held, what",
    [
        ({"leader": "0x" + "99" * 20}, "leader of"), ({"reveal_key_version": 2}, "version of the leader's key"),
        ({"reveal_key": (1, 2)}, "leader's key of"), ({"commit_chain": bytes(32)}, "frozen set"),
    ],
)  # fmt: skip
def test_nothing_is_revealed_where_events_and_contract_differ(held, what):
    with pytest.raises(Diverged, match=f"another {what}.* nothing was revealed"):
        admission.check_leader(ledger_of(**held), EPOCH)


def test_a_leader_whose_key_no_event_told_is_not_revealed_to():
    ledger = ledger_of()
    ledger.reveal_keys = {}
    with pytest.raises(Diverged, match="leader's key"):
        admission.check_leader(ledger, EPOCH)
