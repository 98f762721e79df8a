"""How the API is run."""

from dataclasses import dataclass
from pathlib import Path

from indexer.api.journal import Log
from offchain import circuits
from offchain.paths import BUILD


@dataclass(frozen=True)
class Settings:
    """`rpc`: the node, for what the tables do not hold (code, constants of contracts); None for none.

    `reads_per_s` and `burst` limit one client; `key_file` signs tokens; `compliance` holds that office's
    addresses (the chain names the auditor); `log` lasts, where one is given; `frontend` is the explorer as built, `circuits` the
    files that wallets prove with, `compressed` where they are kept compressed.
    """

    rpc: str | None = None
    confirmations: int = 5
    reads_per_s: float = 200.0
    burst: int = 2_000
    key_file: Path = BUILD / "indexer" / "token.key"
    token_seconds: int = 900
    compliance: frozenset[str] = frozenset()
    log: Log | None = None
    frontend: Path = BUILD / "frontend"
    circuits: Path = circuits.FOLDER
    compressed: Path = BUILD / "indexer" / "artifacts"
    poll_seconds: float = 0.25
    ping_seconds: float = 15.0
    stream_batches: int = 64
