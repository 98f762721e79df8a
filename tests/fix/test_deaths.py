"""A process that dies before or after any of its transactions, its last words heard or not: every report comes once."""

from contextlib import contextmanager

import pytest

from offchain.fix.store import FixStore
from offchain.store import Store
from scripts.services import postgres
from tests.agent.desk_double import DeskDouble
from tests.fix.counterparty import Hands, Ours

NAME = "fix:DESK:a"
ORDER = [(11, "a"), (55, 0), (54, 1), (60, "20261121-10:00:00"), (38, 10), (40, 2), (44, 500)]
TRANSACTIONS = 16
"""Of the whole play that write; what only reads leaves nothing half done."""


class Death(BaseException):
    """Nothing of ours may catch it."""


class Mortal(FixStore):
    """Dies before transaction number `last` (from 0) begins, or after it is committed."""

    def __init__(self, engine, last: int, after: bool):
        super().__init__(engine)
        self.last, self.after, self.count = last, after, 0

    @contextmanager
    def session(self):
        if self.count == self.last and not self.after:
            raise Death
        with super().session() as session:
            yield session
        self.count += 1
        if self.count == self.last + 1 and self.after:
            raise Death


class Counterparty:
    """Sends one order, and knows by its number what it has received."""

    def __init__(self):
        self.next_in, self.next_out = 1, 1
        self.reports: list[dict[int, str]] = []
        self.sent: dict[int, list] = {}

    def hear(self, ours: Ours) -> None:
        """Take in what was said, answer what must be answered, and ask for what is missing."""
        while said := ours.take():
            for message in said:
                self._take(ours, message)

    def _take(self, ours: Ours, message: dict[int, str]) -> None:
        number = int(message[34])
        if message[35] == "2":
            self._resend(ours, int(message[7]))
        if number > self.next_in:
            ours.hear("2", self.number(), (7, self.next_in), (16, 0))
        elif number == self.next_in:
            self.next_in = int(message[36]) if message[35] == "4" else number + 1
            if message[35] == "8":
                self.reports.append(message)

    def _resend(self, ours: Ours, first: int) -> None:
        for number in range(first, self.next_out):
            if number in self.sent:
                ours.hear("D", number, *self.sent[number], dup=True)
            else:
                ours.hear("4", number, (123, "Y"), (36, number + 1), dup=True)

    def number(self) -> int:
        self.next_out += 1
        return self.next_out - 1


def play(ours: Ours, desk: DeskDouble, other: Counterparty, heard: bool) -> None:
    """From logon to fill, going on from wherever it stopped. A death leaves; its last words come through if `heard`."""
    try:
        ours.logon(other.number())
        other.hear(ours)
        if not other.sent:
            number = other.number()
            other.sent[number] = ORDER
            ours.hear("D", number, *ORDER)
        for step in (lambda: None, lambda: desk.commit(NAME), lambda: desk.fill(NAME, 10, 499)):
            ours.report()
            other.hear(ours)
            if NAME in {order.client_id for order in desk.orders()} and not desk.order(NAME).ended:
                step()
        ours.report()
        other.hear(ours)
    except Death:
        if heard:
            for message in ours.take():
                if int(message[34]) == other.next_in:
                    other._take(ours, message) if message[35] == "8" else setattr(other, "next_in", other.next_in + 1)


@pytest.mark.parametrize("heard", [True, False], ids=["heard", "unheard"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("last", range(TRANSACTIONS))
def test_a_death_at_any_transaction(desk, engine, last, after, heard):
    other = Counterparty()
    play(Ours(desk, Mortal(engine, last, after), Hands()), desk, other, heard)
    play(Ours(desk, FixStore(engine), Hands()), desk, other, True)
    assert len(desk.orders()) == 1
    assert [report[150] for report in other.reports] == ["A", "0", "F"]
    assert len({report[17] for report in other.reports}) == 3


def test_every_transaction_of_the_play_is_tried(desk, engine):
    store = Mortal(engine, 10_000, False)
    play(Ours(desk, store, Hands()), desk, Counterparty(), True)
    assert store.count == TRANSACTIONS


def test_another_kind_of_database(desk, tmp_path):
    """PostgreSQL, whose transactions do not wait for each other as SQLite's do."""
    with postgres(tmp_path / "postgres") as server:
        store = Store.open(server.url)
        other = Counterparty()
        play(Ours(desk, Mortal(store.engine, 8, True), Hands()), desk, other, False)
        play(Ours(desk, FixStore(store.engine), Hands()), desk, other, True)
        store.close()
    assert [report[150] for report in other.reports] == ["A", "0", "F"]
