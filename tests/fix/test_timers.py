"""Silence: heartbeats, test requests, what is asked again, logouts that nobody answers."""

import pytest

from offchain.fix.session import Hangup
from offchain.fix.store import FixStore
from tests.fix.counterparty import Hands, Ours


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def ours(desk, engine, clock) -> Ours:
    """Logged on with heartbeats every 10 seconds."""
    side = Ours(desk, FixStore(engine), clock)
    side.logon(1, heartbeat=10)
    assert [message[35] for message in side.take()] == ["A"]
    return side


def kinds(ours: Ours) -> list[str]:
    ours.session.tick()
    return [message[35] for message in ours.take()]


def test_a_heartbeat_when_we_were_silent_for_an_interval(ours, clock):
    clock.move(9.9)
    assert kinds(ours) == []
    clock.move(0.1)
    assert kinds(ours) == ["0"]
    assert kinds(ours) == []


def test_what_we_say_is_as_good_as_a_heartbeat(ours, clock):
    clock.move(6)
    ours.hear("1", 2, (112, "x"))
    assert [message[112] for message in ours.take()] == ["x"]
    clock.move(6)
    assert kinds(ours) == []


def test_a_silent_counterparty_is_tested_and_then_given_up(ours, clock):
    clock.move(11.9)
    assert kinds(ours) == ["0"]
    clock.move(0.1)
    assert kinds(ours) == ["1"]
    assert kinds(ours) == []
    clock.move(11.9)
    kinds(ours)
    clock.move(0.1)
    with pytest.raises(Hangup, match="TestRequest"):
        ours.session.tick()


def test_an_answer_to_a_test_request_ends_the_doubt(ours, clock):
    clock.move(12)
    ours.session.tick()
    asked = next(message for message in ours.take() if message[35] == "1")
    ours.hear("0", 2, (112, asked[112]))
    clock.move(11.9)
    assert "1" not in kinds(ours)
    clock.move(0.1)
    assert "1" in kinds(ours)


def test_a_resend_request_that_nobody_fulfils_is_made_again(ours, clock):
    ours.hear("0", 5)
    assert [(message[35], message[7]) for message in ours.take()] == [("2", "2")]
    clock.move(9.9)
    assert kinds(ours) == []
    clock.move(0.1)
    assert "2" in kinds(ours)
    ours.hear("4", 2, (123, "Y"), (36, 6), dup=True)
    clock.move(11)
    assert "2" not in kinds(ours)


def test_a_logout_that_nobody_answers_ends_all_the_same(ours, clock):
    ours.session.leave("enough")
    ours.session.leave("enough")
    assert kinds(ours) == ["5"]
    clock.move(19.9)
    ours.session.tick()
    clock.move(0.1)
    with pytest.raises(Hangup, match="not answered"):
        ours.session.tick()


def test_the_next_look_is_due_when_something_is(ours, clock):
    assert ours.session.due() == 10
    clock.move(4)
    ours.hear("1", 2, (112, "x"))
    assert ours.session.due() == 10
    clock.move(9)
    assert ours.session.due() == 1
    ours.hear("0", 9)
    assert ours.session.due() == 10
    clock.move(5)
    ours.session.leave("enough")
    clock.move(15)
    assert ours.session.due() == 5
