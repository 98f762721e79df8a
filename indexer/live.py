"""New blocks as they come: by WebSocket where the node speaks it, else by asking."""

import json
import time
from collections.abc import Callable

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from indexer.follow import Follower, Progress
from offchain.chain import ChainError, where

POLL_SECONDS = 1.0
"""Between two questions where the node does not push."""

QUIET_SECONDS = 15.0
"""Without a pushed head for so long, ask: the subscription may have died."""

RETRY_SECONDS = 10.0
"""Between two attempts to subscribe."""

SAY_SECONDS = 2.0
"""Between two lines about a long backfill."""

Say = Callable[[str], None]


def follow(
    follower: Follower, websocket: str | None, say: Say, once: bool = False, after: Callable[[], object] = lambda: None
) -> None:
    """Take in what is missing, then every new block: until interrupted or, if `once`, the chain's head is
    reached and every proof verified. `say` is told how it goes; `after` is called after every round.

    Diverged where something does not fit. A node that does not answer is asked again.
    """
    heads, tell = Heads(websocket, say), _Teller(say)
    try:
        say(f"following from block {follower.block + 1}")
        reached = _sync(follower, say, tell)
        after()
        while not (once and reached):
            heads.wait(POLL_SECONDS if follower.busy or not reached else QUIET_SECONDS)
            reached = _sync(follower, say, tell)
            after()
        follower.finish()
        say(f"at block {follower.block}, every proof verified")
    except KeyboardInterrupt:
        say(f"interrupted at block {follower.block}")
    finally:
        heads.close()


def _sync(follower: Follower, say: Say, tell: Callable[[Progress], None]) -> bool:
    """One round; False if the node did not let it be finished."""
    try:
        follower.sync(progress=tell)
        return True
    except ChainError as error:
        say(f"not now: {error}")
        return False


class _Teller:
    """Says how far a long backfill is, now and then."""

    def __init__(self, say: Say):
        self._say, self._next = say, time.monotonic() + SAY_SECONDS

    def __call__(self, at: Progress) -> None:
        if at.block == at.head or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + SAY_SECONDS
        left = "" if at.eta_s is None else f", {at.eta_s:.0f} s to go"
        self._say(f"block {at.block} of {at.head}: {at.events} events, {at.events_per_s:.0f} a second{left}")


class Heads:
    """Waits for new heads of the node at `url` (ws://…; None: only by asking). `say` is told of changes of way."""

    def __init__(self, url: str | None, say: Say = lambda text: None):
        self.url, self.say = url, say
        self._socket: ClientConnection | None = None
        self._retry_at = 0.0
        self._asking = False

    def wait(self, seconds: float = QUIET_SECONDS) -> None:
        """Return when there is a new head, or may be; after `seconds` at the latest."""
        if not self._subscribed():
            time.sleep(min(POLL_SECONDS, seconds))
            return
        try:
            self._socket.recv(timeout=seconds)
            while True:     # heads that came meanwhile are the same news
                self._socket.recv(timeout=0)
        except TimeoutError:
            return
        except (WebSocketException, OSError) as error:
            self._drop(error)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _subscribed(self) -> bool:
        """Whether the node pushes; subscribes if it is time to try."""
        if self._socket is not None:
            return True
        if self.url is None or time.monotonic() < self._retry_at:
            return False
        try:
            self._socket = connect(self.url, open_timeout=5, close_timeout=1, max_size=1 << 22)
            self._socket.send(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["newHeads"]}))
            if "result" not in json.loads(self._socket.recv(timeout=5)):
                raise OSError("it does not take subscriptions")
        except (WebSocketException, OSError, TimeoutError, ValueError) as error:
            self._drop(error)
            return False
        self._asking = False
        self.say("new blocks are pushed by WebSocket")
        return True

    def _drop(self, error: Exception) -> None:
        self.close()
        self._retry_at = time.monotonic() + RETRY_SECONDS
        if not self._asking:
            problem = f"no WebSocket at {where(self.url)} ({type(error).__name__})"
            self.say(f"{problem}: asking every {POLL_SECONDS:g} s meanwhile")
        self._asking = True


def websocket_url(rpc_url: str) -> str:
    """The WebSocket at the same place as an HTTP address, as anvil and others have it."""
    return "ws" + rpc_url.removeprefix("http")
