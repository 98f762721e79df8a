"""Bounds on what the carrier takes in: bytes of a request, requests of a client and of all, free gas.

A client is known by its network address alone, and only as a hash under a key that dies with the
process; beside its bucket nothing about it is kept. A front (TLS, Tor) makes all clients look like
one: give that one the global rate, and let the front limit each.
"""

import asyncio
import hashlib
import ipaddress
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

Clock = Callable[[], float]

CLIENTS = 4_096
"""Buckets kept at once; the one unused for longest makes place, and the global bucket still holds."""

BODY_SECONDS = 10.0


class TokenBucket:
    """`burst` tokens at first and at most, refilled at `per_second`; thread-safe."""

    def __init__(self, burst: int, per_second: float, clock: Clock = time.monotonic):
        self.burst, self.per_second, self._clock = burst, per_second, clock
        self._level, self._at, self._lock = float(burst), clock(), threading.Lock()

    def take(self, tokens: int) -> float:
        """0.0 and the tokens are taken; else nothing is, and the seconds until they would be there."""
        with self._lock:
            now = self._clock()
            self._level = min(self.burst, self._level + (now - self._at) * self.per_second)
            self._at = now
            if self._level < tokens:
                return (tokens - self._level) / self.per_second
            self._level -= tokens
            return 0.0


class ClientLimiter:
    """A bucket for each client in front of one for all, so that one client cannot use up everyone's."""

    def __init__(
        self, burst: int, per_second: float, all_burst: int, all_per_second: float,
        clients: int = CLIENTS, clock: Clock = time.monotonic,
    ):  # fmt: skip
        self._make = lambda: TokenBucket(burst, per_second, clock)
        self._all = TokenBucket(all_burst, all_per_second, clock)
        self._buckets: OrderedDict[bytes, TokenBucket] = OrderedDict()
        self._clients, self._key, self._lock = clients, secrets.token_bytes(32), threading.Lock()

    def take(self, host: str, tokens: int) -> float:
        """0.0 if `host` may go on, else the seconds that it should wait."""
        with self._lock:
            name = hashlib.blake2b(_network(host), key=self._key, digest_size=16).digest()
            bucket = self._buckets.setdefault(name, self._make())
            self._buckets.move_to_end(name)
            while len(self._buckets) > self._clients:
                self._buckets.popitem(last=False)
        return bucket.take(tokens) or self._all.take(tokens)


def _network(host: str) -> bytes:
    """Who counts as one client: an IPv4 address, or the 64 bits of an IPv6 network."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host.encode()
    if address.version == 6 and address.ipv4_mapped:
        address = address.ipv4_mapped
    return address.packed if address.version == 4 else address.packed[:8]


class TooLarge(Exception):
    """A request's body has more bytes than are read."""


async def read_body(receive: Callable, limit: int, seconds: float = BODY_SECONDS) -> bytes:
    """A request's body; TooLarge beyond `limit` bytes, TimeoutError if it takes longer than `seconds`."""
    body = b""
    async with asyncio.timeout(seconds):
        while True:
            message = await receive()
            if message["type"] != "http.request":
                return body     # the client is gone
            body += message.get("body", b"")
            if len(body) > limit:
                raise TooLarge
            if not message.get("more_body", False):
                return body
