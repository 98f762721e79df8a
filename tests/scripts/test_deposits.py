"""What the demonstration's institutions deposit says nothing of what they will trade."""

import pytest

from offchain.notes import Side, Terms
from scripts.demo import terms
from scripts.demo.steps_trade import deposits, symbol
from scripts.orders import OrderRow


def row(trader, side, quantity, price):
    return OrderRow(0, trader, Terms(side, quantity, price))


BUY, SELL = Side.BUY, Side.SELL
EPOCHS = [
    [row("ash", BUY, 10, 500), row("birch", SELL, 10, 490), row("ash", BUY, 1, 500)],
    [row("ash", BUY, 10, 700), row("birch", SELL, 90_000, 490)],
]


def test_sides_and_owners_do_not_show():
    other = [
        [row("x", SELL if one.terms.side == BUY else BUY, one.terms.quantity, one.terms.price) for one in rows][:1]
        for rows in EPOCHS
    ]
    for epochs in (EPOCHS, other):
        made = deposits(epochs)
        assert {token for token, _ in made} == {"BTC", "USD"}
        [amount] = {amount for _, amount in made}
        assert str(amount).strip("0") == "2"
        assert sorted(token for token, _ in made) == sorted(["BTC", "USD"] * (len(made) // 2))


@pytest.mark.parametrize("orders", [1, 2, 3, 7, 8])
def test_they_pay_for_all_of_a_trader_s_orders_at_once(orders):
    """One of two halves for each, and each half pays for all that its owner ever locks."""
    rows = [row("ash", SELL, 60, 490)] * orders
    epochs = [rows, [row("ash", BUY, 12, 500)], rows]
    made = deposits(epochs)
    for token in ("BTC", "USD"):
        halves = [amount // 2 for name, amount in made for _ in range(2) if name == token]
        locked = sum(terms.lock(one.terms) for some in epochs for one in some if symbol(one.terms) == token)
        assert len(halves) >= orders and min(halves) >= locked
