"""Groth16 keys whose trapdoor the tests keep.

Whoever knows a key's trapdoor proves any statement. So the tests choose statements freely,
without a circuit, and the deployed Verifier, which is the real one, still accepts exactly the
three public words that a proof was made for. Production keys come from circuits.
"""

from functools import cache

from eth_abi import encode
from eth_utils import keccak
from py_ecc.optimized_bn128 import G1, G2, curve_order as R, field_modulus as Q, multiply, normalize


def _scalar(*parts) -> int:
    return int.from_bytes(keccak(repr(parts).encode()), "big") % R


def g1(scalar: int) -> list[int]:
    return [int(c) for c in normalize(multiply(G1, scalar % R))]


def g2(scalar: int) -> list[int]:
    """x im, x re, y im, y re."""
    return [int(c) for point in normalize(multiply(G2, scalar % R)) for c in reversed(point.coeffs)]


class Key:
    """The key of a circuit of three public words, by name."""

    def __init__(self, name: str):
        self.alpha, self.beta, self.gamma, self.delta = (_scalar(name, use) for use in "abgd")
        self.ic = [_scalar(name, "ic", place) for place in range(4)]
        self.words = g1(self.alpha) + g2(self.beta) + g2(self.gamma) + g2(self.delta)
        self.words += [c for scalar in self.ic for c in g1(scalar)]
        self.circuit_id = keccak(encode(["uint256[22]"], [self.words]))
        self._a, self._b = _scalar(name, "proof a"), _scalar(name, "proof b")
        self._points = g1(self._a), g2(self._b)

    def prove(self, publics: list[int]) -> list[int]:
        """The 8 words of a proof for three public words."""
        x = self.ic[0] + sum(p * ic for p, ic in zip(publics, self.ic[1:], strict=True))
        c = (self._a * self._b - self.alpha * self.beta - x * self.gamma) * pow(self.delta, -1, R)
        return self._points[0] + self._points[1] + g1(c)


@cache
def key(name: str) -> Key:
    return Key(name)


def prove_words(circuit: str, d: list[int], chain_id: int, pool: str) -> tuple[list[int], int]:
    """Proof and digest for the statement of words `d`; the layout of protocol §3 once more.

    The digest is Poseidon's in production; to the contracts it is any word.
    """
    secret = key(circuit)
    words = keccak(b"".join(word.to_bytes(32, "big") for word in d))
    digest = int.from_bytes(words, "big") % R
    types = ["uint256", "address", "bytes32", "uint256", "bytes32"]
    hashed = keccak(encode(types, [chain_id, pool, secret.circuit_id, digest, words]))
    challenge = int.from_bytes(hashed, "big") % R
    evaluation = sum(word * pow(challenge, len(d) - 1 - i, R) for i, word in enumerate(d)) % R
    return secret.prove([digest, challenge, evaluation]), digest


__all__ = ["G2", "Q", "R", "Key", "g1", "g2", "key", "prove_words"]
