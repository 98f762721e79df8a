# pragma version 0.4.3
"""
@title The order of words in the statements that are about orders
@license AGPL-3.0-or-later
@notice Protocol section 7: `commit`, `reclaim`, and the head of `settle_N`. `t0`, `t1` and so on
        are words of the market's terms.
"""

from ..interfaces import IMarket
from . import epoch_record

R: constant(uint256) = 21888242871839275222246405745257275088548364400416034343698204186575808495617
MASK16: constant(uint256) = 2**16 - 1
MASK32: constant(uint256) = 2**32 - 1
MASK64: constant(uint256) = 2**64 - 1
MASK160: constant(uint256) = 2**160 - 1
HEAD_WORDS: constant(uint256) = 34


@internal
@pure
def _commit(
    c: IMarket.Commit, t0: uint256, t1: uint256, jurisdictions: uint256, memo: uint256[8]
) -> uint256[23]:
    """
    @notice Statement `commit`.
    """
    return [
        c.tree0,
        c.root0,
        c.tree1,
        c.root1,
        c.nf0,
        c.nf1,
        c.change_cm,
        c.quota_nullifier,
        c.oc,
        convert(c.rk, uint256),
        c.market,
        c.epoch,
        c.credential_root,
        c.time,
        t0 & MASK160,
        t1 & MASK160,
        (t1 >> 160) & MASK64,
        (t0 >> 160) & MASK64,
        (t0 >> 224) & MASK16,
        jurisdictions,
        (t1 >> 240) & 255,
        (t1 >> 224) & MASK16,
        convert(keccak256(abi_encode(memo)), uint256) % R,
    ]


@internal
@pure
def _reclaim(
    c: IMarket.Reclaim, t0: uint256, t1: uint256, forfeit: uint256, p: uint256[5], memo: uint256[8]
) -> uint256[18]:
    """
    @notice Statement `reclaim`. `p` is Keys.points.
    """
    return [
        c.oc,
        c.market,
        c.epoch,
        t0 & MASK160,
        t1 & MASK160,
        (t1 >> 160) & MASK64,
        (t0 >> 224) & MASK16,
        t0 >> 240,
        forfeit,
        c.refund_cm,
        c.treasury_cm,
        p[4],
        p[2],
        p[3],
        c.point[0],
        c.point[1],
        c.treasury_pad,
        convert(keccak256(abi_encode(memo)), uint256) % R,
    ]


@internal
@view
def _settle_head(
    pool: address,
    s: IMarket.Settlement,
    t0: uint256,
    t1: uint256,
    t4: uint256,
    parties: uint256,
    status: uint256,
    reveal_chain: bytes32,
    l: uint256[3],
    p: uint256[5],
    memo: uint256[8],
) -> uint256[HEAD_WORDS]:
    """
    @notice The words of statement `settle_N` before its slots. `parties`, `status` and the chain
            are of the epoch's record, `l` is Relayers.leader_words, `p` is Keys.points.
    """
    return [
        chain.id,
        convert(pool, uint256),
        s.market,
        s.epoch,
        convert(reveal_chain, uint256) % R,
        (status >> epoch_record.REFERENCE) & MASK64,
        (parties >> 160) & MASK32,
        (parties >> 192) & MASK32,
        parties >> 224,
        l[1],
        l[2],
        p[0],
        p[1],
        p[2],
        p[3],
        p[4],
        l[0],
        t0 & MASK160,
        t1 & MASK160,
        (t1 >> 160) & MASK64,
        (t0 >> 224) & MASK16,
        (t4 >> 160) & MASK16,
        t4 >> 176,
        (status >> 16) & MASK16,
        s.invalid_mask,
        s.print_commitment,
        s.audit_point[0],
        s.audit_point[1],
        s.audit[0],
        s.audit[1],
        s.treasury_pad,
        s.leader_cm,
        s.treasury_cm,
        convert(keccak256(abi_encode(memo)), uint256) % R,
    ]
