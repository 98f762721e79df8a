"""Orders, holdings and controls over HTTP; who is let in, and how each refusal reads."""

import pytest

from offchain.agent.desk import OrderState, Ticket
from offchain.gateway import auth
from offchain.limits import Buckets
from offchain.notes import Side
from tests.gateway.conftest import refused, terms

BIG = (1 << 64) - 1


def test_an_order_from_placing_to_its_fill(gateway):
    body = terms(client_id="a-1", quantity=str(BIG), epoch=7)
    placed = gateway.ask("POST", "/orders", body)
    assert placed.status_code == 201 and placed.json()["state"] == "accepted" and placed.json()["sequence"] == 1
    told = placed.json()
    assert (told["side"], told["quantity"], told["price"], told["epoch"]) == ("buy", str(BIG), "500", 7)
    assert (told["source"], told["account"], told["fill"]) == ("rest", "read-trade-move-admin", None)
    assert gateway.ask("POST", "/orders", body).json() == told, "the same id with the same terms is the same order"
    gateway.desk.commit("a-1")
    gateway.desk.reveal("a-1")
    gateway.desk.fill("a-1", BIG - 1, 499)
    told = gateway.ask("GET", "/orders/a-1").json()
    assert (told["state"], told["fill"], told["fill_price"], told["reference"]) == ("filled", str(BIG - 1), "499", "499")
    assert gateway.ask("GET", "/fills").json() == {"items": [told], "next": None}
    assert gateway.ask("GET", f"/fills?after={told['sequence']}").json()["items"] == []


def test_the_same_id_with_other_terms_is_refused(gateway):
    gateway.ask("POST", "/orders", terms(client_id="a"))
    refused(gateway.ask("POST", "/orders", terms(client_id="a", price="501")), 409, "duplicate_id")


def test_orders_come_in_pages(gateway):
    for number in range(5):
        gateway.ask("POST", "/orders", terms(client_id=f"o{number}"))
    gateway.desk.commit("o0")
    seen, after = [], 0
    while after is not None:
        page = gateway.ask("GET", f"/orders?limit=2&after={after}").json()
        seen += [order["client_id"] for order in page["items"]]
        after = page["next"]
    assert seen == ["o1", "o2", "o3", "o4", "o0"]
    committed = gateway.ask("GET", "/orders?state=committed").json()["items"]
    assert [order["client_id"] for order in committed] == ["o0"] and committed[0]["quota_nullifier"] == "6"
    assert gateway.ask("GET", "/orders?account=nobody").json()["items"] == []


def test_cancels(gateway):
    gateway.ask("POST", "/orders", terms(client_id="a"))
    cancelled = gateway.ask("DELETE", "/orders/a")
    assert cancelled.status_code == 202 and cancelled.json()["state"] == "cancelled"
    gateway.ask("POST", "/orders", terms(client_id="b"))
    gateway.desk.commit("b")
    gateway.desk.reveal("b")
    assert "revealed" in refused(gateway.ask("DELETE", "/orders/b"), 409, "too_late")
    refused(gateway.ask("DELETE", "/orders/c"), 404, "not_found")
    refused(gateway.ask("GET", "/orders/c"), 404, "not_found")
    told = [(one.subject, one.outcome) for one in gateway.controls.decisions.page(0, 100) if one.kind == "cancel"]
    assert set(told) == {("a", "asked"), ("a", "cancelled"), ("b", "refused")}


@pytest.mark.parametrize(
    "wrong",
    [
        {"quantity": 4}, {"quantity": "0"}, {"quantity": "-1"}, {"quantity": "04"}, {"quantity": "4.0"}, {"quantity": "٤"},
        {"quantity": str(BIG + 1)}, {"price": ""}, {"price": "1e3"}, {"side": "BUY"}, {"side": 0}, {"market": "0"}, {"market": -1},
        {"market": True}, {"market": 9}, {"client_id": ""}, {"client_id": "a b"}, {"client_id": "x" * 65}, {"client_id": "a\n"}, {"client_id": ".."},
        {"client_id": "chain:7"}, {"epoch": "1"}, {"epoch": -1}, {"more": 1},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_ticket(gateway, wrong):
    answer = gateway.ask("POST", "/orders", terms(client_id="a") | wrong)
    assert answer.status_code == 422 and answer.json()["code"] in ("invalid", "bad_ticket", "unknown_market"), answer.text
    assert [order for order in gateway.desk.orders() if order.state != OrderState.REFUSED] == []


def test_a_quote_places_nothing(gateway):
    gateway.ask("PUT", "/limits", {"markets": {"0": {"order_quantity": "3", "band_bps": 100}}})
    told = gateway.ask("POST", "/quote", terms(price="600")).json()
    assert {name: told[name] for name in ("symbol", "lock", "fee", "bond")} == {"symbol": "USD", "lock": "2402", "fee": "2", "bond": "120"}
    failed = {check["name"]: check["code"] for check in told["checks"] if not check["passed"]}
    assert failed == {"order_quantity": "order_quantity", "band": "band"} and not told["allowed"]
    assert all(check["reason"] for check in told["checks"] if not check["passed"])
    poor = gateway.ask("POST", "/quote", terms(quantity="3", price=str(10**12))).json()
    assert {check["name"] for check in poor["checks"] if not check["passed"]} == {"band", "funds"}
    assert gateway.ask("POST", "/quote", terms(quantity="3")).json()["allowed"]
    assert gateway.desk.orders() == [] and gateway.controls.decisions.page(0, 10)[-1].kind == "limits"
    refused(gateway.ask("POST", "/quote", terms(market=4)), 422, "unknown_market")


def test_holdings_and_movements(gateway):
    [btc, usd] = gateway.ask("GET", "/balances").json()["items"]
    assert btc["largest_pair"] == str(10**12) and usd["decimals"] == 6
    [market] = gateway.ask("GET", "/markets").json()["items"]
    assert (market["lot"], market["reference"], market["printed"], market["windows"]["freeze"]) == ("1000", "500", None, 340)
    body = {"key": "w1", "asset": usd["asset"], "amount": str(10**30), "recipient": "0x" + "11" * 20}
    sent = gateway.ask("POST", "/withdrawals", body)
    assert sent.status_code == 202 and sent.json() == gateway.ask("POST", "/withdrawals", body).json()
    assert sent.json()["amount"] == str(10**30)
    refused(gateway.ask("POST", "/withdrawals", body | {"amount": "1"}), 409, "duplicate_id")
    gateway.ask("POST", "/consolidations", {"key": "c1", "asset": usd["asset"]})
    gateway.ask("POST", "/deposits", {"key": "d1", "asset": usd["asset"], "amount": "5"})
    kinds = [one["kind"] for one in gateway.ask("GET", "/movements").json()["items"]]
    assert kinds == ["deposit", "consolidation", "withdrawal"]
    told = [(one.kind, one.outcome) for one in gateway.controls.decisions.page(0, 100) if one.subject == "w1"]
    assert told == [("withdraw", "asked"), ("withdraw", "asked"), ("withdraw", "asked"), ("withdraw", "refused")]


def test_status(gateway):
    gateway.desk.problems = ("the chain does not answer",)
    told = gateway.ask("GET", "/status").json()
    assert told["problems"] == ["the chain does not answer"] and told["killed"] is False and told["chain_id"] == 31337


def test_a_fill_that_changes_meanwhile_hides_no_other(gateway, monkeypatch):
    for number in range(3):
        gateway.desk.place(Ticket(f"o{number}", 0, Side.BUY, 4, 500))
        gateway.desk.fill(f"o{number}", 4, 500)
    order, changes = gateway.desk.order, ["o1"]

    def changing(client_id):
        if changes:
            gateway.desk.change(changes.pop(), reference=501)
        return order(client_id)

    monkeypatch.setattr(gateway.desk, "order", changing)
    first = gateway.ask("GET", "/fills?limit=2").json()
    rest = gateway.ask("GET", f"/fills?after={first['next']}").json()
    assert {one["client_id"] for one in first["items"] + rest["items"]} == {"o0", "o1", "o2"}


# --- Who is let in ---


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/status", "read"), ("GET", "/orders", "read"), ("GET", "/decisions", "read"), ("POST", "/quote", "read"),
        ("POST", "/orders", "trade"), ("DELETE", "/orders/a", "trade"), ("POST", "/withdrawals", "move"),
        ("POST", "/consolidations", "move"), ("POST", "/deposits", "move"), ("PUT", "/limits", "admin"),
        ("PUT", "/restricted", "admin"), ("POST", "/kill", "admin"), ("POST", "/webhooks", "admin"),
        ("DELETE", "/webhooks/0123456789abcdef", "admin"),
    ],
)  # fmt: skip
def test_each_route_has_its_scope(gateway, method, path, scope):
    others = tuple({"read", "trade", "move", "admin"} - {scope})
    assert scope in refused(gateway.ask(method, path, scopes=tuple(sorted(others))), 403, "forbidden")
    assert gateway.ask(method, path, scopes=(scope,)).status_code in (200, 404, 422), "past the gate"
    refused(gateway.client.request(method, f"/v1{path}"), 401, "unauthorized")


def test_every_route_needs_a_key(gateway):
    paths = gateway.client.get("/openapi.json").json()["paths"]
    assert len(paths) >= 17
    for path, methods in paths.items():
        for method in methods:
            answer = gateway.client.request(method, path.replace("{client_id}", "a").replace("{id}", "0123456789abcdef"))
            refused(answer, 401, "unauthorized")
            assert answer.headers["www-authenticate"] == "Bearer"


def test_wrong_keys(gateway):
    good = gateway.key("read")
    for wrong in (good[:-1] + ("A" if good[-1] != "A" else "B"), "sp_" + "0" * 16 + good[19:], good + "x", "", "sp_", good.upper()):
        answer = gateway.client.get("/v1/status", headers={"Authorization": f"Bearer {wrong}"})
        assert wrong not in answer.text or not wrong
        refused(answer, 401, "unauthorized")
    refused(gateway.client.get("/v1/status", headers={"Authorization": f"Basic {good}"}), 401, "unauthorized")
    refused(gateway.client.get(f"/v1/status?token={good}"), 401, "unauthorized")


def test_many_wrong_keys_wait(gateway, monkeypatch):
    now = [0.0]
    counted = Buckets(auth.WRONG_BURST, auth.WRONG_PER_SECOND, clock=lambda: now[0])
    monkeypatch.setattr(gateway.app.state.gateway.gate, "_wrong", counted)

    def wrong():
        return gateway.client.get("/v1/status", headers={"Authorization": "Bearer x"})

    assert [wrong().status_code for _ in range(auth.WRONG_BURST + 1)] == [401] * auth.WRONG_BURST + [429]
    now[0] += (wait := int(wrong().headers["retry-after"]))
    assert wait == 2 and [wrong().status_code for _ in range(2)] == [401, 429]
    assert gateway.ask("GET", "/status").status_code == 200, "who has a key is not held up"


def test_a_key_has_a_rate(gateway):
    token = gateway.keys.new("slow", ["read"], per_second=1e-4, burst=2)
    answers = [gateway.client.get("/v1/status", headers={"Authorization": f"Bearer {token}"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert 9_000 < int(answers[-1].headers["retry-after"]) <= 10_000
    refused(answers[-1], 429, "rate")


def test_a_name_that_is_not_this_machine_s_is_refused(gateway):
    for host in ("evil.test", "127.0.0.1.evil.test:8700", "", "[::2]"):
        refused(gateway.ask("GET", "/status", headers={"Host": host}), 421, "host")
    for host in ("localhost:8700", "127.0.0.1", "[::1]:8700", "LOCALHOST"):
        assert gateway.ask("GET", "/status", headers={"Host": host}).status_code == 200


def test_origins(gateway):
    asked = {"Origin": "http://desk.test", "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization"}
    allowed = gateway.client.options("/v1/limits", headers=asked)
    assert allowed.status_code == 200 and allowed.headers["access-control-allow-origin"] == "http://desk.test"
    assert gateway.client.options("/v1/limits", headers=asked | {"Origin": "http://evil.test"}).status_code == 400
    for origin, given in (("http://desk.test", "http://desk.test"), ("http://evil.test", None)):
        assert gateway.ask("GET", "/status", headers={"Origin": origin}).headers.get("access-control-allow-origin") == given
        assert gateway.client.get("/v1/status", headers={"Origin": origin}).headers.get("access-control-allow-origin") == given


def test_requests_are_small_and_answers_are_not_kept(gateway):
    headers = {"Authorization": f"Bearer {gateway.key('trade')}"}
    for body in (b"x" * 70_000, (b"x" * 10_000 for _ in range(7))):
        refused(gateway.client.post("/v1/orders", content=body, headers=headers), 413, "too_large")
    answer = gateway.ask("GET", "/balances")
    assert answer.headers["cache-control"] == "no-store" and answer.headers["x-content-type-options"] == "nosniff"
    for content in (b"", b"{", b"[]", b"null", b'{"client_id":"\xff"}', b"[" * 8_000):
        answer = gateway.client.post("/v1/orders", content=content, headers=headers)
        assert answer.status_code in (400, 422) and answer.headers["content-type"] == "application/problem+json"
    refused(gateway.ask("GET", "/nothing"), 404, "not_found")
    refused(gateway.ask("PATCH", "/limits"), 405, "not_allowed")


def test_what_nobody_foresaw_is_told_to_the_log_alone(gateway, monkeypatch):
    def broken():
        raise RuntimeError("sp_secret")

    monkeypatch.setattr(gateway.desk, "status", broken)
    answer = gateway.ask("GET", "/status")
    assert "sp_secret" not in refused(answer, 500, "internal")
