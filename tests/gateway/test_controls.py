"""Limits, restrictions, the kill switch and the log of decisions: kept, versioned, chained, and told over HTTP."""

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from offchain.agent.desk import Ticket
from offchain.gateway.app import create
from offchain.gateway.controls import Controls
from offchain.gateway.decisions import Decisions
from offchain.gateway.pretrade import Limits, Restricted
from offchain.hashchain import LogBroken
from offchain.notes import Side
from offchain.slicer.routes import router
from offchain.slicer.slicer import Slicer
from tests.agent.desk_double import BTC, USD, DeskDouble
from tests.gateway.conftest import refused, terms

LIMITS = {
    "markets": {"0": {"order_quantity": "9", "order_notional": None, "open_notional": str((1 << 128) - 1), "band_bps": 250}},
    "open_notional": {USD.lower(): "7"}, "position": {}, "orders_per_minute": 60,
}  # fmt: skip


def test_limits_are_set_kept_and_versioned(gateway, engine):
    assert gateway.ask("GET", "/limits").json() == {
        "version": 0, "markets": {}, "open_notional": {}, "position": {}, "orders_per_minute": None,
    }  # fmt: skip
    assert gateway.ask("PUT", "/limits", LIMITS).json() == LIMITS | {"version": 1} == gateway.ask("GET", "/limits").json()
    refused(gateway.ask("PUT", "/limits", LIMITS | {"version": 0}), 409, "version")
    assert gateway.ask("PUT", "/limits", LIMITS | {"orders_per_minute": 5, "version": 1}).json()["version"] == 2
    again = Controls(DeskDouble(), engine)
    assert again.get(Limits) == (2, Limits.model_validate(LIMITS | {"orders_per_minute": 5}))
    refused(gateway.ask("PUT", "/limits", LIMITS | {"orders_per_minute": "5"}), 422, "invalid")
    assert gateway.ask("GET", "/limits").json()["version"] == 2


def test_restrictions_are_too(gateway, engine):
    body = {"markets": [3, 1], "assets": [BTC]}
    told = gateway.ask("PUT", "/restricted", body).json()
    assert told == {"version": 1, "markets": [3, 1], "assets": [BTC.lower()]} == gateway.ask("GET", "/restricted").json()
    assert Controls(DeskDouble(), engine).get(Restricted)[1].assets == [BTC.lower()]
    refused(gateway.ask("POST", "/orders", terms(client_id="a")), 422, "asset_restricted")


def test_limits_of_the_configuration_hold_where_none_were_set(desk, engine):
    first, other = (Limits.model_validate({"orders_per_minute": n}) for n in (3, 4))
    assert Controls(desk, engine, first).get(Limits) == (1, first)
    assert Controls(DeskDouble(), engine, other).get(Limits) == (1, first)


def given(value):
    """What is set of it: a decision leaves out what is not."""
    if not isinstance(value, dict):
        return value
    return {name: given(one) for name, one in value.items() if one is not None}


def test_every_change_and_order_is_a_decision(gateway):
    gateway.ask("PUT", "/limits", LIMITS)
    gateway.ask("POST", "/orders", terms(client_id="good", quantity="1", price="5"))
    gateway.controls.book.catch_up()        # a refusal is written down from the desk's events
    gateway.ask("PUT", "/limits", {"markets": {"0": {"order_quantity": "1"}}})
    gateway.ask("POST", "/orders", terms(client_id="big"))
    gateway.ask("POST", "/orders", terms(client_id="fine", quantity="1"))
    gateway.ask("POST", "/kill", {"on": True, "reason": "drill", "cancel": True})
    gateway.controls.book.catch_up()
    made = [one for one in gateway.ask("GET", "/decisions").json()["items"] if one["kind"] != "key"]
    told = [(one["kind"], one["subject"], one["outcome"]) for one in made]
    assert told[:2] == [("limits", "limits", "set"), ("place", "good", "refused")]
    assert set(told) == {
        ("limits", "limits", "set"), ("place", "good", "refused"), ("place", "big", "refused"), ("place", "fine", "allowed"),
        ("kill", "desk", "on"), ("cancel", "fine", "cancelled"),
    }  # fmt: skip
    [big] = [one for one in made if one["subject"] == "big"]
    assert big["actor"] == "rest:read-trade-move-admin" and big["data"]["quantity"] == "4"
    assert big["data"]["code"] == "order_quantity" and "would be 4 lots; the limit is 1" in big["data"]["reason"]
    [first, second] = [one["data"] for one in made if one["kind"] == "limits"]
    assert first["after"] == given(LIMITS) == second["before"] and (first["version"], second["version"]) == (1, 2)
    assert gateway.controls.decisions.verify()[0] == max(one["number"] for one in made)


def test_decisions_come_in_pages(gateway):
    for _ in range(4):
        gateway.ask("PUT", "/restricted", {})
    first = gateway.ask("GET", "/decisions?limit=3").json()
    rest = gateway.ask("GET", f"/decisions?after={first['next']}").json()
    assert [one["number"] for one in first["items"] + rest["items"]] == list(range(1, 6)) and rest["next"] is None


def test_orders_of_other_ways_are_decided_alike(desk, controls):
    desk.place(Ticket("parent:1:1", 0, Side.SELL, 2, 500, source="slicer", account="p1"))
    desk.place(Ticket("fix-1", 0, Side.BUY, 2, 500, source="fix", account="BANK"))
    assert [(one.actor, one.subject) for one in controls.decisions.page(0, 9)] == [("slicer:p1", "parent:1:1"), ("fix:BANK", "fix-1")]


def told(controls, *kinds: str) -> list[tuple]:
    controls.book.catch_up()
    found = [one for one in controls.decisions.page(0, 100) if one.kind in kinds]
    return [(one.kind, one.actor, one.subject, one.outcome) for one in found]


def test_whoever_takes_an_order_back_is_named_not_who_placed_it(gateway):
    for number, (source, account) in enumerate([("fix", "OMS"), ("python", ""), ("web", "x")]):
        gateway.desk.place(Ticket(f"o{number}", 0, Side.BUY, 2, 500, source=source, account=account))
    gateway.ask("DELETE", "/orders/o0", scopes=("trade",))
    gateway.desk.cancel("o1")
    gateway.desk.cancel("o1")
    gateway.desk.commit("o2")
    gateway.ask("POST", "/kill", {"on": True, "reason": "drill", "cancel": True}, scopes=("admin",))
    done = [("cancel", "agent:", f"o{number}", "cancelled") for number in range(3)]
    by = {"rest:trade": "o0", "python:": "o1", "rest:admin": "o2"}
    asked = [("cancel", actor, id, "asked") for actor, id in by.items()]
    assert sorted(told(gateway.controls, "cancel")) == sorted(done + asked)


def test_who_steers_a_parent_is_named(desk, engine, controls, settings):
    slicer = Slicer(desk, engine, lambda market, first: {})
    app = create(desk, settings, engine, [router(slicer)], controls)
    with TestClient(app, base_url="http://127.0.0.1:8700") as client:
        keys = app.state.gateway.gate.keys
        names = {name: {"Authorization": f"Bearer {keys.new(name, ['trade'])}"} for name in ("first", "second")}
        body = terms(id="p1", strategy="twap", epochs=2, quantity="100")
        assert client.post("/v1/parents", json=body, headers=names["first"]).status_code == 201
        slicer.tick()
        for action in ("pause", "resume", "cancel"):
            assert client.post(f"/v1/parents/p1/{action}", headers=names["second"]).status_code == 200
        refused(client.post("/v1/parents/p1/resume", headers=names["first"]), 422, "closed")
        refused(client.post("/v1/parents/p2/pause", headers=names["first"]), 404, "not_found")
    [child] = [order.client_id for order in desk.orders()]
    first, second = "rest:first", "rest:second"
    rows = told(controls, *(f"parent_{what}" for what in ("begin", "pause", "resume", "cancel")), "cancel")
    assert [row for row in rows if row[1] != "agent:"] == [
        ("parent_begin", first, "p1", "asked"), ("parent_pause", second, "p1", "asked"),
        ("parent_resume", second, "p1", "asked"), ("parent_cancel", second, "p1", "asked"),
        ("cancel", "slicer:p1", child, "asked"),
        ("parent_resume", first, "p1", "asked"), ("parent_resume", first, "p1", "refused"),
        ("parent_pause", first, "p2", "asked"), ("parent_pause", first, "p2", "refused"),
    ]  # fmt: skip


def test_what_the_desk_did_is_taken_in_once_whatever_dies(desk, controls, engine):
    desk.place(Ticket("a", 0, Side.BUY, 2, 500))
    desk.cancel("a")
    controls.book.catch_up()
    again = Controls(desk, engine)
    again.book.catch_up()
    assert [one.outcome for one in again.decisions.page(0, 9)] == ["allowed", "asked", "cancelled"]


# --- The kill switch ---


def test_the_kill_switch(gateway):
    for id in ("waiting", "sealed", "open"):
        gateway.ask("POST", "/orders", terms(client_id=id))
    gateway.desk.commit("sealed")
    gateway.desk.commit("open")
    gateway.desk.reveal("open")
    told = gateway.ask("POST", "/kill", {"on": True, "reason": "drill", "cancel": True}).json()
    assert (told["killed"], told["reason"], sorted(told["cancelled"])) == (True, "drill", ["sealed", "waiting"])
    [left] = told["not_cancelled"]
    assert left["client_id"] == "open" and "revealed" in left["reason"]
    assert "drill" in refused(gateway.ask("POST", "/orders", terms(client_id="late")), 422, "killed")
    quote = gateway.ask("POST", "/quote", terms()).json()
    assert not quote["allowed"] and [check["code"] for check in quote["checks"] if not check["passed"]] == ["killed"]
    assert gateway.ask("GET", "/status").json()["kill_reason"] == "drill"
    off = gateway.ask("POST", "/kill", {"on": False, "reason": "over"}).json()
    assert off == {"killed": False, "reason": None, "cancelled": [], "not_cancelled": []}
    assert gateway.ask("POST", "/orders", terms(client_id="later")).status_code == 201


def test_an_order_that_comes_as_the_switch_turns_is_taken_back_too(desk, controls):
    really = desk.kill

    def kill(on, reason):
        desk.place(Ticket("late", 0, Side.BUY, 2, 500))
        desk.commit("late")
        really(on, reason)

    desk.kill = kill
    assert controls.kill(True, "drill", "rest:a", cancel=True) == (["late"], {})


def test_killing_needs_a_reason(gateway):
    refused(gateway.ask("POST", "/kill", {"on": True, "reason": ""}), 422, "invalid")
    refused(gateway.ask("POST", "/kill", {"on": "yes", "reason": "x"}), 422, "invalid")
    assert gateway.desk.killed is None


# --- The log ---


def tamper(engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in ("DROP TRIGGER decision_log_update", "DROP TRIGGER decision_log_delete", *statements):
            connection.execute(text(statement))


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("UPDATE decision_log SET outcome = 'allowed' WHERE number = 3", "row 3 does not follow"),
        ("UPDATE decision_log SET data = '{}' WHERE number = 2", "row 2 does not follow"),
        ("UPDATE decision_log SET time = time - 1 WHERE number = 4", "row 4 does not follow"),
        ("DELETE FROM decision_log WHERE number = 1", "row 1 is missing"),
    ],
)
def test_tampering_shows(engine, controls, statement, found):
    decisions = Decisions(engine)
    for number in range(5):
        decisions.add("place", "rest:a", f"o{number}", "refused", {"price": str(number)})
    assert decisions.verify() == decisions.head() and decisions.head()[0] == 5
    with pytest.raises(DBAPIError, match="the decision log is only added to"), engine.begin() as connection:
        connection.execute(text(statement))
    tamper(engine, statement)
    with pytest.raises(LogBroken, match=found):
        decisions.verify()


def test_rows_cut_off_the_end_show_against_what_was_kept(engine, controls):
    decisions = Decisions(engine)
    for number in range(3):
        decisions.add("place", "rest:a", f"o{number}", "refused")
    kept = decisions.head()
    decisions.add("place", "rest:a", "o3", "refused")
    assert decisions.verify(kept) == decisions.head()
    tamper(engine, "DELETE FROM decision_log WHERE number >= 3")
    assert decisions.verify()[0] == 2
    with pytest.raises(LogBroken, match="row 3 was there when its link was kept; 2 rows are left"):
        decisions.verify(kept)
    decisions.add("place", "rest:a", "o2", "allowed")
    with pytest.raises(LogBroken, match="row 3 has not the link that was kept"):
        decisions.verify(kept)
