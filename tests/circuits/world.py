"""Honest claims, one for each circuit, on real trees."""

from functools import cache

from offchain.claims import Advance, Commit, Possession, Print, Reclaim, Transact
from offchain.keys import EncryptionKey, ShieldedKey
from offchain.material import Credential, Rules, Spendable
from offchain.merkle import ChunkTree, CredentialTree
from offchain.notes import Note, Order, Side, Terms
from offchain.streams import seal_memo

CIRCUITS = ("transact", "commit", "reclaim", "advance", "print", "key")
CHAIN_ID = 31337
POOL = 0x5FBDB2315678AFECB367F032D93F642F64180AA3
BASE, QUOTE, OTHER = 0xBA5E, 0x0C0FFEE, 0xABCDEF
TREE = 3

KEY = ShieldedKey(0x1234567890ABCDEF1234567890ABCDEF)
STRANGER = ShieldedKey(0xFEDCBA0987654321)
TREASURY = EncryptionKey(0x7EA5 << 200 | 77)
RULES = Rules(
    market=7,
    base=BASE,
    quote=QUOTE,
    lot=1000,
    min_quantity=10,
    fee_bps=25,
    bond_bps=150,
    jurisdictions=1 << 249 | 1 << 44 | 1,
    tier=2,
    quota=4,
)
CREDENTIAL = Credential(KEY.owner, 44, 3, 1_900_000_000)
CREDENTIAL_ID = 0b1011_0000_1111_0101_0011
TIME = 1_800_000_000
MEMO = seal_memo([1, 2, 3, 4, 5], KEY.viewing.public, 424242)


def spendable(*notes: Note) -> tuple[Spendable, ...]:
    """The notes in the second chunk of a tree that holds others too."""
    tree = ChunkTree()
    tree.insert_chunk(0, list(range(1, 65)))
    first = 64
    tree.insert_chunk(1, [11, 12, 13, *(note.commitment for note in notes), 17])
    return tuple(
        Spendable(note, TREE << 32 | leaf, tree.root, tuple(tree.path(leaf)))
        for leaf, note in enumerate(notes, start=first + 3)
    )


@cache
def transact() -> Transact:
    """Everything at once: two notes, a withdrawal, a fee, one output to a stranger."""
    spent = spendable(Note(QUOTE, 700, KEY.owner, 101), Note(QUOTE, 300, KEY.owner, 102))
    outputs = Note(QUOTE, 550, KEY.owner, 103), Note(QUOTE, 150, STRANGER.owner, 104)
    return Transact(KEY, spent, outputs, (MEMO, MEMO[::-1]), 0, 290, 10, 0xA11CE, 0xCA44)


@cache
def deposit() -> Transact:
    spent = tuple(Spendable.dummy(KEY, QUOTE, blinding, 0, 5) for blinding in (201, 202))
    outputs = Note(QUOTE, 2**127, KEY.owner, 203), Note(QUOTE, 0, KEY.owner, 204)
    return Transact(KEY, spent, outputs, (MEMO, MEMO), deposit=2**127, account=0xA11CE)


@cache
def transfer() -> Transact:
    """Nothing public; one note and a dummy."""
    (note,) = spendable(Note(BASE, 9, KEY.owner, 301))
    spent = note, Spendable.dummy(KEY, BASE, 302, TREE, note.root)
    return Transact(KEY, spent, (Note(BASE, 4, STRANGER.owner, 303), Note(BASE, 5, KEY.owner, 304)), (MEMO, MEMO))


def order(side: Side = Side.BUY, quantity: int = 40, price: int = 123_456) -> Order:
    return Order(RULES.market, 12, Terms(side, quantity, price), KEY.owner, CREDENTIAL_ID, 909090)


@cache
def commit(side: Side = Side.BUY) -> Commit:
    tree = CredentialTree()
    tree.set(3, 55)
    tree.set(CREDENTIAL_ID, CREDENTIAL.leaf)
    placed = order(side)
    asset, lock = RULES.lock(placed.terms)
    spent = spendable(Note(asset, lock - 5555, KEY.owner, 401), Note(asset, 5575, KEY.owner, 402))
    return Commit(
        key=KEY,
        rules=RULES,
        order=placed,
        spent=spent,
        change_blinding=403,
        credential=CREDENTIAL,
        credential_root=tree.root,
        credential_siblings=tuple(tree.path(CREDENTIAL_ID)),
        quota_index=3,
        rk=0xF00D,
        time=TIME,
        memo=MEMO,
    )


@cache
def reclaim(side: Side = Side.BUY, forfeit: bool = True) -> Reclaim:
    return Reclaim(
        key=KEY,
        rules=RULES,
        order=order(side),
        forfeit=forfeit,
        blinding=501,
        ephemeral=KEY.ephemeral("reclaim", 1),
        treasury_owner=STRANGER.owner,
        treasury_key=TREASURY.public,
        memo=MEMO,
    )


@cache
def advance(chunks: int = 2, leaves: int = 64) -> Advance:
    tree = ChunkTree()
    for chunk in range(chunks):
        tree.insert_chunk(chunk, [1000 * chunk + i for i in range(1, 65)])
    last = [7_000_000 + i for i in range(leaves)]
    return Advance(chunks, last, *tree.insert_chunk(chunks, last))


def honest(name: str):
    """One claim of the circuit."""
    return {
        "transact": transact,
        "commit": commit,
        "reclaim": reclaim,
        "advance": advance,
        "print": lambda: Print(123_000, 80, 606060),
        "key": lambda: Possession(TREASURY, 0xACC0),
    }[name]()
