"""The statement's words straight from a circuit's input signals, with no range checked.

`rebuild` changes input signals, then recomputes the roots and the words that follow from them,
so that a mutation fails at the guard that is meant to catch it, and not before.
"""

from collections.abc import Callable

from offchain.babyjubjub import Point, mul, mul_base
from offchain.field import R
from offchain.merkle import fold, zeros
from offchain.poseidon import hash as H
from offchain.poseidon import node, squeeze
from offchain.witness import Inputs

Claim = tuple[str, list[int], Inputs]


def rebuild(name: str, inputs: Inputs, **changes) -> Claim:
    """The claim of the circuit with some input signals changed."""
    made = inputs | changes
    if name in ("transact", "commit") and "root" not in changes:
        made["root"] = _note_roots(made)
    if name == "commit" and "credential_root" not in changes:
        made["credential_root"] = _credential_root(made)
    return name, WORDS[name](made), made


def split(terms: int) -> tuple[int, int, int]:
    return terms & 1, terms >> 1 & (1 << 64) - 1, terms >> 65


def lock(i: Inputs) -> tuple[int, int]:
    side, quantity, price = split(i["terms"])
    value = quantity * price
    if side:
        return i["base"], quantity * i["lot"]
    return i["quote"], value + value * i["fee_bps"] // 10_000


def _asset(i: Inputs) -> int:
    return i["asset"] if "asset" in i else lock(i)[0]


def _commitments(i: Inputs) -> list[int]:
    owner, asset = H("owner", i["sk"]), _asset(i)
    return [H("note", asset, amount, owner, blinding) for amount, blinding in zip(i["in_amount"], i["in_blinding"])]


def _note_roots(i: Inputs) -> list[int]:
    places = zip(_commitments(i), i["in_leaf"], i["in_siblings"])
    return [fold(commitment, leaf, siblings) for commitment, leaf, siblings in places]


def _credential_root(i: Inputs) -> int:
    owner = H("owner", i["sk"])
    leaf = H("credential", owner, i["jurisdiction"], i["tier"], i["expiry"])
    return fold(leaf, i["credential_id"], i["credential_siblings"])


def _spend(i: Inputs) -> list[int]:
    positions = [(tree * 2**32 + leaf) % R for tree, leaf in zip(i["tree"], i["in_leaf"])]
    nullifiers = [H("nullifier", cm, position, i["sk"]) for cm, position in zip(_commitments(i), positions)]
    return [i["tree"][0], i["root"][0], i["tree"][1], i["root"][1], *nullifiers]


def _transact(i: Inputs) -> list[int]:
    outputs = zip(i["out_amount"], i["out_owner"], i["out_blinding"])
    public = i["deposit"], i["withdrawal"], i["fee"]
    return [
        *_spend(i),
        *(H("note", i["asset"], *output) for output in outputs),
        i["asset"] if any(public) else 0,
        *public,
        i["account"],
        i["carrier"],
        *i["memo"],
    ]


def _commit(i: Inputs) -> list[int]:
    owner = H("owner", i["sk"])
    asset, locked = lock(i)
    change = (sum(i["in_amount"]) - locked) % R
    return [
        *_spend(i),
        H("note", asset, change, owner, i["change_blinding"]),
        H("quota", i["sk"], i["market"], i["epoch"], i["quota_index"]),
        H("order", i["market"], i["epoch"], i["terms"], owner, i["credential_id"], i["salt"]),
        i["rk"],
        i["market"],
        i["epoch"],
        i["credential_root"],
        i["time"],
        i["base"],
        i["quote"],
        i["lot"],
        i["min_quantity"],
        i["fee_bps"],
        i["jurisdictions"],
        i["min_tier"],
        i["quota"],
        i["memo"],
    ]


def _reclaim(i: Inputs) -> list[int]:
    owner = H("owner", i["sk"])
    asset, locked = lock(i)
    forfeited = i["forfeit"] * (locked * i["bond_bps"] // 10_000)
    oc = H("order", i["market"], i["epoch"], i["terms"], owner, i["credential_id"], i["salt"])
    shared = mul(i["ephemeral"], mul(8, Point(*i["treasury_key"])))
    blinding, pad = squeeze("treasury", [*shared, oc, i["forfeit"]], 2)
    return [
        oc,
        i["market"],
        i["epoch"],
        i["base"],
        i["quote"],
        i["lot"],
        i["fee_bps"],
        i["bond_bps"],
        i["forfeit"],
        H("note", asset, (locked - forfeited) % R, owner, i["blinding"]),
        H("note", asset, forfeited, i["treasury_owner"], blinding),
        i["treasury_owner"],
        *i["treasury_key"],
        *mul_base(i["ephemeral"]),
        (forfeited + pad) % R,
        i["memo"],
    ]


def _advance(i: Inputs) -> list[int]:
    subtree = i["leaves"]
    while len(subtree) > 1:
        subtree = [node(*pair) for pair in zip(subtree[::2], subtree[1::2])]
    place = i["chunk"] % (1 << len(i["siblings"]))
    old, new = (fold(top, place, i["siblings"]) for top in (zeros(6)[6], subtree[0]))
    return [old, new, i["chunk"], *i["leaves"]]


def _print(i: Inputs) -> list[int]:
    return [H("print", i["price"], i["volume"], i["salt"]), i["price"], i["volume"]]


def _key(i: Inputs) -> list[int]:
    return [*mul_base(i["scalar"]), i["account"]]


WORDS: dict[str, Callable[[Inputs], list[int]]] = {
    "transact": _transact,
    "commit": _commit,
    "reclaim": _reclaim,
    "advance": _advance,
    "print": _print,
    "key": _key,
}
