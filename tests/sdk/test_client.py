"""The agent's client against a gateway over HTTP and WebSocket, on a desk double."""

import threading
from contextlib import ExitStack

import pytest
from sqlmodel import create_engine

from offchain.agent.desk import DeskOrder, MarketView, OrderState, TicketRefused
from offchain.agent_client import AgentClient, AgentError, AgentRefused, read
from offchain.gateway.app import create
from offchain.gateway.keys import Keys
from offchain.gateway.serve import serving
from offchain.gateway.settings import Settings
from offchain.notes import Side
from scripts.ports import kept_port
from tests.agent.desk_double import BTC, DeskDouble


class Site:
    """A desk behind a gateway that may be shut and opened again at the same port."""

    def __init__(self, folder, port: int):
        self.desk, self.engine, self.port = DeskDouble(), create_engine(f"sqlite:///{folder}/agent.sqlite3"), port
        self._up = ExitStack()
        self.open()
        self.key = Keys(self.engine).new("desk", ["read", "trade", "move"])

    def open(self):
        app = create(self.desk, Settings(sealing_key=bytes(32), heartbeat_seconds=0.2), self.engine)
        self.address = self._up.enter_context(serving(app, port=self.port))

    def shut(self):
        self._up.close()


@pytest.fixture
def site(tmp_path):
    with kept_port() as port:
        site = Site(tmp_path, port)
        yield site
        site.shut()
        site.engine.dispose()


@pytest.fixture
def client(site):
    with AgentClient(site.address, site.key, patience=60) as client:
        yield client


def test_an_order_from_ticket_to_fill(site, client):
    order = client.place("a-1", 0, "buy", (1 << 64) - 1, 500)
    assert order == site.desk.order("a-1") and order.quantity == (1 << 64) - 1 and order.side == Side.BUY
    assert client.place("a-1", 0, Side.BUY, (1 << 64) - 1, 500) == order, "the same id is the same order"

    def settle():
        site.desk.commit("a-1")
        site.desk.reveal("a-1")
        site.desk.fill("a-1", 1 << 63, 499)

    later = threading.Timer(0.3, settle)
    later.start()
    done = client.wait("a-1", timeout=60)
    later.join()
    assert (done.state, done.fill, done.fill_price) == (OrderState.FILLED, 1 << 63, 499)
    assert client.wait("a-1") == done and client.fills() == client.orders() == [done]
    assert client.orders(state=OrderState.ACCEPTED) == []


def test_what_the_desk_has_is_read_as_it_is(site, client):
    assert client.status() == site.desk.status() or client.status().sequence == site.desk.status().sequence
    assert client.markets() == site.desk.markets() and client.balances() == site.desk.balances()
    moved = client.withdraw("w-1", BTC, 1 << 100, "0x" + "11" * 20)
    assert moved == site.desk.movements()[0] and client.movements() == [moved]
    assert client.deposit("d-1", BTC, 5).kind == "deposit" and client.consolidate("c-1", BTC).kind == "consolidation"
    assert client.quote(0, "sell", 10, 500)["lock"] == "10000"


def test_a_refusal_has_its_code_and_reason(site, client):
    def never(ticket, snapshot):
        raise TicketRefused("notional", "at most 5 lots: ask for less")

    site.desk.checks.append(never)
    with pytest.raises(AgentRefused, match="at most 5 lots") as refused:
        client.place("a-2", 0, "sell", 6, 500)
    assert (refused.value.status, refused.value.code) == (422, "notional")
    with pytest.raises(AgentRefused) as refused:
        client.order("nobody")
    assert refused.value.status == 404
    with pytest.raises(ValueError, match="neither buy nor sell"):
        client.place("a-3", 0, "long", 1, 1)


def test_a_wrong_key_is_refused_and_never_told(site):
    with AgentClient(site.address, "sp_wrong_secret", patience=60) as client:
        for attempt in (client.status, lambda: next(client.stream())):
            with pytest.raises(AgentRefused) as refused:
                attempt()
            assert refused.value.status == 401 and "secret" not in str(refused.value)


def test_a_stream_has_every_event_though_the_gateway_goes_and_comes(site, client):
    for n in range(3):
        site.desk.say("agent", n=n)
    events = client.stream()
    assert [next(events).sequence for _ in range(3)] == [1, 2, 3]
    site.shut()
    site.desk.say("agent", n=3)
    site.open()
    site.desk.say("agent", n=4)
    assert [(event.sequence, event.data["n"]) for event in (next(events), next(events))] == [(4, 3), (5, 4)]
    events.close()


def test_waiting_for_what_does_not_come_ends(site, client):
    client.place("a-1", 0, "buy", 1, 500)
    with pytest.raises(AgentError, match="goes on"):
        client.wait("a-1", timeout=0.5)


def test_an_agent_that_is_away_is_said_to_be(site):
    with kept_port() as port, AgentClient(f"http://127.0.0.1:{port}", "key", patience=0.3) as client:
        with pytest.raises(AgentError, match="does it run"):
            client.status()
        with pytest.raises(AgentError, match="does the agent run"):
            next(client.stream())


@pytest.mark.parametrize("url", ["http://example.com", "ftp://127.0.0.1", "https://user@example.com", "127.0.0.1:8700"])
def test_a_key_goes_over_no_plain_network(url):
    with pytest.raises(AgentError, match="no agent's address"):
        AgentClient(url, "key")


def test_the_environment_names_agent_and_key(monkeypatch, tmp_path, site):
    for name in ("SHADOWPOOL_AGENT_KEY", "SHADOWPOOL_AGENT_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(AgentError, match="no API key"):
        AgentClient.from_environment()
    file = tmp_path / "key"
    file.write_text(site.key + "\n")
    monkeypatch.setenv("SHADOWPOOL_AGENT_KEY_FILE", str(file))
    monkeypatch.setenv("SHADOWPOOL_AGENT", site.address)
    with AgentClient.from_environment() as client:
        assert client.orders() == []


ORDER = {
    "client_id": "a", "market": 0, "epoch": None, "side": "buy", "quantity": "5", "price": "5", "source": "", "account": "",
    "state": "filled", "code": None, "reason": None, "fill": "5", "fill_price": "5", "reference": None, "forfeited": None,
    "quota_nullifier": "7", "commit_tx": None, "reveal_tx": None, "created": 0, "sequence": 1,
}  # fmt: skip


@pytest.mark.parametrize("changes", [
    {"quantity": "5.0"}, {"quantity": 5.0}, {"quantity": "05"}, {"quantity": True}, {"quantity": None}, {"side": "long"},
    {"side": 2}, {"state": "?"}, {"client_id": 5}, {"quota_nullifier": str(1 << 256)},
], ids=str)  # fmt: skip
def test_an_answer_that_does_not_fit_is_an_error(changes):
    assert read(DeskOrder, ORDER).fill == 5
    with pytest.raises(AgentError, match="cannot be read"):
        read(DeskOrder, ORDER | changes)


@pytest.mark.parametrize("value", [None, [], "x", {}])
def test_what_is_no_object_is_an_error(value):
    for kind in (DeskOrder, MarketView):
        with pytest.raises(AgentError):
            read(kind, value)
