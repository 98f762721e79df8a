"""Parents over HTTP, by the client that users have."""

import pytest

from offchain.agent_client import AgentClient, AgentRefused
from offchain.gateway.app import create
from offchain.gateway.serve import serving
from offchain.gateway.settings import Settings
from offchain.notes import Side
from offchain.slicer.parents import ParentState, Strategy
from offchain.slicer.routes import router

BODY = {"id": "p1", "market": 0, "side": "buy", "quantity": "1000", "price": "510", "strategy": "twap", "epochs": 10}


@pytest.fixture
def served(bench):
    """(address, keys) of a gateway with the slicer's paths."""
    app = create(bench.desk, Settings(sealing_key=bytes(32)), bench.engine, [router(bench.slicer)])
    with serving(app, port=0) as address:
        yield address, app.state.gateway.gate.keys


@pytest.fixture
def client(served):
    address, keys = served
    with AgentClient(address, keys.new("desk", ["read", "trade"])) as client:
        yield client


def test_a_parent_is_started_steered_and_reported(bench, client):
    lots, tuning = (1 << 63) + 1, {"epochs": 10, "urgency_bps": 500}
    made = client.start_parent("p1", 0, "buy", lots, 510, "shortfall", **tuning)
    assert made == client.parent("p1") == bench.slicer.parent("p1")
    assert (made.side, made.quantity, made.strategy) == (Side.BUY, lots, Strategy.SHORTFALL)
    assert made.state == ParentState.RUNNING
    assert client.start_parent("p1", 0, Side.BUY, lots, 510, Strategy.SHORTFALL, **tuning) == made
    bench.slicer.tick()
    bench.fill(price=505)
    bench.slicer.tick()
    assert client.steer_parent("p1", "pause").state == ParentState.PAUSED
    assert client.steer_parent("p1", "resume").state == ParentState.RUNNING
    assert [one.id for one in client.parents()] == ["p1"] and client.parents(ParentState.DONE) == []
    report = client.parent_report("p1")
    assert report == bench.slicer.report("p1") and report.average_price == 505 and len(report.children) == 1
    assert client.steer_parent("p1", "cancel").state == ParentState.CANCELLED


@pytest.mark.parametrize("changes,status,code", [
    ({"quantity": "0"}, 422, "invalid"),
    ({"quantity": 1000}, 422, "invalid"),
    ({"quantity": str(1 << 64)}, 422, "bad_parent"),
    ({"quantity": "99999999999999999999"}, 422, "bad_parent"),
    ({"side": "long"}, 422, "invalid"),
    ({"epochs": 0}, 422, "invalid"),
    ({"epochs": "3"}, 422, "invalid"),
    ({"id": "../x"}, 422, "invalid"),
    ({"id": ".."}, 422, "invalid"),
    ({"extra": 1}, 422, "invalid"),
    ({"market": 4}, 422, "unknown_market"),
    ({"strategy": "participation"}, 422, "bad_parent"),
    ({"start": 0}, 422, "closed"),
])  # fmt: skip
def test_what_cannot_be_is_refused_with_a_code(bench, client, changes, status, code):
    with pytest.raises(AgentRefused) as refused:
        client.ask(dict, "POST", "/parents", BODY | changes)
    assert (refused.value.status, refused.value.code) == (status, code), refused.value
    assert bench.slicer.parents() == []


def test_another_parent_under_the_same_id_is_a_conflict(client):
    client.start_parent("p1", 0, "buy", 10, 510, "twap", epochs=2)
    with pytest.raises(AgentRefused) as refused:
        client.start_parent("p1", 0, "buy", 11, 510, "twap", epochs=2)
    assert (refused.value.status, refused.value.code) == (409, "duplicate_id")


def test_an_unknown_action_is_refused(client):
    client.start_parent("p1", 0, "buy", 10, 510, "twap", epochs=2)
    with pytest.raises(AgentRefused) as refused:
        client.steer_parent("p1", "stop")
    assert (refused.value.status, refused.value.code) == (422, "invalid")


def test_an_unknown_parent_is_not_found(client):
    with pytest.raises(AgentRefused) as refused:
        client.parent("nobody")
    assert refused.value.status == 404


def test_reading_and_trading_are_scopes_apart(served, client):
    client.start_parent("p1", 0, "buy", 10, 510, "twap", epochs=2)
    address, keys = served
    read, trade = keys.new("eyes", ["read"]), keys.new("hands", ["trade"])
    with AgentClient(address, read) as eyes, AgentClient(address, trade) as hands:
        assert eyes.parent("p1").quantity == 10
        for attempt in (
            lambda: eyes.steer_parent("p1", "cancel"),
            lambda: eyes.start_parent("p2", 0, "buy", 10, 510, "twap", epochs=2),
            hands.parents, lambda: hands.parent_report("p1"),
        ):  # fmt: skip
            with pytest.raises(AgentRefused) as refused:
                attempt()
            assert refused.value.status == 403
