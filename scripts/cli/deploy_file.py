"""What `shadowpool market deploy` deploys off a file: README.md, "Opening a venue", says what it holds.

All of it is checked here: what a constructor refuses, it refuses once half the contracts stand.
"""

from dataclasses import dataclass
from pathlib import Path

from offchain.chain import Chain
from offchain.deployment import DEVELOPMENT_CHAIN_IDS, Token
from offchain.field import check_range
from scripts.cli.common import CommandError, checked_address
from scripts.cli.toml import read, table
from scripts.deploy import OracleBounds, Parameters

OFFICES = ("governor", "guardian", "issuer")
FEEDERS, SETTLE_SIZES, SLOTS = 15, 4, 64
"""At most so many feeders, settle circuits, and orders in one of those (contracts/Oracle.vy, Market.vy)."""

# Each in [low, high), as the constructors of Governor, Relayers and Oracle have it.
PARAMETERS = {
    "governor_delay": (1, 2**32), "epoch_stake": (1, 2**120), "bounty": (0, 2**120),
    "unbonding_blocks": (1, 2**32), "snapshot_lag": (1, 2**32), "key_max_age": (1, 2**32),
}  # fmt: skip
ORACLE = {
    "quorum": (1, FEEDERS + 1), "lifetime": (1, 86_401), "dispersion_bps": (0, 10_001), "lowest": (1, 2**64),
    "highest": (1, 2**64), "band_bps": (1, 2**128), "interval": (1, 2**32), "calm": (1, 2**32),
}  # fmt: skip


@dataclass(frozen=True)
class Plan:
    """Offices and feeders by address; tokens by symbol, or None where test tokens are to be made.

    ValueError for what is no address, or stands among feeders or tokens twice.
    """

    governor: str
    guardian: str
    issuer: str
    feeders: list[str]
    tokens: dict[str, str] | None = None
    parameters: Parameters = Parameters()

    def __post_init__(self) -> None:
        for office in OFFICES:
            checked_address(office, getattr(self, office))
        for name, given in (("feeders", dict(enumerate(self.feeders, 1))), ("tokens", self.tokens or {})):
            for key, address in given.items():
                checked_address(f"{name}.{key}", address)
            if len(set(given.values())) < len(given):
                raise ValueError(f"{name}: one address stands there twice")

    @classmethod
    def load(cls, file: Path, chain_id: int) -> "Plan":
        """Read a file for a chain; CommandError names it, the key, and what it may be."""
        needed = dict.fromkeys(OFFICES, str) | {"feeders": list}
        optional = {"settle_sizes": list, "tokens": dict, "parameters": dict, "oracle": dict}
        top = table(file, "", read(file), needed, optional)
        try:
            offices = (top[office] for office in OFFICES)
            return cls(*offices, top["feeders"], top.get("tokens"), _parameters(file, top, chain_id))
        except ValueError as error:
            raise CommandError(f"{file}: {error}") from None

    def found_tokens(self, chain: Chain) -> dict[str, Token] | None:
        """The tokens with the decimals that they name; CommandError where one is none."""
        if self.tokens is None:
            return None
        for symbol, address in self.tokens.items():
            if not chain.web3.eth.get_code(address):
                raise CommandError(f"tokens.{symbol}: chain {chain.chain_id} has no contract at {address}")
        decimals = {symbol: chain.token(address).functions.decimals() for symbol, address in self.tokens.items()}
        return {symbol: Token(self.tokens[symbol], chain.call(asked)) for symbol, asked in decimals.items()}


def _parameters(file: Path, top: dict, chain_id: int) -> Parameters:
    """Those that the file gives, the others as `scripts.deploy` has them; what they hold of each other is checked.

    Nobody can change them later, and only the oracle's defaults suit more than development: on any other chain the
    file gives all of `PARAMETERS`.
    """
    needed = () if chain_id in DEVELOPMENT_CHAIN_IDS else tuple(PARAMETERS)
    sizes, feeders = top.get("settle_sizes"), len(top["feeders"])
    bounds = OracleBounds(**_numbers(file, "oracle", top, ORACLE, ()))
    found = Parameters(
        **_numbers(file, "parameters", top, PARAMETERS, needed),
        oracle=bounds, settle_sizes=sizes and tuple(sizes),
    )  # fmt: skip
    quorum = bounds.quorum or feeders // 2 + 1
    for holds, why in (
        (1 <= feeders <= FEEDERS, f"feeders: name 1 to {FEEDERS}"),
        (quorum <= feeders < 2 * quorum, "oracle.quorum must be more than half of the feeders, and at most all"),
        (bounds.lowest <= bounds.highest, "oracle.lowest is above oracle.highest"),
        (found.bounty <= found.epoch_stake, "parameters.bounty is above parameters.epoch_stake, of which it is part"),
        (found.snapshot_lag <= found.unbonding_blocks, "parameters.snapshot_lag is above parameters.unbonding_blocks"),
        (sizes is None or _is_ascending(sizes), f"settle_sizes: 1 to {SETTLE_SIZES} sizes up to {SLOTS}, ascending"),
    ):
        if not holds:
            raise ValueError(why)
    return found


def _numbers(
    file: Path, name: str, top: dict, ranges: dict[str, tuple[int, int]], needed: tuple[str, ...]
) -> dict[str, int]:
    given = table(file, f"{name}.", top.get(name, {}), dict.fromkeys(needed, int), dict.fromkeys(ranges, int))
    return {key: check_range(value, *ranges[key], f"{name}.{key}") for key, value in given.items()}


def _is_ascending(sizes: list) -> bool:
    for size in sizes:
        check_range(size, 1, SLOTS + 1, "settle_sizes")
    return 1 <= len(sizes) <= SETTLE_SIZES and sizes == sorted(set(sizes))
