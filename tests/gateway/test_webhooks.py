"""Webhooks to a real receiver: signed, in order, at least once over failures and restarts; and only where they may go."""

import hashlib
import hmac
import json
import socket
import time
from dataclasses import replace

import pytest
from sqlalchemy import text

from offchain.agent.desk import Ticket
from offchain.gateway import outbound, verify, webhooks
from offchain.gateway.outbound import Forbidden, Unreachable, addresses, target
from offchain.gateway.seal import Box, SealBroken, sealing_key
from offchain.gateway.verify import AtWork, Forged, Receiver, Repeated, signature
from offchain.gateway.webhooks import HOOKS, HookRefused, Webhooks
from offchain.notes import Side
from tests.gateway.conftest import refused
from tests.gateway.sink import SECONDS, Sink, listening

SECRET = "ab" * 32


def took(receiver: Receiver, headers: dict, body: bytes) -> dict:
    with receiver.accept(headers, body) as event:
        return event


def settled(read, wanted) -> None:
    deadline = time.monotonic() + SECONDS
    while (found := read()) != wanted and time.monotonic() < deadline:
        time.sleep(0.02)
    assert found == wanted


def trade(desk, count: int, first: int = 0) -> None:
    for number in range(first, first + count):
        desk.place(Ticket(f"o{number}", 0, Side.BUY, 1, 500))


def test_events_are_pushed_signed_and_in_order(gateway):
    sink = Sink()
    trade(gateway.desk, 1)
    with listening(sink) as url:
        made = gateway.ask("POST", "/webhooks", {"url": url, "kinds": ["order"]})
        assert made.status_code == 201 and made.json()["delivered"] == 1
        secret, id = made.json()["secret"], made.json()["id"]
        gateway.desk.say("balance")
        trade(gateway.desk, 5, first=1)
        got = sink.wait(5)
        assert sink.sequences() == [3, 4, 5, 6, 7]
        receiver = Receiver(secret)
        events = [took(receiver, headers, body) for headers, body in got]
        assert events[0]["order"] == gateway.ask("GET", "/orders/o1").json()
        assert got[0][0]["Shadowpool-Id"] == f"{id}-3" and got[0][0]["Content-Type"] == "application/json"
        for headers, body in got:
            with pytest.raises(Repeated):
                took(receiver, headers, body)
        [told] = gateway.ask("GET", "/webhooks").json()["items"]
        assert "secret" not in told and secret not in json.dumps(told) and (told["kinds"], told["state"]) == (["order"], "active")
        settled(lambda: gateway.ask("GET", "/webhooks").json()["items"][0]["delivered"], 7)
        assert gateway.ask("DELETE", f"/webhooks/{id}").status_code == 204
        refused(gateway.ask("DELETE", f"/webhooks/{id}"), 404, "not_found")
        trade(gateway.desk, 1, first=9)
        assert gateway.ask("GET", "/webhooks").json()["items"] == []
    made = [(one.kind, one.outcome) for one in gateway.controls.decisions.page(0, 100) if one.subject == id]
    assert made == [("webhook", "made"), ("webhook", "removed")]


def test_from_an_event_on(gateway):
    sink = Sink()
    trade(gateway.desk, 3)
    with listening(sink) as url:
        assert gateway.ask("POST", "/webhooks", {"url": url, "after": 1}).json()["delivered"] == 1
        sink.wait(2)
        assert sink.sequences() == [2, 3]
        assert "the last event is 3" in refused(gateway.ask("POST", "/webhooks", {"url": url, "after": 4}), 422, "webhook")


def test_what_is_not_taken_comes_again_before_what_follows(gateway):
    sink = Sink(500, 404, 307, 200, 503)
    with listening(sink) as url:
        secret = gateway.ask("POST", "/webhooks", {"url": url}).json()["secret"]
        trade(gateway.desk, 3)
        got = sink.wait(7)
        assert sink.sequences() == [1, 1, 1, 1, 2, 2, 3], "a redirect is not followed, and is no success"
        ids = [headers["Shadowpool-Id"] for headers, _ in got]
        assert len(set(ids)) == 3 and ids[0] == ids[3]
        receiver, fresh = Receiver(secret), []
        for headers, body in got:
            try:
                fresh.append(took(receiver, headers, body)["sequence"])
            except Repeated:
                pass
        assert fresh == [1, 2, 3]
        settled(lambda: [gateway.ask("GET", "/webhooks").json()["items"][0][name] for name in ("attempts", "error")], [0, None])


def test_the_queue_outlives_restarts_and_nothing_is_lost(desk, engine, controls, settings):
    refusing, taking = Sink(*[500] * 10_000), Sink(200, 200)
    with listening(refusing) as bad:
        first = Webhooks(desk, engine, settings)
        first.start()
        hook, _ = first.add(bad, ["order"], None, "test")
        trade(desk, 4)
        first.told(4)
        refusing.wait(3)
        first.stop()
        assert set(refusing.sequences()) == {1}
    [kept] = first.all()
    assert kept.delivered == 0 and kept.attempts >= 3 and "500" in kept.error
    with listening(taking) as good:
        with engine.begin() as connection:
            connection.execute(text("UPDATE gateway_webhook SET url = :url"), {"url": good})
        again = Webhooks(desk, engine, settings)
        again.start()
        taking.wait(4)
        settled(lambda: again.all()[0].delivered, 4)
        again.stop()
    assert taking.sequences() == [1, 2, 3, 4]


def test_waits_grow_and_end(desk, engine, controls, settings, monkeypatch):
    tries, now = [], [10**12]

    def post(*_) -> int:
        tries.append(now[0])
        raise Unreachable("ConnectError")

    hooks = Webhooks(desk, engine, replace(settings, hook_first_wait=1.0, hook_longest_wait=10.0, hook_give_up=60.0), post)
    monkeypatch.setattr(webhooks, "unix_ms", lambda: now[0])
    monkeypatch.setattr(hooks, "_wait", lambda until, seconds: now.__setitem__(0, now[0] + int(1_000 * seconds)))
    trade(desk, 1)
    hooks.start()
    hooks.add("https://127.0.0.1/x", ["order"], 0, "test")
    settled(lambda: hooks.all()[0].state, "failed")
    hooks.stop()
    gaps = [after - before for before, after in zip(tries, tries[1:])]
    waits = [1_000, 2_000, 4_000, 8_000] + [10_000] * (len(gaps) - 4)
    assert all(0.8 * wait <= gap <= 1.2 * wait for gap, wait in zip(gaps, waits, strict=True)) and len(set(gaps)) > 4
    assert tries[-2] - tries[0] <= 60_000 < tries[-1] - tries[0]
    [kept] = hooks.all()
    assert (kept.error, kept.delivered, kept.next_attempt) == ("ConnectError", 0, None)
    assert controls.decisions.page(0, 100)[-1].outcome == "gave up"
    again = Webhooks(desk, engine, settings, post)
    again.start()
    assert again._threads == {}
    again.stop()


def test_secrets_are_sealed_at_rest(gateway, engine):
    with listening(Sink()) as url:
        secret = gateway.ask("POST", "/webhooks", {"url": url}).json()["secret"]
    with engine.begin() as connection:
        kept = b"".join(str(row).encode() for table in ("gateway_webhook", "decision_log") for row in connection.execute(text(f"SELECT * FROM {table}")))
        [sealed] = connection.execute(text("SELECT secret FROM gateway_webhook")).scalars()
    assert secret.encode() not in kept and bytes.fromhex(secret) not in sealed


def test_a_seal_opens_under_its_key_for_its_row_alone():
    key = sealing_key(b"s" * 32)
    sealed = Box(key).seal(b"secret", "hook")
    assert Box(key).open(sealed, "hook") == b"secret" and Box(key).seal(b"secret", "hook") != sealed
    for box, data, row in (
        (Box(sealing_key(b"t" * 32)), sealed, "hook"), (Box(key), sealed, "other"), (Box(key), sealed[:-1], "hook"), (Box(key), b"", "hook"),
    ):  # fmt: skip
        with pytest.raises(SealBroken):
            box.open(data, row)
    with pytest.raises(ValueError, match="at least 32"):
        sealing_key(b"short")


def test_there_are_not_too_many(desk, engine, controls, settings):
    hooks = Webhooks(desk, engine, settings)
    for _ in range(HOOKS):
        hooks.add("http://127.0.0.1:9/", ["order"], None, "test")
    with pytest.raises(HookRefused, match="remove one"):
        hooks.add("http://127.0.0.1:9/", ["order"], None, "test")


# --- Receiving ---


def headers(timestamp: int = 1_000, id: str = "ab-1", body: bytes = b"{}", secret: str = SECRET) -> dict:
    return {verify.ID.lower(): id, verify.TIMESTAMP: str(timestamp), verify.SIGNATURE: signature(secret, timestamp, id, body)}


def test_the_signature_is_hmac_sha256_of_what_the_documentation_says():
    expected = hmac.new(bytes.fromhex(SECRET), b"1000.ab-1.{}", hashlib.sha256).hexdigest()
    assert signature(SECRET, 1_000, "ab-1", b"{}") == f"v1={expected}"


def test_what_is_not_the_agent_s_is_refused():
    now = [1_000.0]
    receiver = Receiver(SECRET, clock=lambda: now[0])
    good = headers()
    for wrong, body in (
        (good, b"{ }"), (good | {verify.TIMESTAMP: "1001"}, b"{}"), (good | {"shadowpool-id": "ab-2"}, b"{}"), ({}, b"{}"),
        (headers(secret="cd" * 32), b"{}"), (good | {verify.SIGNATURE: good[verify.SIGNATURE][3:]}, b"{}"),
        (good | {verify.SIGNATURE: "v1=é"}, b"{}"), (headers(id="ab.1"), b"{}"), (good | {verify.TIMESTAMP: "1e3"}, b"{}"),
    ):  # fmt: skip
        with pytest.raises(Forged):
            took(receiver, wrong, body)
    for at in (699.0, 1_301.0):
        now[0] = at
        with pytest.raises(Forged, match="too long ago"):
            took(receiver, good, b"{}")
    now[0] = 1_300.0
    with pytest.raises(OSError), receiver.accept(good, b"{}"):
        raise OSError("acting on it failed")
    with receiver.accept(good, b"{}"), pytest.raises(AtWork):
        took(receiver, good, b"{}")
    with pytest.raises(Repeated):
        took(receiver, good, b"{}")
    good = headers(id="ab-3")
    with pytest.raises(OSError), receiver.accept(good, b"{}"):
        raise OSError("acting on it failed")
    assert took(receiver, good, b"{}") == {}, "it comes again, and counts as new"
    with pytest.raises(Repeated):
        took(receiver, headers(1_250), b"{}")


# --- Where they may go ---


@pytest.mark.parametrize(
    "url",
    [
        "ftp://127.0.0.1/", "127.0.0.1", "https://", "https://user@host.test/", "https://u:p@host.test/", "https://host.test/#x",
        "https://host.test:99999/", "file:///etc/passwd", "https://host.test/a b", "https://hö.test/", "https://host.test/\n", "//host.test",
    ],
)  # fmt: skip
def test_urls_that_are_none(gateway, url):
    refused(gateway.ask("POST", "/webhooks", {"url": url}), 422, "webhook")


@pytest.mark.parametrize(
    ("address", "allowed"),
    [
        ("127.0.0.1", True), ("::1", True), ("8.8.8.8", True), ("2606:4700::1111", True), ("10.0.0.1", False), ("192.168.1.1", False),
        ("172.16.0.1", False), ("169.254.169.254", False), ("100.64.0.1", False), ("0.0.0.0", False), ("224.0.0.1", False), ("::", False),
        ("255.255.255.255", False), ("fc00::1", False), ("fe80::1%eth0", False), ("::ffff:10.0.0.1", False), ("::ffff:127.0.0.1", True),
        ("64:ff9b::a00:1", False), ("2002:a00:1::", False), ("2001::1", False), ("ff02::1", False), ("fec0::1", False),
    ],
)  # fmt: skip
def test_only_public_addresses_and_this_machine(monkeypatch, address, allowed):
    resolve(monkeypatch, address)
    if allowed:
        assert addresses(target("https://host.test/")) == [address]
    else:
        with pytest.raises(Forbidden, match="private"):
            addresses(target("https://host.test/"))
        assert addresses(target("https://HOST.test/"), frozenset({"host.test"})) == [address], "an operator may allow it"


def test_one_private_address_among_others_is_enough_to_refuse(monkeypatch):
    resolve(monkeypatch, "8.8.8.8", "10.0.0.1")
    with pytest.raises(Forbidden):
        addresses(target("https://host.test/"))


def test_http_is_for_this_machine_alone(monkeypatch):
    resolve(monkeypatch, "8.8.8.8")
    for private in (frozenset(), frozenset({"host.test"})):
        with pytest.raises(Forbidden, match="use https"):
            addresses(target("http://host.test/"), private)


def test_a_name_is_judged_again_at_every_delivery_and_the_address_judged_is_the_one_asked(monkeypatch):
    sink = Sink()
    with listening(sink) as url:
        resolve(monkeypatch, "127.0.0.1")
        goal = target(url.replace("127.0.0.1", "host.test"))
        assert outbound.post(goal, {"A": "b"}, b"x") == 200 and sink.got[0][0]["Host"] == f"host.test:{goal.port}"
        resolve(monkeypatch, "10.0.0.1")
        with pytest.raises(Forbidden):
            outbound.post(goal, {}, b"x")
        assert len(sink.got) == 1
    resolve(monkeypatch, "127.0.0.1")
    with pytest.raises(Unreachable, match="ConnectError"):
        outbound.post(goal, {}, b"x")


def test_proxies_are_not_asked(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with listening(Sink()) as url:
        assert outbound.post(target(url), {}, b"x") == 200


def resolve(monkeypatch, *found: str) -> None:
    """Have every name mean these addresses, in outbound's eyes."""
    entries = [(socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 0)) for one in found]

    class Resolver:
        SOCK_STREAM = socket.SOCK_STREAM

        @staticmethod
        def getaddrinfo(*_, **__):
            return entries

    monkeypatch.setattr(outbound, "socket", Resolver)
