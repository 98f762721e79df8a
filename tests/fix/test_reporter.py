"""The reporter's two duties: what fails of one keeps neither the other, nor its own others, waiting."""

import threading

import pytest

from offchain.agent.desk import Ticket
from offchain.fix import reporter
from offchain.fix.application import Application
from offchain.fix.reporter import Reporter
from offchain.fix.store import FixStore
from offchain.notes import Side
from tests.fix.conftest import settings

SECONDS = 120


def ticket(name):
    return Ticket(name, 0, Side.BUY, 10, 500)


@pytest.fixture
def started():
    running = []

    def start(*known):
        running.append(Reporter(*known))
        running[0].start()

    yield start
    for one in running:
        one.stop()
        one.desk.place(ticket("wakes-it"))
        one.join()


def test_a_cancel_that_cannot_be_asked_for_delays_no_report(desk, engine, started, monkeypatch):
    """Whatever it waits after an error, it does not wait with reports."""
    monkeypatch.setattr(reporter, "POLL_SECONDS", 10 * SECONDS)
    store, moved, asked = FixStore(engine), threading.Semaphore(0), threading.Semaphore(0)

    def fails():
        asked.release()
        raise RuntimeError("the desk does not answer")

    monkeypatch.setattr(reporter, "move_cursor", lambda session, sequence: moved.release())
    started(desk, store, lambda name: None, fails)
    desk.place(ticket("one"))
    assert moved.acquire(timeout=SECONDS) and asked.acquire(timeout=SECONDS)
    desk.place(ticket("two"))
    assert moved.acquire(timeout=SECONDS)


def test_reports_that_cannot_be_written_delay_no_cancel(desk, engine, started, monkeypatch):
    store, asked, woken = FixStore(engine), threading.Semaphore(0), []
    monkeypatch.setattr(store, "cursor", lambda: 1 // 0)
    started(desk, store, woken.append, lambda: [asked.release() or "DESK"])
    assert all(asked.acquire(timeout=SECONDS) for _ in range(3)) and woken[0] == "DESK"


def test_a_cancel_that_fails_again_keeps_no_other_waiting(desk, engine, monkeypatch):
    application, asked = Application(desk, settings(), FixStore(engine)), []

    def cancel(identifier, by):
        asked.append(identifier)
        if identifier == "fix:DESK:bad":
            raise RuntimeError("the desk does not answer")

    monkeypatch.setattr(desk, "cancel", cancel)
    unsure = {("DESK", "c1", "bad"), *(("OTHER", f"c{n}", f"good{n}") for n in range(5))}
    application._unsure |= unsure
    told = []
    with pytest.raises(RuntimeError):
        for name in application.settle():
            told.append(name)
    assert len(asked) == 6 and told == ["OTHER"] * 5 and application._unsure == {("DESK", "c1", "bad")}
