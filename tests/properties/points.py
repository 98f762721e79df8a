"""Curve points and signatures without end and without cost: each is the last one plus the generator.

The scalars are known to whoever reads this, so they serve tests alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from eth_utils import keccak

from offchain.babyjubjub import mul_base

R = 21888242871839275222246405745257275088548364400416034343698204186575808495617
A, D = 168700, 168696

P = 2**256 - 2**32 - 977
N = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
G = (
    0x79BE667EF9DCBBAC55A06295CE870B07029BFCDB2DCE28D959F2815B16F81798,
    0x483ADA7726A3C4655DA4FBFC0E1108A8FD17B448A68554199C47D08FFB10D4B8,
)


def baby_jubjub() -> Iterator[tuple[int, int]]:
    """Points of the subgroup, all different (ERC-2494's addition law)."""
    step = tuple(int(c) for c in mul_base(3))
    x, y = (int(c) for c in mul_base(1001))
    while True:
        yield x, y
        product = D * x * step[0] * y * step[1]
        x, y = (
            (x * step[1] + y * step[0]) * pow(1 + product, -1, R) % R,
            (y * step[1] - A * x * step[0]) * pow(1 - product, -1, R) % R,
        )


def _add(p: tuple[int, int], q: tuple[int, int]) -> tuple[int, int]:
    """The sum of two points of secp256k1 with different x."""
    slope = (q[1] - p[1]) * pow(q[0] - p[0], -1, P) % P
    x = (slope * slope - p[0] - q[0]) % P
    return x, (slope * (p[0] - x) - p[1]) % P


def _double(p: tuple[int, int]) -> tuple[int, int]:
    slope = 3 * p[0] * p[0] * pow(2 * p[1], -1, P) % P
    x = (slope * slope - 2 * p[0]) % P
    return x, (slope * (p[0] - x) - p[1]) % P


# One nonce for every signature: 2 G, whose scalar is public anyway.
_NONCE = _double(G)


@dataclass(frozen=True)
class Signer:
    """A secp256k1 key with its address."""

    scalar: int
    address: str

    def sign(self, digest: bytes) -> tuple[int, int, int]:
        """v, r, s."""
        r = _NONCE[0] % N
        s = (int.from_bytes(digest, "big") + r * self.scalar) * pow(2, -1, N) % N
        return 27 + _NONCE[1] % 2, r, s

    def other_spelling(self, digest: bytes) -> tuple[int, int, int]:
        """The second signature (v', r, n − s) that names the same signer."""
        v, r, s = self.sign(digest)
        return 55 - v, r, N - s


def signers() -> Iterator[Signer]:
    """Keys, all different."""
    scalar, spot = 3, _add(_NONCE, G)
    while True:
        words = b"".join(c.to_bytes(32, "big") for c in spot)
        yield Signer(scalar, "0x" + keccak(words)[12:].hex())
        scalar, spot = scalar + 1, _add(spot, G)
