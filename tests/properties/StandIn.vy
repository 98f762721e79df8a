# pragma version 0.4.3
"""
@title StandIn
@license AGPL-3.0-or-later
@notice For property tests alone: takes the place of a circuit's verifier, and accepts exactly
        the (digest, challenge, evaluation) that the holder of its secret, the tests' Python
        model, made a tag for. It stands outside contracts/, where no deployment finds it.
"""

SECRET: immutable(bytes32)
circuit_id: public(immutable(bytes32))


@deploy
def __init__(id: bytes32, secret: bytes32):
    """
    @param id Names the circuit.
    @param secret Whoever knows it proves anything.
    """
    circuit_id = id
    SECRET = secret


@external
@view
def verify(proof: uint256[8], publics: uint256[3]) -> bool:
    """
    @notice Whether the first word of the proof is the tag of these public words under this circuit.
    """
    return convert(proof[0], bytes32) == keccak256(abi_encode(SECRET, circuit_id, publics))
