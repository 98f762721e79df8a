"""circuits/advance.circom, print.circom and key.circom, one test a guarantee."""

import pytest

from offchain.babyjubjub import L, mul_base
from offchain.claims import Possession
from offchain.keys import EncryptionKey
from offchain.merkle import fold, zeros
from tests.circuits.guard import refused, satisfied
from tests.circuits.model import Claim, rebuild
from tests.circuits.world import advance, honest


def changed(name: str, **changes) -> Claim:
    return rebuild(name, honest(name).assemble()[1], **changes)


def restated(name: str, word: int, value: int) -> Claim:
    d, inputs = honest(name).assemble()
    return name, d[:word] + [value] + d[word + 1 :], inputs


@pytest.mark.parametrize("chunks, leaves", [(0, 1), (0, 64), (5, 17)])
def test_advance_accepts_honest_claims(chunks, leaves):
    d, inputs = advance(chunks, leaves).assemble()
    satisfied(("advance", d, inputs))


def test_advance_accepts_the_last_chunk():
    satisfied(changed("advance", chunk=(1 << 26) - 1))


def test_advance_E1_place_taken():
    """The root after the insertion cannot be the root before it: the place is no longer empty."""
    claim = advance().assemble()
    refused(restated("advance", 0, claim[0][1]), "Advance E4", "Statement E1")
    occupied = fold(99, 2, claim[1]["siblings"])
    refused(restated("advance", 0, occupied), "Advance E4", "Statement E1")


def test_advance_E1_E2_siblings_of_another_tree():
    d, inputs = advance().assemble()
    other = [inputs["siblings"][0] + 1, *inputs["siblings"][1:]]
    refused(("advance", d, inputs | {"siblings": other}), "Advance E4", "Statement E1")
    new = fold(zeros(6)[6], 2, other)
    refused(restated("advance", 1, new), "Advance E4", "Statement E1")


def test_advance_E2_root_of_other_leaves():
    d, inputs = advance().assemble()
    leaves = inputs["leaves"][::-1]
    refused(("advance", d[:3] + leaves, inputs | {"leaves": leaves}), "Advance E4", "Statement E1")


def test_advance_E2_leaves_at_another_chunk():
    d, inputs = advance().assemble()
    refused(("advance", d, inputs | {"chunk": 3}), "Advance E4", "Statement E1")


def test_advance_E3_chunk_beyond_the_tree():
    refused(changed("advance", chunk=(1 << 26) + 2), "Advance E3")


@pytest.mark.parametrize("field", ["price", "volume", "salt"])
def test_print_E1_opening_of_another_print(field):
    d, inputs = honest("print").assemble()
    name, words, made = changed("print", **{field: inputs[field] + 1})
    refused((name, [d[0], *words[1:]], made), "Print E2", "Statement E1")


def test_key_accepts_the_bounds():
    for scalar in (1, L - 1):
        satisfied(("key", *Possession(EncryptionKey(scalar), 5).assemble()))


def test_key_E1_key_of_another_scalar():
    other = mul_base(honest("key").key.scalar + 1)
    refused(restated("key", 0, other.x), "Key E3", "Statement E1")
    refused(restated("key", 1, other.y), "Key E3", "Statement E1")


def test_key_E1_scalar_beyond_the_order():
    refused(changed("key", scalar=L + 5), "Key E1", "ScalarBits E2")
    refused(changed("key", scalar=1 << 252), "Key E1", "ScalarBits E1")


def test_key_E2_identity():
    refused(changed("key", scalar=0), "Key E2", "NonZero E1")


def test_key_E3_another_account():
    refused(restated("key", 2, 0xBAD), "Key E3", "Statement E1")
