"""What each circuit proves, from typed material to the words of its statement.

Every circuit has a frozen dataclass (a settlement's is in `relayer`) whose `assemble()` gives
`(d, inputs)`: the statement's words in the order of protocol §7, and the input signals but the
three public ones. `offchain.circuits.prove` takes both.

Material out of range raises RangeError; material that no proof can be made of, MaterialError.
"""

from dataclasses import dataclass, field

from offchain.babyjubjub import L, Point, check_point, ecdh, mul_base
from offchain.field import R, check_range
from offchain.keys import EncryptionKey, ShieldedKey
from offchain.material import ADDRESS, WORD64, Credential, MaterialError, Rules, Spendable, check_path
from offchain.merkle import CHUNK, CHUNK_DEPTH, CREDENTIAL_DEPTH, NOTE_DEPTH, fold, zeros
from offchain.notes import AMOUNT_BITS, Note, Order, fee, split_position
from offchain.streams import memo_word, print_commitment, treasury_stream
from offchain.witness import Inputs

Assembly = tuple[list[int], Inputs]

AMOUNT = 1 << AMOUNT_BITS


def _spend_words(key: ShieldedKey, spent: tuple[Spendable, Spendable]) -> list[int]:
    """Words 0 to 5 of `transact` and `commit`."""
    places = [word for one in spent for word in (split_position(one.position)[0], one.root)]
    return places + [one.note.nullifier(key, one.position) for one in spent]


def _spend_inputs(key: ShieldedKey, spent: tuple[Spendable, Spendable], asset: int) -> Inputs:
    """The input signals that `transact` and `commit` share."""
    if len(spent) != 2:
        raise MaterialError(f"a proof spends two notes, dummies counted, not {len(spent)}")
    for one in spent:
        if one.note.owner != key.owner:
            raise MaterialError("an input belongs to another owner than the key's")
        if one.note.asset != asset:
            raise MaterialError("an input is of another asset than the proof's")
    if spent[0].note == spent[1].note and spent[0].position == spent[1].position:
        raise MaterialError("both inputs are the same note")
    return {
        "sk": key.sk,
        "tree": [split_position(one.position)[0] for one in spent],
        "root": [one.root for one in spent],
        "in_amount": [one.note.amount for one in spent],
        "in_blinding": [one.note.blinding for one in spent],
        "in_leaf": [split_position(one.position)[1] for one in spent],
        "in_siblings": [list(one.siblings) for one in spent],
    }


def _check_order(key: ShieldedKey, rules: Rules, order: Order) -> None:
    if order.market != rules.market:
        raise MaterialError("the order is for another market than the rules")
    if order.owner != key.owner:
        raise MaterialError("the order belongs to another owner than the key's")


@dataclass(frozen=True)
class Transact:
    """Two notes in, two out, and what comes in or goes out in public (base units).

    `account` is the depositor or the recipient, `carrier` who is paid `fee`; addresses are
    words, 0 for nobody. `memos` are the outputs', 8 words each.
    """

    key: ShieldedKey
    spent: tuple[Spendable, Spendable]
    outputs: tuple[Note, Note]
    memos: tuple[list[int], list[int]]
    deposit: int = 0
    withdrawal: int = 0
    fee: int = 0
    account: int = 0
    carrier: int = 0

    def assemble(self) -> Assembly:
        asset = self.outputs[0].asset
        public = {"deposit": self.deposit, "withdrawal": self.withdrawal, "fee": self.fee}
        addresses = {"account": self.account, "carrier": self.carrier}
        self._check(public, addresses)
        inputs = _spend_inputs(self.key, self.spent, asset)
        memos = [memo_word(memo) for memo in self.memos]
        d = [
            *_spend_words(self.key, self.spent),
            *(note.commitment for note in self.outputs),
            asset if any(public.values()) else 0,
            *public.values(),
            *addresses.values(),
            *memos,
        ]
        return d, inputs | public | addresses | {
            "memo": memos,
            "asset": asset,
            "out_amount": [note.amount for note in self.outputs],
            "out_owner": [note.owner for note in self.outputs],
            "out_blinding": [note.blinding for note in self.outputs],
        }

    def _check(self, public: dict[str, int], addresses: dict[str, int]) -> None:
        """Refuse what the circuit or the contract would, in words that say what to do."""
        for what, amount in public.items():
            check_range(amount, 0, AMOUNT, what)
        for what, address in addresses.items():
            check_range(address, 0, ADDRESS, what)
        if self.outputs[0].asset != self.outputs[1].asset:
            raise MaterialError("the outputs are of two assets")
        total = sum(one.note.amount for one in self.spent) + self.deposit
        if total != sum(note.amount for note in self.outputs) + self.withdrawal + self.fee:
            raise MaterialError("inputs and deposit differ from outputs, withdrawal and fee")
        if bool(self.deposit or self.withdrawal) != bool(self.account) or bool(self.fee) != bool(self.carrier):
            raise MaterialError("a deposit or withdrawal names an account and a fee a carrier; nothing else does")
        if self.deposit and self.withdrawal:
            raise MaterialError("a proof deposits or withdraws, not both")
        if total == 0:
            raise MaterialError("a proof spends a note or makes a deposit; this one does neither")


@dataclass(frozen=True)
class Commit:
    """An order with what pays for it and the credential that admits it.

    `rk` is the address that alone may reveal; `time` (Unix seconds) is not before the block's
    that takes the commit; `quota_index` counts the credential's orders of the epoch from 0.
    """

    key: ShieldedKey
    rules: Rules
    order: Order
    spent: tuple[Spendable, Spendable]
    change_blinding: int = field(repr=False)
    credential: Credential
    credential_root: int
    credential_siblings: tuple[int, ...]
    quota_index: int
    rk: int
    time: int
    memo: list[int]

    @property
    def change(self) -> Note:
        """The note that what is not locked comes back as."""
        asset, lock = self.rules.lock(self.order.terms)
        check_range(lock, 0, AMOUNT, "lock")
        held = sum(one.note.amount for one in self.spent)
        if held < lock:
            raise MaterialError("the inputs hold less than the order locks: add notes or ask for less")
        return Note(asset, held - lock, self.key.owner, self.change_blinding)

    def assemble(self) -> Assembly:
        rules, order, credential = self.rules, self.order, self.credential
        self._check()
        change = self.change
        inputs = _spend_inputs(self.key, self.spent, change.asset)
        stated = {
            "rk": self.rk,
            "market": order.market,
            "epoch": order.epoch,
            "credential_root": self.credential_root,
            "time": self.time,
            "base": rules.base,
            "quote": rules.quote,
            "lot": rules.lot,
            "min_quantity": rules.min_quantity,
            "fee_bps": rules.fee_bps,
            "jurisdictions": rules.jurisdictions,
            "min_tier": rules.tier,
            "quota": rules.quota,
            "memo": memo_word(self.memo),
        }
        d = [
            *_spend_words(self.key, self.spent),
            change.commitment,
            self.key.quota_nullifier(order.market, order.epoch, self.quota_index),
            order.commitment,
            *stated.values(),
        ]
        return d, inputs | stated | {
            "change_blinding": self.change_blinding,
            "terms": order.terms.word,
            "salt": order.salt,
            "credential_id": order.credential_id,
            "jurisdiction": credential.jurisdiction,
            "tier": credential.tier,
            "expiry": credential.expiry,
            "credential_siblings": list(self.credential_siblings),
            "quota_index": self.quota_index,
        }

    def _check(self) -> None:
        """Refuse what the circuit would, in words that say what to do."""
        rules, order, credential = self.rules, self.order, self.credential
        check_range(self.rk, 1, ADDRESS, "rk")
        check_range(self.time, 0, WORD64, "time")
        check_range(self.quota_index, 0, rules.quota, "order's index in the quota")
        check_range(order.terms.quantity, rules.min_quantity, WORD64, "quantity")
        _check_order(self.key, rules, order)
        if credential.owner != self.key.owner:
            raise MaterialError("the credential belongs to another owner than the key's")
        if credential.expiry <= self.time:
            raise MaterialError("the credential has expired: ask the issuer to renew it")
        if not rules.jurisdictions >> credential.jurisdiction & 1:
            raise MaterialError("the market does not admit the credential's jurisdiction")
        if credential.tier < rules.tier:
            raise MaterialError("the market asks for a higher tier than the credential's")
        check_path(self.credential_siblings, CREDENTIAL_DEPTH, "a credential")
        if fold(credential.leaf, order.credential_id, list(self.credential_siblings)) != self.credential_root:
            raise MaterialError("the credential is not under this root: sync the issuer's tree again")


@dataclass(frozen=True)
class Reclaim:
    """An order's lock, back to its owner less what is forfeited.

    `ephemeral` is a new scalar in [1, l); `memo` is the refund's.
    """

    key: ShieldedKey
    rules: Rules
    order: Order
    forfeit: bool
    blinding: int = field(repr=False)
    ephemeral: int = field(repr=False)
    treasury_owner: int
    treasury_key: Point
    memo: list[int]

    @property
    def forfeited(self) -> int:
        """What goes to the treasury, in units of the asset locked."""
        return fee(self.rules.lock(self.order.terms)[1], self.rules.bond_bps) if self.forfeit else 0

    @property
    def refund(self) -> Note:
        asset, lock = self.rules.lock(self.order.terms)
        return Note(asset, lock - self.forfeited, self.key.owner, self.blinding)

    def assemble(self) -> Assembly:
        rules, order = self.rules, self.order
        _check_order(self.key, rules, order)
        check_range(self.ephemeral, 1, L, "ephemeral scalar")
        refund, oc, forfeit = self.refund, order.commitment, int(self.forfeit)
        shared = ecdh(self.ephemeral, check_point(self.treasury_key))
        blinding, pad = treasury_stream(shared, oc, forfeit)
        treasury = Note(refund.asset, self.forfeited, self.treasury_owner, blinding)
        stated = {
            "market": order.market,
            "epoch": order.epoch,
            "base": rules.base,
            "quote": rules.quote,
            "lot": rules.lot,
            "fee_bps": rules.fee_bps,
            "bond_bps": rules.bond_bps,
            "forfeit": forfeit,
        }
        memo = memo_word(self.memo)
        d = [
            oc,
            *stated.values(),
            refund.commitment,
            treasury.commitment,
            self.treasury_owner,
            *self.treasury_key,
            *mul_base(self.ephemeral),
            (self.forfeited + pad) % R,
            memo,
        ]
        return d, stated | {
            "treasury_owner": self.treasury_owner,
            "treasury_key": list(self.treasury_key),
            "memo": memo,
            "sk": self.key.sk,
            "terms": order.terms.word,
            "credential_id": order.credential_id,
            "salt": order.salt,
            "blinding": self.blinding,
            "ephemeral": self.ephemeral,
        }


@dataclass(frozen=True)
class Advance:
    """A chunk of 1 to 64 leaves, with what `ChunkTree.insert_chunk` gave for it."""

    chunk: int
    leaves: list[int]
    old_root: int
    new_root: int
    siblings: list[int]

    def assemble(self) -> Assembly:
        depth = NOTE_DEPTH - CHUNK_DEPTH
        check_range(self.chunk, 0, 1 << depth, "chunk")
        check_range(len(self.leaves), 1, CHUNK + 1, "number of leaves")
        check_path(tuple(self.siblings), depth, "a chunk")
        if fold(zeros(CHUNK_DEPTH)[-1], self.chunk, self.siblings) != self.old_root:
            raise MaterialError("the chunk's place is not empty under the old root: sync the tree again")
        leaves = self.leaves + [0] * (CHUNK - len(self.leaves))
        d = [self.old_root, self.new_root, self.chunk, *leaves]
        return d, {"chunk": self.chunk, "leaves": leaves, "siblings": self.siblings}


@dataclass(frozen=True)
class Print:
    """The price (quote units per lot) and volume (lots) under a settlement's commitment."""

    price: int
    volume: int
    salt: int = field(repr=False)

    def assemble(self) -> Assembly:
        d = [print_commitment(self.price, self.volume, self.salt), self.price, self.volume]
        return d, {"price": self.price, "volume": self.volume, "salt": self.salt}


@dataclass(frozen=True)
class Possession:
    """Circuit `key`: that `account` (an address as a word) holds a Baby Jubjub key."""

    key: EncryptionKey
    account: int

    def assemble(self) -> Assembly:
        check_range(self.account, 1, ADDRESS, "account")
        return [*self.key.public, self.account], {"account": self.account, "scalar": self.key.scalar}
