"""Strangers who hold connections, streams and the database: whoever has a key gets in all the same."""

import json
import socket
import threading
from contextlib import ExitStack, closing, suppress
from functools import partial

import httpx
import pytest
from websockets.sync import client as websocket

from offchain.gateway import door, serve, stream
from offchain.gateway.app import create
from offchain.gateway.keys import LOOKUPS, KeyRefused, Keys
from offchain.gateway.serve import serving

SECONDS = 60
connect = partial(websocket.connect, proxy=None, open_timeout=SECONDS, close_timeout=SECONDS)
HEAD = b"GET /v1/status HTTP/1.1\r\n"
HALF = b"POST /v1/orders HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 40\r\n\r\n{"


@pytest.fixture
def few(monkeypatch):
    """Little room, so that a test fills it."""
    monkeypatch.setattr(serve, "CONNECTIONS", 8)
    monkeypatch.setattr(door, "STRANGERS", 4)
    monkeypatch.setattr(stream, "CLIENTS", 2)
    monkeypatch.setattr(stream, "TOKEN_SECONDS", SECONDS)


@pytest.fixture
def app(desk, engine, controls, settings):
    return create(desk, settings, engine, controls=controls)


@pytest.fixture
def address(few, app):
    with serving(app, port=0) as address:
        yield address


@pytest.fixture
def token(engine):
    return Keys(engine).new("desk-1", ["read", "trade"], per_second=1e6, burst=10**6)


def ask(client: httpx.Client, token: str) -> int:
    return client.get("/v1/status", headers={"Authorization": f"Bearer {token}"}).status_code


def stranger(stack: ExitStack, address: str, said: bytes) -> socket.socket:
    host, port = address.removeprefix("http://").split(":")
    link = stack.enter_context(closing(socket.create_connection((host, int(port)), timeout=SECONDS)))
    with suppress(ConnectionError):     # it was sent away before
        link.sendall(said)
    return link


def wait_closed(link: socket.socket) -> None:
    with suppress(ConnectionResetError):
        while link.recv(65_536):
            pass


@pytest.mark.parametrize("said", [b"", HEAD, HALF], ids=["nothing", "half a header", "half a body"])
def test_strangers_who_hold_connections_keep_no_desk_out(address, token, said):
    with ExitStack() as stack:
        early = stack.enter_context(httpx.Client(base_url=address, timeout=SECONDS))
        assert ask(early, token) == 200
        links = [stranger(stack, address, said) for _ in range(20)]
        wait_closed(links[0])       # the oldest makes room
        with httpx.Client(base_url=address, timeout=SECONDS) as late:
            assert ask(late, token) == 200
        assert ask(early, token) == 200, "a connection that showed a key stays"


def test_a_stranger_is_sent_away_after_a_while(monkeypatch, app, token):
    monkeypatch.setattr(door, "SECONDS", 1.0)
    with serving(app, port=0) as address, ExitStack() as stack:
        desk = stack.enter_context(httpx.Client(base_url=address, timeout=SECONDS))
        for _ in range(SECONDS):
            with suppress(httpx.TransportError):    # it too may be held up for longer than a stranger has
                assert ask(desk, token) == 200
                break
        [kept] = [one for one in desk._transport._pool.connections]
        links = [stranger(stack, address, said) for said in (HEAD, HALF, HEAD + b"Host: localhost\r\n\r\n")]
        for link in links:
            wait_closed(link)
        assert ask(desk, token) == 200 and desk._transport._pool.connections == [kept]


def test_a_request_that_is_being_answered_is_not_cut_off(monkeypatch, app, token):
    """Its time is over while the key is looked up: its owner has asked in time."""
    gate = app.state.gateway.gate
    look, over = gate.keys.holder, threading.Event()

    def slow(token):
        [visitor] = gate.door._strangers.values()
        visitor.loop.call_soon_threadsafe(lambda: (visitor._late(), over.set()))
        assert over.wait(SECONDS)
        return look(token)

    monkeypatch.setattr(gate.keys, "holder", slow)
    with serving(app, port=0) as address, httpx.Client(base_url=address, timeout=SECONDS) as client:
        assert ask(client, token) == 200 and over.is_set()


def test_strangers_take_no_place_among_the_streams(address, token):
    url = address.replace("http", "ws", 1) + "/v1/stream"
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(connect(url))
        own = stack.enter_context(connect(url))
        own.send(json.dumps({"token": token}))
        assert json.loads(own.recv(SECONDS))["kind"] == "heartbeat"


def test_half_a_request_is_not_acted_on(app, desk, token):
    body = json.dumps({"client_id": "a", "market": 0, "side": "buy", "quantity": "4", "price": "500"}).encode()
    lines = f"Host: localhost\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json"

    def request(length: int, body: bytes) -> bytes:
        return f"POST /v1/orders HTTP/1.1\r\n{lines}\r\nContent-Length: {length}\r\n\r\n".encode() + body

    with serving(app, port=0) as address, ExitStack() as stack:
        stranger(stack, address, request(len(body) + 9, body)).close()
        whole = stranger(stack, address, request(len(body), body.replace(b'"a"', b'"b"')))
        assert b" 201 " in whole.recv(65_536)
    assert [order.client_id for order in desk.orders()] == ["b"]


def test_guessing_does_not_have_the_keys_read_again_and_again(engine, monkeypatch):
    keys = Keys(engine)
    token, reads, read = keys.new("a", ["read"]), [], keys.all
    monkeypatch.setattr(keys, "all", lambda: reads.append(None) or read())
    for number in range(20 * LOOKUPS):
        with pytest.raises(KeyRefused):
            keys.holder(f"sp_{number:016x}_{'A' * 43}")
        assert keys.holder(token).name == "a"
    assert len(reads) < 5 * LOOKUPS
