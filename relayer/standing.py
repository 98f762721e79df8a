"""How one relayer stands at a named block: stake, reveal keys, the epochs it leads, its next turns.

Read from public state alone, for `check`, `status`, `drain` and the metrics. No key is needed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from offchain.babyjubjub import Point
from offchain.chain import Chain
from offchain.ledger import Ledger
from offchain.orders import ENDED
from offchain.records import EpochRecord, EpochState, Windows

NOBODY = "0x" + 40 * "0"
PACE_BLOCKS = 50


def pace(chain: Chain, head: int) -> float:
    """Seconds a block, over the last ones."""
    first = max(0, head - PACE_BLOCKS)
    return (chain.timestamp(head) - chain.timestamp(first)) / max(1, head - first)


@dataclass(frozen=True)
class Stake:
    """Amounts in units of the stake token; `withdraw_from` is a block, 0 if nothing was ever unbonded."""

    bonded: int
    unbonding: int
    withdraw_from: int
    reserved: int
    epoch_stake: int

    @property
    def free(self) -> int:
        return self.bonded + self.unbonding - self.reserved

    @property
    def epochs(self) -> int:
        """How many more epochs the free stake answers for."""
        return self.free // self.epoch_stake


@dataclass(frozen=True)
class RevealKey:
    """A registered key. A window may open with it up to, and including, block `last_window`."""

    version: int
    public: Point
    registered: int
    last_window: int


@dataclass(frozen=True)
class Led:
    """An epoch that this relayer leads, as the contract has it at the standing's block."""

    record: EpochRecord
    state: EpochState
    windows: Windows
    print_from: int | None

    @property
    def over(self) -> bool:
        """Whether nothing is left for its leader to do: printed, stake freed, or failed."""
        if self.state == EpochState.SETTLED:
            return self.record.printed is not None
        return self.record.released if self.state in (EpochState.EMPTY, EpochState.VOID) else self.state in ENDED


@dataclass(frozen=True)
class Turn:
    """An epoch whose window is open or about to open, and whose turn it is."""

    market: int
    epoch: int
    opens: int
    freeze: int
    leader: str


class Standing:
    """What `address` holds and owes at `block`, by default the head; the ledger is read as it is."""

    def __init__(self, chain: Chain, ledger: Ledger, address: str, block: int | None = None):
        self.chain, self.ledger, self.address = chain, ledger, address
        self.block = chain.head() if block is None else block
        self._relayers = chain.contract("Relayers").functions

    def _ask(self, function):
        return self.chain.call(function, self.block)

    @cached_property
    def registered(self) -> bool:
        return self._ask(self._relayers.owner_of(self.address)) != 0

    @cached_property
    def stake(self) -> Stake:
        bonded, unbonding, withdraw_from, reserved = self._ask(self._relayers.stakes(self.address))
        return Stake(bonded, unbonding, withdraw_from, reserved, self._ask(self._relayers.epoch_stake()))

    @cached_property
    def keys(self) -> list[RevealKey]:
        """Every registered key, oldest first; a call for each, so not for every round."""
        most, ages, found = self._ask(self._relayers.key_version(self.address)), self.key_max_age, []
        for version in range(most, 0, -1):
            x, y, registered = self._ask(self._relayers.reveal_key(self.address, version))
            succeeded = found[-1].registered if found else registered + ages
            found.append(RevealKey(version, Point(x, y), registered, min(registered + ages, succeeded)))
        return found[::-1]

    @cached_property
    def last_key(self) -> RevealKey | None:
        """The last registered key, which alone may open windows to come."""
        version = self._ask(self._relayers.key_version(self.address))
        if version == 0:
            return None
        x, y, registered = self._ask(self._relayers.reveal_key(self.address, version))
        return RevealKey(version, Point(x, y), registered, registered + self.key_max_age)

    @cached_property
    def key_max_age(self) -> int:
        return self._ask(self._relayers.key_max_age())

    @cached_property
    def snapshot_lag(self) -> int:
        return self._ask(self._relayers.snapshot_lag())

    @cached_property
    def led(self) -> list[Led]:
        """Every epoch that it leads, as far as the ledger goes; the oldest first."""
        with self.ledger.lock:
            records = [record for record in self.ledger.epochs.values() if record.leader == self.address]
            terms = dict(self.ledger.markets)
        found = []
        for record in records:
            windows = terms[record.market].windows(record.epoch)
            done = record.settlement
            due = done.block + terms[record.market].deferral if done else None
            found.append(Led(record, self._state(record), windows, due))
        return sorted(found, key=lambda led: led.windows.open)

    def _state(self, record: EpochRecord) -> EpochState:
        """Asked of the contract unless the ledger already holds the epoch's end."""
        if record.failed_block is not None:
            return EpochState.FAILED
        if record.printed or record.released:
            return EpochState.SETTLED if record.printed else EpochState.VOID if record.void else EpochState.EMPTY
        asked = self.chain.contract("Market").functions.state(record.market, record.epoch)
        return EpochState(self._ask(asked))

    @property
    def open(self) -> list[Led]:
        """Epochs with something left for their leader to do."""
        return [led for led in self.led if not led.over]

    @property
    def to_settle(self) -> list[Led]:
        """Epochs that it must yet settle: those with a reveal and no settlement."""
        unsettled = (led for led in self.open if led.state in (EpochState.REVEAL, EpochState.SETTLING))
        return [led for led in unsettled if led.record.reveals]

    @property
    def needed_keys(self) -> set[int]:
        """Versions with which an epoch that is not over was opened."""
        return {led.record.reveal_version for led in self.open}

    def turns(self, ahead: int = 3) -> list[Turn]:
        """Of each market the open epoch and the `ahead` next ones, with whose turn it would be by today's stakes."""
        found = []
        for market, epoch, windows in self._coming(ahead):
            leader = self._opened(market, epoch) or self._ask(self._relayers.leader_at(epoch, windows.open))
            found.append(Turn(market, epoch, windows.open, windows.freeze, leader))
        return found

    @cached_property
    def pace(self) -> float:
        return pace(self.chain, self.block)

    def may_lead(self) -> list[Turn]:
        """Unopened epochs that the contract could still give to it: it has weight at their snapshot, and a key.

        Once the list is empty, and neither stake nor a key is added, it stays empty: later windows look at
        later stakes and older keys.
        """
        return [
            Turn(market, epoch, windows.open, windows.freeze, self.address)
            for market, epoch, windows in self._coming(1)
            if self._opened(market, epoch) is None and self._eligible(windows)
        ]

    def _eligible(self, windows: Windows) -> bool:
        snapshot = min(max(windows.open - self.snapshot_lag, 0), self.block)
        weight = self._ask(self._relayers.stake_at(self.address, snapshot))
        version, _, _ = self._ask(self._relayers.key_before(self.address, windows.open))
        return weight > 0 and version > 0

    def _coming(self, ahead: int) -> Iterator[tuple[int, int, Windows]]:
        """(market, epoch, windows) from the open window on: at least `ahead` more, and past the snapshots taken."""
        for market, terms in sorted(self.ledger.markets.items()):
            first = terms.epoch_at(self.block) if self.block >= terms.start_block else 0
            last = first + max(ahead, self.snapshot_lag // terms.commit_blocks + 1)
            for epoch in range(first, last + 1):
                yield market, epoch, terms.windows(epoch)

    def _opened(self, market: int, epoch: int) -> str | None:
        """The leader of an epoch that has begun."""
        leader = self._ask(self.chain.contract("Market").functions.epochs(market, epoch)).leader
        return None if leader == NOBODY else leader
