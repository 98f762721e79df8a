"""Statement compression (protocol §3): a list of words becomes three public inputs."""

from dataclasses import dataclass

from offchain.field import R, check, keccak256, to_field
from offchain.poseidon import sponge


def circuit_id(vk_words: list[int]) -> bytes:
    """keccak256 of the 22 words of a verification key, as the Verifier is deployed with."""
    if len(vk_words) != 22:
        raise ValueError(f"a verification key of three public inputs has 22 words, not {len(vk_words)}")
    return keccak256(_encode(vk_words))


def _encode(words: list[int]) -> bytes:
    return b"".join(word.to_bytes(32, "big") for word in words)


def evaluate(d: list[int], x: int) -> int:
    """The polynomial with coefficients d at x, the first word highest."""
    value = 0
    for word in d:
        value = (value * x + word) % R
    return value


@dataclass(frozen=True)
class Statement:
    """The three public inputs of one proof."""

    digest: int
    challenge: int
    evaluation: int

    @property
    def publics(self) -> list[int]:
        return [self.digest, self.challenge, self.evaluation]


def statement(d: list[int], circuit: bytes, chain_id: int, pool: int) -> Statement:
    """The statement of words `d` for a circuit of one pool on one chain.

    Raises RangeError if a word is not in [0, r).
    """
    digest = sponge([check(word) for word in d])
    head = _encode([chain_id, pool]) + circuit + _encode([digest])
    challenge = to_field(keccak256(head + keccak256(_encode(d))))
    return Statement(digest, challenge, evaluate(d, challenge))
