# pragma version 0.4.3
"""
@title A market's terms: their ranges, how five words hold them, and the windows they make
@license AGPL-3.0-or-later
@notice Protocol section 5. The words are, from the lowest bit: (base 160, minimum quantity 64, fee 16, bond
        16), (quote 160, lot 64, quota 16, tier 8, capacity 8), (jurisdictions), (start, commit, freeze,
        reveal and settle blocks, deferral, maximum age: 32 each), (source 160, split 16, collar 16).
"""

from ..interfaces import IMarket

WORD: constant(uint256) = 2**64
MASK16: constant(uint256) = 2**16 - 1
MASK32: constant(uint256) = 2**32 - 1
MASK64: constant(uint256) = 2**64 - 1
MASK160: constant(uint256) = 2**160 - 1
MAX_FEE_BPS: constant(uint256) = 1000
MAX_BPS: constant(uint256) = 10000


@internal
@view
def _packed(terms: IMarket.MarketTerms, max_size: uint256) -> uint256[5]:
    """
    @notice The words of terms that are all in range; reverts for others.
    @param max_size The largest batch that can be settled.
    """
    assert terms.base.is_contract and terms.quote.is_contract and terms.source.is_contract, "market: address without code"
    assert terms.base != terms.quote, "market: base is quote"
    for word: uint256 in [terms.lot, terms.min_quantity]:
        assert word > 0 and word < WORD, "market: quantity out of range"
    for bps: uint256 in [terms.bond_bps, terms.split_bps, terms.collar_bps]:
        assert bps <= MAX_BPS, "market: rate out of range"
    assert terms.fee_bps <= MAX_FEE_BPS, "market: rate out of range"
    assert terms.jurisdictions > 0 and terms.jurisdictions < 2**250 and terms.tier < 2**8, "market: admission out of range"
    assert terms.quota > 0 and terms.quota < 2**16, "market: quota out of range"
    assert terms.capacity > 0 and terms.capacity <= max_size, "market: capacity out of range"
    assert terms.start_block > block.number and terms.start_block < 2**32, "market: start out of range"
    # Frozen for a block at least: a source may store in the freeze block itself.
    for length: uint256 in [terms.commit_blocks, terms.freeze_blocks, terms.reveal_blocks, terms.settle_blocks]:
        assert length > 0 and length < 2**32, "market: length out of range"
    for length: uint256 in [terms.deferral, terms.max_age]:
        assert length < 2**32, "market: length out of range"
    return [
        convert(terms.base, uint256) | (terms.min_quantity << 160) | (terms.fee_bps << 224) | (terms.bond_bps << 240),
        convert(terms.quote, uint256) | (terms.lot << 160) | (terms.quota << 224) | (terms.tier << 240) | (terms.capacity << 248),
        terms.jurisdictions,
        terms.start_block | (terms.commit_blocks << 32) | (terms.freeze_blocks << 64) | (terms.reveal_blocks << 96)
        | (terms.settle_blocks << 128) | (terms.deferral << 160) | (terms.max_age << 192),
        convert(terms.source, uint256) | (terms.split_bps << 160) | (terms.collar_bps << 176),
    ]


@internal
@pure
def _unpacked(t: uint256[5]) -> IMarket.MarketTerms:
    """
    @notice The terms that words hold.
    """
    return IMarket.MarketTerms(
        base=convert(t[0] & MASK160, address),
        quote=convert(t[1] & MASK160, address),
        lot=(t[1] >> 160) & MASK64,
        min_quantity=(t[0] >> 160) & MASK64,
        fee_bps=(t[0] >> 224) & MASK16,
        bond_bps=t[0] >> 240,
        jurisdictions=t[2],
        tier=(t[1] >> 240) & 255,
        start_block=t[3] & MASK32,
        commit_blocks=(t[3] >> 32) & MASK32,
        freeze_blocks=(t[3] >> 64) & MASK32,
        reveal_blocks=(t[3] >> 96) & MASK32,
        settle_blocks=(t[3] >> 128) & MASK32,
        capacity=t[1] >> 248,
        quota=(t[1] >> 224) & MASK16,
        split_bps=(t[4] >> 160) & MASK16,
        deferral=(t[3] >> 160) & MASK32,
        source=convert(t[4] & MASK160, address),
        max_age=t[3] >> 192,
        collar_bps=t[4] >> 176,
    )


@internal
@pure
def _windows(t: uint256, epoch: uint256) -> IMarket.Windows:
    """
    @notice The windows of an epoch, of the fourth word.
    """
    assert t != 0, "market: unknown market"
    length: uint256 = (t >> 32) & MASK32
    open: uint256 = (t & MASK32) + epoch * length
    freeze: uint256 = open + length
    reveal_from: uint256 = freeze + ((t >> 64) & MASK32)
    settle_from: uint256 = reveal_from + ((t >> 96) & MASK32)
    return IMarket.Windows(
        open=open,
        freeze=freeze,
        reveal_from=reveal_from,
        settle_from=settle_from,
        deadline=settle_from + ((t >> 128) & MASK32),
    )


@internal
@pure
def _epoch_at(t: uint256, number: uint256) -> uint256:
    """
    @notice The epoch whose commit window holds a block, of the fourth word.
    """
    assert t != 0, "market: unknown market"
    assert number >= t & MASK32, "market: not started"
    return (number - (t & MASK32)) // ((t >> 32) & MASK32)
