"""A relayer's configuration: a TOML file, then the environment, then options; each checked where it enters.

No secret is in it: the password is asked for, or in SHADOWPOOL_PASSWORD.

    rpc = "http://127.0.0.1:8545"
    deployment = "deployment.json"
    account = "relayer.json"                    # keystore
    database = "postgresql+psycopg:///relayer"  # or sqlite:///FILE
    carrier_listen = "127.0.0.1:8470"

    [carrier_fees]                              # the least fee of a transact, in whole tokens
    USD = "0.50"
"""

import os
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from relayer.telemetry.logs import FORMATS
from relayer.telemetry.metrics import address

VARIABLE = "SHADOWPOOL_"
VARIABLES = {"keys": "REVEAL_KEYS"}     # SHADOWPOOL_KEYS would be read as secret keys


class ConfigError(Exception):
    """A setting is not usable; the message names where it stands, and says what it may be."""


@dataclass(frozen=True)
class RelayerConfig:
    """Paths are relative to the file's folder. Blocks are numbers, fees whole tokens by symbol.

    `key_rotation_blocks` None: half of what the registry allows. `proof_patience` is how many
    seconds a proof may wait for workers elsewhere before it is made here. What the carrier has under
    way takes nonces that a settlement then waits for: `carrier_in_flight` bounds that to about a block.
    """

    rpc: str = "http://127.0.0.1:8545"
    deployment: Path = Path("build/deployment.json")
    account: Path | None = None
    keys: Path = Path("reveal-keys")
    database: str = "sqlite:///relayer.sqlite3"
    confirmations: int = 5
    workers: int = 4
    prover_processes: int = 1
    redis: str | None = None
    proof_workers: Path | None = None
    proof_patience: int = 20
    key_retention_blocks: int = 1_000
    key_rotation_blocks: int | None = None
    fee_cap_gwei: int = 500
    carrier_listen: str | None = None
    carrier_fees: dict[str, str] = field(default_factory=dict)
    carrier_free_gas: int = 2_000_000_000
    carrier_client_rate: int = 1
    carrier_rate: int = 20
    carrier_in_flight: int = 64
    metrics_listen: str | None = None
    log_format: str = "json"
    tracing_endpoint: str | None = None

    @classmethod
    def load(
        cls, file: Path | None = None, environment: Mapping[str, str] | None = None, **options: Any
    ) -> "RelayerConfig":
        """What the file says, over it the environment, over it the options that are not None."""
        environment = os.environ if environment is None else environment
        found = _read(file) if file is not None else {}
        for name in (one.name for one in fields(cls)):
            variable = VARIABLE + VARIABLES.get(name, name.upper())
            if variable in environment:
                found[name] = _checked(name, environment[variable], variable, Path())
        for name, value in options.items():
            if value is not None:
                found[name] = _checked(name, value, f"--{name.replace('_', '-')}", Path())
        return cls(**found)


def _read(file: Path) -> dict[str, Any]:
    try:
        data = tomllib.loads(file.read_text())
    except FileNotFoundError:
        raise ConfigError(f"there is no configuration at {file}") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file} is no TOML: {error}") from None
    if unknown := sorted(data.keys() - CHECKS.keys()):
        raise ConfigError(f"{file}: unknown setting {unknown[0]}; known are {', '.join(CHECKS)}")
    return {name: _checked(name, value, f"{file}: {name}", file.parent) for name, value in data.items()}


def _checked(name: str, value: Any, where: str, folder: Path) -> Any:
    try:
        found = CHECKS[name](value)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{where} must be {error}") from None
    return folder / found if isinstance(found, Path) else found


def _whole(low: int, high: int) -> Callable[[Any], int]:
    def check(value: Any) -> int:
        text = isinstance(value, str) and value.isascii() and value.isdigit()
        if not text and type(value) is not int or not low <= int(value) <= high:
            raise ValueError(f"a whole number from {low} to {high}")
        return int(value)

    return check


def _path(value: Any) -> Path:
    if not isinstance(value, str | Path) or not str(value):
        raise ValueError("a path")
    return Path(value)


def _url(*starts: str) -> Callable[[Any], str]:
    def check(value: Any) -> str:
        if not isinstance(value, str) or not value.startswith(starts):
            raise ValueError(f"an address that starts with {' or '.join(starts)}")
        authority = value.split("://", 1)[1].split("/", 1)[0]
        if "@" in authority and ":" in authority.rpartition("@")[0]:
            raise ValueError("without a password: that belongs in the environment or a file of its own")
        return value

    return check


def _listen(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a loopback address and port, such as 127.0.0.1:9464")
    try:
        address(value)
    except ValueError:
        raise ValueError("a loopback address and port, such as 127.0.0.1:9464") from None
    return value


def _fees(value: Any) -> dict[str, str]:
    """A table, or of the environment `USD=0.50,BTC=0.0001`; decimals are the token's, so checked against it."""
    if isinstance(value, str):
        pairs = [part.partition("=")[::2] for part in value.split(",") if part]
    else:
        pairs = list(value.items()) if isinstance(value, dict) else [(None, None)]
    good = all(isinstance(symbol, str) and symbol and _is_amount(least) for symbol, least in pairs)
    if not good or len(pairs) != len(dict(pairs)):
        raise ValueError('least fees in whole tokens by symbol, such as {USD = "0.50"}')
    return dict(pairs)


def _is_amount(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[0-9]{1,30}(\.[0-9]{1,30})?", value) is not None


def _form(value: Any) -> str:
    if value not in FORMATS:
        raise ValueError(f"one of {', '.join(FORMATS)}")
    return value


BLOCKS = _whole(0, 10_000_000)
CHECKS: dict[str, Callable[[Any], Any]] = {
    "rpc": _url("http://", "https://"),
    "deployment": _path,
    "account": _path,
    "keys": _path,
    "database": _url("sqlite:///", "postgresql+psycopg://"),
    "confirmations": _whole(0, 1_000),
    "workers": _whole(1, 64),
    "prover_processes": _whole(1, 64),
    "redis": _url("redis://", "rediss://", "unix://"),
    "proof_workers": _path,
    "proof_patience": _whole(0, 3_600),
    "key_retention_blocks": BLOCKS,
    "key_rotation_blocks": _whole(1, 10_000_000),
    "fee_cap_gwei": _whole(1, 1_000_000),
    "carrier_listen": _listen,
    "carrier_fees": _fees,
    "carrier_free_gas": _whole(1, (1 << 53) - 1),
    "carrier_client_rate": _whole(1, 100_000),
    "carrier_rate": _whole(1, 100_000),
    "carrier_in_flight": _whole(1, 1_024),
    "metrics_listen": _listen,
    "log_format": _form,
    "tracing_endpoint": _url("http://", "https://"),
}
"""By setting: its value as it is used, or ValueError with what it must be."""
