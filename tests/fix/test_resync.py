"""Two sides that lost step: each test is one way, and ends with both in step again or the session ended as it must.

`fix.resync_cases` counts the tests of this file.
"""

from contextlib import suppress
from threading import Thread

import pytest

from offchain.fix import tags
from offchain.fix.store import Outgoing, queue
from tests.fix.peer import PASSWORD, Peer, encode, now


def reported(peer: Peer) -> list[str]:
    """ExecIDs of what a peer was told, without those of status answers."""
    return [message[17] for message in peer.received if message[35] == "8" and message[150] != "I"]


# --- Logon ---


@pytest.mark.parametrize("wrong", [{"name": "STRANGER"}, {"target": "SOMEBODY"}], ids=["sender", "target"])
def test_a_logon_with_wrong_comp_ids_gets_no_word(peers, wrong):
    peer = peers(**wrong).connect()
    peer.logon()
    assert peer.is_closed()


@pytest.mark.parametrize("more", [[(554, "wrong")], [], [(553, "OTHER"), (554, PASSWORD)]], ids=["wrong", "none", "user"])
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


# --- Sending again ---


@pytest.fixture
def told(desk, desk_peer) -> Peer:
    """Was sent 1 Logon, 2 and 3 reports of orders a and b, 4 a Heartbeat, 5 a report of c."""
    for name in ("a", "b"):
        desk_peer.order(name)
        desk_peer.expect("8", t11=name)
    desk_peer.sync()
    desk_peer.order("c")
    desk_peer.expect("8", t11="c", t34=5)
    return desk_peer


RANGES = {
    "all": ((1, 0), ["4:1>2", "8:2a", "8:3b", "4:4>5", "8:5c"]),
    "all-old-style": ((1, 999_999), ["4:1>2", "8:2a", "8:3b", "4:4>5", "8:5c"]),
    "middle": ((2, 3), ["8:2a", "8:3b"]),
    "one": ((3, 3), ["8:3b"]),
    "one-session-message": ((4, 4), ["4:4>5"]),
    "to-the-end": ((3, 0), ["8:3b", "4:4>5", "8:5c"]),
    "beyond-the-end": ((5, 500), ["8:5c"]),
    "begins-with-a-gap": ((1, 2), ["4:1>2", "8:2a"]),
    "ends-with-a-gap": ((3, 4), ["8:3b", "4:4>5"]),
}


@pytest.mark.parametrize("asked, sent", RANGES.values(), ids=RANGES)
def test_what_is_asked_for_is_sent_again(told, asked, sent):
    first = {message[34]: message for message in told.received}
    told.send("2", (7, asked[0]), (16, asked[1]))
    got = []
    for _ in sent:
        message = told.next()
        assert message[43] == "Y" and message[122] <= message[52]
        if message[35] == "4":
            assert message[123] == "Y"
            got.append(f"4:{message[34]}>{message[36]}")
        else:
            before = first[message[34]]
            assert message[122] == before[52]
            same = before.keys() - {9, 10, 52}
            assert all(message[tag] == before[tag] for tag in same)
            got.append(f"8:{message[34]}{message[11]}")
    assert got == sent
    told.sync()


@pytest.mark.parametrize("asked", [(0, 0), (50, 0), (3, 2)], ids=["zero", "never-sent", "backwards"])
def test_a_range_that_cannot_be_is_rejected(told, asked):
    number = told.send("2", (7, asked[0]), (16, asked[1]))
    told.expect("3", t45=number, t373=5)
    told.sync()


def test_a_reject_is_sent_again_too(desk_peer):
    number = desk_peer.send("1")    # without TestReqID
    desk_peer.expect("3", t45=number, t371=112, t373=1, t34=2)
    desk_peer.send("2", (7, 2), (16, 2))
    desk_peer.expect("3", t45=number, t34=2, t43="Y")


# --- The line ---


def test_a_link_that_drops_in_the_middle_of_a_message(desk, desk_peer):
    order = [(49, "DESK"), (56, "SHADOWPOOL"), (34, 2), (52, now()), (11, "a"), (55, 0), (54, 1), (60, now()), (38, 10)]
    desk_peer.raw(encode([(35, "D"), *order, (40, 2), (44, 500)])[:-20])
    desk_peer.drop()
    _until_gone(desk_peer)
    assert desk.orders() == []
    desk_peer.order("a")    # sent again under its number, which was never taken
    desk_peer.expect("8", t11="a", t150="A")
    desk_peer.sync()


def test_reports_made_while_the_link_is_down_come_after_the_logon(desk, desk_peer):
    desk_peer.order("a")
    desk_peer.expect("8", t150="A")
    desk_peer.drop()
    desk.commit("fix:DESK:a")
    desk.fill("fix:DESK:a", 10, 499)
    _until_gone(desk_peer)
    desk_peer.expect("8", t150="0", t43=None)
    desk_peer.expect("8", t150="F", t32=10, t31=499, t43=None)
    desk_peer.sync()
    assert len(set(reported(desk_peer))) == len(reported(desk_peer)) == 3


def test_reports_lost_on_the_line_are_asked_for_again(desk, desk_peer):
    """The link dies after they were sent and before they were read: the numbers tell."""
    desk_peer.order("a")
    desk_peer.expect("8", t34=2)
    desk.commit("fix:DESK:a")
    lost = desk_peer.expect("8", t34=3)
    desk_peer.received.remove(lost)
    desk_peer.drop()
    _until_gone(desk_peer)
    assert desk_peer.received[-1][34] == "4"    # a Logon of this number says that 3 is missing
    desk_peer.send("2", (7, 3), (16, 3))
    assert desk_peer.expect("8", t34=3, t43="Y")[17] == lost[17]
    desk_peer.sync()


def test_the_answer_to_an_order_whose_sender_is_gone_is_kept(desk, desk_peer):
    desk_peer.order("a")
    desk_peer.drop()
    _until_gone(desk_peer)
    while not desk_peer.received[-1][35] == "8":    # new after the Logon, or asked for again
        desk_peer.send("2", (7, 2), (16, 0))
        desk_peer.next()
    assert desk_peer.received[-1][11] == "a"
    assert len(desk.orders()) == len(set(reported(desk_peer))) == 1


@pytest.mark.parametrize(
    "spoil",
    [
        lambda good: good[:-4] + f"{(int(good[-4:-1]) + 1) % 256:03}\x01".encode(),
        lambda good: good.replace(b"38=10", b"38=11"),
        lambda good: good.replace(b"\x019=", b"\x019=1"),
        lambda good: good.replace(b"\x019=1", b"\x019="),
        lambda good: good.replace(b"8=FIX", b"8=FAX"),
        lambda good: good[1:],
        lambda good: good[:60] + good[61:],
    ],
    ids=["checksum", "changed", "longer-length", "shorter-length", "begin", "beheaded", "swallowed"],
)
def test_a_garbled_message_is_as_if_lost(desk, desk_peer, spoil):
    fields = [(11, "a"), (55, 0), (54, 1), (60, now()), (38, 10), (40, 2), (44, 500)]
    header = [(35, "D"), (49, "DESK"), (56, "SHADOWPOOL"), (34, 2), (52, now())]
    desk_peer.raw(spoil(encode(header + fields)))
    desk_peer.number = 3
    for _ in range(20):     # enough to fill whatever length the spoilt one claimed
        desk_peer.send("0")
    desk_peer.expect("2", t7=2, t16=0)
    desk_peer.again("D", *fields, number=2)
    desk_peer.expect("8", t11="a", t150="A")
    desk_peer.send("4", (123, "Y"), (36, desk_peer.number), number=3, header={43: "Y", 122: now(-1)})
    desk_peer.sync()
    assert len(desk.orders()) == 1


def test_messages_byte_by_byte_and_many_at_once(desk, desk_peer):
    def order(number: int, name: str) -> bytes:
        header = [(35, "D"), (49, "DESK"), (56, "SHADOWPOOL"), (34, number), (52, now())]
        return encode([*header, (11, name), (55, 0), (54, 1), (60, now()), (38, 10), (40, 2), (44, 500)])

    for byte in order(2, "a"):
        desk_peer.raw(bytes([byte]))
    desk_peer.raw(order(3, "b") + order(4, "c") + order(5, "d"))
    desk_peer.number = 6
    assert [desk_peer.expect("8")[11] for _ in "abcd"] == list("abcd")
    desk_peer.sync()


def test_a_message_without_end_is_not_waited_for(desk_peer):
    desk_peer.raw(b"8=FIX.4.4\x019=999999\x0135=0\x01")
    assert "999999 bytes" in desk_peer.expect("5")[58]
    assert desk_peer.is_closed()
    desk_peer.enter()


def test_another_version_of_fix_ends_the_session(desk_peer):
    desk_peer.send("0", begin="FIX.4.2")
    assert "FIX.4.4" in desk_peer.expect("5")[58]
    assert desk_peer.is_closed()


@pytest.mark.parametrize("tag", [49, 56])
def test_another_comp_id_in_the_middle_ends_the_session(desk_peer, tag):
    number = desk_peer.send("0", header={tag: "OTHER"})
    desk_peer.expect("3", t45=number, t371=tag, t373=9)
    desk_peer.expect("5")
    assert desk_peer.is_closed()
    desk_peer.enter()   # the number of what was rejected is used up


@pytest.mark.parametrize("offset", [-3600, 3600])
def test_a_clock_that_is_far_off_ends_the_session(desk_peer, offset):
    number = desk_peer.send("0", header={52: now(offset)})
    desk_peer.expect("3", t45=number, t371=52, t373=10)
    desk_peer.expect("5")
    assert desk_peer.is_closed()


# --- Logout and restart ---


def test_a_logout_is_answered_and_the_session_goes_on_later(desk_peer):
    desk_peer.leave()
    desk_peer.enter()
    assert desk_peer.received[-1][34] == "3"
    desk_peer.sync()


def test_a_logout_beyond_a_gap_is_answered_and_the_gap_found_at_the_next_logon(desk_peer):
    missing = desk_peer.number
    desk_peer.number += 3
    desk_peer.leave()
    desk_peer.enter()
    desk_peer.expect("2", t7=missing)


def test_an_acceptor_that_stops_says_so_and_its_successor_goes_on(acceptors, desk):
    first = acceptors()
    peer = Peer(first.port).enter()
    peer.order("a")
    peer.expect("8", t150="A")
    stopping = Thread(target=first.stop)
    stopping.start()
    peer.expect("5")
    peer.send("5")
    assert peer.is_closed()
    stopping.join()
    desk.commit("fix:DESK:a")       # while none is there
    peer.port = acceptors().port
    peer.enter()
    peer.expect("8", t150="0", t43=None)
    peer.send("2", (7, 2), (16, 2))
    peer.expect("8", t150="A", t43="Y")
    peer.sync()
    assert len(set(reported(peer))) == 2
    peer.drop()


def test_a_peer_that_reads_nothing_is_cut_off_and_loses_nothing(acceptors):
    acceptor = acceptors(send_timeout=0.5)
    peer = Peer(acceptor.port).enter()
    with acceptor.store.transaction() as session:
        queue(session, "DESK", [Outgoing("8", [(tags.EXEC_ID, str(i)), (58, "x" * 4_000)]) for i in range(500)])
    with suppress(OSError):
        while acceptor.logged_on():     # asks for 2 MB at a time, and reads nothing
            peer.send("2", (7, 1), (16, 0))
    _until_gone(peer)
    first = peer.expect("2")[7]     # what it never read of ours
    peer.send("4", (123, "Y"), (36, peer.number), number=first, header={43: "Y", 122: now(-1)})
    peer.send("2", (7, 2), (16, 501))
    got = [peer.expect("8", t43="Y")[17] for _ in range(500)]
    assert got == [str(i) for i in range(500)]
    peer.drop()


def _until_gone(peer: Peer) -> None:
    """Log on again, as soon as the acceptor has seen that the old link is dead."""
    while True:
        peer.connect()
        number = peer.number
        peer.logon()
        with suppress(EOFError, ConnectionResetError):
            peer.expect("A")
            return
        peer.number = number
