"""How much one client may ask: a bucket of tokens each, in bounded memory."""

import time
from collections import OrderedDict
from collections.abc import Callable
from math import ceil

from starlette.types import ASGIApp, Receive, Scope, Send

from indexer.api import problems

CLIENTS = 10_000


class Buckets:
    """`rate` tokens a second for each client, up to `burst`. The least recent client is forgotten, whose
    bucket is the fullest."""

    def __init__(self, rate: float, burst: int, clients: int = CLIENTS, now: Callable[[], float] = time.monotonic):
        self.rate, self.burst, self.clients, self._now = rate, burst, clients, now
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, client: str, tokens: int = 1) -> float:
        """Take tokens; 0, or the seconds until there are as many."""
        now = self._now()
        held, at = self._buckets.pop(client, (float(self.burst), now))
        held = min(self.burst, held + (now - at) * self.rate)
        short = max(0.0, tokens - held)
        self._buckets[client] = (held if short else held - tokens, now)
        while len(self._buckets) > self.clients:
            self._buckets.popitem(last=False)
        return short / self.rate


class Limited:
    """Refuses, with 429, requests of a client that asks too much. A client is a network address."""

    def __init__(self, app: ASGIApp, buckets: Buckets):
        self.app, self.buckets = app, buckets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            client = scope.get("client")
            if wait := self.buckets.take(client[0] if client else ""):
                refused = problems.answer(429, "too many requests; wait a little", {"Retry-After": str(ceil(wait))})
                await refused(scope, receive, send)
                return
        await self.app(scope, receive, send)
