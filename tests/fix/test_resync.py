"""Two sides that lost step: each test is one way, and ends with both in step again or the session ended as it must.

`fix.resync_cases` counts the tests of this file, of test_resend.py and of test_timers.py.
"""

import pytest

from offchain.fix.acceptor import Acceptor
from tests.fix.conftest import settings
from tests.fix.peer import PASSWORD, Peer, now


# --- Logon ---


@pytest.mark.parametrize("wrong", [{"name": "STRANGER"}, {"target": "SOMEBODY"}], ids=["sender", "target"])
def test_a_logon_with_wrong_comp_ids_gets_no_word(peers, wrong):
    peer = peers(**wrong).connect()
    peer.logon()
    assert peer.is_closed()


@pytest.mark.parametrize(
    "more", [[(554, "wrong")], [], [(553, "OTHER"), (554, PASSWORD)]], ids=["wrong", "none", "user"]
)
def test_a_logon_without_the_right_password_moves_no_number(peers, more):
    stranger = peers().connect()
    stranger.send("A", (98, 0), (108, 30), *more)
    assert stranger.is_closed()
    assert peers().enter().received[0][34] == "1"


def test_the_first_message_must_be_a_logon(peers):
    peer = peers().connect()
    peer.send("0")
    assert peer.is_closed()


@pytest.mark.parametrize(
    "body, word",
    [
        ([(98, 1), (108, 30)], "EncryptMethod"),
        ([(98, 0), (108, 0)], "HeartBtInt"),
        ([(98, 0), (108, 100_000)], "HeartBtInt"),
        ([(98, 0)], "108"),
        ([(98, 0), (108, "x")], "108"),
    ],
    ids=["encrypted", "no-heartbeat", "rare-heartbeat", "missing", "no-number"],
)
def test_a_logon_that_asks_for_what_is_not_done_is_told_so(peers, body, word):
    peer = peers().connect()
    peer.send("A", *body, (554, PASSWORD))
    assert word in peer.expect("5")[58]
    assert peer.is_closed()


def test_of_two_logons_the_first_stays_and_the_second_is_closed(peers):
    first = peers().enter()
    second = peers().connect()
    second.logon(number=2)
    assert second.is_closed()
    first.sync()
    first.leave()
    first.enter()   # and with the first gone there is room
    first.sync()


def test_two_sessions_do_not_touch_each_other(peers):
    one, other = peers().enter(), peers("OTHER").enter()
    one.order("a")
    one.expect("8", t11="a", t150="A")
    other.sync()
    one.sync()
    assert other.number == 3 and one.number == 4


def test_a_second_logon_on_a_connection_is_rejected(desk_peer):
    number = desk_peer.number
    desk_peer.logon()
    desk_peer.expect("3", t45=number, t373=5)
    desk_peer.sync()


def test_a_logon_with_too_low_a_number_is_logged_out(desk_peer):
    desk_peer.sync()
    desk_peer.leave()
    desk_peer.connect()
    desk_peer.logon(number=2)
    assert "expected 4, received 2" in desk_peer.expect("5")[58]
    assert desk_peer.is_closed()
    desk_peer.enter()   # the right number still works
    desk_peer.sync()


def test_a_logon_with_too_high_a_number_is_taken_and_the_gap_filled(peers):
    peer = peers()
    peer.number = 5
    peer.enter()
    peer.expect("2", t7=1, t16=0)
    peer.send("4", (123, "Y"), (36, 6), number=1, header={43: "Y", 122: now(-1)})
    peer.sync()


def test_a_logon_may_reset_both_sides(desk_peer):
    desk_peer.order("a")
    desk_peer.expect("8", t11="a")
    desk_peer.leave()
    desk_peer.number = 1
    desk_peer.connect()
    desk_peer.logon(reset=True)
    desk_peer.expect("A", t34=1, t141="Y")
    desk_peer.sync()


def test_a_reset_that_does_not_begin_at_1_is_refused(desk_peer):
    desk_peer.leave()
    desk_peer.connect()
    desk_peer.logon(reset=True)
    assert "MsgSeqNum must be 1" in desk_peer.expect("5")[58]
    assert desk_peer.is_closed()


def test_a_reset_in_the_middle_of_a_session(desk_peer):
    desk_peer.sync()
    desk_peer.number = 1
    desk_peer.logon(reset=True)
    desk_peer.expect("A", t34=1, t141="Y")
    desk_peer.sync()


def test_who_may_log_on_can_be_asked_of_another(engine, desk):
    asked = []
    acceptor = Acceptor(desk, settings(), engine, lambda *who: asked.append(who) or who[2] == "an API key")
    acceptor.start()
    try:
        peer = Peer(acceptor.port).connect()
        peer.logon()
        assert peer.is_closed()
        peer.connect()
        peer.send("A", (98, 0), (108, 30), (553, "ops"), (554, "an API key"), number=1)
        peer.expect("A")
        assert asked == [("DESK", "", PASSWORD), ("DESK", "ops", "an API key")]
        peer.drop()
    finally:
        acceptor.stop()


def test_who_connects_and_says_nothing_is_closed(acceptors):
    acceptor = acceptors(logon_timeout=0.1)
    assert Peer(acceptor.port).connect().is_closed()


def test_strangers_who_hold_connections_keep_no_counterparty_out(acceptors):
    acceptor = acceptors(max_strangers=2, logon_timeout=600)
    first = Peer(acceptor.port).enter()
    strangers = [Peer(acceptor.port).connect() for _ in range(6)]
    for stranger in strangers[2:]:
        stranger.raw(b"8=FIX.4.4\x019=5")
    assert strangers[0].is_closed(), "the oldest makes room"
    second = Peer(acceptor.port, "OTHER").enter()
    for one in (first, second):
        one.sync()
    for one in (first, second, *strangers):
        one.drop()


# --- Numbers ---


def test_a_gap_is_asked_for_once_and_filled_in_order(desk, desk_peer):
    begin = desk_peer.number
    desk_peer.number += 2       # two orders are lost on the way
    for name in ("c", "d"):
        desk_peer.order(name)
    desk_peer.expect("2", t7=begin, t16=0)
    for at, name in enumerate("abcd"):
        order = [(11, name), (55, 0), (54, 1), (60, now(-1)), (38, 10), (40, 2), (44, 500)]
        desk_peer.again("D", *order, number=begin + at)
    assert [desk_peer.expect("8", t150="A")[11] for _ in "abcd"] == list("abcd")
    desk_peer.sync()
    assert [order.client_id for order in desk.orders()] == [f"fix:DESK:{name}" for name in "abcd"]


def test_a_gap_within_what_is_sent_again_is_asked_for_anew(desk_peer):
    begin = desk_peer.number
    desk_peer.number += 4
    desk_peer.send("0")
    desk_peer.expect("2", t7=begin)
    desk_peer.again("0", number=begin)
    desk_peer.again("0", number=begin + 2)      # begin + 1 is lost again
    desk_peer.again("0", number=begin + 3)
    desk_peer.expect("2", t7=begin + 1)
    desk_peer.send("4", (123, "Y"), (36, desk_peer.number), number=begin + 1, header={43: "Y", 122: now(-1)})
    desk_peer.sync()


def test_both_sides_may_miss_messages_at_once(desk, desk_peer):
    """A ResendRequest beyond a gap is answered, or each would wait for the other."""
    desk_peer.order("a")
    desk_peer.expect("8")
    missing = desk_peer.number
    desk_peer.number += 1
    desk_peer.send("2", (7, 2), (16, 0))
    desk_peer.expect("8", t43="Y", t34=2)
    desk_peer.expect("2", t7=missing)
    desk_peer.send("4", (123, "Y"), (36, desk_peer.number), number=missing, header={43: "Y", 122: now(-1)})
    desk_peer.sync()


def test_too_low_a_number_ends_the_session(desk_peer):
    desk_peer.sync()
    desk_peer.send("0", number=2)
    assert "too low" in desk_peer.expect("5")[58]
    assert desk_peer.is_closed()
    desk_peer.enter()
    desk_peer.sync()


def test_a_duplicate_that_says_so_is_ignored(desk, desk_peer):
    number = desk_peer.order("a")
    desk_peer.expect("8", t11="a", t150="A")
    order = [(11, "a"), (55, 0), (54, 1), (60, now()), (38, 10), (40, 2), (44, 500)]
    desk_peer.again("D", *order, number=number)
    desk_peer.sync()
    assert len(desk.orders()) == 1


def test_a_duplicate_without_its_first_time_is_rejected(desk_peer):
    desk_peer.sync()
    desk_peer.send("0", number=2, header={43: "Y"})
    desk_peer.expect("3", t45=2, t371=122, t373=1)
    desk_peer.sync()


def test_a_duplicate_first_sent_after_now_ends_the_session(desk_peer):
    desk_peer.sync()
    desk_peer.send("0", number=2, header={43: "Y", 122: now(60)})
    desk_peer.expect("3", t45=2, t371=122, t373=10)
    desk_peer.expect("5")
    assert desk_peer.is_closed()


@pytest.mark.parametrize("number", [None, "x", "0", "-1", "1.0"], ids=["none", "word", "zero", "negative", "decimal"])
def test_a_message_without_a_number_ends_the_session(desk_peer, number):
    desk_peer.send("0", header={34: number})
    assert "MsgSeqNum" in desk_peer.expect("5")[58]
    assert desk_peer.is_closed()


# --- Sequence resets ---


def test_a_gap_fill_skips_numbers(desk_peer):
    desk_peer.send("4", (123, "Y"), (36, 100))
    desk_peer.number = 100
    desk_peer.sync()


def test_a_gap_fill_that_goes_back_is_rejected(desk_peer):
    number = desk_peer.send("4", (123, "Y"), (36, 1))
    desk_peer.expect("3", t45=number, t371=36, t373=5)
    desk_peer.sync()


def test_a_gap_fill_beyond_a_gap_is_itself_a_gap(desk_peer):
    begin = desk_peer.number
    desk_peer.send("4", (123, "Y"), (36, begin + 9), number=begin + 3)
    desk_peer.expect("2", t7=begin)
    desk_peer.send("4", (123, "Y"), (36, begin + 9), number=begin, header={43: "Y", 122: now(-1)})
    desk_peer.number = begin + 9
    desk_peer.sync()


@pytest.mark.parametrize("number", [1, 50], ids=["low", "high"])
def test_a_reset_goes_forward_whatever_its_own_number(desk_peer, number):
    desk_peer.send("4", (36, 200), number=number)
    desk_peer.number = 200
    desk_peer.sync()


def test_a_reset_that_goes_back_is_rejected_and_moves_nothing(desk_peer):
    desk_peer.sync()
    desk_peer.send("4", (36, 1), number=desk_peer.number)
    desk_peer.expect("3", t371=36, t373=5)
    desk_peer.sync()


def test_a_reset_ends_a_gap(desk_peer):
    begin = desk_peer.number
    desk_peer.number += 5
    desk_peer.send("0")
    desk_peer.expect("2", t7=begin)
    desk_peer.send("4", (123, "N"), (36, desk_peer.number), number=begin)
    desk_peer.sync()
