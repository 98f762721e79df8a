"""The stream over a real server: gapless over many connections, for holders of keys alone, and it ends with its key."""

import json
import socket
import threading
import time
from functools import partial

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync import client as websocket

from offchain.agent.desk import Ticket
from offchain.agent_client import AgentClient
from offchain.gateway import stream as stream_module
from offchain.gateway.app import create
from offchain.gateway.keys import Keys
from offchain.gateway.serve import GatewayError, serving
from offchain.gateway.settings import Settings
from offchain.notes import Side
from tests.gateway.conftest import SEALING_KEY

SECONDS = 60
connect = partial(websocket.connect, proxy=None, open_timeout=SECONDS, close_timeout=SECONDS)


@pytest.fixture
def address(desk, engine, controls, settings, monkeypatch):
    monkeypatch.setattr(stream_module, "TOKEN_SECONDS", SECONDS)
    with serving(create(desk, settings, engine, controls=controls), port=0) as address:
        yield address


@pytest.fixture
def token(engine):
    return Keys(engine).new("reader", ["read"], per_second=1e6, burst=10**6)


def url(address: str, query: str = "") -> str:
    return address.replace("http", "ws", 1) + "/v1/stream" + query


def heard(address: str, token: str, count: int, after: int = 0) -> list[dict]:
    """The next events after a number."""
    with connect(url(address, f"?after={after}")) as stream:
        stream.send(json.dumps({"token": token}))
        found = []
        while len(found) < count:
            told = json.loads(stream.recv(SECONDS))
            if told["kind"] != "heartbeat":
                found.append(told)
        return found


def refusal(address: str, first: str | bytes, query: str = "") -> tuple[int, str]:
    """(status, code) that a connection is ended with."""
    with connect(url(address, query)) as stream:
        stream.send(first)
        told = json.loads(stream.recv(SECONDS))
        with pytest.raises(ConnectionClosed):
            stream.recv(SECONDS)
        assert told["kind"] == "error" and told["detail"] and stream.close_code == 1008
        return told["status"], told["code"]


def test_events_come_without_a_gap_over_many_connections(address, desk, token):
    def trade() -> None:
        for number in range(150):
            desk.place(Ticket(f"o{number}", 0, Side.BUY, 1, 500))
            desk.commit(f"o{number}")

    trading = threading.Thread(target=trade)
    trading.start()
    found = heard(address, token, 100)
    found += heard(address, token, 150, found[-1]["sequence"])
    found += heard(address, token, 50, found[-1]["sequence"])
    trading.join()
    assert [event["sequence"] for event in found] == list(range(1, 301))
    assert found[-1]["order"] == httpx.get(
        f"{address}/v1/orders/o149", headers={"Authorization": f"Bearer {token}"}, trust_env=False, timeout=SECONDS
    ).json()  # fmt: skip


def test_what_happens_later_comes_when_it_happens_and_heartbeats_meanwhile(address, desk, token):
    with connect(url(address)) as stream:
        stream.send(json.dumps({"token": token}))
        first = json.loads(stream.recv(SECONDS))
        assert set(first) == {"kind", "time"} and first["kind"] == "heartbeat"
        desk.say("balance", asset="USD", available=1 << 80)
        while (told := json.loads(stream.recv(SECONDS)))["kind"] == "heartbeat":
            pass
        assert told["sequence"] == 1 and told["data"] == {"asset": "USD", "available": str(1 << 80)} and told["order"] is None


def test_the_client_of_python_reads_it(address, desk, token):
    desk.place(Ticket("a", 0, Side.SELL, 3, 500))
    threading.Timer(0.2, lambda: (desk.commit("a"), desk.reveal("a"), desk.fill("a", 2, 501))).start()
    with AgentClient(address, token) as client:
        done = client.wait("a", SECONDS)
        assert (done.state, done.fill, done.side) == ("filled", 2, Side.SELL) and client.fills() == [done]
        assert client.markets()[0].lot == 1_000 and client.balances()[0].available == 10**12


def test_who_is_not_let_in(address, engine, token):
    trader = Keys(engine).new("trader", ["trade"])
    good = json.dumps({"token": token})
    assert refusal(address, json.dumps({"token": token[:-1] + "!"})) == (401, "unauthorized")
    assert refusal(address, json.dumps({"token": trader})) == (403, "forbidden")
    for first in ("", "{", "[]", token, json.dumps({"token": 1}), json.dumps({"token": token, "x": 1}), b"\xff"):
        assert refusal(address, first) == (401, "unauthorized")
    for query in ("?after=-1", "?after=x", "?after=", f"?after=0&token={token}", "?after=99999999999999999"):
        assert refusal(address, good, query) == (422, "invalid")
    assert refusal(address, good, "?after=1") == (422, "invalid"), "beyond the last event"


def test_who_says_nothing_is_sent_away(address, monkeypatch):
    monkeypatch.setattr(stream_module, "TOKEN_SECONDS", 0.1)
    with connect(url(address)) as stream:
        assert json.loads(stream.recv(SECONDS))["code"] == "unauthorized"


def test_other_origins_and_names_are_refused(address, token):
    host, port = address.removeprefix("http://").split(":")
    for named, origin in (("127.0.0.1", "http://evil.test"), ("evil.test", None), ("evil.test", "http://evil.test")):
        with socket.create_connection((host, int(port))) as link, pytest.raises(InvalidStatus) as refused:
            with connect(f"ws://{named}:{port}/v1/stream", sock=link, origin=origin):
                pass
        assert refused.value.response.status_code == 403
    with connect(url(address), origin="http://desk.test") as stream:
        stream.send(json.dumps({"token": token}))
        assert json.loads(stream.recv(SECONDS))["kind"] == "heartbeat"


def test_a_stream_ends_with_its_key(address, engine, token):
    with connect(url(address)) as stream:
        stream.send(json.dumps({"token": token}))
        stream.recv(SECONDS)
        Keys(engine).revoke("reader")
        while (told := json.loads(stream.recv(SECONDS)))["kind"] == "heartbeat":
            pass
        assert told["code"] == "unauthorized" and "revoked" in told["detail"]


def test_a_client_that_leaves_is_forgotten(desk, engine, controls, settings, token):
    app = create(desk, settings, engine, controls=controls)
    hub, deadline = app.state.gateway.hub, time.monotonic() + SECONDS
    with serving(app, port=0) as address:
        for _ in range(3):
            heard_nothing = connect(url(address))
            heard_nothing.send(json.dumps({"token": token}))
            heard_nothing.recv(SECONDS)
            heard_nothing.close()
        while (hub.clients or hub._waiting) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert hub.clients == 0 and not hub._waiting


def test_the_server_keeps_to_this_machine(desk, engine, controls, settings, address):
    app = create(desk, settings, engine, controls=controls)
    with pytest.raises(GatewayError, match="open to other machines"), serving(app, "0.0.0.0", 0):
        pass
    with pytest.raises(GatewayError, match="is that port taken"), serving(app, port=int(address.rpartition(":")[2])):
        pass


def test_settings_that_cannot_be():
    with pytest.raises(ValueError, match="32 bytes"):
        Settings(b"short")
    for origin in ("*", "desk.test", "http://desk.test/"):
        with pytest.raises(ValueError, match="no origin"):
            Settings(SEALING_KEY, origins=frozenset({origin}))
    assert SEALING_KEY.hex() not in repr(Settings(SEALING_KEY)) and repr(SEALING_KEY) not in repr(Settings(SEALING_KEY))
