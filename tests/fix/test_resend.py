"""What is sent again, what the line does to messages, and how sessions end and go on: as in test_resync.py."""

import time
from contextlib import suppress
from threading import Thread

import pytest

from offchain.fix import tags
from offchain.fix.store import Outgoing, queue
from tests.fix.peer import Peer, counted, encode, now

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
    desk_peer.enter_again()
    assert desk.orders() == []
    desk_peer.order("a")    # sent again under its number, which was never taken
    desk_peer.expect("8", t11="a", t150="A")
    desk_peer.sync()


def test_reports_made_while_the_link_is_down_come_after_the_logon(acceptor, desk, desk_peer):
    desk_peer.order("a")
    desk_peer.expect("8", t150="A")
    desk_peer.drop()
    while acceptor.logged_on():     # until it has seen that
        time.sleep(0.01)
    desk.commit("fix:DESK:a")
    desk.fill("fix:DESK:a", 10, 499)
    desk_peer.enter_again()
    desk_peer.expect("8", t150="0", t43=None)
    desk_peer.expect("8", t150="F", t32=10, t31=499, t43=None)
    desk_peer.sync()
    assert len(set(desk_peer.executions())) == len(desk_peer.executions()) == 3


def test_reports_lost_on_the_line_are_asked_for_again(desk, desk_peer):
    """The link dies after they were sent and before they were read: the numbers tell."""
    desk_peer.order("a")
    desk_peer.expect("8", t34=2)
    desk.commit("fix:DESK:a")
    lost = desk_peer.expect("8", t34=3)
    desk_peer.received.remove(lost)
    desk_peer.drop()
    desk_peer.enter_again()
    assert desk_peer.received[-1][34] == "4"    # a Logon of this number says that 3 is missing
    desk_peer.send("2", (7, 3), (16, 3))
    assert desk_peer.expect("8", t34=3, t43="Y")[17] == lost[17]
    desk_peer.sync()


def test_the_answer_to_an_order_whose_sender_is_gone_is_kept(desk, desk_peer):
    desk_peer.order("a")
    desk_peer.drop()
    desk_peer.enter_again()
    while not desk_peer.received[-1][35] == "8":    # new after the Logon, or asked for again
        desk_peer.send("2", (7, 2), (16, 0))
        desk_peer.next()
    assert desk_peer.received[-1][11] == "a"
    assert len(desk.orders()) == len(set(desk_peer.executions())) == 1


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
    assert len(set(peer.executions())) == 2
    peer.drop()


def test_a_peer_that_reads_nothing_is_cut_off_and_loses_nothing(acceptors):
    acceptor = acceptors(send_timeout=0.5)
    peer = Peer(acceptor.port).enter()
    with acceptor.store.session() as session:
        queue(session, "DESK", [Outgoing("8", [(tags.EXEC_ID, str(i)), (58, "x" * 4_000)]) for i in range(500)])
    before = dict(counted)
    with suppress(OSError):
        while acceptor.logged_on():     # asks for 2 MB at a time, and reads nothing
            peer.send("2", (7, 1), (16, 0))
    counted.update(before)      # a flood is no conversation
    peer.port = acceptors().port    # one that has more patience: now it reads
    peer.enter_again()
    peer.send("2", (7, 2), (16, 501))
    got = []
    while len(got) < 500:
        message = peer.next()
        if message[35] != "2":      # it may miss what it had no time to read
            got.append((message[35], message[43], message[17]))
    assert got == [("8", "Y", str(i)) for i in range(500)]
    peer.drop()
