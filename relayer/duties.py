"""What a relayer has to do at a named block, from public state alone: no key is needed to know it.

Every finder reads the ledger as it is, and the contracts at the block that it is given; never at
"latest", which may be another block at each call.
"""

from dataclasses import dataclass
from functools import partial

from offchain import advance
from offchain.chain import Chain
from offchain.ledger import Ledger
from offchain.records import EpochRecord, EpochState, Windows

STAGES = ("settle", "fail", "rotate_key", "release", "print", "advance")


@dataclass(frozen=True, order=True)
class Duty:
    """`deadline` is the first block in which it is too late, None if it never is. What is no
    epoch's stands under market 0, a chunk's or a key version's number in `epoch`."""

    stage: str
    market: int
    epoch: int
    deadline: int | None = None

    @property
    def name(self) -> str:
        return f"{self.stage}:{self.market}:{self.epoch}"


class Duties:
    """Those of the relayer at `address`. `rotate_blocks` is a reveal key's age at which the next is
    registered; half of what the registry allows if None. Only those of `stages` are found."""

    def __init__(self, chain: Chain, ledger: Ledger, address: str, rotate_blocks: int | None = None):
        self.chain, self.ledger, self.address, self.rotate_blocks = chain, ledger, address, rotate_blocks
        self.stages = STAGES

    def find(self, block: int) -> list[Duty]:
        """Everything to do after `block`, the most urgent first."""
        found = [duty for stage in self.stages for duty in getattr(self, stage)(block)]
        return sorted(found, key=_urgency)

    def settle(self, block: int) -> list[Duty]:
        """Epochs that it leads, can settle now and has not."""
        found = [
            record
            for record in self._mine()
            if record.reveals
            and not (record.settlement or record.void)
            and self.windows(record).settle <= self.ledger.block + 1
            and block + 1 < self.windows(record).deadline
        ]
        return [self._duty("settle", record) for record in found if self._at(record, block).settled_block == 0]

    def print(self, block: int) -> list[Duty]:
        """Its settlements whose deferral is over and whose print is not out."""
        found = [
            record
            for record in self._mine()
            if (done := record.settlement) and record.printed is None
            # Not a block before: a simulation on the head would still refuse it.
            and done.block + self.ledger.markets[record.market].deferral <= block
        ]
        return [Duty("print", r.market, r.epoch) for r in found if not self._at(r, block).printed]

    def release(self, block: int) -> list[Duty]:
        """Epochs that it led and that ended Empty or Void, with its stake still reserved."""
        found = [
            record
            for record in self._mine()
            if not record.released
            and (record.void or not record.reveals and self.windows(record).settle <= self.ledger.block + 1)
        ]
        return [Duty("release", r.market, r.epoch) for r in found if not self._at(r, block).released]

    def fail(self, block: int) -> list[Duty]:
        """Epochs that another left unsettled past their deadline: whoever reports one gets a bounty."""
        with self.ledger.lock:
            found = [
                record
                for record in self.ledger.epochs.values()
                if record.leader != self.address and record.reveals and record.failed_block is None
                and not (record.settlement or record.void) and self.windows(record).deadline <= block
            ]
        market = self.chain.contract("Market").functions
        ask = partial(self.chain.call, block=block)
        return [
            Duty("fail", r.market, r.epoch)
            for r in found
            if ask(market.state(r.market, r.epoch)) == EpochState.FAILED and not self._at(r, block).slashed
        ]

    def rotate_key(self, block: int) -> list[Duty]:
        """The version of the reveal key to register now, long before the present one is too old."""
        relayers = self.chain.contract("Relayers").functions
        ask = partial(self.chain.call, block=block)
        if ask(relayers.owner_of(self.address)) == 0:
            return []
        version, ages = ask(relayers.key_version(self.address)), ask(relayers.key_max_age())
        if version == 0:
            return [Duty("rotate_key", 0, 1)]
        _, _, registered = ask(relayers.reveal_key(self.address, version))
        if block < registered + min(self.rotate_blocks or ages, ages // 2):
            return []
        ends = registered + ages    # from then on it leads nothing, and no block is too late
        return [Duty("rotate_key", 0, version + 1, ends if block < ends else None)]

    def advance(self, block: int) -> list[Duty]:
        """The chunk of leaves that can be moved into the tree of notes."""
        chunk = advance.ready(self.chain, self.ledger, block)
        return [] if chunk is None else [Duty("advance", 0, chunk)]

    def turn(self, number: int, block: int) -> int:
        """How many others come before it where anyone may act, so that not all do at once."""
        relayers = self.chain.contract("Relayers").functions
        count = self.chain.call(relayers.relayer_count(), block)
        seats = [self.chain.call(relayers.relayer_at(seat), block) for seat in range(count)]
        return (seats.index(self.address) - number) % count if self.address in seats else count

    def windows(self, record: EpochRecord) -> Windows:
        return self.ledger.markets[record.market].windows(record.epoch)

    def _mine(self) -> list[EpochRecord]:
        with self.ledger.lock:
            return [record for record in self.ledger.epochs.values() if record.leader == self.address]

    def _at(self, record: EpochRecord, block: int):
        """The contract's record of an epoch after a block."""
        return self.chain.call(self.chain.contract("Market").functions.epochs(record.market, record.epoch), block)

    def _duty(self, stage: str, record: EpochRecord) -> Duty:
        return Duty(stage, record.market, record.epoch, self.windows(record).deadline)


def _urgency(duty: Duty) -> tuple:
    return duty.deadline is None, duty.deadline or 0, STAGES.index(duty.stage), duty.market, duty.epoch
