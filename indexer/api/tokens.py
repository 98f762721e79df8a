"""Who asks: challenges that a wallet signs, and short-lived tokens for the role that its address has.

Both are JSON signed with a key that never leaves the machine, so that nothing is stored for a client that
never comes back; a challenge that was answered is remembered until it has expired.
"""

import base64
import binascii
import hmac
import json
import os
import secrets
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

KEY_BYTES = 32
CHALLENGE_SECONDS = 300
ANSWERED = 100_000
"""Challenges remembered as answered; more than that within their lifetime are refused."""


class Role(StrEnum):
    """What a token lets its holder read beside what everyone may."""

    MEMBER = "member"
    AUDITOR = "auditor"
    COMPLIANCE = "compliance"


class TokenError(Exception):
    """A challenge or a token is not good; the message says why."""


@dataclass(frozen=True)
class Holder:
    """Whom a token is for: an address in one role."""

    role: Role
    address: str


class KeyFileError(Exception):
    """The key file cannot be used; the message says why and what to do."""


def load_key(path: Path) -> bytes:
    """The key at a path, made there if there is none, readable by its owner alone. KeyFileError otherwise."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            _make_key(path)
        if path.stat().st_mode & 0o077:
            raise KeyFileError(f"others may read {path}: chmod 600 it, and remove it if they did")
        key = path.read_bytes()
    except OSError as error:
        raise KeyFileError(f"no key at {path}: {error.strerror}") from None
    if len(key) != KEY_BYTES:
        raise KeyFileError(f"{path} is no key of {KEY_BYTES} bytes: remove it, and tokens so far end")
    return key


def _make_key(path: Path) -> None:
    """Whole from the first instant, since another process may be about to read it; or that other's, which was first."""
    with tempfile.NamedTemporaryFile(dir=path.parent) as draft, suppress(FileExistsError):
        draft.write(secrets.token_bytes(KEY_BYTES))
        draft.flush()
        os.link(draft.name, path)


class Signer:
    """Makes and reads challenges and tokens; `now` gives seconds."""

    def __init__(self, key: bytes, token_seconds: int, now: Callable[[], float] = time.time):
        self._key, self.token_seconds, self._now = key, token_seconds, now
        self._answered: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def challenge(self, address: str, role: Role) -> tuple[str, int]:
        """(a nonce for this address and role, when it expires)"""
        expiry = int(self._now()) + CHALLENGE_SECONDS
        return self._seal("challenge", address, role, expiry), expiry

    def answer(self, nonce: str, address: str, role: Role) -> None:
        """Take a challenge as answered, once. TokenError unless it was made here for these, and is still good."""
        expiry = self._open("challenge", nonce, address, role)[3]
        with self._lock:
            now = self._now()
            while self._answered and next(iter(self._answered.values())) < now:
                self._answered.popitem(last=False)
            if nonce in self._answered:
                raise TokenError("that challenge was answered already: ask for another")
            if len(self._answered) >= ANSWERED:
                raise TokenError("too many log in at once; wait some minutes")
            self._answered[nonce] = expiry

    def token(self, holder: Holder) -> tuple[str, int]:
        """(a token, when it expires)"""
        expiry = int(self._now()) + self.token_seconds
        return self._seal("token", holder.address, holder.role, expiry), expiry

    def holder(self, token: str) -> Holder:
        """Whom a token is for; TokenError unless it was made here and is still good."""
        _, address, role, _, _ = self._open("token", token)
        return Holder(Role(role), address)

    def _seal(self, kind: str, address: str, role: Role, expiry: int) -> str:
        body = json.dumps([kind, address, role, expiry, secrets.token_hex(16)]).encode()
        return f"{_text(body)}.{_text(self._mac(body))}"

    def _open(self, kind: str, text: str, *expected: str) -> list[Any]:
        try:
            body, mac = map(_bytes, text.split("."))
        except (binascii.Error, ValueError):
            raise TokenError(f"that is no {kind}") from None
        if not hmac.compare_digest(mac, self._mac(body)):
            raise TokenError(f"that {kind} was not made here: ask for another")
        read = json.loads(body)
        if read[0] != kind or any(want != given for want, given in zip(expected, read[1:])):
            raise TokenError(f"that is a {read[0]} for another use")
        if read[3] < self._now():
            raise TokenError(f"that {kind} has expired: ask for another")
        return read

    def _mac(self, body: bytes) -> bytes:
        return hmac.digest(self._key, body, "sha256")


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
