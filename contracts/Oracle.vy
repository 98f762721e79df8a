# pragma version 0.4.3
"""
@title Oracle
@license AGPL-3.0-or-later
@notice The reference price of one market, with history. Several feeders sign observations, anyone
        carries them; the price is the median of the fresh ones, once a quorum of feeders agrees on
        it. A price outside its band halts the oracle. While it has no price it answers (0, 0): the
        epochs that freeze then are Void, and every order comes back whole.
@dev Nobody sets a price: governor and guardian only halt, and the governor ends that. Feeders and
     bounds never change: a change is a new oracle, hence a new market.
"""

from .interfaces import ISource

implements: ISource

MAX_PRICE: constant(uint256) = 2**64 - 1  # quote units a lot
MAX_FEEDERS: constant(uint256) = 15
MAX_LIFETIME: constant(uint256) = 86_400  # seconds
# A feeder's clock may run this many seconds ahead of the last block's.
MAX_AHEAD: constant(uint256) = 30
BPS: constant(uint256) = 10_000
MASK: constant(uint256) = 2**64 - 1
DOMAIN: constant(bytes32) = keccak256("shadowpool.v1.observation")

# What halted the oracle.
NOTHING: constant(uint256) = 0
BAND: constant(uint256) = 1
HAND: constant(uint256) = 2

struct Bounds:
    quorum: uint256  # how many feeders must agree, more than half of them
    lifetime: uint256  # seconds that an observation counts
    dispersion_bps: uint256  # how far from the median one may lie and agree with it
    lowest: uint256  # price ever taken
    highest: uint256  # price ever taken
    band_bps: uint256  # how far from the anchor a price may lie
    interval: uint256  # blocks that an anchor stands
    calm: uint256  # blocks for which medians must keep within the band to end a halt

event Observed:
    feeder: indexed(address)
    price: uint256
    time: uint256

# The median of the fresh observations, and how many feeders agree with it.
event Median:
    price: uint256
    agreeing: uint256

# There was a price, and from this block on there is none: too few feeders agree.
event Unpriced:
    agreeing: uint256

# By a price below the lowest, above the highest or outside the anchor's band; or by hand, with price 0.
event Halted:
    price: uint256
    anchor: uint256
    account: indexed(address)

# A halt by hand is over; prices count again after the calm.
event Released:
    account: indexed(address)

event Resumed:
    price: uint256

feeder_count: public(immutable(uint256))
quorum: public(immutable(uint256))
lifetime: public(immutable(uint256))
dispersion_bps: public(immutable(uint256))
lowest: public(immutable(uint256))
highest: public(immutable(uint256))
band_bps: public(immutable(uint256))
interval: public(immutable(uint256))
calm: public(immutable(uint256))
governance: public(immutable(address))
guardian: public(immutable(address))

feeders: public(HashMap[uint256, address])  # by seat, from 1
seats: public(HashMap[address, uint256])
observed: HashMap[uint256, uint256]  # price + 2^64 time, by seat: each feeder's last
count: public(uint256)
# price + 2^64 block, by order of storing; price 0 where there is none from that block on.
records: HashMap[uint256, uint256]
halt_by: public(uint256)
# Price + 2^64 block of what bounds the next price. While halted: of the first median of the calm.
anchor: uint256


@deploy
def __init__(signers: DynArray[address, MAX_FEEDERS], bounds: Bounds, governor: address, keeper: address):
    """
    @param signers The feeders: whose signatures make observations.
    @param bounds What a price must keep to.
    @param governor The timelock, which may halt and alone ends a halt by hand.
    @param keeper The guardian, who may halt.
    """
    assert governor != empty(address) and keeper != empty(address), "oracle: zero address"
    assert bounds.quorum <= len(signers) and 2 * bounds.quorum > len(signers), "oracle: quorum out of range"
    assert bounds.lifetime > 0 and bounds.lifetime <= MAX_LIFETIME, "oracle: lifetime out of range"
    assert bounds.dispersion_bps <= BPS, "oracle: dispersion out of range"
    assert bounds.lowest > 0 and bounds.lowest <= bounds.highest, "oracle: lowest out of range"
    assert bounds.highest <= MAX_PRICE, "oracle: highest out of range"
    assert bounds.band_bps > 0 and bounds.band_bps < 2**128, "oracle: band out of range"
    assert bounds.interval > 0 and bounds.interval < 2**32, "oracle: interval out of range"
    assert bounds.calm > 0 and bounds.calm < 2**32, "oracle: calm out of range"
    seat: uint256 = 0
    for signer: address in signers:
        assert signer != empty(address), "oracle: zero address"
        assert self.seats[signer] == 0, "oracle: feeder named twice"
        seat += 1
        self.feeders[seat] = signer
        self.seats[signer] = seat
    feeder_count = seat
    quorum = bounds.quorum
    lifetime = bounds.lifetime
    dispersion_bps = bounds.dispersion_bps
    lowest = bounds.lowest
    highest = bounds.highest
    band_bps = bounds.band_bps
    interval = bounds.interval
    calm = bounds.calm
    governance = governor
    guardian = keeper


# --- Observations ---


@external
def push(price: uint256, time: uint256, v: uint256, r: uint256, s: uint256):
    """
    @notice Stores a feeder's observation, and the price that follows. Anyone may carry it.
    @dev Signed, bare, is keccak256(abi_encode(keccak256("shadowpool.v1.observation"), chain id,
         this contract, price, time)).
    @param price Quote units a lot, in [1, 2^64).
    @param time Seconds since 1970; later than that feeder's last, at most `lifetime` behind the
           block and at most 30 seconds ahead of it.
    """
    assert price > 0 and price <= MAX_PRICE, "oracle: price out of range"
    assert time <= block.timestamp + MAX_AHEAD, "oracle: time ahead"
    assert time + lifetime >= block.timestamp, "oracle: too old"
    digest: bytes32 = keccak256(abi_encode(DOMAIN, chain.id, self, price, time))
    signer: address = ecrecover(digest, v, r, s)
    seat: uint256 = self.seats[signer]
    assert seat > 0, "oracle: not a feeder"
    assert time > self.observed[seat] >> 64, "oracle: not later"
    self.observed[seat] = price | (time << 64)
    log Observed(feeder=signer, price=price, time=time)
    self._weigh()


@internal
def _weigh():
    """
    @notice What the observations now say: a price, none, or a halt.
    """
    median: uint256 = 0
    agreeing: uint256 = 0
    median, agreeing = self._median()
    if agreeing < quorum:
        if self._store(0):
            log Unpriced(agreeing=agreeing)
        if self.halt_by != NOTHING:
            self.anchor = 0  # the calm starts over
        return
    log Median(price=median, agreeing=agreeing)
    anchor: uint256 = self.anchor & MASK
    since: uint256 = self.anchor >> 64
    bounded: bool = median >= lowest and median <= highest
    near: bool = bounded and self._near(median, anchor, band_bps)
    here: uint256 = block.number << 64
    if self.halt_by == NOTHING:
        if near or (bounded and anchor == 0):
            self._store(median)
            if anchor == 0 or block.number >= since + interval:
                self.anchor = median | here
        else:
            self._halt(BAND, median, msg.sender)
            self.anchor = (median | here) if bounded else 0
    elif not near:
        self.anchor = (median | here) if bounded else 0
    elif self.halt_by == BAND and block.number >= since + calm:
        self.halt_by = NOTHING
        self.anchor = median | here
        self._store(median)
        log Resumed(price=median)


@internal
@view
def _median() -> (uint256, uint256):
    """
    @notice The median of the fresh observations, the lower of two, and how many lie within the
            dispersion of it; zeros if none is fresh.
    """
    ordered: uint256[MAX_FEEDERS] = empty(uint256[MAX_FEEDERS])
    fresh: uint256 = 0
    for i: uint256 in range(feeder_count, bound=MAX_FEEDERS):
        seen: uint256 = self.observed[i + 1]
        if (seen >> 64) + lifetime < block.timestamp:
            continue
        place: uint256 = fresh
        for _: uint256 in range(MAX_FEEDERS):
            if place == 0 or ordered[place - 1] <= seen & MASK:
                break
            ordered[place] = ordered[place - 1]
            place -= 1
        ordered[place] = seen & MASK
        fresh += 1
    if fresh == 0:
        return 0, 0
    median: uint256 = ordered[(fresh - 1) // 2]
    agreeing: uint256 = 0
    for i: uint256 in range(fresh, bound=MAX_FEEDERS):
        if self._near(ordered[i], median, dispersion_bps):
            agreeing += 1
    return median, agreeing


@internal
@pure
def _near(price: uint256, middle: uint256, bps: uint256) -> bool:
    """
    @notice Whether a price lies within so many basis points of another; of 0, nothing does.
    """
    distance: uint256 = price - middle if price > middle else middle - price
    return middle > 0 and distance * BPS <= bps * middle


@internal
def _store(price: uint256) -> bool:
    """
    @notice The price from this block on, 0 for none. The last of a block counts.
    @return Whether that changes or renews anything.
    """
    at: uint256 = self.count
    last: uint256 = 0 if at == 0 else self.records[at - 1]
    if price == 0 and last & MASK == 0:
        return False
    if at > 0 and last >> 64 == block.number:
        at -= 1
    self.records[at] = price | (block.number << 64)
    self.count = at + 1
    return True


# --- Halts ---


@internal
def _halt(reason: uint256, price: uint256, account: address):
    self.halt_by = reason
    self._store(0)
    log Halted(price=price, anchor=self.anchor & MASK, account=account)


@external
def halt():
    """
    @notice Takes the price away until the governor releases it. Guardian and governor only.
    """
    assert msg.sender == guardian or msg.sender == governance, "oracle: not guardian or governor"
    assert self.halt_by != HAND, "oracle: halted by hand"
    self._halt(HAND, 0, msg.sender)
    self.anchor = 0


@external
def release():
    """
    @notice Ends a halt by hand: once medians have kept within the band for the calm, they are
            prices again. Governor only.
    """
    assert msg.sender == governance, "oracle: not the governor"
    assert self.halt_by == HAND, "oracle: not halted by hand"
    self.halt_by = BAND
    self.anchor = 0
    log Released(account=msg.sender)


# --- Reading ---


@external
@view
def at(number: uint256) -> (uint256, uint256):
    """
    @notice The last price stored at or before a block, final once that block is past.
    @return Price and the block that stored it; (0, 0) if there was none then.
    """
    below: uint256 = 0  # how many records surely are at or before the block
    above: uint256 = self.count
    for _: uint256 in range(64):
        if below == above:
            break
        middle: uint256 = (below + above) // 2
        if self.records[middle] >> 64 <= number:
            below = middle + 1
        else:
            above = middle
    found: uint256 = 0 if below == 0 else self.records[below - 1]
    if found & MASK == 0:
        return 0, 0
    return found & MASK, found >> 64


@external
@view
def latest() -> (uint256, uint256):
    """
    @return Price and the block that stored it; zeros if there is none now.
    """
    found: uint256 = 0 if self.count == 0 else self.records[self.count - 1]
    if found & MASK == 0:
        return 0, 0
    return found & MASK, found >> 64


@external
@view
def observation(feeder: address) -> (uint256, uint256):
    """
    @return A feeder's last price and its time; zeros if it has made none.
    """
    seen: uint256 = self.observed[self.seats[feeder]]
    return seen & MASK, seen >> 64


@external
@view
def anchored() -> (uint256, uint256):
    """
    @return What bounds the next price, and the block it is of; while halted, the first median of
            the calm. Zeros if there is none.
    """
    return self.anchor & MASK, self.anchor >> 64


@external
@view
def consensus() -> (uint256, uint256):
    """
    @return The median of the observations that are fresh now, and how many feeders agree with it.
    """
    return self._median()
