"""What faults strike: a network, three relayers each behind its own gate, workers, Redis, PostgreSQL, a carrier.

    east     SQLite in a file system of its own, proofs by a process of its own
    north    PostgreSQL, proofs by a process of its own
    south    SQLite, proofs by two workers through Redis
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from offchain.chain import ChainError
from offchain.records import Windows
from scripts.demo.run import started_network
from scripts.demo.terms import pace
from scripts.demo.world import World
from scripts.faults import disk
from scripts.faults.flow import Flow
from scripts.faults.gate import Gate
from scripts.network.network import Network
from scripts.network.plan import free_port
from scripts.services import postgres, redis
from scripts.services.redis import RedisServer
from scripts.services.server import Server
from scripts.venue import daemons, world as venue
from scripts.venue.daemons import Daemon

T = TypeVar("T")

SMALL = "small"
RELAYERS = ("east", "north", "south")
STAKE = 5_000 * 10**18
PATIENCE_SECONDS = 400.0
POLL_SECONDS = 0.05


def market_terms() -> dict:
    """Short epochs, several at once, whose deadline leaves a restarted relayer time; longer where others work too."""
    slow = pace()
    return {
        "commit_blocks": 16 * min(slow, 2), "freeze_blocks": 6, "reveal_blocks": 8 * slow, "settle_blocks": 32 * slow,
        "deferral": 2, "capacity": 8, "quota": 4,
    }  # fmt: skip


class FaultError(Exception):
    """What should have come after a fault did not; the message says what."""


@dataclass
class Site:
    """Everything at its place and running. Relayers, gates and workers by name or number."""

    world: World
    network: Network
    redis: RedisServer
    postgres: Server
    carrier: Daemon
    relayers: dict[str, Daemon] = field(default_factory=dict)
    gates: dict[str, Gate] = field(default_factory=dict)
    workers: list[Daemon] = field(default_factory=list)
    carrier_url: str = ""
    small_disk: disk.SmallDisk | None = None
    flow: Flow | None = None

    # --- Waiting ---

    def until(self, what: str, look: Callable[[], T | None], seconds: float = PATIENCE_SECONDS) -> T:
        """What `look` gives once that is true; without an answer it looks again. FaultError if it never is."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                if found := look():
                    return found
            except ChainError:
                pass
            if time.monotonic() > deadline:
                raise FaultError(f"{what}: not within {seconds:.0f} s")
            time.sleep(POLL_SECONDS)

    def head(self) -> int:
        return self.until("a head", self.world.chain.head)

    def reach(self, block: int) -> int:
        """Wait for a block; the head."""
        there = lambda: (head := self.world.chain.head()) >= block and head  # noqa: E731
        return self.until(f"block {block}", there, 2 * PATIENCE_SECONDS)

    # --- Epochs ---

    def windows(self, epoch: int) -> Windows:
        return self.world.ledger.markets[self.world.market].windows(epoch)

    def record(self, epoch: int):
        """The contract's record of an epoch."""
        return self.world.chain.call(self.world.chain.contract("Market").functions.epochs(self.world.market, epoch))

    def leader(self, epoch: int) -> str | None:
        """The name of an open epoch's leader."""
        address = self.until(f"epoch {epoch}", lambda: self.record(epoch)).leader
        return next((name for name in RELAYERS if self.world.accounts[name].address == address), None)

    def next_led(self, *names: str) -> tuple[int, str]:
        """The first epoch with orders, led by one of `names`, of which nothing can have been settled yet."""
        terms = self.world.ledger.markets[self.world.market]
        epoch = max(0, (self.head() - terms.windows(0).settle) // terms.commit_blocks + 1)
        while True:
            windows = self.windows(epoch)
            self.reach(windows.freeze)
            if self.head() < windows.settle and (name := self.leader(epoch)) in (names or RELAYERS):
                return epoch, name
            epoch += 1

    def revealed(self, epoch: int) -> None:
        """Wait until all of an epoch's orders are revealed, or the window is over."""
        windows = self.windows(epoch)

        def look() -> bool:
            record = self.record(epoch)
            return self.world.chain.head() + 1 >= windows.settle or record.live == record.reveals > 0

        self.until(f"reveals of epoch {epoch}", look)

    def over(self, epoch: int) -> tuple[int, str]:
        """Wait until an epoch is over, for its leader too; (block of its settlement or the head, how it ended)."""

        def look() -> tuple[int, str] | None:
            record = self.record(epoch)
            if record.printed:
                return record.settled_block, "settled and printed"
            if record.slashed:
                return self.head(), "failed, reported, stake lost"
            return (self.head(), "nothing was revealed") if record.released else None

        return self.until(f"the end of epoch {epoch}", look)

    # --- Everything at once ---

    def start(self) -> None:
        """Start whatever does not run."""
        for name in self.network.plan.names:
            self.network.restart(name)
        for server in (self.redis, self.postgres):
            server.start()
        for daemon in (*self.workers, *self.relayers.values(), self.carrier):
            daemon.start()

    def close(self) -> None:
        daemons.stop((*self.relayers.values(), self.carrier, *self.workers))
        for gate in self.gates.values():
            gate.close()


@contextmanager
def opened(folder: Path, world: World, validators: int, epochs: int | None = None, **terms: int) -> Iterator[Site]:
    """A whole site in `folder` with orders under way; stopped at the end, by pid.

    `terms` override those of the market; orders end when `epochs` epochs have any, if that is given.
    """
    with ExitStack() as stack:
        servers = stack.enter_context(redis(folder / "redis")), stack.enter_context(postgres(folder / "postgres"))
        rpc = stack.enter_context(started_network(folder / "network", world, validators))
        network = Network(folder / "network")
        venue.deploy(world, rpc, RELAYERS, STAKE)
        small_disk = stack.enter_context(disk.small_disk(folder / SMALL))
        port = free_port()
        site = Site(world, network, *servers, daemons.carrier(world, port), small_disk=small_disk)
        stack.callback(site.close)
        site.carrier_url = f"http://127.0.0.1:{port}"
        _relayers(site, rpc, folder)
        site.start()
        venue.fund(world, 1)
        daemons.answering(site.carrier, site.carrier_url, world.chain.deployment)
        venue.open_market(world, **market_terms() | terms)
        site.flow = Flow(world, site.carrier_url, epochs)
        site.flow.start()
        yield site


def _relayers(site: Site, rpc: str, folder: Path) -> None:
    world = site.world
    listed, site.workers = daemons.workers(world, site.redis, 2)
    databases = {
        "east": f"sqlite:///{site.small_disk.folder}/relayer.sqlite3",
        "north": site.postgres.url,
        "south": f"sqlite:///{folder}/south.sqlite3",
    }
    queue = {"redis": site.redis.url, "proof_workers": str(listed), "redis_password": site.redis.password}
    for name in RELAYERS:
        gate = site.gates[name] = Gate(rpc)
        settings = queue if name == "south" else {}
        site.relayers[name] = daemons.relayer(world, name, gate.url, databases[name], **settings)
