"""circuits/settle.circom for two reveals, and the other circuits that stand alone."""

from dataclasses import replace
from functools import cache
from unittest import mock

from offchain.babyjubjub import L, Point, mul_base
from offchain.merkle import fold, zeros
from offchain.poseidon import hash as H
from offchain.poseidon import node
from offchain.streams import treasury_stream
from relayer import settlement as relayer
from relayer.settlement import Settlement
from tests.ablation.harness import Subject, cut
from tests.ablation.notes import hinted
from tests.ablation.spends import states
from tests.circuits.batch import BUY, SELL, Batch

SIZE, HEAD, SLOT = 2, 34, 11
_STATEMENT = ("Statement", "digest === sponge;", "")


# --- Advance ---


def _subtree(s) -> int:
    return node(node(*s["leaves"][:2]), node(*s["leaves"][2:]))


def _advance(s) -> list[int]:
    place = s["chunk"] % 4
    old, new = (fold(top, place, s["siblings"]) for top in (zeros(2)[2], _subtree(s)))
    return [old, new, s["chunk"], *s["leaves"]]


def _print(s) -> list[int]:
    return [H("print", s["price"], s["volume"], s["salt"]), s["price"], s["volume"]]


def _key(s) -> list[int]:
    return [*mul_base(s["scalar"]), s["account"]]


# --- Settlements ---


def _batch() -> Batch:
    return Batch(41).add(BUY, 1000, 100).add(SELL, 700, 100)


@cache
def _true() -> Settlement:
    return _batch().settle(SIZE)


def dishonest(name: str, change) -> dict:
    """A forgery's inputs and words: of a leader whose function `name` gives `change` of its result."""
    true = getattr(relayer, name)
    with mock.patch.object(relayer, name, lambda *args: change(true(*args))):
        d, inputs = _batch().settle(SIZE).assemble()
    return {"words": dict(enumerate(d)), **inputs}


def _shifted(field: str, value):
    return lambda result: replace(result, **{field: value})


def _slot_words(d: list[int], at: int) -> list[int]:
    return [d[HEAD + SLOT * k + at] for k in range(SIZE)]


def _every_slot(at: int, word: int) -> dict[int, int]:
    return {HEAD + SLOT * k + at: word for k in range(SIZE)}


def _same(*indices: int, slots: tuple[int, ...] = ()):
    """The guarantee that words of the statement are those of the honest leader's settlement."""

    def holds(s) -> bool:
        true = _true().words()
        head = all(s.d[i] == true[i] for i in indices)
        return head and all(_slot_words(s.d, at) == _slot_words(true, at) for at in slots)

    return holds


def _settle(s) -> list[int]:
    return _true().words()


_CLEARED, _CONTEXT = _true().clearing, _true().epoch.context.word

SUBJECTS = (
    Subject(
        "Advance", "(4, 2)", lambda: {"chunk": 2, "leaves": [10, 11, 12, 0], "siblings": [7, 8]},
        {
            "E1": lambda s: s.d[0] == _advance(s)[0],
            "E2": lambda s: s.d[1] == _advance(s)[1],
            "E3": lambda s: s.chunk < 4,
            "E4": states(_advance),
        },
        (
            cut("E1", "leaves are put where others are",
                ("signal old_root <== MerkleRoot(above)(EMPTY_ROOT(chunk_depth), path, siblings);", "signal old_root <-- 77;"),
                words={0: 77}),
            cut("E2", "the new root is of any tree", ("signal new_root <== MerkleRoot(above)(subtree, path, siblings);",
                "signal new_root <-- 77;"), words={1: 77}),
            cut("E2", "other leaves go in than were queued", ("signal subtree <== SubtreeRoot(chunk_depth)(leaves);",
                "signal subtree <-- 77;"), words={1: fold(77, 2, [7, 8])}),
            cut("E3", "chunk 6 of 4", ("signal path[above] <== Num2Bits(above)(chunk);", hinted("path", 2, "(chunk >> i) & 1")),
                chunk=6),
            cut("E4", "the contract saw other words", _STATEMENT, digest=5),
        ),
        _advance,
    ),
    Subject(
        "Print", "()", lambda: {"price": 900, "volume": 30, "salt": 5},
        {"E1": lambda s: s.d[0] == _print(s)[0], "E2": states(_print)},
        (
            cut("E1", "any price opens the commitment",
                ("signal commitment <== Hash(TAG_PRINT(), 3)([price, volume, salt]);", "signal commitment <-- 77;"), words={0: 77}),
            cut("E2", "the contract saw other words", _STATEMENT, digest=5),
        ),
        _print,
    ),
    Subject(
        "Key", "()", lambda: {"scalar": 12345, "account": 7},
        {
            "E1": lambda s: s.scalar < L and s.d[:2] == list(mul_base(s.scalar)),
            "E2": lambda s: s.d[:2] != [0, 1],
            "E3": states(_key),
        },
        (
            cut("E1", "somebody else's key is registered", ("signal K[2] <== FixedMul(251)(bits);", "signal K[2] <-- [5, 6];"),
                words={0: 5, 1: 6}),
            cut("E1", "a scalar above the order", ("ScalarBits", "AtMost(251)(in, SUBGROUP_ORDER() - 1);", ""), scalar=12345 + L),
            cut("E2", "the identity is a key, and anyone meets it", ("NonZero()(scalar);", ""), scalar=0),
            cut("E3", "the contract saw other words", _STATEMENT, digest=5),
        ),
        _key,
    ),
    Subject(
        "Settle", f"({SIZE})", lambda: _true().inputs(),
        {
            "E1": lambda s: 1 <= s.count <= SIZE and s.present == [int(k < s.count) for k in range(SIZE)],
            "E2": lambda s: s.rsk < L and s.d[9:11] == list(mul_base(s.rsk)),
            "E3": lambda s: [s["opening[0].valid"], s["opening[1].valid"]] == [1, 1],
            "E4": _same(24),
            "E5": lambda s: (s["clearing.price"], s["clearing.volume"], s["clearing.fill"], s.offset)
            == (_CLEARED.clamped, _CLEARED.volume, list(_CLEARED.fills), _CLEARED.rationing.offset),
            "E6": _same(slots=(7, 8)),
            "E7": _same(slots=(9,)),
            "E8": _same(31),
            "E9": _same(30, 32),
            "E10": _same(25),
            "E11": _same(26, 27, 28, 29, slots=(10,)),
            "E12": states(_settle),
        },
        (
            cut("E1", "a reveal is left out", ("Present", "sum === count;", ""), count=1, words={23: 1}),
            cut("E2", "the leader proves under another key than the registered one",
                ("LeaderSecrets", "reveal_key <== FixedMul(251)(reveal_bits);", "reveal_key <-- [5, 6];"), words={9: 5, 10: 6}),
            cut("E3", "every order is voided", ("OpenReveal", "valid <== usable * opens;", "valid <-- 0;"),
                **dishonest("open_slot", _shifted("opening", None))),
            cut("E4", "an invalid order is told as valid, or a valid one as invalid",
                ("for (var i = 0; i < 34; i++) statement.d[i] <== head[i];",
                 "for (var i = 0; i < 34; i++) { if (i == 24) statement.d[i] <-- 1; else statement.d[i] <== head[i]; }"),
                words={24: 1}),
            cut("E5", "nobody is filled", ("Clearing", "fill[k] <== target.within * (whole + ration.share[k]);", "fill[k] <-- 0;"),
                **dishonest("clear", _shifted("fills", (0, 0)))),
            cut("E5", "the rationing is the leader's", ("clearing.offset_source <== leader.offset_source;",
                "clearing.offset_source <-- 0;"), offset=0),
            cut("E6", "the outputs are notes of anything", ("SlotOutputs", "base_cm <== valid * base_note;", "base_cm <-- 77;"),
                words=_every_slot(7, 77)),
            cut("E7", "a receipt that its trader cannot read",
                ("SlotWords", "receipt <== present * (fill + 2 ** 64 * paid + stream[0]);", "receipt <-- 77;"),
                words=_every_slot(9, 77)),
            cut("E8", "the leader takes all fees", ("signal leader_fee <== BasisPoints()(fees, split_bps);", "signal leader_fee <-- fees;"),
                **dishonest("split", lambda parts: (sum(parts), 0))),
            cut("E9", "the treasury cannot read its amount", ("TreasuryNote", "padded <== amount + stream[1];", "padded <-- 77;"),
                words={30: 77}),
            cut("E9", "the treasury cannot open its note",
                ("signal (treasury_shared[2], treasury_gone) <== LadderPoint()(leader.audit_signs, treasury_key);",
                 "signal treasury_shared[2] <-- [0, 1]; signal treasury_gone <-- 0;"),
                **dishonest("treasury_stream", lambda stream: treasury_stream(Point(0, 1), _CONTEXT, 2))),
            cut("E10", "the print is of anything", ("signal print_cm <== Hash(TAG_PRINT(), 3)([printed, clearing.volume, leader.print_salt]);",
                "signal print_cm <-- 77;"), words={25: 77}),
            cut("E11", "the auditor meets another point",
                ("LeaderSecrets", "audit_point <== FixedMul(250)(audit_bits);", "audit_point <-- [5, 6];"), words={26: 5, 27: 6}),
            cut("E11", "the auditor cannot read the seeds", ("SlotWords", "audit <== present * (seed + pad);", "audit <-- 77;"),
                words=_every_slot(10, 77)),
            cut("E11", "the auditor cannot read the print",
                ("signal pads[2 + n] <== AuditPads(2 + n)(audit_shared, context);", hinted("pads", 2 + SIZE, "7")),
                **dishonest("audit_pads", lambda pads: [7] * len(pads))),
            cut("E12", "the contract saw other words", _STATEMENT, digest=5),
        ),
        _settle,
    ),
)
