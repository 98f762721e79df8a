"""What somebody who watches the chain holds: every byte a node gives out, and what a key opens of it."""

import gzip
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from offchain import poseidon
from offchain.auditor import open_epoch
from offchain.chain import Chain
from offchain.clearing import clear, split
from offchain.field import R, keccak256, to_field
from offchain.keys import EncryptionKey
from offchain.ledger import Ledger
from offchain.notes import Side, Terms, order_commitment, pay
from offchain.records import EpochRecord
from offchain.streams import (
    AUDIT_HEADER,
    SETTLEMENT_KIND,
    DecryptionError,
    audit_pads,
    leader_secrets,
    open_memo,
    open_receipt,
    open_reveal,
    shared_point,
    slot_seed,
    treasury_stream,
)

WORD = 32
DISTINCT = 1 << 40
"""Smaller values stand in any traffic by chance; from here on five bytes tell."""
LOW64 = (1 << 64) - 1


# --- Bytes ---


@dataclass
class Traffic:
    """`blob` is all of it; `words` are the 32-byte words that calldata, logs and storage are made of."""

    blob: bytearray = field(default_factory=bytearray)
    words: set[int] = field(default_factory=set)

    def add(self, data: bytes, skip: int = 0) -> None:
        self.blob += data + b"|"
        for at in range(skip, len(data) - WORD + 1, WORD):
            self.words.add(int.from_bytes(data[at : at + WORD], "big"))

    def holds(self, value: int) -> bool:
        """Whether the value stands there as a word."""
        return value in self.words

    def traces(self, value: int) -> list[str]:
        """The encodings under which a value of `DISTINCT` or more can be found."""
        assert value >= DISTINCT, "too small to be told from chance"
        found = [name for name, data in encodings(value) if data in self.blob]
        return found + [name for name, word in hashes((value,)) if word in self.words]


def blocks(chain: Chain, first: int, last: int, to: str | None = None) -> Traffic:
    """Calldata, senders and logs of blocks `first` to `last`; only of transactions sent `to` one contract if given."""
    traffic, web3 = Traffic(), chain.web3
    for number in range(first, last + 1):
        for tx in web3.eth.get_block(number, True)["transactions"]:
            if to is not None and tx["to"] != to:
                continue
            traffic.add(bytes.fromhex(tx["from"][2:]))
            traffic.add(bytes(tx["input"]), skip=4)
            for log in web3.eth.get_transaction_receipt(tx["hash"])["logs"]:
                traffic.add(b"".join(map(bytes, log["topics"])))
                traffic.add(bytes(log["data"]))
    return traffic


def storage(chain: Chain) -> Traffic:
    """Every storage word of every account at the head: whatever a view could answer."""
    traffic = Traffic()
    dumped = chain.web3.provider.make_request("anvil_dumpState", [])["result"]
    for account in json.loads(gzip.decompress(bytes.fromhex(dumped[2:])))["accounts"].values():
        for place, value in account["storage"].items():
            traffic.add(int(place, 16).to_bytes(WORD, "big"))
            traffic.add(int(value, 16).to_bytes(WORD, "big"))
    return traffic


def joined(parts: Iterable[Traffic]) -> Traffic:
    whole = Traffic()
    for part in parts:
        whole.blob += part.blob
        whole.words |= part.words
    return whole


def encodings(value: int) -> Iterator[tuple[str, bytes]]:
    """The value's bytes at any width, in either order, within any packing, and as text."""
    for order in ("big", "little"):
        yield order, value.to_bytes((value.bit_length() + 7) // 8, order)
        for shift in range(1, 8):
            moved = value << shift
            inner = moved.to_bytes((moved.bit_length() + 7) // 8, order)[1:-1]
            if len(inner) >= 5:
                yield f"{order}, {shift} bits along", inner
    for text in (str(value), f"{value:x}", f"{value:X}"):
        yield "text", text.encode()


def hashes(values: tuple[int, ...]) -> Iterator[tuple[str, int]]:
    """What the values hash to where nothing secret is hashed with them."""
    wide = keccak256(b"".join(value.to_bytes(WORD, "big") for value in values))
    yield "keccak256 of words", int.from_bytes(wide, "big")
    yield "keccak256 of words mod r", to_field(wide)
    if all(value <= LOW64 for value in values):
        narrow = keccak256(b"".join(value.to_bytes(8, "big") for value in values))
        yield "keccak256 of packed values", int.from_bytes(narrow, "big")
    if all(value < R for value in values):
        for use, shape in poseidon.USES.items():
            if shape.arity == len(values):
                yield f"Poseidon {use}", poseidon.hash(use, *values)
        yield "Poseidon sponge", poseidon.sponge(list(values))
        if len(values) == 2:
            yield "Poseidon node", poseidon.node(*values)


# --- Keys ---


def read(key: EncryptionKey, ledger: Ledger) -> set:
    """Every value that the key opens on the ledger: of memos, reveals, receipts, audit words, treasury pads.

    With a key that is not meant, a stream gives random words, which are in it too. Openings of
    reveals are in it as tuples as well: their smaller words mean nothing alone.
    """
    found = set()
    for memo in [*(memo.words for memo in ledger.memos), *(order.memo for order in ledger.orders.values())]:
        try:
            found.update(open_memo(list(memo), key))
        except DecryptionError:
            pass
    for record in ledger.epochs.values():
        found |= _read_epoch(key, ledger, record) | concluded(key, ledger, record)
    return found


def _read_epoch(key: EncryptionKey, ledger: Ledger, record: EpochRecord) -> set:
    found, deployment = set(), ledger.chain.deployment
    place = deployment.chain_id, deployment.pool, record.market, record.epoch
    seeds = [
        (slot, slot_seed(shared_point(key.scalar, one.reveal.point), *place, one.reveal.oc))
        for slot, one in enumerate(record.reveals)
    ]
    if settled := record.settlement:
        context, shared = ledger.context(record.market, record.epoch).word, shared_point(key.scalar, settled.audit_point)
        words = [*settled.audit, *(audit for _, audit in settled.slots)]
        plain = [(word - pad) % R for word, pad in zip(words, audit_pads(shared, context, len(words)), strict=True)]
        header = plain[0]
        found |= {plain[1], header & LOW64, header >> 64}
        seeds += enumerate(plain[AUDIT_HEADER:])
        found.add((settled.treasury_pad - treasury_stream(shared, context, SETTLEMENT_KIND)[1]) % R)
    for slot, seed in seeds:
        found |= _read_slot(record, slot, seed) | (_receipt(record, slot, seed, context) if settled else set())
    for order in record.orders:
        if back := order.reclaim:
            pad = treasury_stream(shared_point(key.scalar, back.point), order.oc, int(back.forfeit))[1]
            found.add((back.treasury_pad - pad) % R)
    return found


def _read_slot(record: EpochRecord, slot: int, seed: int) -> set:
    opening = open_reveal(record.reveals[slot].reveal.ciphertext, seed)
    found = {opening, *opening}
    if opening[0] >> 129 == 0:
        found |= {opening[0] >> 1 & LOW64, opening[0] >> 65}
    return found


def _receipt(record: EpochRecord, slot: int, seed: int, context: int) -> set:
    try:
        return set(open_receipt(record.settlement.slots[slot][0], seed, context))
    except DecryptionError:
        return set()


def concluded(key: EncryptionKey, ledger: Ledger, record: EpochRecord) -> set:
    """What follows from an epoch's orders for its leader, who clears them, and for its auditor: price, fills, payments."""
    if record.reveals and key.public == ledger.reveal_keys[record.leader, record.reveal_version]:
        return _conclusion(ledger, record, *_cleared(key, ledger, record))
    if record.settlement and key.public == ledger.auditors[record.auditor_version]:
        view = open_epoch(ledger, key, record.market, record.epoch)
        return _conclusion(ledger, record, view.price, [(order.terms, order.fill) for order in view.orders])
    return set()


def _cleared(rsk: EncryptionKey, ledger: Ledger, record: EpochRecord) -> tuple[int, list]:
    """(price, (terms or None, fill) of each slot) as the leader finds them."""
    deployment, opened = ledger.chain.deployment, []
    place = deployment.chain_id, deployment.pool, record.market, record.epoch
    for one in record.reveals:
        seed = slot_seed(shared_point(rsk.scalar, one.reveal.point), *place, one.reveal.oc)
        opening = open_reveal(one.reveal.ciphertext, seed)
        valid = order_commitment(record.market, record.epoch, opening) == one.reveal.oc
        opened.append(Terms.from_word(opening[0]) if valid else None)
    offset = leader_secrets(rsk.scalar, ledger.context(record.market, record.epoch).word).offset_source
    result = clear(opened, record.reference, ledger.markets[record.market].collar_bps, offset)
    return result.price, list(zip(opened, result.fills))


def _conclusion(ledger: Ledger, record: EpochRecord, price: int, orders: list) -> set:
    market, valid = ledger.markets[record.market], [(terms, fill) for terms, fill in orders if terms]
    paid = [pay(terms, fill, price, market.lot, market.fee_bps) for terms, fill in valid]
    volume = sum(fill for terms, fill in valid if terms.side == Side.BUY)
    amounts = {amount for one in paid for amount in (one.base, one.quote)}
    return {price, volume, *(fill for _, fill in valid), *amounts, *split(sum(one.fee for one in paid), market.split_bps)}
