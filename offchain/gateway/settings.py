"""What a gateway is told when it is made."""

from collections.abc import Iterable
from dataclasses import dataclass, field

KEY_BYTES = 32


@dataclass(frozen=True)
class Settings:
    """`sealing_key` seals webhooks' secrets at rest (offchain.gateway.seal.sealing_key makes one).

    `origins` are those whose pages may ask (`http://localhost:5173`); `hosts` are names under which it may be asked
    beside this machine's own. Webhooks go to public addresses over https, to this machine, and to `private_hosts`.
    """

    sealing_key: bytes = field(repr=False)
    origins: frozenset[str] = frozenset()
    hosts: frozenset[str] = frozenset()
    private_hosts: frozenset[str] = frozenset()
    heartbeat_seconds: float = 15.0
    hook_first_wait: float = 1.0
    hook_longest_wait: float = 3_600.0
    hook_give_up: float = 3 * 86_400.0

    def __post_init__(self) -> None:
        if len(self.sealing_key) != KEY_BYTES:
            raise ValueError(f"a sealing key has {KEY_BYTES} bytes: make one with offchain.gateway.seal.sealing_key")
        check_origins(self.origins)


def check_origins(origins: Iterable[str]) -> None:
    """ValueError names one that is none."""
    for origin in origins:
        if origin == "*" or "://" not in origin or origin.endswith("/"):
            raise ValueError(f"{origin!r} is no origin: write scheme://host[:port], nothing after it, no wildcard")
