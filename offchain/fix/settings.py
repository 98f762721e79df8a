"""How the acceptor is set: where it listens, who may log on."""

import hashlib
import hmac
import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

COMP_ID = re.compile(r"[A-Za-z0-9._-]{1,20}")
Authenticate = Callable[[str, str, str], bool]
"""(CompID, Username or "", Password) -> may log on."""


@dataclass(frozen=True)
class Counterparty:
    """Who may log on: its CompID, and SHA-256 (hex) of its password, which `new_password` makes."""

    comp_id: str
    password_hash: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if not COMP_ID.fullmatch(self.comp_id):
            raise ValueError(f"CompID {self.comp_id!r}: use 1 to 20 of A-Z a-z 0-9 . _ -")
        if not re.fullmatch(r"([0-9a-f]{64})?", self.password_hash):
            made = "SHA-256 has 64 hexadecimal digits; `shadowpool agent fix-password` makes one"
            raise ValueError(f"password_hash of {self.comp_id}: {made}")


@dataclass(frozen=True)
class Settings:
    """`symbols` names markets (else their number is the Symbol); port 0 takes a free one; times in seconds.

    `max_strangers` connections have logged on to no session yet. ValueError says what cannot be.
    """

    counterparties: tuple[Counterparty, ...]
    comp_id: str = "SHADOWPOOL"
    host: str = "127.0.0.1"
    port: int = 8701
    symbols: Mapping[str, int] = field(default_factory=dict)
    max_message_bytes: int = 8_192
    max_strangers: int = 64
    max_skew: int = 120
    longest_heartbeat: int = 300
    logon_timeout: float = 10
    logout_timeout: float = 5
    send_timeout: float = 10

    def __post_init__(self) -> None:
        names = [one.comp_id for one in self.counterparties]
        if len(names) != len(set(names)) or self.comp_id in names:
            raise ValueError("the CompIDs of the acceptor and of each counterparty must differ: give each its own")
        if not COMP_ID.fullmatch(self.comp_id):
            raise ValueError(f"CompID {self.comp_id!r}: use 1 to 20 of A-Z a-z 0-9 . _ -")

    def counterparty(self, comp_id: str) -> Counterparty | None:
        return next((one for one in self.counterparties if one.comp_id == comp_id), None)

    def authenticate(self, comp_id: str, username: str, password: str) -> bool:
        """The default check: the counterparty's own password; Username may be left out."""
        known = self.counterparty(comp_id)
        expected = known.password_hash if known else ""
        return hmac.compare_digest(expected, hash_password(password)) and username in ("", comp_id)


def new_password() -> tuple[str, str]:
    """(a password to hand over, its hash for the settings). 256 random bits: the hash needs no salt."""
    password = secrets.token_urlsafe(32)
    return password, hash_password(password)


def hash_password(password: str) -> str:
    return hashlib.sha256(password.encode()).hexdigest()
