"""Who may ask what: keys of the API, each with a name, scopes and a rate; their hashes alone are kept."""

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock

from sqlalchemy import Engine
from sqlmodel import select

from offchain.gateway.decisions import append
from offchain.gateway.tables import ApiKey, reading, transaction
from offchain.limits import TokenBucket

NAME = re.compile(r"[A-Za-z0-9._-]{1,40}")
TOKEN = re.compile(r"sp_([0-9a-f]{16})_[A-Za-z0-9_-]{43}")
SOURCE = "rest"
SECRET_BYTES = 32
PER_SECOND, BURST = 50.0, 200
FRESH_SECONDS = 1.0
"""How long keys are remembered: one that another process revoked ends within it."""

LOOKUPS, LOOKUPS_PER_SECOND = 20, 1.0
"""How often an unknown key has them read again sooner: holders of good ones wait for no stranger's guesses."""


class Scope(StrEnum):
    READ = "read"       # see everything
    TRADE = "trade"     # place and cancel
    MOVE = "move"       # deposit, withdraw, consolidate
    ADMIN = "admin"     # limits, restrictions, the kill switch, webhooks


class KeyRefused(ValueError):
    """A key is not good, or cannot be made; the message says why, and never holds it."""


@dataclass(frozen=True)
class Holder:
    """Whom a key was made for, and what it allows."""

    id: str
    name: str
    scopes: frozenset[Scope]

    @property
    def actor(self) -> str:
        """As decisions name it; no other key ever has this name."""
        return f"{SOURCE}:{self.name}"


class Keys:
    """The keys in the agent's database. Threads and processes may share it; `clock` gives seconds since 1970."""

    def __init__(self, engine: Engine, clock: Callable[[], float] = time.time):
        self._engine, self._clock, self._lock = engine, clock, Lock()
        self._rows: dict[str, ApiKey] = {}
        self._read_at = float("-inf")
        self._buckets: dict[str, TokenBucket] = {}
        self._lookups = TokenBucket(LOOKUPS, LOOKUPS_PER_SECOND)

    def new(
        self, name: str, scopes: Iterable[str], per_second: float = PER_SECOND, burst: int = BURST,
        days: int | None = None, actor: str = "cli",
    ) -> str:  # fmt: skip
        """Make a key, and return it: it is shown this once. KeyRefused if the name was ever taken."""
        if not NAME.fullmatch(name):
            raise KeyRefused("a key's name has 1 to 40 letters, digits, or any of . _ -")
        try:
            wanted = sorted({Scope(scope) for scope in scopes})
        except ValueError as error:
            raise KeyRefused(f"{error}: scopes are {', '.join(Scope)}") from None
        if not wanted or not 0 < per_second <= 1e6 or not 1 <= burst <= 10**6 or not (days is None or 1 <= days <= 36_500):
            raise KeyRefused("a key needs a scope, a rate and a burst above 0, and at least a day if it is to expire")
        id, now = secrets.token_hex(8), self._now()
        token = f"sp_{id}_{secrets.token_urlsafe(SECRET_BYTES)}"
        expires = None if days is None else now + days * 86_400_000
        row = ApiKey(
            id=id, name=name, scopes=" ".join(wanted), digest=_digest(token), per_second=per_second, burst=burst,
            created=now, expires=expires,
        )  # fmt: skip
        with transaction(self._engine) as session:
            if session.exec(select(ApiKey).where(ApiKey.name == name)).first() is not None:
                raise KeyRefused(f"a key was called {name} already: orders and decisions name it, so choose another")
            session.add(row)
            append(session, "key", actor, name, "made", {"id": id, "scopes": wanted, "expires": expires})
        self._forget()
        return token

    def all(self) -> list[ApiKey]:
        """Every key that there ever was, by age."""
        with reading(self._engine) as session:
            return list(session.exec(select(ApiKey).order_by(ApiKey.created)))

    def revoke(self, name: str, actor: str = "cli") -> None:
        """End a key, for ever. KeyRefused if none is called so."""
        with transaction(self._engine) as session:
            row = session.exec(select(ApiKey).where(ApiKey.name == name)).first()
            if row is None:
                raise KeyRefused(f"no key is called {name}")
            if row.revoked is None:
                row.revoked = self._now()
                append(session, "key", actor, name, "revoked", {"id": row.id})
        self._forget()

    def holder(self, token: str) -> Holder:
        """Whom a token is for; KeyRefused unless it is a key that was made here and still holds."""
        found = TOKEN.fullmatch(token)
        row = self._row(found[1]) if found else None
        same = hmac.compare_digest(_digest(token), row.digest if row else "0" * 64)
        if row is None or not same:
            raise KeyRefused("no such key: `shadowpool agent key new` makes one")
        if not self._holds(row):
            raise KeyRefused("that key was revoked or has expired: make another")
        return Holder(row.id, row.name, frozenset(map(Scope, row.scopes.split())))

    def still(self, holder: Holder) -> bool:
        """Whether a holder's key holds yet."""
        row = self._row(holder.id)
        return row is not None and self._holds(row)

    def take(self, holder: Holder) -> float:
        """Count one request of a holder; 0.0, or the seconds that it should wait."""
        with self._lock:
            bucket = self._buckets.get(holder.id)
            if bucket is None:
                row = self._rows[holder.id]
                bucket = self._buckets[holder.id] = TokenBucket(row.burst, row.per_second)
        return bucket.take()

    def _holds(self, row: ApiKey) -> bool:
        return row.revoked is None and (row.expires is None or self._now() < row.expires)

    def _row(self, id: str) -> ApiKey | None:
        """A key as it was read not long ago; at once, mostly, where it was made since by another process."""
        with self._lock:
            stale = time.monotonic() - self._read_at > FRESH_SECONDS
            if stale or (id not in self._rows and not self._lookups.take()):
                self._rows = {row.id: row for row in self.all()}
                self._read_at = time.monotonic()
            return self._rows.get(id)

    def _forget(self) -> None:
        with self._lock:
            self._read_at = float("-inf")

    def _now(self) -> int:
        return int(self._clock() * 1_000)


def _digest(token: str) -> str:
    """A key has 256 random bits, so that one round of a plain hash hides it."""
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
