"""The desk's events over a WebSocket, without a gap: a client names the last that it has, and gets all since.

The key comes in the first message, never in the URL, which logs and histories keep. One thread waits for the desk,
and wakes every client; each reads on from its own place, so that a slow one holds nobody up.
"""

import asyncio
import contextlib
import json
from collections.abc import Awaitable
from urllib.parse import urlsplit

from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from offchain.agent.desk import DeskEvent
from offchain.clock import unix_ms
from offchain.gateway.auth import Holder, Scope
from offchain.gateway.problems import Problem, problem
from offchain.gateway.shapes import Event

router = APIRouter()

BATCH = 200
TOKEN_SECONDS = 5.0
SEND_SECONDS = 10.0
CLIENTS = 200
POLICY, AGAIN, GOING = 1008, 1013, 1001


class Slow(Exception):
    """A client does not read what it is sent."""


class Hub:
    """Wakes the clients of one event loop when the desk has something new; `last` is its number."""

    def __init__(self) -> None:
        self.last, self.clients = 0, 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: set[asyncio.Event] = set()

    def open(self) -> None:
        self._loop = asyncio.get_running_loop()

    def told(self, last: int) -> None:
        """From any thread: there are events up to number `last`."""
        with contextlib.suppress(RuntimeError):     # the loop has ended
            self._loop.call_soon_threadsafe(self._wake, last)

    def _wake(self, last: int) -> None:
        self.last = max(self.last, last)
        for waiting in self._waiting:
            waiting.set()

    async def wait(self, after: int, seconds: float) -> bool:
        """Until there is an event after number `after`; False if there is none within so many seconds."""
        woken = asyncio.Event()
        self._waiting.add(woken)
        try:
            async with asyncio.timeout(seconds):
                while self.last <= after:
                    woken.clear()
                    await woken.wait()
            return True
        except TimeoutError:
            return False
        finally:
            self._waiting.discard(woken)


@router.websocket("/v1/stream")
async def stream(socket: WebSocket) -> None:
    """Events as JSON, one a message, after a first message {"token": "…"}; heartbeats when there is nothing to say."""
    gateway = socket.app.state.gateway
    origin = socket.headers.get("origin")
    if origin is not None and origin not in gateway.settings.origins and urlsplit(origin).netloc != socket.headers.get("host"):
        return await socket.close(POLICY)
    await socket.accept()
    try:
        await _serve(socket)
    except Problem as refused:
        await _end(socket, AGAIN if refused.status == 503 else POLICY, refused)
    except Slow:
        await _end(socket, AGAIN, Problem(503, "slow", "read faster, then go on from the last event that you have"))
    except (WebSocketDisconnect, RuntimeError):
        pass        # the client is gone
    except Exception as error:  # noqa: BLE001
        await _end(socket, 1011, problem(error))


async def _serve(socket: WebSocket) -> None:
    gateway, token = socket.app.state.gateway, await _token(socket)
    holder = await asyncio.to_thread(gateway.gate.admit, token, socket.client, Scope.READ)
    if gateway.hub.clients >= CLIENTS:
        raise Problem(503, "busy", f"there are {CLIENTS} streams already: close one")
    gateway.hub.clients += 1
    try:
        await _follow(socket, holder)
    finally:
        gateway.hub.clients -= 1


async def _follow(socket: WebSocket, holder: Holder) -> None:
    gateway, after = socket.app.state.gateway, _after(socket)
    if after > (last := (await asyncio.to_thread(gateway.desk.status)).sequence):
        raise Problem(422, "invalid", f"the last event is {last}: there is none after {after} to go on from")
    gone = asyncio.create_task(_until_gone(socket))
    try:
        while not gone.done():
            events = await asyncio.to_thread(gateway.desk.events, after, BATCH)
            if not await asyncio.to_thread(gateway.gate.keys.still, holder):
                raise Problem(401, "unauthorized", "the key was revoked or has expired: make another")
            for event in events:
                await _send(socket.send_text(_text(event)))
                after = event.sequence
            if not events and not await _first(gone, gateway.hub.wait(after, gateway.settings.heartbeat_seconds)):
                await _send(socket.send_json({"kind": "heartbeat", "time": unix_ms()}))
    finally:
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)


async def _first(gone: asyncio.Task, waiting: Awaitable[bool]) -> bool:
    """What `waiting` gives, or True as soon as the client is gone."""
    task = asyncio.ensure_future(waiting)
    try:
        await asyncio.wait((gone, task), return_when=asyncio.FIRST_COMPLETED)
        return task.result() if task.done() else True
    finally:
        task.cancel()


def _after(socket: WebSocket) -> int:
    text = socket.query_params.get("after", "0")
    if set(socket.query_params) - {"after"} or not text.isascii() or not text.isdigit() or len(text) > 16:
        raise Problem(422, "invalid", "the URL says after=N, the last event that you have, and nothing else: no key")
    return int(text)


async def _token(socket: WebSocket) -> str:
    try:
        async with asyncio.timeout(TOKEN_SECONDS):
            said = json.loads(await socket.receive_text())
    except TimeoutError:
        raise Problem(401, "unauthorized", f'no key within {TOKEN_SECONDS:.0f} s: the first message is {{"token": "…"}}') from None
    except (ValueError, KeyError, RecursionError):
        said = None
    if not isinstance(said, dict) or set(said) != {"token"} or not isinstance(said["token"], str):
        raise Problem(401, "unauthorized", 'the first message is {"token": "…"}, and nothing else')
    return said["token"]


def _text(event: DeskEvent) -> str:
    return Event.model_validate(event).model_dump_json()


async def _send(sending: Awaitable[None]) -> None:
    try:
        async with asyncio.timeout(SEND_SECONDS):
            await sending
    except TimeoutError:
        raise Slow from None


async def _end(socket: WebSocket, code: int, refused: Problem) -> None:
    """Say why, and close."""
    with contextlib.suppress(Exception):
        async with asyncio.timeout(SEND_SECONDS):
            await socket.send_json({"kind": "error", **refused.body})
            await socket.close(code, refused.code)


async def _until_gone(socket: WebSocket) -> None:
    """After the first message clients say nothing; what they say is passed over until they leave."""
    with contextlib.suppress(WebSocketDisconnect, RuntimeError, KeyError):
        while True:
            await socket.receive_text()
