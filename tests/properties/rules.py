"""What the model's parts share: a call, a verdict on it, and the state of the chain as plain data."""

from dataclasses import dataclass, field

from tests.properties.evm import CHAIN_ID
from tests.properties.points import A, D, R
from tests.properties.vault import EMPTY_CREDENTIALS, EMPTY_NOTES

ZERO = "0x" + "00" * 20
# Reason of a call that Vyper itself stops: arithmetic, no code at an address, malformed input.
BARE = ""
LINE = 400


@dataclass
class Call:
    """A transaction. Structs among `args` are dicts whose order is the ABI's."""

    contract: str
    function: str
    args: list
    sender: str
    label: str = ""
    cut: int = 0
    """Bytes missing at the end of its input."""

    def __str__(self):
        return f"{self.contract}.{self.function} [{self.label}] from {self.sender[:6]} {short(self.args)[:LINE]}"


def short(value) -> str:
    """For a trace: words longer than ten digits lose their middle."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k} {short(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + " ".join(short(v) for v in value) + "]"
    text = "0x" + value.hex() if isinstance(value, bytes) else str(value)
    return text if len(text) <= 10 else f"{text[:6]}…{text[-3:]}"


class Verdict(set):
    """The reasons to refuse a call, as the contracts word them; none: it is accepted."""

    def need(self, holds: bool, reason: str) -> bool:
        if not holds:
            self.add(reason)
        return holds


@dataclass
class Relayer:
    owner: int
    bonded: int = 0
    unbonding: int = 0
    withdraw_from: int = 0
    reserved: int = 0
    keys: list = field(default_factory=list)
    """(point, block), version 1 first."""
    weights: list = field(default_factory=list)
    """(block, weight from then on); empty without a seat."""


@dataclass
class Epoch:
    leader: str
    versions: tuple[int, int, int]
    """Of the reveal, auditor and treasury key."""
    live: int = 0
    commit_chain: bytes = bytes(32)
    reveal_chain: bytes = bytes(32)
    reveals: list = field(default_factory=list)
    """(oc, point, ciphertext), by slot."""
    settled: int = 0
    mask: int = 0
    print_commitment: int = 0
    printed: tuple[int, int] | None = None
    slashed: bool = False
    released: bool = False


@dataclass
class Order:
    oc: int
    rk: str
    market: int
    epoch: int
    slot: int = 0
    reclaimed: bool = False


@dataclass
class State:
    """All that the chain knows. Copied to be taken back."""

    block: int = 1
    time: int = 1_700_000_000
    # Tokens
    balances: dict = field(default_factory=dict)
    approved: set = field(default_factory=set)
    # Pool
    paused: bool = False
    leaves: dict = field(default_factory=dict)
    """Position to commitment, of chunks not yet in a tree."""
    next_leaf: int = 0
    opened_at: int = 0
    next_chunk: int = 0
    root: int = EMPTY_NOTES
    roots: set = field(default_factory=lambda: {(0, EMPTY_NOTES)})
    nullified: set = field(default_factory=set)
    total: dict = field(default_factory=dict)
    unspent: dict = field(default_factory=dict)
    """Position to commitment of each note not spent; `nullifiers` gives (position, commitment) of every note."""
    nullifiers: dict = field(default_factory=dict)
    # Credentials
    issuer: str = ZERO
    credential_root: int = EMPTY_CREDENTIALS
    former_root: int = 0
    former_until: int = 0
    former_roots: list = field(default_factory=list)
    """All that were ever current, for attackers."""
    wallets: set = field(default_factory=set)
    ever_wallets: set = field(default_factory=set)
    successors: dict = field(default_factory=dict)
    # Keys
    auditors: list = field(default_factory=list)
    treasuries: list = field(default_factory=list)
    # Relayers
    relayers: dict = field(default_factory=dict)
    seats: list = field(default_factory=list)
    # Oracle, of one feeder: (price, block, time)
    observations: list = field(default_factory=list)
    # Governor: [call, ready], ready 0 once executed or cancelled
    admin: str = ZERO
    pending_admin: str = ZERO
    proposals: list = field(default_factory=list)
    # Market
    markets: list = field(default_factory=list)
    epochs: dict = field(default_factory=dict)
    orders: dict = field(default_factory=dict)


def on_curve(x: int, y: int) -> bool:
    """Baby Jubjub, both words in their one spelling."""
    return x < R and y < R and (A * x * x + y * y - 1 - D * x * x * y * y) % R == 0


class Rules:
    """A model of contracts: `<Contract>_<function>` judges a call and, if it is accepted, applies it."""

    def __init__(self, at: dict[str, str], people: dict[str, str], vault):
        self.at, self.people, self.vault = at, people, vault
        self.name_of = {address: name for name, address in at.items()}
        self.s = State(issuer=people["issuer"], admin=people["admin"])

    def judge(self, call: Call) -> Verdict:
        """Apply the call, or say why it is refused."""
        if call.cut:
            return Verdict({BARE})
        return getattr(self, f"{call.contract}_{call.function}")(call.sender, *call.args)

    def statement(self, v: Verdict, circuit: str, d: list[int], proof: list[int], digest: int) -> None:
        """A proof serves the one statement, circuit, pool and chain that it was made for."""
        v.need(all(word < R for word in d), "statement: word not below r")
        known = self.vault.proofs.get(proof[0])
        holds = known is not None and known.circuit == circuit and known.d == tuple(d)
        holds = holds and (known.digest, known.pool, known.chain_id) == (digest, self.at["Pool"], CHAIN_ID)
        v.need(holds, "statement: proof refused")
