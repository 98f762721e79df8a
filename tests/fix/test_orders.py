"""Orders by FIX on the desk: what is taken, what is refused and why, and what is told of each."""

import pytest

from offchain.agent.desk import OrderState, TicketRefused
from offchain.gateway.controls import Controls
from offchain.notes import Side
from tests.agent.desk_double import DeskDouble
from tests.fix.peer import Peer, now


def test_an_order_on_its_way_to_a_whole_fill(desk, desk_peer):
    desk_peer.order("a", t1="FUND", t59="0", t58="a word")
    pending = desk_peer.expect("8", t150="A", t39="A", t37="fix:DESK:a", t11="a", t151=10, t14=0, t6=0, t1="FUND")
    assert pending.keys() >= {17, 54, 55, 38, 44, 60}
    order = desk.order("fix:DESK:a")
    assert (order.side, order.quantity, order.price, order.source, order.account) == (Side.BUY, 10, 500, "fix", "DESK")
    desk.commit("fix:DESK:a", epoch=7)
    assert "epoch 7" in desk_peer.expect("8", t150="0", t39="0", t151=10)[58]
    desk.reveal("fix:DESK:a")
    desk.fill("fix:DESK:a", 10, 498)
    desk_peer.expect("8", t150="F", t39="2", t32=10, t31=498, t14=10, t151=0, t6=498)
    desk_peer.sync()


@pytest.mark.parametrize("lots", [0, 1, 9])
def test_what_an_epoch_leaves_expires(desk, desk_peer, lots):
    desk_peer.order("a", side=2)
    desk_peer.expect("8", t150="A", t54=2)
    desk.commit("fix:DESK:a")
    desk_peer.expect("8", t150="0")
    desk.fill("fix:DESK:a", lots, 501)
    if lots:
        desk_peer.expect("8", t150="F", t39="1", t32=lots, t31=501, t14=lots, t151=10 - lots, t6=501)
    last = desk_peer.expect("8", t150="C", t39="C", t14=lots, t151=0, t6=501 if lots else 0, t32=None)
    assert "is back" in last[58]
    desk_peer.sync()


def test_an_order_whose_epoch_failed_is_expired_with_what_it_cost(desk, desk_peer):
    desk_peer.order("a")
    desk_peer.expect("8")
    desk.commit("fix:DESK:a")
    desk_peer.expect("8", t150="0")
    desk.give_back("fix:DESK:a", forfeited=25)
    assert "25 units of the lock were forfeited" in desk_peer.expect("8", t150="C", t39="C", t14=0, t151=0)[58]


def test_an_order_that_could_not_be_committed_is_rejected(desk, desk_peer):
    desk_peer.order("a")
    desk_peer.expect("8", t150="A")
    desk.fail("fix:DESK:a", "no window could be made")
    assert desk_peer.expect("8", t150="8", t39="8", t103=99, t151=0)[58] == "no window could be made"


def test_a_fill_whose_price_is_not_known_yet_waits_for_it(desk, desk_peer):
    desk_peer.order("a")
    desk_peer.expect("8")
    desk.change("fix:DESK:a", state=OrderState.FILLED, fill=10)
    desk_peer.send("H", (11, "a"), (55, 0), (54, 1))
    desk_peer.expect("8", t150="I", t39="0", t14=0, t6=0)
    desk.change("fix:DESK:a", fill_price=500)
    desk_peer.expect("8", t150="F", t31=500)
    desk_peer.sync()


def test_an_order_goes_on_chain_and_off_again_without_a_word_more(desk, desk_peer):
    """A reorganisation takes a commitment back: the session was told, and is not told again."""
    desk_peer.order("a")
    desk_peer.expect("8", t150="A")
    desk.commit("fix:DESK:a")
    desk_peer.expect("8", t150="0")
    desk.change("fix:DESK:a", state=OrderState.ACCEPTED)
    desk.commit("fix:DESK:a")
    desk.say("balance")
    desk_peer.sync()
    desk.fill("fix:DESK:a", 10, 500)
    desk_peer.expect("8", t150="F")


WRONG = {
    "price-decimal": ({"price": "500.5"}, 99, "whole number"),
    "price-point": ({"price": "500.0"}, 99, "decimal point"),
    "price-negative": ({"price": "-5"}, 99, "whole number"),
    "price-zero": ({"price": 0}, 99, "price must be"),
    "price-huge": ({"price": 1 << 64}, 99, "price must be"),
    "no-price": ({"price": None}, 99, "Price is missing"),
    "quantity-decimal": ({"quantity": "1.5"}, 13, "whole number of lots"),
    "quantity-zero": ({"quantity": 0}, 99, "quantity must be"),
    "quantity-huge": ({"quantity": 1 << 64}, 99, "quantity must be"),
    "market-order": ({"t40": 1}, 11, "limit orders only"),
    "stop-order": ({"t40": 3}, 11, "limit orders only"),
    "good-till-cancel": ({"t59": 1}, 11, "one epoch"),
    "immediate": ({"t59": 3}, 11, "one epoch"),
    "short-sale": ({"side": 5}, 11, "Side must be"),
    "no-such-market": ({"t55": "7"}, 1, "no market 7"),
    "symbol": ({"t55": "BTC/USD"}, 1, "unknown Symbol"),
    "min-quantity": ({"t110": 5}, 11, "field 110 is not supported"),
    "expire-time": ({"t126": now()}, 11, "field 126"),
    "stop-price": ({"t99": 5}, 11, "field 99"),
}


@pytest.mark.parametrize("order, reason, word", WRONG.values(), ids=WRONG)
def test_what_is_not_done_is_rejected_with_a_reason(desk, desk_peer, order, reason, word):
    desk_peer.order("a", **order)
    rejected = desk_peer.expect("8", t11="a", t150="8", t39="8", t103=reason, t151=0, t14=0)
    assert word in rejected[58]
    desk_peer.sync()
    assert [one for one in desk.orders() if not one.ended] == []


@pytest.mark.parametrize("name", ["with space", "x" * 56, "ümlaut", "a/b"])
def test_a_name_that_the_desk_cannot_keep_is_rejected(desk, desk_peer, name):
    desk_peer.order(name)
    assert "ClOrdID must be 1 to 55" in desk_peer.expect("8", t11=name, t150="8")[58]
    assert desk.orders() == []


BROKEN = {
    "no-clordid": ([(55, 0), (54, 1), (60, now()), (38, 10), (40, 2)], 11, 1),
    "no-time": ([(11, "a"), (55, 0), (54, 1), (38, 10), (40, 2)], 60, 1),
    "empty": ([(11, ""), (55, 0), (54, 1), (60, now()), (38, 10), (40, 2)], 11, 4),
    "bad-side": ([(11, "a"), (55, 0), (54, "x"), (60, now()), (38, 10), (40, 2)], 54, 5),
    "bad-type": ([(11, "a"), (55, 0), (54, 1), (60, now()), (38, 10), (40, "limit")], 40, 5),
    "bad-quantity": ([(11, "a"), (55, 0), (54, 1), (60, now()), (38, "ten"), (40, 2)], 38, 6),
    "infinite": ([(11, "a"), (55, 0), (54, 1), (60, now()), (38, 1), (40, 2), (44, "inf")], 44, 6),
    "exponent": ([(11, "a"), (55, 0), (54, 1), (60, now()), (38, 1), (40, 2), (44, "1e3")], 44, 6),
    "bad-time": ([(11, "a"), (55, 0), (54, 1), (60, "noon"), (38, 10), (40, 2)], 60, 6),
    "no-such-day": ([(11, "a"), (55, 0), (54, 1), (60, "20260231-10:00:00"), (38, 10), (40, 2)], 60, 6),
    "twice": ([(11, "a"), (11, "b"), (55, 0), (54, 1), (60, now()), (38, 10), (40, 2)], 11, 13),
    "header-late": ([(11, "a"), (97, "Y"), (55, 0), (54, 1), (60, now()), (38, 10), (40, 2)], 97, 14),
    "no-tag": ([(11, "a"), (0, "x")], None, 0),
    "word-tag": ([(11, "a"), ("x", "x")], None, 0),
}


@pytest.mark.parametrize("body, tag, reason", BROKEN.values(), ids=BROKEN)
def test_a_message_against_the_rules_is_rejected_by_the_session(desk, desk_peer, body, tag, reason):
    number = desk_peer.send("D", *body)
    desk_peer.expect("3", t45=number, t371=tag, t372="D", t373=reason)
    desk_peer.sync()
    assert desk.orders() == []


def test_types_that_are_not_taken(desk_peer):
    number = desk_peer.send("G", (41, "a"), (11, "b"), (11, "c"))
    desk_peer.expect("j", t45=number, t372="G", t380=3)
    number = desk_peer.send("ZZ")
    desk_peer.expect("3", t45=number, t371=35, t373=11)
    desk_peer.send("j", (45, 1), (372, "8"), (380, 0))      # what they think of ours is no question
    desk_peer.sync()


# --- Again ---


def test_a_name_is_one_order_for_ever(desk, desk_peer):
    desk_peer.order("a")
    desk_peer.expect("8", t150="A")
    desk_peer.order("a")
    desk_peer.expect("8", t11="a", t150="8", t103=6, t37="NONE")
    desk_peer.order("a", quantity=11)
    desk_peer.expect("8", t11="a", t150="8", t103=6)
    assert len(desk.orders()) == 1


def test_a_possible_resend_of_the_same_order_gets_its_status(desk, desk_peer):
    fields = [(11, "a"), (55, 0), (54, 1), (60, now()), (38, 10), (40, 2), (44, 500)]
    desk_peer.send("D", *fields)
    desk_peer.expect("8", t150="A")
    desk_peer.send("D", *fields, header={97: "Y"})
    desk_peer.expect("8", t150="I", t39="A")
    desk_peer.send("D", *fields[:-1], (44, 501), header={97: "Y"})
    desk_peer.expect("8", t150="8", t103=6)
    assert len(desk.orders()) == 1


def test_sessions_may_use_the_same_names(desk, peers):
    for name in ("DESK", "OTHER"):
        peer = peers(name).enter()
        peer.order("a")
        peer.expect("8", t11="a", t150="A", t37=f"fix:{name}:a")
    assert len(desk.orders()) == 2


# --- Cancels ---


def test_a_cancel_is_done_and_reported_under_its_own_name(desk, desk_peer):
    desk_peer.order("a")
    desk_peer.expect("8")
    desk_peer.cancel("c", "a")
    desk_peer.expect("8", t11="c", t41="a", t150="6", t39="6", t151=10)
    desk_peer.expect("8", t11="c", t41="a", t150="4", t39="4", t151=0, t37="fix:DESK:a")
    desk_peer.send("H", (11, "c"), (55, 0), (54, 1))
    desk_peer.expect("8", t150="I", t39="4", t11="a")


class Slow(DeskDouble):
    """A desk whose cancels take time, as those of a committed order do."""

    def cancel(self, client_id, by=""):
        if self.order(client_id).state in (OrderState.ACCEPTED, OrderState.COMMITTED):
            return self.order(client_id)
        return super().cancel(client_id, by)


class TestSlowCancels:
    @pytest.fixture
    def desk(self) -> Slow:
        return Slow()

    @pytest.fixture
    def canceling(self, desk, desk_peer):
        desk_peer.order("a")
        desk_peer.expect("8")
        desk_peer.cancel("c", "a")
        desk_peer.expect("8", t11="c", t150="6")
        return desk_peer

    def test_it_is_pending_until_it_is_done(self, desk, canceling):
        canceling.send("H", (11, "a"), (55, 0), (54, 1))
        canceling.expect("8", t150="I", t39="6")
        desk.change("fix:DESK:a", state=OrderState.CANCELLED)
        canceling.expect("8", t11="c", t41="a", t150="4")

    def test_a_fill_that_comes_first_rejects_it(self, desk, canceling):
        desk.fill("fix:DESK:a", 10, 500)
        canceling.expect("8", t11="a", t150="F", t39="2")
        canceling.expect("9", t11="c", t41="a", t39="2", t102=0, t434=1)
        canceling.sync()

    def test_another_one_meanwhile_is_rejected(self, canceling):
        canceling.cancel("d", "a")
        canceling.expect("9", t11="d", t41="a", t102=3)

    def test_the_same_one_again_is_not_doubled(self, desk, canceling):
        canceling.cancel("c", "a", header={97: "Y"})
        canceling.sync()
        canceling.cancel("c", "a")
        canceling.expect("9", t11="c", t102=6)

    def test_one_that_a_death_came_between_is_asked_for_again(self, acceptors, desk, canceling):
        asked = []
        desk.cancel = lambda client_id, by: asked.append((client_id, by)) or DeskDouble.cancel(desk, client_id, by)
        canceling.drop()
        canceling.port = acceptors().port
        canceling.enter()
        canceling.expect("8", t11="c", t41="a", t150="4")
        assert asked == [("fix:DESK:a", "fix:DESK")]


@pytest.mark.parametrize("too_late", [False, True])
def test_a_cancel_that_an_error_came_between_is_asked_for_again(desk, desk_peer, too_late):
    desk_peer.order("a")
    desk_peer.expect("8", t150="A")
    errors, really = [OSError("the database is away")] * 3, desk.cancel

    def cancel(client_id, by):
        if errors:
            raise errors.pop()
        if too_late:
            raise TicketRefused("too_late", "the epoch froze")
        return really(client_id, by)

    desk.cancel = cancel
    desk_peer.cancel("c", "a")
    answers = [desk_peer.next() for _ in range(3)]      # the reporter asks again, maybe before "j" is written down
    assert sorted(answer[35] for answer in answers) == sorted(["8", "j", "9" if too_late else "8"]) and not errors
    assert all(answer[35] == "j" or answer[11] == "c" for answer in answers)
    if too_late:
        desk.cancel = really
        desk_peer.cancel("d", "a")
        desk_peer.expect("8", t11="d", t150="6")
        desk_peer.expect("8", t11="d", t41="a", t150="4")
    desk_peer.sync()


def test_who_orders_and_cancels_stands_in_the_log_of_decisions(desk, desk_peer, engine):
    decisions = Controls(desk, engine).decisions
    desk_peer.order("a")
    desk_peer.expect("8", t150="A")
    desk_peer.cancel("c", "a")
    desk_peer.expect("8", t150="6")
    desk_peer.expect("8", t150="4")
    rows = [(one.kind, one.actor, one.subject, one.outcome) for one in decisions.page(0, 9)]
    assert rows == [("place", "fix:DESK", "fix:DESK:a", "allowed"), ("cancel", "fix:DESK", "fix:DESK:a", "asked")]


def test_cancels_that_cannot_be(desk, desk_peer):
    desk_peer.cancel("c", "nothing")
    desk_peer.expect("9", t11="c", t41="nothing", t37="NONE", t102=1, t39="8")
    desk_peer.order("a")
    desk_peer.expect("8", t150="A")
    desk_peer.cancel("a", "a")
    desk_peer.expect("9", t11="a", t102=6)
    desk.commit("fix:DESK:a")
    desk_peer.expect("8", t150="0")
    desk.reveal("fix:DESK:a")
    desk_peer.cancel("d", "a")
    assert "revealed" in desk_peer.expect("9", t11="d", t102=0, t39="0")[58]


def test_a_cancel_that_the_desk_finds_too_late(desk, desk_peer):
    desk_peer.order("a")
    desk_peer.expect("8", t150="A")

    def too_late(client_id, by):
        raise TicketRefused("too_late", "the epoch froze")

    desk.cancel = too_late
    desk_peer.cancel("c", "a")
    desk_peer.expect("8", t11="c", t150="6")
    assert desk_peer.expect("9", t11="c", t41="a", t102=0)[58] == "the epoch froze"
    desk_peer.send("H", (11, "a"), (55, 0), (54, 1))
    desk_peer.expect("8", t150="I", t39="A")


def test_an_order_canceled_elsewhere_is_reported_under_its_own_name(desk, desk_peer):
    desk_peer.order("a")
    desk_peer.expect("8", t150="A")
    desk.cancel("fix:DESK:a")
    desk_peer.expect("8", t11="a", t41=None, t150="4")


# --- Status ---


def test_the_status_of_orders(desk, desk_peer):
    desk_peer.send("H", (11, "a"), (55, 0), (54, 1))
    desk_peer.expect("8", t150="I", t39="8", t103=5, t37="NONE")
    desk_peer.send("AF", (584, "m"), (585, 7))
    desk_peer.expect("8", t150="I", t584="m", t911=0)
    for name in "abc":
        desk_peer.order(name)
        desk_peer.expect("8", t150="A")
    desk.fill("fix:DESK:a", 10, 500)
    desk_peer.expect("8", t150="F")
    desk_peer.send("H", (11, "a"), (55, 0), (54, 1))
    desk_peer.expect("8", t150="I", t39="2", t14=10, t6=500, t151=0)
    desk_peer.send("AF", (584, "m"), (585, 7))
    desk_peer.expect("8", t11="b", t150="I", t39="A", t151=10, t911=2, t912="N")
    desk_peer.expect("8", t11="c", t150="I", t39="A", t911=2, t912="Y")
    desk_peer.send("AF", (584, "m"), (585, 1))
    desk_peer.expect("j", t372="AF")


# --- The desk's refusals and troubles ---


def test_a_pre_trade_check_s_refusal_is_told_once_with_its_words(desk, desk_peer):
    def check(ticket, snapshot):
        raise TicketRefused("order_notional", "the order is over 1000: the limit of a ticket")

    desk.checks.append(check)
    desk_peer.order("a")
    assert "over 1000" in desk_peer.expect("8", t150="8", t103=3, t37="fix:DESK:a")[58]
    desk_peer.sync()


def test_a_killed_desk_takes_no_orders(desk, desk_peer):
    desk.kill(True, "stop")
    desk_peer.order("a")
    assert "kill switch" in desk_peer.expect("8", t150="8", t103=2)[58]


def test_a_desk_in_trouble_does_not_end_the_session(desk, desk_peer):
    place = desk.place

    def broken(ticket):
        raise RuntimeError("the disk is full")

    desk.place = broken
    number = desk_peer.order("a")
    trouble = desk_peer.expect("j", t45=number, t380=4)
    assert "status" in trouble[58] and "disk" not in trouble[58]
    desk.place = place
    desk_peer.order("a")
    desk_peer.expect("8", t11="a", t150="A")


def test_symbols_of_the_settings(acceptors, desk):
    desk.set_market(4)
    peer = Peer(acceptors(symbols={"BTC/USD": 4}).port).enter()
    peer.order("a", t55="BTC/USD")
    peer.expect("8", t150="A", t55="BTC/USD")
    assert desk.order("fix:DESK:a").market == 4
    peer.order("b", t55="4")
    assert "BTC/USD" in peer.expect("8", t150="8", t103=1)[58]
    peer.drop()
