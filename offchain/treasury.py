"""The treasury reads what it was paid: fees of settlements, bonds of forfeited orders."""

from dataclasses import dataclass

from offchain.field import R
from offchain.keys import EncryptionKey
from offchain.notes import AMOUNT_BITS, Note
from offchain.records import EpochRecord, OrderRecord
from offchain.state import State
from offchain.streams import SETTLEMENT_KIND, shared_point, treasury_stream


class TreasuryError(ValueError):
    """A payment to the treasury does not open with its key."""


@dataclass(frozen=True)
class Payment:
    """A note that the treasury owns, and where it stands."""

    position: int
    note: Note


def payments(state: State, key: EncryptionKey, chain_id: int, pool: int) -> list[Payment]:
    """Every note that settlements and reclaims made for the treasury, of amount 0 too.

    `pool` is the pool's address as a word. TreasuryError for one that `key` does not open: the
    proofs make sure that the key of the epoch's treasury version opens all of its notes.
    """
    found = []
    for (market, epoch), record in state.epochs.items():
        if record.settlement is not None:
            context = state.settlement_context(chain_id, pool, market, epoch).word
            found.append(_of_settlement(state, record, key, context))
        found += [_of_reclaim(state, record, order, key) for order in record.orders if order.reclaim]
    return found


def _of_settlement(state: State, record: EpochRecord, key: EncryptionKey, context: int) -> Payment:
    settled, quote = record.settlement, int(state.markets[record.market].quote, 16)
    stream = treasury_stream(shared_point(key.scalar, settled.audit_point), context, SETTLEMENT_KIND)
    position = settled.position + 2 * settled.count + 1
    return _open(state, record, position, [quote], settled.treasury_pad, stream)


def _of_reclaim(state: State, record: EpochRecord, order: OrderRecord, key: EncryptionKey) -> Payment:
    reclaim, terms = order.reclaim, state.markets[record.market]
    stream = treasury_stream(shared_point(key.scalar, reclaim.point), order.oc, int(reclaim.forfeit))
    # Which asset the order locked is its secret: the commitment tells.
    assets = [int(terms.base, 16), int(terms.quote, 16)]
    return _open(state, record, reclaim.position + 1, assets, reclaim.treasury_pad, stream)


def _open(
    state: State, record: EpochRecord, position: int, assets: list[int], padded: int, stream: tuple[int, int]
) -> Payment:
    blinding, pad = stream
    amount = (padded - pad) % R
    owner = state.treasuries[record.treasury_version].owner
    if amount < 1 << AMOUNT_BITS:
        for asset in assets:
            note = Note(asset, amount, owner, blinding)
            if note.commitment == state.leaves[position]:
                return Payment(position, note)
    raise TreasuryError(f"the treasury's note at position {position} does not open with this key")
