"""The chain as it is indexed, pushed over a WebSocket: blocks, rollbacks, and changes of the indexer's state.

One task watches the tables for all clients. A client names the last frame it saw by a cursor, and gets
what came since; one that reads too slowly is let go of, so that it holds nobody up.
"""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterator
from typing import Any
from urllib.parse import urlsplit

from fastapi import APIRouter, WebSocket, WebSocketDisconnect
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from indexer.api import pages
from indexer.api.problems import Problem
from indexer.api.transactions import epoch_named
from indexer.api.view import BLOCKS, EVENTS, Source, View

router = APIRouter()

BATCH = 500
"""Blocks taken from the tables at once."""

REPLAY = 5_000
"""How many blocks a cursor may lie back."""

REMEMBERED = 4_096
"""Blocks whose hash is remembered, to find how far a rollback went."""

SEND_SECONDS = 10.0
AGAIN = 1013
POLICY = 1008
Frame = dict[str, Any]
Batches = asyncio.Queue[list[Frame] | None]
"""A client's; None in it says that the client fell behind."""


class Slow(Exception):
    """A client that does not read what it is sent."""


class Hub:
    """Watches the tables of `source`, and hands every batch of frames to each client's queue.

    `hello` is of what all clients were told last; `block` and `hash` are ahead of it while a thread reads.
    """

    def __init__(self, source: Source):
        self.source = source
        self.block, self.hash, self._state = -1, "", None
        self.timestamp = self.head = 0
        self.hello: Frame = {}
        self._hashes: OrderedDict[int, str] = OrderedDict()
        self._frames: list[Frame] = []
        self._clients: set[Batches] = set()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        await asyncio.to_thread(self._read)
        self._tell()    # nobody of what was there before
        task = asyncio.create_task(self._watch())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    @contextlib.contextmanager
    def client(self) -> Iterator[tuple[Batches, Frame]]:
        """(a queue of batches, the hello that they come after)"""
        queue = Batches(self.source.settings.stream_batches)
        self._clients.add(queue)
        try:
            yield queue, self.hello
        finally:
            self._clients.discard(queue)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self.source.settings.poll_seconds)
            await asyncio.to_thread(self._read)
            self._tell()

    def _tell(self) -> None:
        """Hand on what was read. Who comes later is greeted with it, and told what is after it."""
        place = {"block": self.block, "block_hash": self.hash, "timestamp": self.timestamp, "head": self.head}
        self.hello = {"type": "hello", "cursor": self.cursor, **place}
        frames, self._frames = self._frames, []
        if not frames:
            return
        for queue in list(self._clients):
            try:
                queue.put_nowait(frames)
            except asyncio.QueueFull:
                self._clients.discard(queue)
                queue.get_nowait()
                queue.put_nowait(None)

    def _read(self) -> None:
        """Take in what changed in the tables since the last time."""
        # Nothing is indexed yet, or the database is away for now; what was taken in until then is told.
        with contextlib.suppress(Problem, SQLAlchemyError), self.source.view() as view:
            self._changes(view)

    def _changes(self, view: View) -> None:
        if self.block < 0:
            last = view.last
            self._remember(last["block"], last["hash"], last["timestamp"])
            self.head = max(view.sync["head"], last["block"])
            self._state = view.sync["state"], view.sync["reason"]
            return
        self._frames += self._rolled_back(view)
        self.head = max(view.sync["head"], view.block)
        for frame in blocks_after(view, self.block, BATCH):
            self._remember(frame["block"], frame["block_hash"], frame["timestamp"])
            self._frames.append(frame | {"head": self.head})
        state = view.sync["state"], view.sync["reason"]
        if state != self._state:
            self._state = state
            self._frames.append({"type": "status", "cursor": self.cursor, "sync": state[0], "divergence": state[1]})

    def _rolled_back(self, view: View) -> list[Frame]:
        """A frame that names the last block told of that is still there, unless it is the very last."""
        low = next(iter(self._hashes))
        rows = view.rows(select(BLOCKS).where(BLOCKS.c.block.between(max(low, self.block - BATCH), self.block)))
        there = {row["block"]: row for row in rows}
        if self.block in there and there[self.block]["hash"] == self.hash:
            return []
        if not any(self._hashes.get(block) == row["hash"] for block, row in there.items()):
            rows = view.rows(select(BLOCKS).where(BLOCKS.c.block.between(low, self.block)))
            there = {row["block"]: row for row in rows}
        while self._hashes:
            block, hash = next(reversed(self._hashes.items()))
            if block in there and there[block]["hash"] == hash:
                self.block, self.hash, self.timestamp = block, hash, there[block]["timestamp"]
                break
            self._hashes.popitem()
        else:
            last = view.last
            self._remember(last["block"], last["hash"], last["timestamp"])
            return [{"type": "reset", "cursor": self.cursor}]
        return [{"type": "rollback", "cursor": self.cursor, "block": self.block}]

    def _remember(self, block: int, hash: str, timestamp: int) -> None:
        self.block, self.hash, self.timestamp = block, hash, timestamp
        self._hashes[block] = hash
        while len(self._hashes) > REMEMBERED:
            self._hashes.popitem(last=False)

    @property
    def cursor(self) -> str:
        return pages.encode("stream", self.block, self.hash)


def blocks_after(view: View, block: int, limit: int) -> list[Frame]:
    """Frames of the blocks after one, at most `limit` of them; without the chain's head."""
    rows = view.rows(select(BLOCKS).where(BLOCKS.c.block > block).order_by(BLOCKS.c.block).limit(limit))
    if not rows:
        return []
    inside: dict[int, list[Frame]] = {row["block"]: [] for row in rows}
    said = select(EVENTS).where(EVENTS.c.block.between(rows[0]["block"], rows[-1]["block"]))
    for event in view.rows(said.order_by(EVENTS.c.block, EVENTS.c.log_index)):
        market, epoch = epoch_named(event["args"]) if event["contract"] == "Market" else (None, None)
        named = {name: event[name] for name in ("contract", "name", "tx")}
        inside[event["block"]].append(named | {"market": market, "epoch": epoch})
    return [
        {
            "type": "block",
            "cursor": pages.encode("stream", row["block"], row["hash"]),
            "block": row["block"],
            "block_hash": row["hash"],
            "timestamp": row["timestamp"],
            "events": inside[row["block"]],
        }
        for row in rows
    ]


@router.websocket("/v1/stream")
async def stream(socket: WebSocket, cursor: str | None = None) -> None:
    """Frames of JSON text: hello, block, rollback, status, reset, ping."""
    hub: Hub = socket.app.state.hub
    if not _same_origin(socket):
        await socket.close(POLICY)
        return
    await socket.accept()
    with hub.client() as (queue, hello):
        reader = asyncio.create_task(_until_gone(socket))
        pump = asyncio.create_task(_pump(socket, hub.source, queue, hello, cursor))
        try:
            await asyncio.wait((reader, pump), return_when=asyncio.FIRST_COMPLETED)
            if pump.done() and isinstance(pump.exception(), Slow):
                with contextlib.suppress(Exception):
                    await asyncio.wait_for(socket.close(AGAIN, "read faster, then go on from your cursor"), SEND_SECONDS)
        finally:
            for task in (reader, pump):
                task.cancel()
            await asyncio.gather(reader, pump, return_exceptions=True)


async def _pump(socket: WebSocket, source: Source, queue: Batches, hello: Frame, cursor: str | None) -> None:
    await _send(socket, hello)
    if cursor is not None:
        for frame in await asyncio.to_thread(_since, source, cursor, hello):
            await _send(socket, frame)
    while True:
        try:
            frames = await asyncio.wait_for(queue.get(), source.settings.ping_seconds)
        except TimeoutError:
            frames = [{"type": "ping"}]
        if frames is None:
            raise Slow
        for frame in frames:
            await _send(socket, frame)


def _since(source: Source, cursor: str, hello: Frame) -> list[Frame]:
    """What came after a cursor, up to the block that a client was greeted with; a reset if that cannot be told."""
    block, hash, reset = hello["block"], hello["block_hash"], [{"type": "reset", "cursor": hello["cursor"]}]
    try:
        last, known = pages.decode("stream", cursor, int, str)
        with source.view() as view:
            there = view.scalar(select(BLOCKS.c.hash).where(BLOCKS.c.block == last))
            if there != known or not 0 <= block - last <= REPLAY:
                return reset
            frames = [frame | {"head": hello["head"]} for frame in blocks_after(view, last, block - last)] if block > last else []
    except (Problem, SQLAlchemyError):
        return reset
    return reset if frames and frames[-1]["block_hash"] != hash else frames


async def _send(socket: WebSocket, frame: Frame) -> None:
    try:
        await asyncio.wait_for(socket.send_json(frame), SEND_SECONDS)
    except TimeoutError:
        raise Slow from None


async def _until_gone(socket: WebSocket) -> None:
    """Clients say nothing; what they say is passed over until they leave."""
    with contextlib.suppress(WebSocketDisconnect, RuntimeError):
        while True:
            await socket.receive_text()


def _same_origin(socket: WebSocket) -> bool:
    """Whether no page of another origin opened this."""
    origin = socket.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == socket.headers.get("host")
