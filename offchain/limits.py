"""How much a client may ask: buckets of tokens that fill again with time, in bounded memory; thread-safe."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

Clock = Callable[[], float]

CLIENTS = 10_000


class TokenBucket:
    """`burst` tokens at first and at most, refilled at `per_second`."""

    def __init__(self, burst: int, per_second: float, clock: Clock = time.monotonic):
        self.burst, self.per_second, self._clock = burst, per_second, clock
        self._level, self._at, self._lock = float(burst), clock(), threading.Lock()

    def take(self, tokens: int = 1) -> float:
        """0.0 and the tokens are taken; else nothing is, and the seconds until they would be there."""
        with self._lock:
            now = self._clock()
            self._level = min(self.burst, self._level + (now - self._at) * self.per_second)
            self._at = now
            if self._level < tokens:
                return (tokens - self._level) / self.per_second
            self._level -= tokens
            return 0.0


class Buckets:
    """A bucket for each client. The least recent one's is forgotten, which is the fullest."""

    def __init__(self, burst: int, per_second: float, clients: int = CLIENTS, clock: Clock = time.monotonic):
        self._make = lambda: TokenBucket(burst, per_second, clock)
        self._clients, self._lock = clients, threading.Lock()
        self._buckets: OrderedDict[Hashable, TokenBucket] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, client: Hashable, tokens: int = 1) -> float:
        """Take tokens of a client's; 0.0, or the seconds until there are as many."""
        with self._lock:
            bucket = self._buckets.get(client) or self._buckets.setdefault(client, self._make())
            self._buckets.move_to_end(client)
            while len(self._buckets) > self._clients:
                self._buckets.popitem(last=False)
        return bucket.take(tokens)
