"""Books to clear, and what it means that a price clears one, straight from protocol §4."""

from hypothesis import strategies as st

from offchain.clearing import MAX_WORD
from offchain.notes import Side, Terms

BUY, SELL = Side.BUY, Side.SELL
U = 2**128 - 1


def book(quantity: st.SearchStrategy[int], price: st.SearchStrategy[int], most: int = 10):
    order = st.builds(Terms, st.sampled_from([BUY, SELL]), quantity, price)
    return st.lists(st.one_of(order, order, order, st.none()), max_size=most)


SMALL = book(st.integers(1, 9), st.integers(1, 12))
HUGE = book(st.integers(MAX_WORD - 3, MAX_WORD), st.sampled_from([1, 2, 2**63, MAX_WORD - 1, MAX_WORD]))
ONE_PRICE = book(st.integers(1, MAX_WORD), st.just(7))
ANY = st.one_of(SMALL, HUGE, ONE_PRICE, book(st.integers(1, MAX_WORD), st.integers(1, MAX_WORD)))
OFFSET = st.integers(0, U)


# The reference: sums over the whole book for every price of a small range.
def wanted(orders, price, strictly=False):
    return sum(o.quantity for o in orders if o and o.side == BUY and (o.price > price or o.price == price and not strictly))


def offered(orders, price, strictly=False):
    return sum(o.quantity for o in orders if o and o.side == SELL and (o.price < price or o.price == price and not strictly))


def clears(orders, price):
    return wanted(orders, price, True) <= offered(orders, price) and offered(orders, price, True) <= wanted(orders, price)
