"""Who outside learns what of an institution whose agent trades for it: the second table of docs/disclosure.md.

Every byte that leaves it is held to the table, and what its process leaves behind (log, database, FIX's messages, the
slicer's rows, the log of decisions) to this: no key, password or secret of a note or an order is in it in clear.
"""

from collections.abc import Callable

import pytest

from offchain.agent.desk import DeskOrder
from offchain.notes import Side
from tests.e2e.disclosed import NEVER, read_table
from tests.e2e.observed import REFERENCE
from tests.e2e.observed_desk import FIX, PARENT, REST, STEPS, Desk, play
from tests.relayer.canaries import Canary, scan
from tests.world import anvil, build_world

pytestmark = pytest.mark.timeout(1200)

OBSERVERS = ["node", "indexer", "carrier", "webhook", "counterparty"]


def table() -> dict[str, dict[str, str]]:
    return read_table("## What leaves an institution")


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wires")
    with anvil() as url:
        windows = {"commit_blocks": 300, "freeze_blocks": 8, "reveal_blocks": 80, "quota": 4}
        world = build_world(url, folder, REFERENCE, lot=1, **windows)
        yield from play(world, folder)


# --- What each row is about ---


def others(desk: Desk) -> list[DeskOrder]:
    """Those that did not come by FIX."""
    return [order for name, order in desk.orders.items() if name != FIX]


def named(*orders: DeskOrder) -> list[int | str]:
    """Lots, and what their owner called them: without what the agent put in front."""
    names = [PARENT if PARENT in order.client_id else order.client_id.split(":")[-1] for order in orders]
    return names + [order.quantity for order in orders]


def keys(desk: Desk) -> list[int]:
    found = [desk.who.key.sk, desk.who.key.viewing.scalar, int.from_bytes(desk.who.account.key, "big")]
    for placed in desk.placed:
        order = placed.order
        found.append(int.from_bytes(desk.who.key.order_account(order.market, order.epoch, placed.index).key, "big"))
    return found


def secrets_of_notes(desk: Desk) -> list[int]:
    """Blindings, salts, and the words that terms are sealed as."""
    sealed = [word for placed in desk.placed for word in (placed.order.salt, placed.order.terms.word)]
    return [one.note.blinding for one in desk.notes] + sealed


DATA: dict[str, Callable[[Desk], list[int | str]]] = {
    "its sealed orders": lambda desk: [placed.order.commitment for placed in desk.placed],
    "which transactions are its orders'": lambda desk: [int(one.commit_tx, 16) for one in desk.orders.values()],
    "an order by FIX: its name and lots": lambda desk: named(desk.orders[FIX]),
    "another order: its name and lots": lambda desk: named(*others(desk)),
    "the limit of its orders": lambda desk: [desk.orders[FIX].price],
    "fill of an order by FIX": lambda desk: [desk.orders[FIX].fill],
    "fill of another order": lambda desk: [one.fill for one in others(desk)],
    "its account": lambda desk: [int(desk.who.account.address, 16)],
    "its owner word": lambda desk: [desk.who.key.owner],
    "nullifiers of notes that it has not spent": lambda desk: [one.nullifier for one in desk.kept],
    "secrets of its notes and orders": secrets_of_notes,
    "its keys": keys,
    "passwords, API keys, secrets of webhooks": lambda desk: list(desk.passwords.values()),
}


def canaries(values: list[int | str]) -> list[Canary]:
    return [Canary(f"value {number}", value) for number, value in enumerate(values)]


def test_what_was_played_is_what_the_rows_need(desk):
    assert len(desk.orders) == len(desk.placed) == 3 and desk.kept and set(desk.orders) >= {FIX, REST}
    assert all(0 < one.fill < one.quantity and one.side == Side.BUY for one in desk.orders.values())
    assert all(desk.heard[observer, STEPS[0]] for observer in ("node", "indexer", "counterparty"))
    assert len(desk.sink.got) > 9


def test_every_row_is_checked_and_every_check_has_a_row():
    rows = table()
    assert list(rows) == list(DATA) and all(list(row) == OBSERVERS for row in rows.values())
    assert {cell for row in rows.values() for cell in row.values()} <= {NEVER, *STEPS}


@pytest.mark.parametrize("datum", DATA)
def test_each_is_told_it_when_the_table_says(desk, datum):
    """In no encoding before, and in some from then on."""
    sought = canaries(DATA[datum](desk))
    assert sought
    wrong = []
    for observer, cell in table()[datum].items():
        for place, step in enumerate(STEPS):
            due = cell != NEVER and place >= STEPS.index(cell)
            has = [bool(one.found(desk.heard[observer, step])) for one in sought]
            if has != [due] * len(sought):
                wrong.append(f"{observer}, {step}: {sum(has)} of {len(sought)}, should be {'all' if due else 'none'}")
    assert wrong == []


def test_amounts_of_its_notes_reach_nobody_else(desk):
    """A webhook is told balances, which are a note's amount where one note is left."""
    sought = canaries([one.note.amount for one in desk.notes])
    last = {observer: desk.heard[observer, STEPS[-1]] for observer in OBSERVERS if observer != "webhook"}
    assert scan(sought, last) == []


# --- What stays behind ---


def test_no_secret_is_left_on_the_institution_s_own_disk_in_clear(desk):
    """Its own orders and fills are there in clear, as docs/agent.md says; what would let somebody spend is not."""
    sought = canaries(keys(desk) + secrets_of_notes(desk) + list(desk.passwords.values()))
    assert scan(sought, desk.left()) == []
    own = [Canary("lots", one.quantity) for one in desk.orders.values()]
    assert all(any(one.found(content) for content in desk.left().values()) for one in own), "the search finds nothing"


def test_no_order_and_no_account_is_in_its_log(desk):
    log = desk.left()["agent.log"]
    rows = [row for row in DATA if row != "which transactions are its orders'"]
    sought = [one for row in rows for one in canaries(DATA[row](desk))] + [Canary("a limit that was refused", 2**53)]
    assert scan(sought, {"log": log}) == []
    assert b"agent serves" in log and b"restored" in log
