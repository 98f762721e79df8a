"""The volume that a market printed, by epoch, as a wallet's ledger has it."""

from collections.abc import Callable

from offchain.ledger import Ledger

Tape = Callable[[int, int], dict[int, int]]
"""(market, first epoch) -> lots traded in each epoch from there on, where that is known; 0 if it ended unsettled."""


def ledger_tape(ledger: Ledger) -> Tape:
    """The tape of a ledger as far as it has followed. A settled epoch is known once its price is printed."""

    def volumes(market: int, first: int) -> dict[int, int]:
        with ledger.lock:
            terms = ledger.markets[market]
            if ledger.block < terms.start_block:
                return {}
            found = {}
            for epoch in range(first, terms.epoch_at(ledger.block) + 1):
                record = ledger.epochs.get((market, epoch))
                if record is not None and record.settlement is not None:
                    if record.printed is not None:
                        found[epoch] = record.printed[1]
                elif ledger.block >= terms.windows(epoch).deadline:
                    found[epoch] = 0
            return found

    return volumes
