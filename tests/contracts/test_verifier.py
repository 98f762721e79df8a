"""The verifier alone: what it accepts, and everything near it that it must not."""

import pytest
from py_ecc.optimized_bn128 import FQ2, b2, is_on_curve, multiply, normalize
from py_ecc.optimized_bn128 import curve_order as R
from py_ecc.optimized_bn128 import field_modulus as Q

from tests.contracts.chain import reverts
from tests.contracts.groth import g1, g2, key

PUBLICS = [11, R - 1, 0]


@pytest.fixture
def verifier(world):
    return world.verifiers["commit"]


def proof_of(publics=PUBLICS) -> list[int]:
    return key("commit").prove(publics)


def test_accepts_a_proof_and_names_its_circuit(verifier):
    assert verifier.verify(proof_of(), PUBLICS) is True
    assert verifier.circuit_id() == key("commit").circuit_id


@pytest.mark.parametrize("place", range(3))
def test_refuses_another_public_word(verifier, place):
    for word in {0, 1, PUBLICS[place] ^ 1, R - 2} - {PUBLICS[place]}:
        publics = [word if i == place else p for i, p in enumerate(PUBLICS)]
        assert verifier.verify(proof_of(), publics) is False


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("times", [1, 2, 4])
def test_refuses_a_second_spelling_of_a_public_word(verifier, place, times):
    publics = [p + times * R if i == place else p for i, p in enumerate(PUBLICS)]
    assert publics[place] < 2**256
    assert verifier.verify(proof_of(), publics) is False


@pytest.mark.parametrize("place", range(8))
def test_refuses_every_altered_proof_word(verifier, place):
    for change in (1, Q, Q + 1, 2**256 - 1):
        proof = proof_of()
        proof[place] = (proof[place] + change) % 2**256
        assert verifier.verify(proof, PUBLICS) is False
    for word in (0, Q, 2**256 - 1):
        proof = proof_of()
        proof[place] = word
        assert verifier.verify(proof, PUBLICS) is False


@pytest.mark.parametrize("first", [0, 6])
def test_refuses_points_at_infinity_and_negated(verifier, first):
    proof = proof_of()
    proof[first : first + 2] = [0, 0]
    assert verifier.verify(proof, PUBLICS) is False
    proof = proof_of()
    proof[first + 1] = Q - proof[first + 1]
    assert verifier.verify(proof, PUBLICS) is False


def test_refuses_other_points(verifier):
    proof = proof_of()
    assert verifier.verify(g1(5) + proof[2:], PUBLICS) is False
    assert verifier.verify(proof[:2] + g2(5) + proof[6:], PUBLICS) is False
    assert verifier.verify(proof[:6] + g1(5), PUBLICS) is False
    assert verifier.verify([0] * 8, PUBLICS) is False


def test_refuses_a_b_on_the_twist_outside_the_subgroup(verifier):
    outside = twist_point_outside_subgroup()
    words = [int(c) for coordinate in outside for c in reversed(coordinate.coeffs)]
    proof = proof_of()
    assert verifier.verify(proof[:2] + words + proof[6:], PUBLICS) is False


def test_refuses_the_proof_of_another_circuit(world, verifier):
    assert world.verifiers["reclaim"].verify(proof_of(), PUBLICS) is False
    assert world.verifiers["reclaim"].verify(key("reclaim").prove(PUBLICS), PUBLICS) is True


def test_refuses_a_key_word_not_below_q(world):
    words = list(key("commit").words)
    words[3] += Q
    with reverts("verifier: key word not below q"):
        world.chain.deploy("Verifier", words)


def twist_point_outside_subgroup():
    """A point of the twist of an order other than r: its group has a large cofactor."""
    x = FQ2([1, 1])
    while True:
        y = square_root(x**3 + b2)
        if y is not None:
            point = (x, y, FQ2.one())
            assert is_on_curve(point, b2)
            if multiply(point, R)[2] != FQ2.zero():
                return normalize(point)
        x += FQ2([1, 0])


def square_root(value: FQ2) -> FQ2 | None:
    """In F_q², where q² − 1 is 16 times an odd number: a candidate is right up to a 16th root of unity."""
    candidate = value ** ((Q**2 + 15) // 32)
    root = next(
        r for a in range(1, 50) if (r := FQ2([a, 1]) ** ((Q**2 - 1) // 16)) ** 8 == -FQ2.one()
    )
    for power in range(16):
        attempt = candidate * root**power
        if attempt * attempt == value:
            return attempt
    return None
