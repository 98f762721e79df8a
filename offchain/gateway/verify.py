"""What receives webhooks: is a delivery from the agent, is it fresh, is it new? The standard library is all it needs.

    receiver = Receiver(secret)                 # as POST /v1/webhooks gave it

    try:
        with receiver.accept(headers, body) as event:   # the body's bytes as they came
            ...                                 # act on it; where that fails, say 500, and it comes again
    except Repeated:                            # delivered before: say 200 and do nothing
        ...
    except AtWork:                              # its first delivery is still acted on: say 503, and it comes again
        ...
    except Forged:                              # not the agent's, or too old: say 400
        ...

Deliveries come in the order of their events, each at least once: one that was answered with anything but 2xx, or
whose answer was lost, comes again under the same id with a new time. Whoever acts on events and may be restarted
should keep the last event's `sequence` with what it did, and pass over those up to it.
"""

import hashlib
import hmac
import json
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import Any

ID, TIMESTAMP, SIGNATURE = "Shadowpool-Id", "Shadowpool-Timestamp", "Shadowpool-Signature"
VERSION = "v1="
TOLERANCE_SECONDS = 300
REMEMBERED = 100_000


class Forged(ValueError):
    """A delivery is not what the agent sent, or was sent too long ago; the message says which."""


class Repeated(Exception):
    """A delivery was accepted before: answer it with 2xx, and do nothing."""


class AtWork(Exception):
    """The same delivery is being acted on: answer it with 503."""


def signature(secret: str, timestamp: int, id: str, body: bytes) -> str:
    """HMAC-SHA256 over `timestamp.id.body` under the secret's bytes, as the header says it."""
    said = f"{timestamp}.{id}.".encode() + body
    return VERSION + hmac.new(bytes.fromhex(secret), said, hashlib.sha256).hexdigest()


def verify(secret: str, headers: Mapping[str, str], body: bytes, now: float, tolerance: int = TOLERANCE_SECONDS) -> str:
    """The id of a delivery that the agent signed, at most `tolerance` seconds from `now`; Forged for any other."""
    given = {name.lower(): value for name, value in headers.items()}
    id, timestamp, said = (given.get(name.lower(), "") for name in (ID, TIMESTAMP, SIGNATURE))
    if not re.fullmatch("[0-9a-f]{1,64}-[0-9]{1,18}", id) or not re.fullmatch("[0-9]{1,12}", timestamp):
        raise Forged(f"{ID} or {TIMESTAMP} is missing or malformed")
    if not hmac.compare_digest(signature(secret, int(timestamp), id, body).encode(), said.encode()):
        raise Forged("the signature is not of this secret over this body")
    if abs(now - int(timestamp)) > tolerance:
        raise Forged("it was sent too long ago, or one of the two clocks is wrong")
    return id


class Receiver:
    """Accepts each delivery of one webhook once; for threads and for coroutines. It remembers the last REMEMBERED ids."""

    def __init__(self, secret: str, tolerance: int = TOLERANCE_SECONDS, clock: Callable[[], float] = time.time):
        self._secret, self._tolerance, self._clock = secret, tolerance, clock
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._at_work: set[str] = set()
        self._lock = Lock()

    @contextmanager
    def accept(self, headers: Mapping[str, str], body: bytes) -> Iterator[dict[str, Any]]:
        """The event in a delivery, which counts as had once the block ends without an error. Forged, Repeated or AtWork."""
        id = verify(self._secret, headers, body, self._clock(), self._tolerance)
        with self._lock:
            if id in self._seen:
                raise Repeated(id)
            if id in self._at_work:
                raise AtWork(id)
            self._at_work.add(id)
        try:    # without the lock: the block may wait for long
            yield json.loads(body)
            with self._lock:
                self._seen[id] = None
                if len(self._seen) > REMEMBERED:
                    self._seen.popitem(last=False)
        finally:
            with self._lock:
                self._at_work.discard(id)
