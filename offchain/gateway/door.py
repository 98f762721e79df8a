"""Connections that have shown no good key yet: few, and not for long, so that they take no place of those that have.

A server alone counts all connections alike and waits for headers for ever: whoever opens enough of them and says
nothing would keep everybody else out.
"""

from functools import partial
from threading import Lock
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

STRANGERS = 128
SECONDS = 10.0

Address = tuple[str, int]


class Door:
    """At most STRANGERS connections without a key, each for SECONDS; the oldest makes room for one that comes.

    Not the newest is turned away: it may be a desk's, which shows its key at once.
    """

    def __init__(self) -> None:
        self._strangers: dict[Address | None, Visitor] = {}
        self._lock = Lock()

    @property
    def protocol(self) -> Any:
        """What a server makes for each connection."""
        return partial(Visitor, self)

    def passed(self, address: Address | None) -> None:
        """From any thread: a good key came from there."""
        with self._lock:
            self._strangers.pop(address, None)

    def came(self, visitor: "Visitor") -> None:
        with self._lock:
            self._strangers.pop(visitor.client, None)       # a WebSocket that has ended left it behind
            crowded = len(self._strangers) >= STRANGERS
            idle = (one for one in self._strangers.values() if not one.answering)
            oldest = next(idle, next(iter(self._strangers.values()), None)) if crowded else None
            if oldest is not None:
                del self._strangers[oldest.client]
            self._strangers[visitor.client] = visitor
        if oldest is not None:
            oldest.transport.abort()

    def left(self, visitor: "Visitor") -> bool:
        """Forget a connection; whether it was a stranger's still."""
        with self._lock:
            found = self._strangers.get(visitor.client) is visitor
            if found:
                del self._strangers[visitor.client]
            return found


class Visitor(H11Protocol):
    """A connection that a Door knows until it shows a good key; as a WebSocket too, whose transport is the same."""

    def __init__(self, door: Door, **how: Any):
        super().__init__(**how)
        self._door = door

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._door.came(self)
        self._due = self.loop.call_later(SECONDS, self._late)

    def connection_lost(self, error: Exception | None) -> None:
        self._due.cancel()
        self._door.left(self)
        super().connection_lost(error)

    @property
    def answering(self) -> bool:
        """A whole request is here: what takes time now is our own."""
        return self.cycle is not None and not self.cycle.more_body and not self.cycle.response_complete

    def _late(self) -> None:
        if self.answering:
            self._due = self.loop.call_later(SECONDS, self._late)
        elif self._door.left(self):
            self.transport.abort()
