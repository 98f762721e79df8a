# pragma version 0.4.3
"""
@title Statements: what a proof is checked against
@license AGPL-3.0-or-later
@notice Protocol section 3. A statement is a fixed list of words `d`. A caller lays
        `d` out, asks for the challenge, evaluates `d` there by Horner's rule (in its
        own loop: forwarding hundreds of words costs more than the loop), and
        hands the three public words to the circuit's verifier.
"""

from ..interfaces import IVerifier

# Order of BN254's scalar field. A word at or above it would be a second spelling of a smaller one.
R: constant(uint256) = 21888242871839275222246405745257275088548364400416034343698204186575808495617


@internal
@view
def _challenge(pool: address, circuit: bytes32, digest: uint256, words: bytes32) -> uint256:
    """
    @notice The point at which both copies of `d` are evaluated.
    @param words keccak256 of the words of `d`.
    """
    return convert(keccak256(abi_encode(chain.id, pool, circuit, digest, words)), uint256) % R


@internal
@view
def _require(
    verifier: address, proof: uint256[8], digest: uint256, challenge: uint256, evaluation: uint256
):
    """
    @notice Reverts unless the proof holds for (digest, challenge, evaluation mod r).
    """
    assert staticcall IVerifier(verifier).verify(proof, [digest, challenge, evaluation % R]), "statement: proof refused"


@internal
@view
def _require_three(
    pool: address, verifier: address, circuit: bytes32, proof: uint256[8], digest: uint256, d: uint256[3]
):
    """
    @notice The whole check of a statement of three words.
    """
    challenge: uint256 = self._challenge(pool, circuit, digest, keccak256(abi_encode(d)))
    evaluation: uint256 = 0
    for word: uint256 in d:
        assert word < R, "statement: word not below r"
        evaluation = unsafe_add(uint256_mulmod(evaluation, challenge, R), word)
    self._require(verifier, proof, digest, challenge, evaluation)
