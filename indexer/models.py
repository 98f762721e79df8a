"""What the indexer keeps: the chain's blocks and events, exact, and what they say, typed.

Every row of CHAIN_TABLES follows from the chain alone, carries the `block` that it comes from, and is
never changed: going back to block n is to delete what is later, in any order. What the chain changes
(an epoch's state, a wallet's admission, a stake) is a row for each fact, joined when it is read.
`log_index` is the place of the fact's event in its block; with `block` it names a row of `events`.
Only `proofs.status` moves, from pending to what the proof turned out to be.

Numbers are exact in every database. A `Word` is an integer of [0, 2^256), `Words` a tuple of them,
`int` one of [0, 2^63). Hashes and addresses are text as the chain writes them (0x…, checksummed).
"""

from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Boolean, Integer, LargeBinary, MetaData, Text
from sqlalchemy.dialects.postgresql import NUMERIC
from sqlalchemy.types import CHAR, TypeDecorator, TypeEngine
from sqlmodel import Field, SQLModel

from offchain.field import check_range


class Model(SQLModel):
    """A table of the indexer's. Those of other services in the same process are none of its."""

    metadata = MetaData()


class Word(TypeDecorator):
    """An integer of [0, 2^256): NUMERIC(78) where there is one, else 64 hexadecimal digits, which sort alike."""

    impl = CHAR(64)
    cache_ok = True

    def load_dialect_impl(self, dialect) -> TypeEngine:
        exact = NUMERIC(78, 0) if dialect.name == "postgresql" else CHAR(64)
        return dialect.type_descriptor(exact)

    def process_bind_param(self, value: int | None, dialect) -> Any:
        if value is None:
            return None
        if type(value) is not int or not 0 <= value < 1 << 256:
            check_range(value, 0, 1 << 256, "word of a row")
        return value if dialect.name == "postgresql" else f"{value:064x}"

    def process_result_value(self, value: Any, dialect) -> int | None:
        if value is None:
            return None
        return int(value) if dialect.name == "postgresql" else int(value, 16)


class Words(TypeDecorator):
    """A tuple of words, 32 bytes each, the highest byte first."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: tuple[int, ...] | None, dialect) -> bytes | None:
        return None if value is None else b"".join(word.to_bytes(32, "big") for word in value)

    def process_result_value(self, value: bytes | None, dialect) -> tuple[int, ...] | None:
        if value is None:
            return None
        value = bytes(value)
        return tuple(int.from_bytes(value[at : at + 32], "big") for at in range(0, len(value), 32))


_SERIAL = BigInteger().with_variant(Integer, "sqlite")
"""SQLite numbers rows by itself in a column called INTEGER alone."""


class ProofStatus(StrEnum):
    """What became of a proof: `hidden` where its words are not in the transaction's own calldata."""

    PENDING = "pending"
    VERIFIED = "verified"
    HIDDEN = "hidden"


class SyncState(StrEnum):
    """What the indexer does; `stopped` after a divergence, until somebody looked into it."""

    BACKFILL = "backfill"
    LIVE = "live"
    STOPPED = "stopped"


def _word(**options) -> Any:
    return Field(sa_type=Word, **options)


def _words(**options) -> Any:
    return Field(sa_type=Words, **options)


def _int(**options) -> Any:
    """A column of 64 bits whose values the database never makes up."""
    if options.get("primary_key"):
        options["sa_column_kwargs"] = {"autoincrement": False}
    return Field(sa_type=BigInteger, **options)


def _text(**options) -> Any:
    return Field(sa_type=Text, **options)


def _flag() -> Any:
    return Field(sa_type=Boolean)


class _Row(Model):
    """What every fact has: where its event stands."""

    block: int = _int(index=True)
    log_index: int = _int()


class _Log(Model):
    """A fact that may be stated again and again: its event is its key."""

    block: int = _int(primary_key=True)
    log_index: int = _int(primary_key=True)


class _OfEpoch(_Row):
    """A fact that an epoch has at most once."""

    market: int = _int(primary_key=True)
    epoch: int = _int(primary_key=True)


# --- The chain ---


class Block(Model, table=True):
    """Every block from the deployment's first. `timestamp` in seconds."""

    __tablename__ = "blocks"
    block: int = _int(primary_key=True)
    hash: str = _text(index=True)
    parent: str = _text()
    timestamp: int = _int(index=True)


class Transaction(Model, table=True):
    """A transaction in which one of our contracts said something. `target` None for a creation;
    `contract` and `method` (the function's name) where it calls one of ours. `gas_price` in wei."""

    __tablename__ = "transactions"
    hash: str = _text(primary_key=True)
    block: int = _int(index=True)
    place: int = _int()
    sender: str = _text(index=True)
    target: str | None = _text(nullable=True)
    contract: str | None = _text(nullable=True)
    method: str | None = _text(nullable=True)
    nonce: int = _int()
    gas_price: int = _word()
    gas_used: int = _int()
    input: bytes = Field(sa_type=LargeBinary)


class Event(_Log, table=True):
    """An event as it was logged. `args`: JSON by name in the ABI's order, integers as decimal strings,
    bytes as 0x…, structs as objects (indexer.reading writes it)."""

    __tablename__ = "events"
    tx: str = _text(index=True)
    contract: str = _text()
    name: str = _text()
    args: str = _text()


# --- Pool ---


class Note(_Row, table=True):
    """A leaf of the note tree, by position = tree·2^32 + leaf."""

    __tablename__ = "notes"
    position: int = _int(primary_key=True)
    commitment: int = _word(index=True)


class Root(_Row, table=True):
    """A chunk moved into its tree; `frontier` is what the next chunk's path needs (indexer.trees.Edge)."""

    __tablename__ = "roots"
    tree: int = _int(primary_key=True)
    chunk: int = _int(primary_key=True)
    count: int = _int()
    root: int = _word(index=True)
    frontier: tuple[int, ...] = _words()


class Nullifier(_Row, table=True):
    """A spent note's; `place` 0 or 1 in its event."""

    __tablename__ = "nullifiers"
    nullifier: int = _word(primary_key=True)
    place: int = _int()


class Memo(_Row, table=True):
    """Eight words that may open the note at `position`; `kind` is the call that brought it:
    transact, commit, settle or reclaim. A commit's opens the order too."""

    __tablename__ = "memos"
    position: int = _int(primary_key=True)
    kind: str = _text()
    words: tuple[int, ...] = _words()


class Transact(_Row, table=True):
    """A join-split by the position of its first note, with what of it is public."""

    __tablename__ = "transacts"
    position: int = _int(primary_key=True)
    asset: str = _text(index=True)
    deposit: int = _word()
    withdrawal: int = _word()
    fee: int = _word()
    account: str = _text(index=True)
    carrier: str = _text()


class Pause(_Log, table=True):
    __tablename__ = "pauses"
    by: str = _text()
    paused: bool = _flag()


# --- Markets ---


class Market(_Row, table=True):
    """A market's terms (offchain.records.MarketTerms)."""

    __tablename__ = "markets"
    market: int = _int(primary_key=True)
    base: str = _text()
    quote: str = _text()
    lot: int = _word()
    min_quantity: int = _word()
    fee_bps: int = _int()
    bond_bps: int = _int()
    jurisdictions: int = _word()
    tier: int = _int()
    start_block: int = _int()
    commit_blocks: int = _int()
    freeze_blocks: int = _int()
    reveal_blocks: int = _int()
    settle_blocks: int = _int()
    capacity: int = _int()
    quota: int = _int()
    split_bps: int = _int()
    deferral: int = _int()
    source: str = _text()
    max_age: int = _int()
    collar_bps: int = _int()


class Epoch(_OfEpoch, table=True):
    """An epoch since its first commit. Its windows follow from the market's terms, its state from
    them and from the rows of the tables below."""

    __tablename__ = "epochs"
    leader: str = _text(index=True)
    reveal_version: int = _int()
    auditor_version: int = _int()
    treasury_version: int = _int()


class Order(_Row, table=True):
    """An accepted commit, `place` counted from 0 in its epoch; `chain`: the commit chain after it."""

    __tablename__ = "orders"
    quota_nullifier: int = _word(primary_key=True)
    market: int = _int(index=True)
    epoch: int = _int(index=True)
    place: int = _int()
    oc: int = _word(index=True)
    rk: str = _text()
    position: int = _int()
    chain: str = _text()


class Reveal(_Row, table=True):
    """An order opened to the leader; `chain`: the reveal chain after it."""

    __tablename__ = "reveals"
    market: int = _int(primary_key=True)
    epoch: int = _int(primary_key=True)
    slot: int = _int(primary_key=True)
    quota_nullifier: int = _word(index=True)
    oc: int = _word()
    x: int = _word()
    y: int = _word()
    ciphertext: tuple[int, ...] = _words()
    chain: str = _text()


class Fixing(_OfEpoch, table=True):
    """An epoch's reference price, or that it is void."""

    __tablename__ = "fixings"
    price: int = _word()
    void: bool = _flag()


class Settlement(_OfEpoch, table=True):
    """A settlement; its notes stand from `position` on (offchain.records.Settlement)."""

    __tablename__ = "settlements"
    count: int = _int()
    invalid_mask: int = _word()
    print_commitment: int = _word()
    audit_x: int = _word()
    audit_y: int = _word()
    audit: tuple[int, ...] = _words()
    treasury_pad: int = _word()
    leader_cm: int = _word()
    treasury_cm: int = _word()
    position: int = _int()


class Slot(_Row, table=True):
    """One slot of a settlement. Notes at `position` (base) and the next (quote)."""

    __tablename__ = "slots"
    market: int = _int(primary_key=True)
    epoch: int = _int(primary_key=True)
    slot: int = _int(primary_key=True)
    receipt: int = _word()
    audit: int = _word()
    invalid: bool = _flag()
    position: int = _int()


class Reclaim(_Row, table=True):
    """An order taken back; `chain`: the commit chain after it, where it was cancelled."""

    __tablename__ = "reclaims"
    quota_nullifier: int = _word(primary_key=True)
    market: int = _int(index=True)
    epoch: int = _int(index=True)
    oc: int = _word()
    forfeit: bool = _flag()
    cancelled: bool = _flag()
    position: int = _int()
    x: int = _word()
    y: int = _word()
    treasury_pad: int = _word()
    chain: str | None = _text(nullable=True)


class Failure(_OfEpoch, table=True):
    __tablename__ = "failures"
    leader: str = _text()
    slashed: int = _word()
    bounty: int = _word()


class Release(_OfEpoch, table=True):
    __tablename__ = "releases"


class Print(_OfEpoch, table=True):
    """Price (quote units a lot) and volume (lots), once the deferral is over."""

    __tablename__ = "prints"
    price: int = _word()
    volume: int = _word()


# --- Proofs ---


class Proof(_Log, table=True):
    """The proof behind an event: its eight words (EIP-197), the statement `d` that was laid out from the
    chain's own facts (protocol §7), and the three public inputs. All are empty where it is hidden."""

    __tablename__ = "proofs"
    circuit: str = _text(index=True)
    tx: str = _text(index=True)
    market: int | None = _int(nullable=True)
    epoch: int | None = _int(nullable=True)
    words: tuple[int, ...] = _words()
    statement: tuple[int, ...] = _words()
    publics: tuple[int, ...] = _words()
    status: str = _text(index=True)


# --- Registries ---


class Relayer(_Row, table=True):
    __tablename__ = "relayers"
    relayer: str = _text(primary_key=True)
    owner_word: int = _word()


class Stake(_Log, table=True):
    """A movement of a relayer's stake. `kind`: bonded, unbonding, withdrawn, reserved, released, slashed;
    `withdraw_from` (block) of unbonding, `caller` and `bounty` of slashed."""

    __tablename__ = "stakes"
    relayer: str = _text(index=True)
    kind: str = _text()
    amount: int = _word()
    withdraw_from: int | None = _int(nullable=True)
    caller: str | None = _text(nullable=True)
    bounty: int | None = _word(nullable=True)


class RevealKey(_Row, table=True):
    __tablename__ = "reveal_keys"
    relayer: str = _text(primary_key=True)
    version: int = _int(primary_key=True)
    x: int = _word()
    y: int = _word()


class AuditorKey(_Row, table=True):
    __tablename__ = "auditor_keys"
    version: int = _int(primary_key=True)
    account: str = _text()
    x: int = _word()
    y: int = _word()


class Treasury(_Row, table=True):
    __tablename__ = "treasuries"
    version: int = _int(primary_key=True)
    account: str = _text()
    owner_word: int = _word()
    x: int = _word()
    y: int = _word()


class CredentialRoot(_Log, table=True):
    """A change of the issuer's tree: `count` leaves from `first` on. `fits`: whether the issuer's root
    is that of its leaves (no commit can be proven where it is not)."""

    __tablename__ = "credential_roots"
    first: int = _int()
    count: int = _int()
    root: int = _word(index=True)
    additive: bool = _flag()
    fits: bool = _flag()


class CredentialLeaf(_Log, table=True):
    """A leaf that was set; the latest row of an `id` counts, 0 is revoked."""

    __tablename__ = "credential_leaves"
    id: int = _int(primary_key=True)
    leaf: int = _word()


class Wallet(_Log, table=True):
    __tablename__ = "wallets"
    wallet: str = _text(index=True)
    admitted: bool = _flag()


class Successor(_Log, table=True):
    __tablename__ = "successors"
    wallet: str = _text(index=True)
    successor: str = _text()


class Issuer(_Log, table=True):
    __tablename__ = "issuers"
    issuer: str = _text()


class Proposal(_Row, table=True):
    """A call that governance announced; it may be made from block `ready` on."""

    __tablename__ = "proposals"
    proposal: int = _int(primary_key=True)
    target: str = _text()
    data: bytes = Field(sa_type=LargeBinary)
    ready: int = _int()


class ProposalEnd(_Row, table=True):
    """`outcome`: executed or cancelled."""

    __tablename__ = "proposal_ends"
    proposal: int = _int(primary_key=True)
    outcome: str = _text()


class Admin(_Log, table=True):
    __tablename__ = "admins"
    admin: str = _text()


class Observation(_Log, table=True):
    """A price that a feeder signed. `time` in seconds."""

    __tablename__ = "observations"
    feeder: str = _text()
    price: int = _word()
    time: int = _int()


class Quote(_Log, table=True):
    """What the oracle made of the observations. `kind`: median, unpriced, halted, released, resumed; `agreeing`
    feeders of the first two, `anchor` of a halt, `account` of who halted or released by hand."""

    __tablename__ = "quotes"
    kind: str = _text()
    price: int | None = _word(nullable=True)
    agreeing: int | None = _int(nullable=True)
    anchor: int | None = _word(nullable=True)
    account: str | None = _text(nullable=True)


CHAIN_TABLES = tuple(Model.metadata.sorted_tables)
"""What a fresh sync of the same blocks makes again, to the byte."""


# --- The indexer's own ---


class Sync(Model, table=True):
    """One row: which deployment is followed, and how far. `block` is the last taken in, `head` the
    chain's when last asked; `compared` the last at which the contracts confirmed roots and chains."""

    __tablename__ = "sync"
    id: int = _int(primary_key=True, default=1)
    chain_id: int = _int()
    pool: str = _text()
    start_block: int = _int()
    block: int = _int()
    head: int = _int()
    compared: int = _int()
    state: str = _text()
    reason: str | None = _text(nullable=True)


class Divergence(Model, table=True):
    """Each time that the indexer stopped: at which block, when (seconds), and why."""

    __tablename__ = "divergences"
    id: int | None = Field(default=None, sa_type=_SERIAL, primary_key=True)
    block: int = _int()
    time: int = _int()
    reason: str = _text()
