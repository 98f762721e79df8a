"""An agent's configuration: one TOML file, strictly read. No secret is in it.

    [agent]
    rpc = "http://127.0.0.1:8545"
    deployment = "deployment.json"
    key = "desk.json"                       # keystore of the shielded key, or of the account that it follows from
    account = "desk.json"                   # keystore of the account that deposits; none: no deposits
    carriers = ["https://carrier.example", "carrier.json"]      # services and keystores of accounts, tried in turn
    credentials = ["credential.json"]
    store = "sqlite:///agent.sqlite3"       # or postgresql+psycopg://HOST/NAME

    [max_fees]                              # what a carrier's service may take of each movement, in whole tokens
    USD = "0.50"

    [ahead.USD]                             # keep two disjoint pairs of notes that cover so many whole tokens each
    pairs = 2
    covering = "100000"

    [gateway]
    listen = "127.0.0.1:8700"
    origins = ["https://desk.example"]

    [fix]
    listen = "127.0.0.1:8701"
    symbols = {"BTC/USD" = 0}
    counterparties = [{comp_id = "OMS", password_hash = "…"}]

    [limits]                                # in force until they are first set over the gateway
    orders_per_minute = 60

    [limits.markets.0]
    order_quantity = "1000"
    band_bps = 500
"""

import ipaddress
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from offchain.fix.settings import Counterparty
from offchain.fix.settings import Settings as FixSettings
from offchain.gateway.settings import check_origins


class ConfigError(Exception):
    """A setting is not usable; the message names where it stands, and says what it may be."""


@dataclass(frozen=True)
class GatewayConfig:
    """`hosts` are names under which it may be asked besides this machine's; `private_hosts` may get webhooks."""

    host: str
    port: int
    origins: frozenset[str] = frozenset()
    hosts: frozenset[str] = frozenset()
    private_hosts: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        check_origins(self.origins)


@dataclass(frozen=True)
class AgentConfig:
    """Paths are relative to the file's folder; amounts whole tokens by symbol. `in_my_name` lets `account` carry, so
    that all see whose orders they are."""

    key: Path
    deployment: Path
    credentials: tuple[Path, ...]
    rpc: str = "http://127.0.0.1:8545"
    account: Path | None = None
    carriers: tuple[str | Path, ...] = ()
    in_my_name: bool = False
    store: str = "sqlite:///agent.sqlite3"
    indexer: str | None = None
    confirmations: int = 5
    workers: int = 2
    fee_cap_gwei: int = 500
    wait_epochs: int = 8
    alert_blocks: int = 8
    max_fees: dict[str, str] = field(default_factory=dict)
    ahead: dict[str, tuple[int, str]] = field(default_factory=dict)
    gateway: GatewayConfig | None = None
    fix: FixSettings | None = None
    limits: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def load(cls, file: Path) -> "AgentConfig":
        """ConfigError names the setting that is not usable."""
        try:
            data = tomllib.loads(file.read_text())
        except FileNotFoundError:
            raise ConfigError(f"there is no configuration at {file}; docs/agent.md shows one") from None
        except (OSError, ValueError) as error:
            raise ConfigError(f"{file} is no TOML: {error}") from None
        found = Table(str(file), data).read(SECTIONS, ("agent",))
        found |= found.pop("agent")
        found["carriers"] = tuple(_place(one, file.parent) for one in found.get("carriers", ()))
        for name in ("key", "deployment", "account"):
            if name in found:
                found[name] = file.parent / found[name]
        found["credentials"] = tuple(file.parent / one for one in found["credentials"])
        if not found["carriers"] and not found.get("in_my_name"):
            raise ConfigError(
                f"{file}: agent.carriers names nobody to send what is private: give a carrier's service or keystore, "
                "or set in_my_name = true and all see whose orders they are"
            )
        if found.get("in_my_name") and "account" not in found:
            raise ConfigError(f"{file}: agent.in_my_name needs agent.account, the account to send from")
        return cls(**found)


Check = Callable[["Table", str, Any], Any]


class Table:
    """A table of the file, and where it stands."""

    def __init__(self, where: str, data: Any):
        self.where, self.data = where, data
        if not isinstance(data, dict):
            raise ConfigError(f"{where} must be a table")

    def read(self, checks: dict[str, Check], needed: tuple[str, ...] = ()) -> dict[str, Any]:
        """Its settings as they are used."""
        if unknown := sorted(self.data.keys() - checks.keys()):
            raise ConfigError(f"{self.where}: unknown setting {unknown[0]}; known are {', '.join(checks)}")
        for name in needed:
            if name not in self.data:
                raise ConfigError(f"{self.where} lacks {name}: docs/agent.md says what it is")
        return {name: self._checked(name, checks[name], value) for name, value in self.data.items()}

    def _checked(self, name: str, check: Check, value: Any) -> Any:
        try:
            return check(self, f"{self.where}: {name}", value)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"{self.where}: {name} must be {error}") from None


def _plain(test: Callable[[Any], bool], words: str) -> Check:
    def check(_table: Table, _where: str, value: Any) -> Any:
        if not test(value):
            raise ValueError(words)
        return value

    return check


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _whole(low: int, high: int) -> Check:
    return _plain(lambda value: type(value) is int and low <= value <= high, f"a whole number from {low} to {high}")


def _list(test: Callable[[Any], bool], words: str) -> Check:
    def check(_table: Table, _where: str, value: Any) -> tuple:
        if not isinstance(value, list) or not all(map(test, value)):
            raise ValueError(f"a list of {words}")
        return tuple(value)

    return check


def _url(*starts: str) -> Check:
    def good(value: Any) -> bool:
        if not _text(value) or not value.startswith(starts):
            return False
        authority = value.split("://", 1)[1].split("/", 1)[0]
        return ":" not in authority.rpartition("@")[0]

    return _plain(good, f"an address that starts with {' or '.join(starts)}, without a password")


def _amount(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[0-9]{1,30}(\.[0-9]{1,30})?", value) is not None


def _listen(_table: Table, _where: str, value: Any) -> tuple[str, int]:
    """(host, port) of a loopback address: keys and orders would go over a network in clear."""
    words = "a loopback address and port, such as 127.0.0.1:8700; put a proxy with TLS before it for other machines"
    host, _, port = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    try:
        local = ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        local = False
    if not local or not port.isascii() or not port.isdigit() or int(port) > 65_535:
        raise ValueError(words)
    return host.strip("[]"), int(port)


def _place(text: str, folder: Path) -> str | Path:
    """A carrier's service, or the keystore of an account."""
    return text if "://" in text else folder / text


def _amounts(_table: Table, _where: str, value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or not all(map(_amount, value.values())):
        raise ValueError('whole tokens by symbol as text, such as {USD = "0.50"}')
    return value


def _ahead(_table: Table, where: str, value: Any) -> dict[str, tuple[int, str]]:
    checks = {"pairs": _whole(1, 64), "covering": _plain(_amount, 'whole tokens as text, such as "100000"')}
    value = Table(where, value).data
    tables = {name: Table(f"{where}.{name}", one).read(checks, tuple(checks)) for name, one in value.items()}
    return {name: (one["pairs"], one["covering"]) for name, one in tables.items()}


def _section(kind: type, checks: dict[str, Check], needed: tuple[str, ...] = ()) -> Check:
    def read(_table: Table, where: str, value: Any) -> Any:
        found = Table(where, value).read({"listen": _listen} | checks, ("listen", *needed))
        host, port = found.pop("listen")
        try:
            return kind(host=host, port=port, **found)
        except ValueError as error:
            raise ConfigError(f"{where}: {error}") from None

    return read


def _names(_table: Table, _where: str, value: Any) -> frozenset[str]:
    if not isinstance(value, list) or not all(map(_text, value)):
        raise ValueError("a list of names")
    return frozenset(value)


def _symbols(_table: Table, _where: str, value: Any) -> dict[str, int]:
    if not isinstance(value, dict) or not all(type(market) is int and market >= 0 for market in value.values()):
        raise ValueError('markets by symbol, such as {"BTC/USD" = 0}')
    return value


def _counterparties(_table: Table, where: str, value: Any) -> tuple[Counterparty, ...]:
    checks = {name: _plain(_text, "text") for name in ("comp_id", "password_hash")}
    if not isinstance(value, list):
        raise ValueError("a list of {comp_id, password_hash}; `shadowpool agent fix-password` makes one")
    tables = [Table(f"{where}[{number}]", one).read(checks, tuple(checks)) for number, one in enumerate(value)]
    try:
        return tuple(Counterparty(**one) for one in tables)
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from None


AGENT: dict[str, Check] = {
    "rpc": _url("http://", "https://"),
    "deployment": _plain(_text, "a path"),
    "key": _plain(_text, "a path"),
    "account": _plain(_text, "a path"),
    "carriers": _list(_text, "addresses of services and paths of keystores"),
    "in_my_name": _plain(lambda value: isinstance(value, bool), "true or false"),
    "credentials": _list(_text, "paths of credential files"),
    "store": _url("sqlite:///", "postgresql+psycopg://"),
    "indexer": _url("http://", "https://"),
    "confirmations": _whole(0, 1_000),
    "workers": _whole(1, 16),
    "fee_cap_gwei": _whole(1, 1_000_000),
    "wait_epochs": _whole(0, 10_000),
    "alert_blocks": _whole(1, 10_000),
}
"""Those of the table `agent`, which is needed."""


def _agent(_table: Table, where: str, value: Any) -> dict[str, Any]:
    return Table(where, value).read(AGENT, ("key", "deployment", "credentials"))


SECTIONS: dict[str, Check] = {
    "agent": _agent,
    "max_fees": _amounts,
    "ahead": _ahead,
    "gateway": _section(GatewayConfig, {"origins": _names, "hosts": _names, "private_hosts": _names}),
    "fix": _section(
        FixSettings, {"comp_id": _plain(_text, "text"), "symbols": _symbols, "counterparties": _counterparties},
        ("counterparties",),
    ),
    "limits": lambda _table, where, value: Table(where, value).data,
}
