"""circuits/transact.circom, commit.circom and reclaim.circom, with trees of 16 notes."""

from functools import cache

from offchain.babyjubjub import L, mul_base
from offchain.field import R
from offchain.merkle import fold
from offchain.notes import fee
from offchain.poseidon import hash as H
from offchain.poseidon import sponge, squeeze
from offchain.statement import evaluate
from tests.ablation.curves import shared
from tests.ablation.harness import Subject, cut
from tests.ablation.notes import summed
from tests.circuits import world
from tests.circuits.model import WORDS, lock, rebuild, split

DEPTH, CREDENTIALS = 4, 2
WORD64, AMOUNT = 1 << 64, 1 << 128


def states(words) -> dict:
    """The guarantee that the statement is these words."""

    def holds(s) -> bool:
        d = words(s)
        return s.digest == sponge(d) and s.evaluation == evaluate(d, s.challenge)

    return holds


# --- Inputs and words at these depths ---


@cache
def _honest(name: str) -> dict:
    inputs = world.honest(name).assemble()[1]
    if name != "reclaim":
        inputs = inputs | {"in_leaf": [3, 4], "in_siblings": [row[:DEPTH] for row in inputs["in_siblings"]]}
    if name == "commit":
        inputs = inputs | {"credential_id": 2, "credential_siblings": inputs["credential_siblings"][:CREDENTIALS]}
    return inputs


def made(name: str, **changes) -> dict:
    """The inputs with some changed, and the roots that follow."""
    return rebuild(name, _honest(name), **changes)[2]


def _nested(s) -> dict:
    """The inputs among a witness's signals, as the model takes them."""
    rows = s["in_siblings"]
    return dict(s) | {"in_siblings": rows if isinstance(rows[0], list) else [rows[:DEPTH], rows[DEPTH:]]}


def _notes(i, asset: int) -> list[int]:
    return [H("note", asset, amount, H("owner", i["sk"]), b) for amount, b in zip(i["in_amount"], i["in_blinding"])]


def _roots(i, asset: int) -> list[int]:
    return [fold(cm, leaf, path) for cm, leaf, path in zip(_notes(i, asset), i["in_leaf"], i["in_siblings"])]


def _nullifiers(i, asset: int) -> list[int]:
    positions = [tree * 2**DEPTH + leaf for tree, leaf in zip(i["tree"], i["in_leaf"])]
    return [H("nullifier", cm, position, i["sk"]) for cm, position in zip(_notes(i, asset), positions)]


def _change(i, asset: int, amount: int) -> int:
    return H("note", asset, amount % R, H("owner", i["sk"]), i["change_blinding"])


def _words(name: str, asset):
    def words(s) -> list[int]:
        i = _nested(s)
        d = WORDS[name](i)
        return [*d[:4], *_nullifiers(i, asset(i)), *d[6:]]

    return words


_transact = _words("transact", lambda i: i["asset"])
_commit = _words("commit", lambda i: lock(i)[0])
_reclaim = WORDS["reclaim"]


def _spent(s, asset: int) -> bool:
    i = _nested(s)
    inside = all(leaf < 2**DEPTH for leaf in i["in_leaf"])
    places = zip(i["in_amount"], _roots(i, asset), i["root"])
    return inside and all(amount == 0 or found == root for amount, found, root in places)


# --- Forgeries that need a little arithmetic ---


def _in_base(terms: int = _honest("commit")["terms"]) -> dict:
    """Inputs of an order to buy that are notes of the base asset."""
    inputs = made("commit", terms=terms)
    return inputs | {"root": _roots(inputs, inputs["base"])}


def _paid_in(asset: int, locked: int):
    """The words of a commit whose inputs and change are of another asset, or of another lock."""

    def words(i) -> dict[int, int]:
        nullifiers = _nullifiers(i, asset)
        return {4: nullifiers[0], 5: nullifiers[1], 6: _change(i, asset, sum(i["in_amount"]) - locked)}

    return words


def _two_sided() -> tuple[dict, dict]:
    """An order of side 2 and 39 lots, which locks what is twice a seller's less a buyer's lock."""
    inputs = made("commit", lot=10**9)
    value = 39 * (inputs["terms"] >> 65)
    asset = (2 * inputs["base"] - inputs["quote"]) % R
    locked = 2 * 39 * inputs["lot"] - value - fee(value, inputs["fee_bps"])
    inputs = inputs | {"in_amount": [locked, 5]}
    inputs = inputs | {"root": _roots(inputs, asset)}
    return inputs, _paid_in(asset, locked)(inputs)


def _forfeited(s) -> int:
    return s["forfeit"] * fee(lock(s)[1], s["bond_bps"])


def _left(s) -> tuple[int, int]:
    asset, locked = lock(s)
    return asset, locked - s.forfeited


def _pads(i, oc: int | None, asset: int | None = None) -> list[int]:
    """The treasury's words of a reclaim for another commitment or asset."""
    true = _reclaim(i)
    oc, asset = true[0] if oc is None else oc, lock(i)[0] if asset is None else asset
    blinding, pad = squeeze("treasury", [*_secret(i), oc, i["forfeit"]], 2)
    return [H("note", asset, _forfeited(i), i["treasury_owner"], blinding), (_forfeited(i) + pad) % R]


def _treasury(i, amount: int, secret) -> dict[int, int]:
    """Words 10 and 16 of a reclaim for a forfeit and a shared point."""
    oc = H("order", i["market"], i["epoch"], i["terms"], H("owner", i["sk"]), i["credential_id"], i["salt"])
    blinding, pad = squeeze("treasury", [*secret, oc, i["forfeit"]], 2)
    return {10: H("note", lock(i)[0], amount, i["treasury_owner"], blinding), 16: (amount + pad) % R}


def _refund(i, asset: int, amount: int, owner: int | None = None) -> dict[int, int]:
    return {9: H("note", asset, amount % R, H("owner", i["sk"]) if owner is None else owner, i["blinding"])}


def _secret(i):
    return shared(i["ephemeral"], list(i["treasury_key"]))


_TERMS = "signal bits[129] <== Num2Bits(129)(terms);"
_BUY = _honest("commit")["terms"]
_SIDE_2, _SIDE_2_WORDS = _two_sided()
_RECLAIM = _honest("reclaim")
_STATEMENT = ("Statement", "digest === sponge;", "")

SUBJECTS = (
    Subject(
        "Transact", f"({DEPTH})", lambda: made("transact"),
        {
            "E1": lambda s: _spent(s, s.asset),
            "E2": lambda s: s.d[4:6] == _nullifiers(_nested(s), s.asset),
            "E3": lambda s: s.d[6:8] == _transact(s)[6:8],
            "E4": lambda s: (sum(s.in_amount) + s.deposit - sum(s.out_amount) - s.withdrawal - s.fee) % R == 0,
            "E5": lambda s: max(*s.in_amount, *s.out_amount, s.deposit, s.withdrawal, s.fee) < AMOUNT,
            "E6": lambda s: s.d[8] == (s.asset if s.deposit or s.withdrawal or s.fee else 0),
            "E7": lambda s: any((*s.in_amount, s.deposit)),
            "E8": states(_transact),
        },
        (
            cut("E1", "a note that is in no tree is spent", ("Spend", "amount * (found - root) === 0;", ""), root=[5, 5]),
            cut("E1", "another owner's note is spent", ("signal owner <== Owner()(sk);", f"signal owner <-- {world.KEY.owner};"),
                sk=99, words=lambda i: dict(enumerate(
                    [H("nullifier", cm, tree * 2**DEPTH + leaf, 99) for cm, tree, leaf in
                     zip(_notes(made("transact"), i["asset"]), i["tree"], i["in_leaf"])], start=4))),
            cut("E2", "a note is spent twice, under two nullifiers",
                ("Spend", "nullifier <== Nullifier()(commitment, tree * 2 ** depth + leaf, sk);", "nullifier <-- 77;"),
                words={4: 77, 5: 77}),
            cut("E3", "an output is a note of anything",
                ("commitment[i] <== NoteCommitment()(asset, out_amount[i], out_owner[i], out_blinding[i]);",
                 "commitment[i] <-- 77;"), words={6: 77, 7: 77}),
            cut("E4", "a million comes from nowhere",
                ("total === out_amount[0] + out_amount[1] + withdrawal + fee;", ""), out_amount=[10**6, 150]),
            cut("E5", "one output is less than 0, so the other is too much", ("Range(128)(out_amount[i]);", ""),
                out_amount=[R - 300, 1000]),
            cut("E5", "a deposit of -100 is paid out of the pool", ("Range(128)(deposit);", ""),
                deposit=R - 100, out_amount=[450, 150]),
            cut("E5", "a withdrawal of -100 fills the outputs", ("Range(128)(withdrawal);", ""),
                withdrawal=R - 100, out_amount=[940, 150]),
            cut("E5", "a fee of -10 does", ("Range(128)(fee);", ""), fee=R - 10, out_amount=[570, 150]),
            cut("E5", "an input is less than 0", ("Spend", "Range(128)(amount);", ""), **made("transact", in_amount=[R - 5, 1005])),
            cut("E6", "another asset is withdrawn than was spent",
                ("signal public_asset <== (1 - hidden) * asset;", "signal public_asset <-- 12345;"), words={8: 12345}),
            cut("E6", "no asset is named where an amount is public",
                ("signal hidden <== IsZero()(deposit + withdrawal + fee);", "signal hidden <-- 1;"), words={8: 0}),
            cut("E7", "leaves are appended for nothing", ("NonZero()(total);", ""),
                **made("transact", in_amount=[0, 0], out_amount=[0, 0], withdrawal=0, fee=0)),
            cut("E8", "the contract saw other words", _STATEMENT, digest=5),
        ),
        _transact,
    ),
    Subject(
        "Commit", f"({DEPTH}, {CREDENTIALS})", lambda: made("commit"),
        {
            "E1": lambda s: _spent(s, s.asset),
            "E2": lambda s: s.d[4:6] == _nullifiers(_nested(s), s.asset),
            "E3": lambda s: s.side in (0, 1),
            "E4": lambda s: s.min_quantity <= split(s.terms)[1],
            "E5": lambda s: 1 <= split(s.terms)[2] < WORD64,
            "E6": lambda s: s.asset == lock(s)[0],
            "E7": lambda s: (sum(s.in_amount) - lock(s)[1] - s.change) % R == 0,
            "E8": lambda s: max(s.lock, s.change) < AMOUNT,
            "E9": lambda s: s.d[6] == _change(s, s.asset, s.change),
            "E10": lambda s: s.d[8] == _commit(s)[8],
            "E11": lambda s: s.credential_root == fold(
                H("credential", H("owner", s.sk), s.jurisdiction, s.tier, s.expiry), s.credential_id, s.credential_siblings),
            "E12": lambda s: s.time < s.expiry < WORD64,
            "E13": lambda s: s.jurisdiction < 250 and s.jurisdictions >> s.jurisdiction & 1 == 1,
            "E14": lambda s: s.min_tier <= s.tier,
            "E15": lambda s: s.quota_index < s.quota and s.d[7] == _commit(s)[7],
            "E16": states(_commit),
        },
        (
            cut("E1", "an order is backed by a note that is in no tree", ("Spend", "amount * (found - root) === 0;", ""), root=[5, 5]),
            cut("E2", "one note backs two orders",
                ("Spend", "nullifier <== Nullifier()(commitment, tree * 2 ** depth + leaf, sk);", "nullifier <-- 77;"),
                words={4: 77, 5: 77}),
            cut("E3", "an order of side 2 locks a third asset",
                ("SplitTerms", _TERMS, summed("bits", 129, "terms", "i == 0 ? 2 : ((terms - 2) >> i) & 1")),
                words=_SIDE_2_WORDS, **_SIDE_2),
            cut("E4", "an order below the market's minimum", ("AtMost(64)(min_quantity, quantity);", ""), min_quantity=41),
            cut("E5", "an order at price 0 locks nothing", ("NonZero()(price);", ""), **made("commit", terms=80)),
            cut("E5", "a price of 2^64 + 3",
                ("SplitTerms", _TERMS, summed("bits", 129, "terms", "(((terms - 2 ** 129) >> i) & 1) + (i == 65 ? 2 ** 64 : 0)")),
                **made("commit", terms=80 + ((WORD64 + 3) << 65), in_amount=[1 << 72, 0])),
            cut("E6", "a buyer locks the base asset", ("Lock", "asset <== quote + side * (base - quote);", "asset <-- base;"),
                words=_paid_in(world.BASE, lock(_honest("commit"))[1]), **_in_base()),
            cut("E7", "the change is a million more than was put in",
                ("signal change <== in_amount[0] + in_amount[1] - lock;", "signal change <-- 1000020;"),
                words=lambda i: {6: _change(i, i["quote"], 1_000_020)}),
            cut("E7", "the order locks one unit",
                ("Lock", "amount <== value + fee + side * (inBase - value - fee);", "amount <-- 1;"),
                words=_paid_in(world.QUOTE, 1)),
            cut("E8", "a lock is paid with too little, and the change is less than 0", ("Range(128)(change);", ""),
                **made("commit", in_amount=[100, 20])),
            cut("E8", "a lock is above 2^128", ("Lock", "Range(128)(amount);", ""),
                **made("commit", terms=2 * (WORD64 - 1) + ((WORD64 - 1) << 65), in_amount=[AMOUNT - 1, AMOUNT - 1])),
            cut("E9", "the change is a note of anything",
                ("signal change_commitment <== NoteCommitment()(asset, change, owner, change_blinding);",
                 "signal change_commitment <-- 77;"), words={6: 77}),
            cut("E10", "the order is another than the one that is paid for",
                ("signal oc <== OrderCommitment()(market, epoch, terms, owner, credential_id, salt);", "signal oc <-- 77;"),
                words={8: 77}),
            cut("E11", "a trader without a credential", ("Admission", "root === found;", ""), credential_root=5),
            cut("E12", "a trader whose credential has expired", ("Admission", "AtMost(64)(time + 1, expiry);", ""),
                time=world.CREDENTIAL.expiry),
            cut("E13", "a trader of another country", ("Admission", "admitted.out === 1;", ""), **made("commit", jurisdiction=43)),
            cut("E14", "a trader of a lower tier", ("Admission", "AtMost(8)(min_tier, tier);", ""), **made("commit", tier=1)),
            cut("E15", "a fifth order of four", ("AtMost(16)(quota_index, quota - 1);", ""), quota_index=4),
            cut("E15", "order -1 of four", ("Range(16)(quota_index);", ""), quota_index=R - 1),
            cut("E15", "any number of orders",
                ("signal quota_nullifier <== Hash(TAG_QUOTA(), 4)([sk, market, epoch, quota_index]);",
                 "signal quota_nullifier <-- 77;"), words={7: 77}),
            cut("E16", "the contract saw other words", _STATEMENT, digest=5),
        ),
        _commit,
    ),
    Subject(
        "Reclaim", "()", lambda: _RECLAIM,
        {
            "E1": lambda s: s.d[0] == _reclaim(s)[0],
            "E2": lambda s: (s.asset, s.lock) == lock(s) and s.d[9] == _refund(s, *_left(s))[9],
            "E3": lambda s: s.forfeited == _forfeited(s),
            "E4": lambda s: s.d[9] == _refund(s, s.asset, s.lock - s.forfeited)[9],
            "E5": lambda s: {10: s.d[10], 16: s.d[16]} == _treasury(s, s.forfeited, s.shared),
            "E6": lambda s: s.ephemeral < L
            and (s.d[14:16], s.shared) == (list(mul_base(s.ephemeral)), list(_secret(s))),
            "E7": states(_reclaim),
        },
        (
            cut("E1", "an order that was never made is reclaimed",
                ("signal oc <== OrderCommitment()(market, epoch, terms, owner, credential_id, salt);", "signal oc <-- 77;"),
                words=lambda i: {0: 77} | dict(zip((10, 16), _pads(i, 77)))),
            cut("E1", "a stranger reclaims an order", ("signal owner <== Owner()(sk);", f"signal owner <-- {world.KEY.owner};"),
                sk=99, words=lambda i: dict(enumerate(_reclaim(_RECLAIM)))),
            cut("E2", "a lock comes back a thousandfold",
                ("Lock", "amount <== value + fee + side * (inBase - value - fee);", "amount <-- 10000000000;"),
                forfeit=0, words=lambda i: _refund(i, i["quote"], 10**10)),
            cut("E2", "a lock comes back in the other asset", ("Lock", "asset <== quote + side * (base - quote);", "asset <-- base;"),
                bond_bps=0, words=lambda i: _refund(i, i["base"], lock(i)[1]) | dict(zip((10, 16), _pads(i, None, i["base"])))),
            cut("E3", "nothing is forfeited", ("signal forfeited <== forfeit * bond;", "signal forfeited <-- 0;"),
                words=lambda i: _refund(i, *lock(i)) | _treasury(i, 0, _secret(i))),
            cut("E3", "the bond is 1", ("signal bond <== BasisPoints()(lock, bond_bps);", "signal bond <-- 1;"),
                words=lambda i: _refund(i, lock(i)[0], lock(i)[1] - 1) | _treasury(i, 1, _secret(i))),
            cut("E4", "the refund is a note of anything",
                ("signal refund <== NoteCommitment()(asset, lock - forfeited, owner, blinding);", "signal refund <-- 77;"),
                words={9: 77}),
            cut("E5", "the treasury's note is one of nothing",
                ("TreasuryNote", "commitment <== NoteCommitment()(asset, amount, owner, stream[0]);", "commitment <-- 77;"),
                words={10: 77}),
            cut("E5", "the treasury cannot read its amount", ("TreasuryNote", "padded <== amount + stream[1];", "padded <-- 77;"),
                words={16: 77}),
            cut("E6", "the treasury meets another point",
                ("signal point[2] <== FixedMul(251)(bits);", "signal point[2] <-- [0, 1];"), words={14: 0, 15: 1}),
            cut("E6", "the treasury cannot open its note",
                ("signal (shared[2], vanishes) <== SharedPoint(251)(bits, treasury_key);",
                 "signal shared[2] <-- [1, 2]; signal vanishes <-- 0;"),
                words=lambda i: _treasury(i, _forfeited(i), (1, 2))),
            cut("E6", "the ephemeral has a second scalar", ("ScalarBits", "AtMost(251)(in, SUBGROUP_ORDER() - 1);", ""),
                ephemeral=12345 + L, words=lambda i: dict(enumerate(_reclaim(i | {"ephemeral": 12345})))),
            cut("E7", "the contract saw other words", _STATEMENT, digest=5),
        ),
        _reclaim,
    ),
)
