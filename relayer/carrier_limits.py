"""Bounds on what the carrier takes in: bytes of a request, requests of a client and of all, free gas.

A client is known by its network address alone, and only as a hash under a key that dies with the
process; beside its bucket nothing about it is kept. A front (TLS, Tor) makes all clients look like
one: give that one the global rate, and let the front limit each.
"""

import asyncio
import hashlib
import ipaddress
import secrets
import time
from collections.abc import Callable

from offchain.limits import Buckets, Clock, TokenBucket

CLIENTS = 4_096
"""Buckets kept at once; the one unused for longest makes place, and the global bucket still holds."""

BODY_SECONDS = 10.0


class ClientLimiter:
    """A bucket for each client in front of one for all, so that one client cannot use up everyone's."""

    def __init__(
        self, burst: int, per_second: float, all_burst: int, all_per_second: float,
        clients: int = CLIENTS, clock: Clock = time.monotonic,
    ):  # fmt: skip
        self._all = TokenBucket(all_burst, all_per_second, clock)
        self._buckets = Buckets(burst, per_second, clients, clock)
        self._key = secrets.token_bytes(32)

    def take(self, host: str, tokens: int) -> float:
        """0.0 if `host` may go on, else the seconds that it should wait."""
        name = hashlib.blake2b(_network(host), key=self._key, digest_size=16).digest()
        return self._buckets.take(name, tokens) or self._all.take(tokens)


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
