"""circuits/lib/note.circom, order.circom, credential.circom and curve.circom, one test a guarantee."""

import pytest

from offchain.babyjubjub import B8, GENERATOR, IDENTITY, L, add, ecdh, mul, mul_base, scalar_from_hash, torsion
from offchain.field import R
from offchain.merkle import fold
from offchain.notes import Side, Terms
from offchain.poseidon import hash as H
from offchain.streams import treasury_stream
from offchain.witness import WitnessError
from tests.circuits.guard import failed
from tests.offchain.circuit import compile_text, witness_words


@pytest.fixture(scope="module")
def run():
    """run(lib, template, **inputs): the outputs, and all other words after them."""
    compiled = {}

    def run(lib: str, template: str, **inputs) -> list[int]:
        if template not in compiled:
            text = f'include "lib/{lib}.circom";\ncomponent main = {template};\n'
            compiled[template] = compile_text(f"protocol_{len(compiled)}", text).wasm
        return witness_words(compiled[template], inputs)[1:]

    return run


def refuses(guard: str, run, lib: str, template: str, **inputs) -> None:
    with pytest.raises(WitnessError) as error:
        run(lib, template, **inputs)
    assert guard in failed(error.value), str(error.value)


# --- Notes ---


def test_owner_E1(run):
    assert run("note", "Owner()", sk=5)[0] == H("owner", 5)


def test_note_commitment_E1(run):
    assert run("note", "NoteCommitment()", asset=1, amount=2, owner=3, blinding=4)[0] == H("note", 1, 2, 3, 4)


def test_nullifier_E1(run):
    assert run("note", "Nullifier()", commitment=1, position=2, sk=3)[0] == H("nullifier", 1, 2, 3)


def spend(**changes) -> dict:
    words = {"sk": 5, "owner": H("owner", 5), "asset": 6, "amount": 7, "blinding": 8, "tree": 3, "leaf": 9}
    words |= {"siblings": [11, 12, 13, 14]} | changes
    commitment = H("note", words["asset"], words["amount"], words["owner"], words["blinding"])
    return {"root": fold(commitment, words["leaf"] % 16, words["siblings"])} | words


def test_spend_E1_amount(run):
    run("note", "Spend(4)", **spend(amount=(1 << 128) - 1))
    refuses("Spend E1", run, "note", "Spend(4)", **spend(amount=1 << 128))


def test_spend_E2_membership(run):
    run("note", "Spend(4)", **spend())
    refuses("Spend E2", run, "note", "Spend(4)", **spend(root=1))
    refuses("Spend E2", run, "note", "Spend(4)", **spend(leaf=9 + 16))
    run("note", "Spend(4)", **spend(amount=0, root=1))


def test_spend_E3_nullifier(run):
    """The position is tree · 2^depth + leaf, also of a dummy."""
    for amount in (0, 7):
        nullifier = run("note", "Spend(4)", **spend(amount=amount))[0]
        assert nullifier == H("nullifier", H("note", 6, amount, H("owner", 5), 8), 3 * 16 + 9, 5)


def test_treasury_note_E1_E2(run):
    shared, given = mul(7, B8), {"asset": 5, "amount": 1 << 100, "owner": 9}
    for context, kind in ((11, 0), (11, 1), (12, 2)):
        made = run("note", "TreasuryNote()", shared=list(shared), context=context, kind=kind, **given)[:2]
        blinding, pad = treasury_stream(shared, context, kind)
        assert made == [H("note", 5, 1 << 100, 9, blinding), ((1 << 100) + pad) % R]


# --- Orders ---


def test_order_commitment_E1(run):
    words = {"market": 1, "epoch": 2, "terms": 3, "owner": 4, "credential": 5, "salt": 6}
    assert run("order", "OrderCommitment()", **words)[0] == H("order", *range(1, 7))


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("quantity, price", [(0, 0), (1, 2), ((1 << 64) - 1, 1), (1, (1 << 64) - 1)])
def test_split_terms_E1(run, side, quantity, price):
    terms = side + 2 * quantity + (price << 65)
    assert run("order", "SplitTerms()", terms=terms)[:3] == [side, quantity, price]


@pytest.mark.parametrize("terms", [1 << 129, R - 1, (1 << 129) + 5])
def test_split_terms_E2_E3_E4_nothing_else_fits(run, terms):
    for guard in ("SplitTerms E2", "SplitTerms E3", "SplitTerms E4"):
        refuses(guard, run, "order", "SplitTerms()", terms=terms)


def lock(side: int, quantity: int, price: int, lot: int = 1000, fee_bps: int = 25) -> dict:
    order = {"side": side, "quantity": quantity, "price": price, "lot": lot, "feeBps": fee_bps}
    return order | {"base": 77, "quote": 88}


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("quantity, price, fee_bps", [(1, 1, 0), (40, 123_457, 25), ((1 << 64) - 1, 3, 1000)])
def test_lock_E1_E2(run, side, quantity, price, fee_bps):
    made = run("order", "Lock()", **lock(side, quantity, price, fee_bps=fee_bps))[:2]
    assert made == [77 if side else 88, Terms(side, quantity, price).lock(1000, fee_bps)]


def test_lock_E3_fee_beyond_the_range(run):
    most = (1 << 64) - 1
    assert run("order", "Lock()", **lock(0, most, most, fee_bps=0))[1] == most * most
    refuses("Lock E3", run, "order", "Lock()", **lock(0, most, most, fee_bps=1))


# --- Credentials ---


def test_select_E1(run):
    for index in range(8):
        bits = [index >> level & 1 for level in range(3)]
        made = run("credential", "Select(3)", **{"in": list(range(100, 108)), "index": bits})
        assert made[0] == 100 + index


def admission(**changes) -> dict:
    words = {"owner": 5, "id": 2, "jurisdiction": 44, "tier": 3, "expiry": 1000, "siblings": [7, 8], "time": 999}
    words |= {"jurisdictions": 1 << 44, "min_tier": 3} | changes
    leaf = H("credential", words["owner"], words["jurisdiction"], words["tier"], words["expiry"])
    return {"root": fold(leaf, words["id"] % 4, words["siblings"])} | words


def test_admission_accepts(run):
    run("credential", "Admission(2)", **admission())
    run("credential", "Admission(2)", **admission(jurisdiction=249, jurisdictions=1 << 249))
    run("credential", "Admission(2)", **admission(tier=255, expiry=(1 << 64) - 1))


def not_admitted(guard: str, run, *mutations: dict) -> None:
    for changes in mutations:
        refuses(guard, run, "credential", "Admission(2)", **admission(**changes))


def test_admission_E1_not_in_the_tree(run):
    not_admitted("Admission E1", run, {"root": 5}, {"id": 2 + 4})


def test_admission_E2_expired(run):
    not_admitted("Admission E2", run, {"time": 1000}, {"time": 1001}, {"expiry": 1 << 64})


def test_admission_E3_jurisdiction(run):
    everywhere = (1 << 250) - 1
    beyond = {"jurisdiction": 250, "jurisdictions": everywhere}
    not_admitted("Admission E3", run, {"jurisdiction": 43}, {"jurisdiction": 44 + 256}, beyond)


def test_admission_E4_tier(run):
    not_admitted("Admission E4", run, {"tier": 2}, {"tier": 256})


# --- The curve ---


def bits(scalar: int, count: int) -> list[int]:
    return [scalar >> i & 1 for i in range(count)]


@pytest.mark.parametrize("scalar", [0, 1, 1 << 250, L - 1])
def test_scalar_bits_E1(run, scalar):
    assert run("curve", "ScalarBits()", **{"in": scalar})[:251] == bits(scalar, 251)


def test_scalar_bits_E2_below_the_order(run):
    for scalar in (L, (1 << 251) - 1):
        refuses("ScalarBits E2", run, "curve", "ScalarBits()", **{"in": scalar})
    for scalar in (1 << 251, R - 1):
        refuses("ScalarBits E1", run, "curve", "ScalarBits()", **{"in": scalar})


@pytest.mark.parametrize("word", [0, 5, (1 << 250) - 1, 1 << 250, R - 1])
def test_low250_E1(run, word):
    assert run("curve", "Low250()", **{"in": word})[:250] == bits(scalar_from_hash(word), 250)


@pytest.mark.parametrize("scalar", [0, 1, 2, 7, 8, 0xABCDEF, 1 << 246, 1 << 250, L - 1])
def test_fixed_mul_E1(run, scalar):
    assert run("curve", "FixedMul(251)", bits=bits(scalar, 251))[:2] == list(mul_base(scalar))


POINTS = [GENERATOR, B8, IDENTITY, torsion(2), torsion(4), torsion(8), add(B8, torsion(8))]


@pytest.mark.parametrize("point", POINTS)
def test_cofactor_triple_E1(run, point):
    assert run("curve", "CofactorTriple()", point=list(point))[:2] == list(mul(8, point))


@pytest.mark.parametrize("point", POINTS)
@pytest.mark.parametrize("scalar", [1, 2, 1 << 148, (1 << 148) - 1, 0x1234567 << 200, L - 1])
def test_shared_point_E1(run, scalar, point):
    made = run("curve", "SharedPoint(251)", bits=bits(scalar, 251), point=list(point))[:2]
    assert made == list(ecdh(scalar, point))


def test_shared_point_E1_torsion_gives_nothing(run):
    shifted = [add(mul(9, B8), torsion(order)) for order in (1, 2, 4, 8)]
    made = {tuple(run("curve", "SharedPoint(251)", bits=bits(77, 251), point=list(p))[:2]) for p in shifted}
    assert len(made) == 1


@pytest.mark.parametrize("point", [*POINTS, (0, 0)])
def test_shared_point_E2(run, point):
    made = run("curve", "SharedPoint(251)", bits=bits(5, 251), point=list(point))
    vanishes = point == (0, 0) or mul(8, point) == IDENTITY
    assert made[2] == vanishes
    assert not vanishes or made[:2] == list(IDENTITY)
