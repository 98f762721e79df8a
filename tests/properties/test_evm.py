"""The harness itself: its ABI packing against eth_abi's, its keys and points against other libraries."""

from itertools import islice
from random import Random

import pytest
from eth_abi import encode
from eth_account import Account
from eth_utils import keccak
from eth_utils.abi import collapse_if_tuple

from offchain.babyjubjub import mul_base
from scripts import contracts
from tests.properties.deployed import interface
from tests.properties.points import baby_jubjub, signers
from tests.properties.rules import on_curve

NAMES = ("Market", "Pool", "Relayers", "Credentials", "Governor", "Keys", "Oracle", "Token")


def random_value(rng: Random, kind: str, components: list[dict]):
    if kind.endswith("]"):
        inner, _, size = kind[:-1].rpartition("[")
        return [random_value(rng, inner, components) for _ in range(int(size) if size else rng.randrange(5))]
    if kind == "tuple":
        return [random_value(rng, c["type"], c.get("components", [])) for c in components]
    if kind == "bytes":
        return rng.randbytes(rng.randrange(100))
    return {
        "address": f"0x{rng.getrandbits(160):040x}", "bool": True, "bytes32": rng.randbytes(32),
    }.get(kind, rng.getrandbits(256))  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_calls_are_packed_as_eth_abi_packs_them(name):
    contracts.build()
    rng, functions = Random(1), [e for e in contracts.load(name)["abi"] if e["type"] == "function"]
    assert functions
    for entry in functions:
        values = [random_value(rng, i["type"], i.get("components", [])) for i in entry["inputs"]]
        types = [collapse_if_tuple(i) for i in entry["inputs"]]
        assert interface(name).encode(entry["name"], *values)[4:] == encode(types, values), entry["name"]


def test_signatures_recover_to_the_signer_in_both_spellings():
    digest = keccak(text="anything")
    for signer in islice(signers(), 5):
        assert Account.from_key(signer.scalar.to_bytes(32, "big")).address.lower() == signer.address
        for signature in (signer.sign(digest), signer.other_spelling(digest)):
            assert Account._recover_hash(digest, vrs=signature).lower() == signer.address


def test_points_are_of_the_curve_and_differ():
    points = list(islice(baby_jubjub(), 50))
    assert len(set(points)) == 50 and all(on_curve(*point) for point in points)
    assert points[4] == tuple(int(c) for c in mul_base(1001 + 4 * 3))
