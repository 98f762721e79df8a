"""What a network is made of: validators, chain id, ports, genesis. No process is touched here."""

from __future__ import annotations

import random
import socket
from dataclasses import dataclass

DEFAULT_CHAIN_ID = 31888

DEFAULT_PORT_BASE = 8545
PORT_SPAN = 30
GRANT_WEI = 10**24
RPC = "rpc"


class NetworkError(Exception):
    """The network cannot do what was asked; the message says why and what to do."""


@dataclass(frozen=True)
class Plan:
    """Fixed when a network is made, and kept in its directory.

    `period` is seconds between blocks, `gas_limit` gas per block. Of the ports
    `port_base` to `port_base + PORT_SPAN - 1`, the first is HTTP, the second WebSocket;
    ten up stand the nodes' engine ports (unused by Clique, but geth insists), twenty up
    the peer-to-peer ones. `funded` holds checksummed addresses given GRANT_WEI at genesis.
    """

    validators: int = 5
    chain_id: int = DEFAULT_CHAIN_ID
    port_base: int = DEFAULT_PORT_BASE
    period: int = 1
    gas_limit: int = 60_000_000
    funded: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.validators not in (1, 5):
            raise NetworkError(f"a network has 1 or 5 validators, not {self.validators}")
        if not 1 <= self.chain_id < 2**53:
            raise NetworkError(f"chain id {self.chain_id} is not between 1 and 2^53 - 1")
        if not 1024 <= self.port_base <= 65536 - PORT_SPAN:
            raise NetworkError(f"port base {self.port_base} is not between 1024 and {65536 - PORT_SPAN}")
        if not 1 <= self.period <= 60:
            raise NetworkError(f"block period {self.period} is not between 1 and 60 seconds")
        if not 5_000_000 <= self.gas_limit <= 1_000_000_000:
            raise NetworkError(f"block gas limit {self.gas_limit} is not between 5 and 1000 million")

    @property
    def validator_names(self) -> tuple[str, ...]:
        return tuple(f"v{number}" for number in range(1, self.validators + 1))

    @property
    def names(self) -> tuple[str, ...]:
        """Every node, the RPC node last."""
        return (*self.validator_names, RPC)

    @property
    def http_port(self) -> int:
        return self.port_base

    @property
    def ws_port(self) -> int:
        return self.port_base + 1

    def engine_port(self, name: str) -> int:
        return self.port_base + 10 + self.names.index(name)

    def peer_port(self, name: str) -> int:
        return self.port_base + 20 + self.names.index(name)

    def ports(self, name: str) -> tuple[int, ...]:
        public = (self.http_port, self.ws_port) if name == RPC else ()
        return (*public, self.engine_port(name), self.peer_port(name))


def genesis(plan: Plan, signers: list[str], balances: dict[str, int]) -> dict:
    """The genesis file: every fork up to London, which is as far as Clique goes (EIP-225)."""
    forks = (
        "homestead eip150 eip155 eip158 byzantium constantinople petersburg istanbul berlin london"
    ).split()
    addresses = sorted(signer.removeprefix("0x").lower() for signer in signers)
    return {
        "config": {
            "chainId": plan.chain_id,
            **{f"{fork}Block": 0 for fork in forks},
            "clique": {"period": plan.period, "epoch": 30_000},
        },
        "difficulty": "0x1",
        "gasLimit": hex(plan.gas_limit),
        "baseFeePerGas": hex(7),
        "extraData": "0x" + "00" * 32 + "".join(addresses) + "00" * 65,
        "alloc": {address: {"balance": hex(wei)} for address, wei in balances.items()},
    }


def port_is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


_claims: list[socket.socket] = []
"""Hold what this process was given until it ends: what is to listen there may take its time."""


def _claimed(port: int) -> bool:
    """Whether a port, or the span that begins there, is ours now: its name in the kernel has one owner."""
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0shadowpool-port-{port}")
    except OSError:
        claim.close()
        return False
    _claims.append(claim)
    return True


def free_port() -> int:
    """One that is free, and given to nobody else while this process lives; NetworkError if there is none.

    Below the ports that the kernel hands out itself, as are those of `free_port_base`, which are others.
    """
    for port in random.sample(range(10_000, 20_000), 1_000):
        if port_is_free(port) and _claimed(port):
            return port
    raise NetworkError("no free port between 10000 and 20000 on 127.0.0.1: stop what listens there")


def free_port_base() -> int:
    """A base whose whole span is free, and given to nobody else while this process lives."""
    bases = list(range(20_000, 32_000, PORT_SPAN))
    random.shuffle(bases)
    for base in bases:
        if all(port_is_free(port) for port in range(base, base + PORT_SPAN)) and _claimed(base):
            return base
    raise NetworkError("no free range of ports between 20000 and 32000 on 127.0.0.1")
