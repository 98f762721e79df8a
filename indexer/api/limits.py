"""How much one network address may ask of the API."""

from math import ceil

from starlette.types import ASGIApp, Receive, Scope, Send

from indexer.api import problems
from offchain.limits import Buckets


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
