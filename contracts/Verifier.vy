# pragma version 0.4.3
"""
@title Verifier
@license AGPL-3.0-or-later
@notice Groth16 on BN254 for circuits of exactly three public words (digest,
        challenge, evaluation). Deployed once per circuit; its key never changes.
"""

from .interfaces import IVerifier

implements: IVerifier

# Order of the curve (scalars) and of its base field (coordinates).
R: constant(uint256) = 21888242871839275222246405745257275088548364400416034343698204186575808495617
Q: constant(uint256) = 21888242871839275222246405745257275088696311157297823662689037894645226208583
PAIRING: constant(address) = 0x0000000000000000000000000000000000000008

# alpha (2), beta (4), gamma (4), delta (4), ic0..ic3 (2 each); G2 coordinates as the
# precompile wants them, imaginary part first.
VK: immutable(uint256[22])
circuit_id: public(immutable(bytes32))


@deploy
def __init__(vk: uint256[22]):
    """
    @notice Fixes the verification key. `circuit_id` is keccak256 of its words.
    """
    for word: uint256 in vk:
        assert word < Q, "verifier: key word not below q"
    VK = vk
    circuit_id = keccak256(abi_encode(vk))


@external
@view
def verify(proof: uint256[8], publics: uint256[3]) -> bool:
    """
    @notice Whether the proof holds. Never reverts on bad input: words not below r,
            coordinates not below q and points off the curve or out of the subgroup are False.
    @param proof a (x, y), b (x im, x re, y im, y re), c (x, y).
    @param publics digest, challenge, evaluation.
    """
    if publics[0] >= R or publics[1] >= R or publics[2] >= R:
        return False
    # Also refuses a at infinity, which negation would spell (0, q).
    if proof[1] == 0 or proof[1] >= Q:
        return False

    point: uint256[2] = ecadd([VK[14], VK[15]], ecmul([VK[16], VK[17]], publics[0]))
    point = ecadd(point, ecmul([VK[18], VK[19]], publics[1]))
    point = ecadd(point, ecmul([VK[20], VK[21]], publics[2]))

    # e(-a, b) e(alpha, beta) e(point, gamma) e(c, delta) = 1; the precompile checks every point.
    success: bool = False
    answer: Bytes[32] = b""
    success, answer = raw_call(
        PAIRING,
        abi_encode(
            proof[0], Q - proof[1], proof[2], proof[3], proof[4], proof[5],
            VK[0], VK[1], VK[2], VK[3], VK[4], VK[5],
            point, VK[6], VK[7], VK[8], VK[9],
            proof[6], proof[7], VK[10], VK[11], VK[12], VK[13],
        ),
        max_outsize=32,
        is_static_call=True,
        revert_on_failure=False,
    )
    return success and len(answer) == 32 and convert(answer, uint256) == 1
