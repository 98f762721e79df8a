"""A database that does not say whether it took a change, and two agents on one book: nobody writes on as if it knew."""

import threading
from contextlib import contextmanager

import pytest
from sqlalchemy.exc import DBAPIError

from offchain.agent.desk import OrderState, Ticket
from offchain.notes import Side
from offchain.store import Busy, Journal, Torn
from tests.agent.sim import USD, Bomb, Pool, life
from tests.relayer.databases import KINDS, database

SECONDS = 120


@pytest.fixture(scope="module", params=KINDS)
def url(request, tmp_path_factory):
    with database(request.param, tmp_path_factory.mktemp("database")) as found:
        yield found


def ticket(name):
    return Ticket(name, 0, Side.BUY, 10, 501)


@contextmanager
def answer_lost(engine):
    """The next commit is made, and the connection lost before anybody says so."""
    commit = engine.dialect.do_commit

    def lost(connection):
        commit(connection)
        engine.dialect.do_commit = commit
        raise engine.dialect.loaded_dbapi.OperationalError("server closed the connection unexpectedly")

    engine.dialect.do_commit = lost
    try:
        yield
    finally:
        engine.dialect.do_commit = commit


def test_an_unanswered_commit_ends_the_agent_and_the_next_reads_it_back(url):
    pool = Pool((USD, 9_000), (USD, 9_000))
    with life(pool, url, Bomb()) as agent:
        agent.round(pool.head)
        before = agent.status().sequence
        with answer_lost(agent.book.engine), pytest.raises((Torn, DBAPIError)):
            agent.place(ticket("one"))
        with pytest.raises(Torn, match="did not say whether it took a change .* start the agent again"):
            agent.place(ticket("two"))
        ended = threading.Event()

        def run():
            with pytest.raises(Torn):
                agent.run(threading.Event())
            ended.set()

        threading.Thread(target=run, daemon=True).start()
        assert ended.wait(SECONDS), "it goes on with what it cannot know"
    with life(pool, url, Bomb()) as agent:
        agent.round(pool.head)
        assert agent.order("one").state == OrderState.ACCEPTED, "the commit was made"
        agent.place(ticket("one"))
        agent.place(ticket("two"))
        told = agent.events(0)
        assert [event.sequence for event in told] == list(range(1, len(told) + 1)) and len(told) >= before + 2


def test_a_change_that_was_not_begun_is_only_that(url, monkeypatch):
    """An error before the commit changes nothing, and the next change is made."""
    pool = Pool((USD, 9_000), (USD, 9_000))
    with life(pool, url, Bomb()) as agent:
        agent.round(pool.head)
        with monkeypatch.context() as broken:
            broken.setattr(agent.book, "_put", lambda *_: 1 // 0)
            with pytest.raises(ZeroDivisionError):
                agent.place(ticket("three"))
        agent.place(ticket("three"))


def test_one_that_lost_its_lease_during_a_proof_writes_no_more(url):
    """Another agent took the key over while this one was busy: its change is refused, and numbers have no gap."""
    pool = Pool((USD, 9_000), (USD, 9_000))
    with life(pool, url, Bomb()) as late, life(pool, url, Bomb()) as agent:
        agent.round(pool.head)
        with pytest.raises(Busy, match="another process has opened this agent's database"):
            late.place(ticket("four"))
        with pytest.raises(Busy):
            late.round(pool.head)
        with pytest.raises(Busy):
            Journal(late.book).extend([], 5, bytes(32))
        agent.place(ticket("five"))
        told = agent.events(0)
        assert [event.sequence for event in told] == list(range(1, len(told) + 1))
        assert told[-1].order.client_id == "five" and "four" not in agent.book.entries
