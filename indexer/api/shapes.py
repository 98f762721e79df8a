"""What /v1 answers, as types: OpenAPI is made of them, and nothing that is not named here is ever sent.

A `Word` is a number in decimal text, for 2^53 is too small for it; other numbers are JSON's.
"""

from typing import Annotated, Generic, TypeVar

from pydantic import WithJsonSchema
from typing_extensions import TypedDict


def _text(pattern: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern})


Word = Annotated[str, _text("^(0|[1-9][0-9]*)$")]
Address = Annotated[str, _text("^0x[0-9a-fA-F]{40}$")]
Hash = Annotated[str, _text("^0x[0-9a-f]{64}$")]
PointWords = tuple[Word, Word]
Args = dict[str, object]

T = TypeVar("T")


class Page(TypedDict, Generic[T]):
    """`next` asks for what follows; null at the end."""

    items: list[T]
    next: str | None
    block: int


class Place(TypedDict):
    block: int
    tx: Hash


class Status(TypedDict):
    chain_id: int
    pool: Address
    start_block: int
    block: int
    block_hash: Hash
    block_timestamp: int
    head: int
    confirmations: int
    sync: str
    divergence: str | None
    block_seconds: float | None
    counts: dict[str, int]


class Token(TypedDict):
    address: Address
    symbol: str | None
    decimals: int | None


class Verifier(TypedDict):
    address: Address
    circuit_id: Hash


class DeployedToken(TypedDict):
    address: Address
    decimals: int


class Deployment(TypedDict):
    chain_id: int
    start_block: int
    contracts: dict[str, Address]
    verifiers: dict[str, Verifier]
    tokens: dict[str, DeployedToken]


class Artifact(TypedDict):
    sha256: str
    bytes: int


class Artifacts(TypedDict):
    wasm: Artifact
    zkey: Artifact


class Manifest(TypedDict):
    circuits: dict[str, Artifacts]


class Terms(TypedDict):
    lot: Word
    min_quantity: Word
    fee_bps: int
    bond_bps: int
    jurisdictions: Word
    tier: int
    start_block: int
    commit_blocks: int
    freeze_blocks: int
    reveal_blocks: int
    settle_blocks: int
    capacity: int
    quota: int
    split_bps: int
    deferral: int
    source: Address
    max_age: int
    collar_bps: int


class LastPrint(TypedDict):
    epoch: int
    price: Word
    volume: Word
    block: int
    timestamp: int


class Market(TypedDict):
    market: int
    base: Token
    quote: Token
    block: int
    tx: Hash
    terms: Terms
    epoch: int | None
    epochs: int
    settled: int
    failed: int
    void: int
    last_print: LastPrint | None


class EpochPrint(TypedDict):
    price: Word
    volume: Word
    block: int
    tx: Hash
    timestamp: int


class Print(EpochPrint):
    market: int
    epoch: int


class Windows(TypedDict):
    open: int
    freeze: int
    reveal: int
    settle: int
    deadline: int


class EpochSummary(TypedDict):
    market: int
    epoch: int
    state: str
    windows: Windows
    leader: Address | None
    commits: int
    live: int
    reveals: int
    capacity: int
    invalid: int | None
    reference: Word | None
    void: bool
    settled_block: int | None
    failed_block: int | None
    slashed: Word | None
    print_from: int | None
    print: EpochPrint | None


class Reclaimed(Place):
    cancelled: bool
    forfeit: bool


class OrderRow(Place):
    index: int
    quota_nullifier: Word
    oc: Word
    rk: Address
    position: Word
    slot: int | None
    reclaimed: Reclaimed | None


class RevealRow(Place):
    slot: int
    quota_nullifier: Word
    oc: Word
    point: PointWords
    ciphertext: list[Word]


class Settlement(Place):
    count: int
    invalid_mask: Word
    print_commitment: Word
    audit_point: PointWords
    audit: list[Word]
    treasury_pad: Word
    leader_cm: Word
    treasury_cm: Word
    position: Word
    slots: list[PointWords]


class EpochTransaction(TypedDict):
    hash: Hash
    block: int
    timestamp: int
    method: str | None


class Epoch(EpochSummary):
    opened: Place | None
    reveal_version: int | None
    auditor_version: int | None
    treasury_version: int | None
    commit_chain: Hash
    reveal_chain: Hash
    orders: list[OrderRow]
    reveal_list: list[RevealRow]
    settlement: Settlement | None
    transactions: list[EpochTransaction]


class ProofHead(TypedDict):
    tx: Hash
    block: int
    timestamp: int
    circuit: str
    digest: Word
    verified: bool
    market: int | None
    epoch: int | None


class ProofSummary(ProofHead):
    words: int


class Proof(ProofHead):
    """`words` are the statement's, `proof` eight as the Verifier takes them."""

    words: list[Word]
    proof: list[Word]
    publics: list[Word]
    circuit_id: Hash
    verifier: Address
    chain_id: int
    pool: Address


class Circuit(TypedDict):
    circuit: str
    circuit_id: Hash
    verifier: Address
    verification_key: list[Word]
    proofs: int
    words: int


Transaction = TypedDict(
    "Transaction",
    {
        "hash": Hash, "block": int, "timestamp": int, "index": int, "from": Address, "to": Address | None,
        "contract": str | None, "method": str | None, "gas_used": int, "status": int, "circuit": str | None,
        "market": int | None, "epoch": int | None,
    },
)  # fmt: skip


class EventRow(TypedDict):
    index: int
    contract: str
    name: str
    args: Args


class TransactionDetail(Transaction):
    block_hash: Hash
    nonce: int
    gas_price: Word
    input_bytes: int
    selector: str
    events: list[EventRow]
    proof: Proof | None
    arguments: Args | None


class Block(TypedDict):
    number: int
    hash: Hash
    parent: Hash
    timestamp: int
    transactions: list[Transaction]


class Relayer(TypedDict):
    relayer: Address
    seat: int | None
    bonded: Word
    unbonding: Word
    reserved: Word
    withdraw_from: int | None
    owner_word: Word
    keys: int
    last_key_block: int | None
    led: int
    settled: int
    empty: int
    failed: int
    void: int
    open: int
    slashed: Word
    registered_block: int


class RelayerEvent(Place):
    timestamp: int
    event: str
    amount: Word | None
    market: int | None
    epoch: int | None


class Fault(Place):
    market: int
    epoch: int
    amount: Word
    caller: Address


class RelayerDetail(Relayer):
    history: list[RelayerEvent]
    faults: list[Fault]


class RelayerParameters(TypedDict):
    epoch_stake: Word
    bounty: Word
    unbonding_blocks: int
    snapshot_lag: int
    key_max_age: int
    stake_token: Token


class CredentialChange(Place):
    timestamp: int
    leaves: int
    additive: bool
    root: Word


class Credentials(TypedDict):
    ids: int
    active: int
    depth: int
    root: Word
    previous_root: Word | None
    root_block: int
    wallets: int
    wallets_ever: int
    successors: int
    issuer: Address | None
    changes: list[CredentialChange]


class AuditorKey(Place):
    version: int
    account: Address
    point: PointWords


class TreasuryKey(AuditorKey):
    owner_word: Word


class RevealKey(Place):
    relayer: Address
    version: int
    point: PointWords


class Keys(TypedDict):
    auditor: list[AuditorKey]
    treasury: list[TreasuryKey]
    reveal: list[RevealKey]


class Contract(TypedDict):
    name: str
    kind: str
    address: Address
    code_hash: Hash
    code_bytes: int
    circuit: str | None
    circuit_id: Hash | None


class Proposal(Place):
    id: int
    target: Address
    target_name: str | None
    method: str | None
    state: str
    ready_block: int
    ended_block: int | None


class Governance(TypedDict):
    admin: Address | None
    delay: int | None
    proposals: list[Proposal]


class Total(TypedDict):
    token: Token
    total: Word


class NotesSummary(TypedDict):
    leaves: Word
    tree: int
    root: Word
    root_block: int | None
    nullifiers: int
    memos: int
    totals: list[Total]


class Hit(TypedDict):
    kind: str
    label: str
    path: str


class Hits(TypedDict):
    items: list[Hit]
