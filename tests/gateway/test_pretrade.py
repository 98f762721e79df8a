"""Each pre-trade check at its limit and beyond, what it says, and that no two orders pass on the same room."""

from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest
from pydantic import ValidationError

from offchain.agent.desk import Ticket, TicketRefused
from offchain.gateway.controls import Controls
from offchain.gateway.pretrade import CHECKS, Limits, Restricted
from offchain.notes import Side
from tests.agent.desk_double import BTC, MARKET, USD, DeskDouble

BUY, SELL = Side.BUY, Side.SELL
LOT = MARKET.lot


def limits(market: int = 0, **of_market) -> Limits:
    return Limits.model_validate({"markets": {str(market): of_market}})


def overall(**given) -> Limits:
    return Limits.model_validate(given)


@pytest.fixture
def place(desk, controls):
    """Place under limits: place(limits, side, quantity, price) or its refusal's code."""
    made = iter(range(10**6))

    def place(limits: Limits | Restricted | None, side=BUY, quantity=1, price=500, market=0, id: str | None = None) -> str:
        if limits is not None:
            controls.put(limits, "test")
        try:
            return desk.place(Ticket(id or f"o{next(made)}", market, side, quantity, price)).state
        except TicketRefused as refused:
            assert desk.orders()[-1].code == refused.code or refused.code == "killed"
            return refused.code

    return place


def test_without_limits_nothing_is_held_up(place):
    assert place(None, BUY, (1 << 64) - 1, (1 << 64) - 1) == "accepted"


def test_the_size_of_an_order(place):
    assert [place(limits(order_quantity="3"), quantity=n) for n in (3, 4)] == ["accepted", "order_quantity"]
    assert [place(limits(order_notional="1500"), quantity=3, price=n) for n in (500, 501)] == ["accepted", "order_notional"]


def test_zero_is_a_limit_and_none_is_not(place):
    assert place(limits(order_quantity="0")) == "order_quantity"
    assert place(limits(order_quantity=None)) == "accepted"


def test_the_band_is_around_the_reference_or_else_the_last_print(place, desk):
    held = limits(band_bps=100)
    assert [place(held, price=n) for n in (494, 495, 505, 506)] == ["band", "accepted", "accepted", "band"]
    desk.set_market(reference=None, printed=1_000)
    assert [place(None, SELL, price=n) for n in (989, 990, 1_010, 1_011)] == ["band", "accepted", "accepted", "band"]
    desk.set_market(reference=None, printed=None)
    assert place(None) == "no_reference", "where no price is known, none is near it"


def test_the_band_says_what_was_mistyped(place, controls, desk):
    controls.put(limits(band_bps=100), "test")
    with pytest.raises(TicketRefused, match="the price 5000 is 90000 bps from the reference, 500; the limit is 100 bps"):
        desk.place(Ticket("a", 0, BUY, 1, 5_000))


def test_open_notional_of_a_market_counts_until_an_order_ends(place, desk):
    held = limits(open_notional="1000")
    assert [place(held, id=name) for name in "abc"] == ["accepted", "accepted", "open_notional"]
    desk.commit("a")
    assert place(None) == "open_notional"
    desk.fill("a", 0, 0)
    assert place(None) == "accepted"
    desk.cancel("b")
    assert place(None, SELL) == "accepted"


def test_total_notional_is_of_all_markets_with_the_same_quote(place, desk):
    desk.set_market(1)
    desk.set_market(2, quote=BTC, base=USD)
    held = overall(open_notional={USD: "1000"})
    assert [place(held, market=n) for n in (0, 1)] == ["accepted", "accepted"]
    assert [place(None, market=n) for n in (0, 1, 2)] == ["total_notional", "total_notional", "accepted"]


def test_positions_are_of_settled_fills_and_open_orders(place, desk):
    held = overall(position={BTC: str(10 * LOT)})
    assert [place(held, quantity=n, id=f"b{n}") for n in (6, 5, 4)] == ["accepted", "position", "accepted"]
    desk.commit("b6")
    desk.fill("b6", 3, 500)     # long 3, and 4 open
    assert [place(None, quantity=n) for n in (4, 3)] == ["position", "accepted"]
    assert [place(None, SELL, n) for n in (14, 13)] == ["position", "accepted"], "10 short, had no buy filled"


def test_an_order_that_brings_a_position_back_is_not_held_up(place, desk):
    place(None, quantity=20, id="b")
    desk.commit("b")
    desk.fill("b", 20, 500)
    held = overall(position={BTC: str(10 * LOT)})
    assert [place(held, BUY), place(None, SELL, 20)] == ["position", "accepted"]


def test_positions_in_the_quote_asset(place, desk):
    held = overall(position={USD: "1000"})
    assert [place(held, quantity=2, id="b"), place(None)] == ["accepted", "position"]
    desk.commit("b")
    desk.fill("b", 2, 400)      # 800 paid
    assert [place(None, price=201), place(None, price=200)] == ["position", "accepted"]
    assert [place(None, SELL, 2, 901), place(None, SELL, 2, 900)] == ["position", "accepted"]


def test_a_fill_that_fell_out_of_the_chain_is_no_position(place, desk, controls):
    place(None, quantity=5, id="b")
    desk.commit("b")
    desk.fill("b", 5, 500)
    controls.book.catch_up()
    assert controls.book.settled(desk.market_views) == {BTC.lower(): 5 * LOT, USD.lower(): -2_500}
    desk.reveal("b")
    controls.book.catch_up()
    assert set(controls.book.settled(desk.market_views).values()) == {0} and controls.book.fills(0, 10) == []
    desk.fill("b", 4, 510)
    assert [row.client_id for row in controls.book.fills(0, 10)] == ["b"]
    assert controls.book.settled(desk.market_views)[USD.lower()] == -2_040


def test_restricted_markets_and_assets(place, desk):
    desk.set_market(1)
    assert [place(Restricted(markets=[1]), market=n) for n in (0, 1)] == ["accepted", "market_restricted"]
    assert place(Restricted(assets=[BTC.upper().replace("0X", "0x")])) == "asset_restricted"
    assert place(Restricted(assets=["0x" + "11" * 20])) == "accepted"


def test_orders_a_minute(desk, engine):
    now = [10**12]
    controls = Controls(desk, engine, overall(orders_per_minute=2), clock=lambda: now[0])
    place = lambda id: desk.place(Ticket(id, 0, BUY, 1, 500))   # noqa: E731
    place("a")
    now[0] += 30_000
    place("b")
    with pytest.raises(TicketRefused, match="would be 3; the limit is 2"):
        place("c")
    assert place("b").client_id == "b", "asking again is no new order"
    now[0] += 30_000
    place("d")
    assert controls.get(Limits)[0] == 1


def test_orders_of_the_last_minute_count_after_a_restart(desk, engine):
    Controls(desk, engine, overall(orders_per_minute=1))
    desk.place(Ticket("a", 0, BUY, 1, 500))
    again = DeskDouble()
    Controls(again, engine)
    with pytest.raises(TicketRefused, match="last minute"):
        again.place(Ticket("b", 0, BUY, 1, 500))


def test_no_two_orders_pass_on_the_same_room(desk, engine):
    """All in the same minute, however long that takes."""
    Controls(desk, engine, overall(open_notional={USD: "5000"}, orders_per_minute=8), clock=lambda: 10**12)

    def place(number: int) -> bool:
        try:
            return bool(desk.place(Ticket(f"o{number}", 0, BUY, 1 + number % 2, 500)))
        except TicketRefused:
            return False

    with ThreadPoolExecutor(8) as pool:
        allowed = sum(pool.map(place, range(40)))
    total = sum(order.quantity * order.price for order in desk.snapshot().orders)
    assert total <= 5_000 and allowed == len(desk.snapshot().orders) <= 8 and (total > 4_000 or allowed == 8)


def test_limits_hold_over_any_run_of_orders(desk, controls):
    """Whatever is placed, filled and taken back, what is reached never passes what is allowed."""
    controls.put(overall(markets={"0": {"open_notional": "20000"}}, position={BTC: str(30 * LOT)}), "test")
    rng, taken = Random(7), 0
    for number in range(250):
        open_now = [order.client_id for order in desk.snapshot().orders]
        if open_now and rng.random() < 0.5:
            id = rng.choice(open_now)
            order = desk.commit(id)
            desk.fill(id, rng.randint(0, order.quantity), 500) if rng.random() < 0.7 else desk.give_back(id)
            continue
        try:
            desk.place(Ticket(f"o{number}", 0, rng.choice((BUY, SELL)), rng.randint(1, 12), 500))
            taken += 1
        except TicketRefused as refused:
            assert refused.code in ("open_notional", "position")
        controls.book.catch_up()
        settled = controls.book.settled(desk.market_views).get(BTC.lower(), 0) // LOT
        for way, side in ((1, BUY), (-1, SELL)):
            opened = sum(order.quantity for order in desk.snapshot().orders if order.side == side)
            assert settled * way + opened <= 30 or opened == 0
        assert sum(order.quantity * 500 for order in desk.snapshot().orders) <= 20_000
    assert taken > 50


def test_a_check_that_cannot_be_written_down_lets_nothing_pass(desk, controls, monkeypatch):
    def full(*_):
        raise OSError("no space left")

    monkeypatch.setattr(controls.decisions, "add", full)
    with pytest.raises(OSError):
        desk.place(Ticket("a", 0, BUY, 1, 500))
    assert desk.snapshot().orders == ()


@pytest.mark.parametrize(
    "wrong",
    [
        {"markets": {"0": {"order_quantity": 3}}}, {"markets": {"0": {"order_quantity": "-3"}}}, {"markets": {"00": {}}},
        {"markets": {"x": {}}}, {"markets": {"0": {"band_bps": -1}}}, {"markets": {"0": {"band_bps": "100"}}}, {"orders_per_minute": -1},
        {"markets": {"0": {"unknown": "1"}}}, {"position": {"USD": "1"}}, {"position": {BTC: str(1 << 128)}}, {"more": 1},
        {"position": {BTC: "1e6"}},
    ],
    ids=str,
)  # fmt: skip
def test_limits_that_are_none(wrong):
    with pytest.raises(ValidationError):
        Limits.model_validate(wrong)


def test_every_check_is_named_once(controls):
    results = controls.explain(Ticket("q", 0, BUY, 1, 500))
    assert [result.name for result in results] == ["kill_switch", *CHECKS, "funds"] and all(result.passed for result in results)
