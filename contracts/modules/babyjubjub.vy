# pragma version 0.4.3
"""
@title Baby Jubjub, as far as a contract needs it
@license AGPL-3.0-or-later
@notice The twisted Edwards curve a x^2 + y^2 = 1 + d x^2 y^2 over BN254's scalar
        field, with a = 168700 and d = 168696 (ERC-2494).
"""

R: constant(uint256) = 21888242871839275222246405745257275088548364400416034343698204186575808495617
A: constant(uint256) = 168700
D: constant(uint256) = 168696


@internal
@pure
def _on_curve(x: uint256, y: uint256) -> bool:
    """
    @notice Whether (x, y) is a point of the curve in its one spelling: both words below R.
            Says nothing of the subgroup.
    """
    if x >= R or y >= R:
        return False
    xx: uint256 = uint256_mulmod(x, x, R)
    yy: uint256 = uint256_mulmod(y, y, R)
    left: uint256 = uint256_addmod(uint256_mulmod(A, xx, R), yy, R)
    return left == uint256_addmod(uint256_mulmod(uint256_mulmod(D, xx, R), yy, R), 1, R)
