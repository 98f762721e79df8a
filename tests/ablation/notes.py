"""circuits/lib/note.circom, order.circom and credential.circom."""

from offchain.field import R
from offchain.merkle import fold
from offchain.notes import fee
from offchain.poseidon import hash as H
from offchain.poseidon import squeeze
from tests.ablation.harness import Subject, cut

WORD64 = 1 << 64


def hinted(signal: str, count: int, hint: str) -> str:
    """A line in which an array of signals is filled in, and nothing else is asked of it."""
    return f"signal {signal}[{count}]; for (var i = 0; i < {count}; i++) {signal}[i] <-- {hint};"


def summed(signal: str, count: int, word: str, hint: str) -> str:
    """As `hinted`, but as powers of two they sum to the word: a decomposition into no bits."""
    return f"{hinted(signal, count, hint)} var sum = 0; for (var i = 0; i < {count}; i++) sum += {signal}[i] * 2 ** i; sum === {word};"


def _spend(**changes) -> dict:
    words = {"sk": 5, "owner": H("owner", 5), "asset": 6, "amount": 7, "blinding": 8, "tree": 3, "leaf": 9}
    words |= {"siblings": [11, 12, 13, 14]} | changes
    return {"root": fold(_note(words), words["leaf"] % 16, words["siblings"])} | words


def _note(s) -> int:
    return H("note", s["asset"], s["amount"], s["owner"], s["blinding"])


def _admission(**changes) -> dict:
    words = {"owner": 5, "id": 2, "jurisdiction": 44, "tier": 3, "expiry": 1000, "siblings": [7, 8], "time": 999}
    words |= {"jurisdictions": 1 << 44, "min_tier": 3} | changes
    return {"root": fold(_credential(words), words["id"] % 4, words["siblings"])} | words


def _credential(s) -> int:
    return H("credential", s["owner"], s["jurisdiction"], s["tier"], s["expiry"])


def _treasury_stream(s) -> list[int]:
    return squeeze("treasury", [*s.shared, s.context, s.kind], 2)


def _lock(s) -> int:
    if s.side:
        return s.quantity * s.lot
    return s.quantity * s.price + fee(s.quantity * s.price, s.feeBps)


def _terms(side: int, quantity: int, price: int) -> int:
    return side + 2 * quantity + (price << 65)


_TERMS = "signal bits[129] <== Num2Bits(129)(terms);"
_LOCK = {"side": 0, "quantity": 40, "price": 123_457, "lot": 1000, "feeBps": 25, "base": 77, "quote": 88}
_MOST = {"quantity": WORD64 - 1, "price": WORD64 - 1, "feeBps": 1}
_PATH = "signal path[depth] <== Num2Bits(depth)({});"

SUBJECTS = (
    Subject(
        "Owner", "()", lambda: {"sk": 5},
        {"E1": lambda s: s.out == H("owner", s.sk)},
        (cut("E1", "any owner is the key's", ("out <== Hash(TAG_OWNER(), 1)([sk]);", "out <-- 7;")),),
    ),
    Subject(
        "NoteCommitment", "()", lambda: {"asset": 1, "amount": 2, "owner": 3, "blinding": 4},
        {"E1": lambda s: s.out == _note(s)},
        (
            cut("E1", "any word commits to the note",
                ("out <== Hash(TAG_NOTE(), 4)([asset, amount, owner, blinding]);", "out <-- 7;")),
        ),
    ),
    Subject(
        "Nullifier", "()", lambda: {"commitment": 1, "position": 2, "sk": 3},
        {"E1": lambda s: s.out == H("nullifier", s.commitment, s.position, s.sk)},
        (
            cut("E1", "a note has any nullifier",
                ("out <== Hash(TAG_NULLIFIER(), 3)([commitment, position, sk]);", "out <-- 7;")),
        ),
    ),
    Subject(
        "Spend", "(4)", _spend,
        {
            "E1": lambda s: s.amount < 1 << 128,
            "E2": lambda s: s.leaf < 16 and (s.amount == 0 or fold(_note(s), s.leaf, s.siblings) == s.root),
            "E3": lambda s: s.nullifier == H("nullifier", _note(s), s.tree * 16 + s.leaf, s.sk),
        },
        (
            cut("E1", "a note holds 2^128", ("Range(128)(amount);", ""), **_spend(amount=1 << 128)),
            cut("E1", "a note holds -1", ("Range(128)(amount);", ""), **_spend(amount=R - 1)),
            cut("E2", "a note that is in no tree is spent", ("amount * (found - root) === 0;", ""), root=5),
            cut("E2", "the root is that of another tree",
                ("signal found <== MerkleRoot(depth)(commitment, path, siblings);", "signal found <-- root;"), root=5),
            cut("E2", "a note stands at 25 of 16 places, and so is spent twice",
                (_PATH.format("leaf"), hinted("path", 4, "(leaf >> i) & 1")), **_spend(leaf=25)),
            cut("E3", "a note has any nullifier, and so is spent twice",
                ("nullifier <== Nullifier()(commitment, tree * 2 ** depth + leaf, sk);", "nullifier <-- 7;")),
        ),
    ),
    Subject(
        "TreasuryNote", "()",
        lambda: {"shared": [1, 2], "context": 3, "kind": 2, "asset": 5, "amount": 1 << 100, "owner": 9},
        {
            "E1": lambda s: s.commitment == H("note", s.asset, s.amount, s.owner, _treasury_stream(s)[0]),
            "E2": lambda s: s.padded == (s.amount + _treasury_stream(s)[1]) % R,
        },
        (
            cut("E1", "the note is of nothing",
                ("commitment <== NoteCommitment()(asset, amount, owner, stream[0]);", "commitment <-- 7;")),
            cut("E1", "the treasury cannot find the blinding", 
                ("signal stream[2] <== Squeeze(TAG_TREASURY(), 4, 4, 2)([shared[0], shared[1], context, kind]);",
                 hinted("stream", 2, "i"))),
            cut("E2", "the treasury reads another amount", ("padded <== amount + stream[1];", "padded <-- 7;")),
        ),
    ),
    Subject(
        "OrderCommitment", "()",
        lambda: {"market": 1, "epoch": 2, "terms": 3, "owner": 4, "credential": 5, "salt": 6},
        {"E1": lambda s: s.out == H("order", s.market, s.epoch, s.terms, s.owner, s.credential, s.salt)},
        (
            cut("E1", "any word commits to the order",
                ("out <== Hash(TAG_ORDER(), 6)([market, epoch, terms, owner, credential, salt]);", "out <-- 7;")),
        ),
    ),
    Subject(
        "SplitTerms", "()", lambda: {"terms": _terms(0, 5, 3)},
        {
            "E1": lambda s: s.terms == (s.side + 2 * s.quantity + (s.price << 65)) % R,
            "E2": lambda s: s.side in (0, 1),
            "E3": lambda s: s.quantity < WORD64,
            "E4": lambda s: s.price < WORD64,
        },
        (
            cut("E1", "the order is another one", (_TERMS, hinted("bits", 129, "1"))),
            cut("E1", "the price is another", ("price <== p;", "price <-- 9;")),
            cut("E1", "the quantity is another", ("quantity <== q;", "quantity <-- 9;")),
            cut("E1", "the side is another", ("side <== bits[0];", "side <-- 1;")),
            cut("E2", "the side is 2", (_TERMS, summed("bits", 129, "terms", "i == 0 ? 2 : ((terms - 2) >> i) & 1"))),
            cut("E3", "2^64 lots more, for a price one less",
                (_TERMS, summed("bits", 129, "terms", "(((terms - 2 ** 65) >> i) & 1) + (i == 1 ? 2 ** 64 : 0)"))),
            cut("E4", "the price is 2^64 + 3",
                (_TERMS, summed("bits", 129, "terms", "(((terms - 2 ** 129) >> i) & 1) + (i == 65 ? 2 ** 64 : 0)")),
                terms=_terms(0, 5, WORD64 + 3)),
        ),
    ),
    Subject(
        "Lock", "()", lambda: _LOCK,
        {
            "E1": lambda s: s.asset == (s.base if s.side else s.quote),
            "E2": lambda s: s.amount == _lock(s) % R,
            "E3": lambda s: s.amount < 1 << 128,
        },
        (
            cut("E1", "a buyer locks base", ("asset <== quote + side * (base - quote);", "asset <-- base;")),
            cut("E2", "an order locks one unit", ("amount <== value + fee + side * (inBase - value - fee);", "amount <-- 1;")),
            cut("E2", "no fee is locked", ("signal fee <== BasisPoints()(value, feeBps);", "signal fee <-- 0;")),
            cut("E2", "the notional is 1", ("signal value <== quantity * price;", "signal value <-- 1;")),
            cut("E2", "a seller locks 1", ("signal inBase <== quantity * lot;", "signal inBase <-- 1;"), side=1),
            cut("E3", "the lock is above 2^128", ("Range(128)(amount);", ""), **_MOST),
        ),
    ),
    Subject(
        "Select", "(3)", lambda: {"in": list(range(100, 108)), "index": [1, 0, 1]},
        {"E1": lambda s: s.out == s["in"][sum(bit << i for i, bit in enumerate(s.index))]},
        (
            cut("E1", "any word is at the place", ("out <== node[1];", "out <-- 7;")),
            cut("E1", "the list is another", ("node[2 ** depth + i] <== in[i];", "node[2 ** depth + i] <-- 7;")),
            cut("E1", "a level takes the other child",
                ("node[i] <== node[2 * i] + index[level] * (node[2 * i + 1] - node[2 * i]);",
                 "node[i] <-- node[2 * i + 1 - index[level]];")),
        ),
    ),
    Subject(
        "Admission", "(2)", _admission,
        {
            "E1": lambda s: s.id < 4 and fold(_credential(s), s.id, s.siblings) == s.root,
            "E2": lambda s: s.time < s.expiry < WORD64,
            "E3": lambda s: s.jurisdiction < 250 and s.jurisdictions >> s.jurisdiction & 1 == 1,
            "E4": lambda s: s.min_tier <= s.tier < 256,
        },
        (
            cut("E1", "the credential is in no tree", ("root === found;", ""), root=5),
            cut("E1", "the tree is another", ("signal found <== MerkleRoot(depth)(leaf, path, siblings);", "signal found <-- root;"),
                root=5),
            cut("E1", "the credential is another's", ("signal leaf <== Hash(TAG_CREDENTIAL(), 4)([owner, jurisdiction, tier, expiry]);",
                "signal leaf <-- 5;"), root=fold(5, 2, [7, 8])),
            cut("E1", "the id is 6 of 4", (_PATH.format("id"), hinted("path", 2, "(id >> i) & 1")), **_admission(id=6)),
            cut("E2", "it has expired", ("AtMost(64)(time + 1, expiry);", ""), time=1000),
            cut("E2", "it expires after 2^64", ("Range(64)(expiry);", ""), **_admission(expiry=WORD64 + 5)),
            cut("E3", "a country that the market does not admit", ("admitted.out === 1;", ""), **_admission(jurisdiction=43)),
            cut("E3", "300 is 44", ("signal code[8] <== Num2Bits(8)(jurisdiction);", hinted("code", 8, "(jurisdiction >> i) & 1")),
                **_admission(jurisdiction=300)),
            cut("E3", "the market admits everybody",
                ("signal mask[250] <== Num2Bits(250)(jurisdictions);", hinted("mask", 250, "1")), jurisdictions=0),
            cut("E3", "250 is a country", ("admitted.in[i] <== i < 250 ? mask[i] : 0;",
                "{ if (i < 250) admitted.in[i] <== mask[i]; else admitted.in[i] <-- 1; }"),
                **_admission(jurisdiction=250)),
            cut("E4", "a tier too low", ("AtMost(8)(min_tier, tier);", ""), **_admission(tier=2)),
            cut("E4", "tier 256", ("Range(8)(tier);", ""), **_admission(tier=256)),
        ),
    ),
)
