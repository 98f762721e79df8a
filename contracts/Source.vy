# pragma version 0.4.3
"""
@title Source
@license AGPL-3.0-or-later
@notice A reference price with history: one feeder signs observations, anyone carries
        them, and the last one stored in each block is kept for ever.
"""

from .interfaces import ISource

implements: ISource

MAX_PRICE: constant(uint256) = 2**64 - 1  # quote units a lot
MAX_AGE: constant(uint256) = 3600  # seconds
# The feeder's clock may run this many seconds ahead of the last block's.
MAX_AHEAD: constant(uint256) = 30
MASK: constant(uint256) = 2**64 - 1
DOMAIN: constant(bytes32) = keccak256("shadowpool.v1.observation")

event Observed:
    price: uint256
    time: uint256

feeder: public(immutable(address))
count: public(uint256)
# price + 2^64 block + 2^128 time, by order of storing.
observations: HashMap[uint256, uint256]


@deploy
def __init__(signer: address):
    """
    @param signer Whose signature makes an observation.
    """
    assert signer != empty(address), "source: zero address"
    feeder = signer


@external
def push(price: uint256, time: uint256, v: uint256, r: uint256, s: uint256):
    """
    @notice Stores an observation. Anyone may carry it.
    @dev Signed, bare, is keccak256(abi_encode(keccak256("shadowpool.v1.observation"), chain id,
         this contract, price, time)).
    @param price Quote units a lot, in [1, 2^64).
    @param time Seconds since 1970; later than the last one's, at most an hour behind the
           block and at most 30 seconds ahead of it.
    """
    assert price > 0 and price <= MAX_PRICE, "source: price out of range"
    assert time <= block.timestamp + MAX_AHEAD, "source: time ahead"
    assert time + MAX_AGE >= block.timestamp, "source: too old"
    digest: bytes32 = keccak256(abi_encode(DOMAIN, chain.id, self, price, time))
    assert ecrecover(digest, v, r, s) == feeder, "source: not the feeder"
    at: uint256 = self.count
    if at > 0:
        last: uint256 = self.observations[at - 1]
        assert time > last >> 128, "source: not later"
        if (last >> 64) & MASK == block.number:
            at -= 1
    self.observations[at] = price | (block.number << 64) | (time << 128)
    self.count = at + 1
    log Observed(price=price, time=time)


@external
@view
def at(number: uint256) -> (uint256, uint256):
    """
    @notice The last price stored at or before a block, final once that block is past.
    @return Price and the block that stored it; (0, 0) if there is none.
    """
    below: uint256 = 0  # how many observations surely are at or before the block
    above: uint256 = self.count
    for _: uint256 in range(64):
        if below == above:
            break
        middle: uint256 = (below + above) // 2
        if (self.observations[middle] >> 64) & MASK <= number:
            below = middle + 1
        else:
            above = middle
    if below == 0:
        return 0, 0
    found: uint256 = self.observations[below - 1]
    return found & MASK, (found >> 64) & MASK


@external
@view
def latest() -> (uint256, uint256, uint256):
    """
    @return Price, the block that stored it and its time; zeros if there is none.
    """
    if self.count == 0:
        return 0, 0, 0
    last: uint256 = self.observations[self.count - 1]
    return last & MASK, (last >> 64) & MASK, last >> 128
