"""A cancel that is refused is a decision as well, whichever way it was asked for."""

import pytest

from offchain.agent.desk import Ticket, TicketRefused
from offchain.gateway.controls import Controls
from offchain.notes import Side
from tests.agent.sim import USD, Bomb, Pool, days, life
from tests.gateway.conftest import terms

WAYS = ("rest:a", "fix:DESK", "slicer:p1")


def rows(controls):
    found = [one for one in controls.decisions.page(0, 100) if one.kind == "cancel"]
    return [(one.actor, one.subject, one.outcome, one.data.get("code")) for one in found]


def asked_by_all(desk):
    """Twice by each: a slicer asks again and again."""
    for way in WAYS * 2:
        with pytest.raises(TicketRefused):
            desk.cancel("late", way)


def test_whoever_asked(gateway):
    gateway.ask("POST", "/orders", terms(client_id="late"))
    gateway.desk.commit("late")
    gateway.desk.reveal("late")
    asked_by_all(gateway.desk)
    assert rows(gateway.controls) == [(way, "late", "refused", "too_late") for way in WAYS]
    for _ in range(2):
        assert gateway.ask("DELETE", "/orders/late", scopes=("trade",)).status_code == 409
    assert rows(gateway.controls)[len(WAYS) :] == [("rest:trade", "late", "refused", "too_late")]


def test_an_agent_tells_of_what_it_refuses(tmp_path):
    pool = Pool((USD, 9_000))
    with life(pool, f"sqlite:///{tmp_path}/agent.sqlite3", Bomb()) as agent:
        controls = Controls(agent, agent.book.engine)
        agent.round(pool.head)
        agent.place(Ticket("late", 0, Side.BUY, 10, 501))
        days(agent, pool, 122)
        asked_by_all(agent)
        assert rows(controls) == [(way, "late", "refused", "too_late") for way in WAYS]
