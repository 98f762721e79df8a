"""Streams: wallets restored from them, and the chain as it is pushed."""

import asyncio
import json
from contextlib import contextmanager
from itertools import repeat
from types import SimpleNamespace

import pytest
import requests
from sqlalchemy import select
from sqlalchemy.exc import OperationalError
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from indexer import database, models
from indexer.api import Settings, create_app, pages, streams
from indexer.api import stream as pushing
from indexer.api.problems import Problem
from indexer.api.serve import ServeError, beside
from indexer.api.view import Source
from indexer.follow import Follower
from offchain import restore
from offchain.agent import run as agent
from offchain.agent.book import Book
from offchain.chain import Chain
from offchain.ledger import Ledger
from offchain.restore import RestoreError
from offchain.state import Diverged
from offchain.store import Journal
from offchain.wallet import Wallet


@contextmanager
def indexed(story, folder, **settings):
    """(a follower, the address of the API over its database)"""
    engine = database.open(f"sqlite:///{folder}/index.sqlite")
    follower = Follower(engine, Chain(story.url, story.world.deployment, poll_seconds=0.01), proofs=False)
    follower.sync()
    app = create_app(engine, story.world.deployment, Settings(rpc=story.url, poll_seconds=0.02, **settings))
    try:
        with beside(app, port=0) as address:
            yield follower, address
    finally:
        follower.close()
        engine.dispose()


@pytest.fixture(scope="module")
def api(story, tmp_path_factory):
    with indexed(story, tmp_path_factory.mktemp("streams")) as found:
        yield found


# --- Restore ---


def test_a_wallet_restored_from_the_api_is_the_chain_s(story, api):
    for name, trader in story.world.traders.items():
        wallets = [
            Wallet(story.world.chain, ledger, trader.key, trader.account)
            for ledger in (restore.ledger(api[1], story.world.chain), Ledger(story.world.chain))
        ]
        restored, fresh = wallets
        restored.sync()
        fresh.sync()
        restore.check_spent(restored.holdings)
        assert restored.ledger.block == fresh.ledger.block
        for what in ("notes", "orders", "fills", "unreadable"):
            assert getattr(restored.holdings, what) == getattr(fresh.holdings, what), (name, what)
        assert name == "dogwood" or fresh.holdings.notes and fresh.holdings.orders


def altered(monkeypatch, change):
    """Let the indexer lie: `change` takes and gives the events as rows."""

    def read(self, last):
        rows = [json.loads(line) for line in requests.get(f"{self.url}/v1/events", timeout=60).text.splitlines()]
        for row in change([row for row in rows if row["block"] <= last]):
            yield self._event(row, last)

    monkeypatch.setattr(restore.Download, "_read", read)


def tampered(rows, name, key, value):
    for row in rows:
        if row["name"] == name:
            row["args"][key] = value(row["args"][key])
            break
    else:
        raise AssertionError(f"no {name}")
    return rows


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: tampered(rows, "Appended", "leaves", lambda leaves: [str(int(leaves[0]) ^ 1), *leaves[1:]]),
        lambda rows: tampered(rows, "LeavesSet", "leaves", lambda leaves: [str(int(leaves[0]) ^ 1), *leaves[1:]]),
        lambda rows: tampered(rows, "Appended", "position", lambda position: "7"),
        lambda rows: [row for row in rows if row["name"] != "Appended"],
        lambda rows: rows[::-1],
        lambda rows: [row for row in rows if row["name"] != "EpochOpened"],
        lambda rows: [row | {"hash": "0x"} | {"block": "1"} for row in rows],
    ],
)
def test_an_indexer_s_lies_are_found(story, api, monkeypatch, change):
    altered(monkeypatch, change)
    with pytest.raises((RestoreError, Diverged)):
        restore.ledger(api[1], story.world.chain)


def test_a_spent_note_that_an_indexer_hides_is_found(story, api, monkeypatch):
    altered(monkeypatch, lambda rows: [row for row in rows if row["name"] != "Spent"])
    ash = story.world.traders["ash"]
    wallet = Wallet(story.world.chain, restore.ledger(api[1], story.world.chain), ash.key, ash.account)
    wallet.sync()
    with pytest.raises(Diverged, match="spent on the chain"):
        restore.check_spent(wallet.holdings)


def test_an_agent_keeps_nothing_of_an_indexer_that_hides_a_spent_note(story, api, monkeypatch, tmp_path):
    """Its store would be believed at every later start."""
    ash, book = story.world.traders["ash"], Book.open(f"sqlite:///{tmp_path}/agent.sqlite3")
    with monkeypatch.context() as patch:
        altered(patch, lambda rows: [row for row in rows if row["name"] != "Spent"])
        with pytest.raises(Diverged, match="spent on the chain"):
            agent._ledger(SimpleNamespace(indexer=api[1]), story.world.chain, book, ash.key)
    assert not any(Journal(book).load())
    restored = agent._ledger(SimpleNamespace(indexer=api[1]), story.world.chain, book, ash.key)
    assert restored.block > story.world.deployment.start_block and Journal(book).load()[0]
    book.close()


def test_another_branch_s_events_are_dropped(story, api, monkeypatch):
    altered(monkeypatch, lambda rows: [row | {"hash": "0x" + "11" * 32} if row["block"] > rows[0]["block"] else row for row in rows])
    found, fresh = restore.ledger(api[1], story.world.chain), Ledger(story.world.chain)
    fresh.sync()
    assert (found.leaves, found.spent, found.block) == (fresh.leaves, fresh.spent, fresh.block)


def test_no_indexer(story, api):
    for url in ("http://127.0.0.1:9", story.url):
        with pytest.raises(RestoreError):
            restore.ledger(url, story.world.chain)


def test_an_indexer_s_line_without_end_fills_no_memory():
    assert list(restore._lines(iter([b"a\nb", b"c\n", b"\nd"]))) == [b"a", b"bc", b"", b"d"]
    endless, took = repeat(bytes(1 << 16)), []
    with pytest.raises(ValueError, match="bytes"):
        list(restore._lines(part for part in endless if not took.append(part)))
    assert len(took) <= (restore.MOST_LINE >> 16) + 1


def test_compact_rows_are_the_tables(api):
    follower, address = api
    with follower.engine.connect() as connection:
        notes = connection.execute(select(models.Note.__table__).order_by(models.Note.__table__.c.position)).all()
        memos = connection.execute(select(models.Memo.__table__).order_by(models.Memo.__table__.c.position)).all()
        spent = set(connection.execute(select(models.Nullifier.__table__.c.nullifier)).scalars())
    compact = requests.get(f"{address}/v1/notes.bin", timeout=60)
    assert compact.content == b"".join(
        one.position.to_bytes(8, "big") + one.block.to_bytes(8, "big") + one.commitment.to_bytes(32, "big") for one in notes
    )
    lines = [json.loads(line) for line in requests.get(f"{address}/v1/memos", timeout=60).text.splitlines()]
    assert [tuple(map(int, one["words"])) for one in lines] == [one.words for one in memos]
    raw = requests.get(f"{address}/v1/memos.bin", timeout=60).content
    assert [int.from_bytes(raw[at + 17 : at + 49], "big") for at in range(0, len(raw), 273)] == [one.words[0] for one in memos]
    gone = requests.get(f"{address}/v1/nullifiers.bin", timeout=60).content
    assert {int.from_bytes(gone[at + 8 : at + 40], "big") for at in range(0, len(gone), 40)} == spent
    middle = notes[len(notes) // 2].position
    part = requests.get(f"{address}/v1/notes", params={"from": 1, "to": middle}, timeout=60).text.splitlines()
    assert [json.loads(line)["position"] for line in part] == [str(one.position) for one in notes if 1 <= one.position < middle]
    again = requests.get(f"{address}/v1/notes.bin", headers={"If-None-Match": compact.headers["etag"]}, timeout=60)
    assert again.status_code == 304 and not again.content


def test_rows_come_in_parts_of_one_branch_that_hold_no_connection(story, api, tmp_path, monkeypatch):
    """Who stops reading takes no connection from others; after a rollback the rest would be another branch's."""
    monkeypatch.setattr(streams, "ROWS", 3)
    test_compact_rows_are_the_tables(api)
    with indexed(story, tmp_path) as (follower, _):
        engine = database.open(f"sqlite:///{tmp_path}/index.sqlite")    # its connections are nobody else's
        source = Source(engine, story.world.deployment, Settings(rpc=story.url))
        for table, order in ((streams.NOTES, ("position",)), (streams.NULLIFIERS, ("block", "log_index", "place"))):
            columns = tuple(table.c[name] for name in order)
            rows = list(streams._rows(source, select(table), columns, (follower.block, follower.hash), lambda row: b"."))
            with follower.engine.connect() as connection:
                assert len(rows) > 2 and len(b"".join(rows)) == len(connection.execute(select(table)).all())
            slow = streams._rows(source, select(table), columns, (follower.block, follower.hash), lambda row: b".")
            assert next(slow) == b"..." and engine.pool.checkedout() == 0
        with follower.engine.begin() as connection:
            database.forget(connection, follower.block - 1)
        with pytest.raises(Problem, match="branch"):
            next(slow)
        engine.dispose()


# --- The WebSocket ---


def stream(address: str, cursor: str | None = None, **options):
    query = f"?cursor={cursor}" if cursor else ""
    return connect(f"ws{address.removeprefix('http')}/v1/stream{query}", open_timeout=30, **options)


def frame(socket, kind: str) -> dict:
    """The next frame of a kind; pings, and what the indexer says of itself, are passed over."""
    while True:
        found = json.loads(socket.recv(timeout=60))
        if found["type"] == kind or found["type"] not in ("ping", "status"):
            assert found["type"] == kind, found
            return found


def test_blocks_rollbacks_and_resuming(story, tmp_path):
    web3 = story.world.chain.web3.provider.make_request
    mark = web3("evm_snapshot", [])["result"]
    with indexed(story, tmp_path) as (follower, address), stream(address) as socket:
        hello = frame(socket, "hello")
        assert hello["block"] == follower.block and hello["block_hash"] == follower.hash
        story.world.mine(3)
        follower.sync()
        blocks = [frame(socket, "block") for _ in range(3)]
        assert [one["block"] for one in blocks] == list(range(hello["block"] + 1, hello["block"] + 4))
        with stream(address, blocks[0]["cursor"]) as other:
            assert frame(other, "hello")["block"] == blocks[2]["block"]
            assert [frame(other, "block")["block"] for _ in range(2)] == [one["block"] for one in blocks[1:]]
        story.world.go_back(mark)
        web3("evm_setNextBlockTimestamp", [blocks[2]["timestamp"] + 100])
        story.world.mine(4)
        follower.sync()
        back = frame(socket, "rollback")
        assert back["block"] == hello["block"]
        frames = [frame(socket, "block") for _ in range(4)]
        assert frames[0]["block"] == hello["block"] + 1 and frames[0]["block_hash"] != blocks[0]["block_hash"]
        for cursor in (blocks[2]["cursor"], "nonsense"):
            with stream(address, cursor) as other:
                frame(other, "hello")
                assert frame(other, "reset")["cursor"] == frames[-1]["cursor"]
        follower._stop("a test says so")
        while (status := frame(socket, "status"))["sync"] != "stopped":
            pass
        assert status["divergence"] == "a test says so"


def test_who_comes_while_the_tables_are_read_is_told_nothing_twice(story, tmp_path, monkeypatch):
    with indexed(story, tmp_path) as (follower, _):
        hub = pushing.Hub(Source(follower.engine, story.world.deployment, Settings(rpc=story.url)))
        hub._read()
        hub._tell()
        before = follower.block
        story.world.mine(3)
        follower.sync()
        hub._read()
        with hub.client() as (queue, hello):
            assert hello["block"] == before
            hub._tell()
            assert [one["block"] for one in queue.get_nowait()] == list(range(before + 1, before + 4))
            assert hub.hello["block"] == before + 3

            def away(*_):
                raise OperationalError("SELECT", {}, OSError())

            with follower.engine.begin() as connection:
                database.forget(connection, before + 1)
            with monkeypatch.context() as patch:
                patch.setattr(pushing, "blocks_after", away)
                hub._read()
            hub._read()
            hub._tell()
            assert [(one["type"], one["block"]) for one in queue.get_nowait()] == [("rollback", before + 1)]


def test_replayed_blocks_name_their_events(api):
    follower, address = api
    with follower.engine.connect() as connection:
        blocks = models.Block.__table__.c
        first = connection.execute(select(blocks.block, blocks.hash).order_by(blocks.block).limit(1)).one()
    seen = set()
    with stream(address, pages.encode("stream", *first)) as socket:
        last = frame(socket, "hello")["block"]
        for number in range(first.block + 1, last + 1):
            found = frame(socket, "block")
            assert found["block"] == number
            seen |= {(one["contract"], one["name"], one["epoch"]) for one in found["events"]}
    assert {("Market", "Committed"), ("Market", "Settled"), ("Pool", "Appended")} <= {one[:2] for one in seen}


class Deaf:
    """A client's socket that takes `room` frames and then no more; `closed` by the server with a code."""

    def __init__(self, app, room: int):
        self.app, self.headers, self.room, self.closed = app, {}, room, None

    async def accept(self) -> None:
        pass

    async def receive_text(self) -> str:
        await asyncio.Event().wait()

    async def send_json(self, frame: dict) -> None:
        self.room -= 1
        if self.room < 0:
            await asyncio.Event().wait()

    async def close(self, code: int, reason: str) -> None:
        self.closed = code


@pytest.mark.parametrize("told", [1, 5])
def test_who_does_not_read_is_let_go(story, api, monkeypatch, told):
    """By the time that a send may take, or by the batches that may wait."""
    monkeypatch.setattr(pushing, "SEND_SECONDS", 0.2)

    async def play() -> int:
        app = create_app(api[0].engine, story.world.deployment, Settings(stream_batches=2))
        async with app.state.hub.running():
            socket = Deaf(app, room=1 if told == 1 else 10**6)
            serving = asyncio.create_task(pushing.stream(socket))
            while not app.state.hub._clients:
                await asyncio.sleep(0)
            for _ in range(told):
                app.state.hub._frames.append({"type": "ping"})
                app.state.hub._tell()
            await asyncio.wait_for(serving, 60)
            assert not app.state.hub._clients
            return socket.closed

    assert asyncio.run(play()) == 1013


def test_pings_and_other_origins(story, tmp_path):
    with indexed(story, tmp_path, ping_seconds=0.05) as (_, address):
        with stream(address) as socket:
            frame(socket, "hello")
            assert frame(socket, "ping") == {"type": "ping"}
        with pytest.raises(InvalidStatus, match="403"):
            stream(address, origin="http://elsewhere.example")


def test_a_port_that_is_taken(api, story):
    port = int(api[1].rsplit(":", 1)[1])
    with pytest.raises(ServeError, match="--port"), beside(create_app(api[0].engine, story.world.deployment), port=port):
        pass
