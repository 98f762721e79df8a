# pragma version 0.4.3
"""
@title Rotation: seats, their weights by block, and whose turn an epoch is
@license AGPL-3.0-or-later
@notice Protocol section 5. A weight counts from the end of the block that set it, and stays
        known for ever, so that a leader follows from a block in the past.
"""

MAX: constant(uint256) = 32  # seats
GOLDEN: constant(uint256) = 11400714819323198485  # 0x9E3779B97F4A7C15: 2^64 over the golden ratio, spreads epochs evenly
MASK: constant(uint256) = 2**64 - 1
WEIGHT_MASK: constant(uint256) = 2**128 - 1

# Seats in order of first bond.
relayer_count: public(uint256)
relayer_at: public(HashMap[uint256, address])
seat_of: HashMap[address, uint256]  # 1 + seat
# A seat's weight now, as block + 2^64 weight + 2^192 count of `past`, and what it was before.
present: HashMap[uint256, uint256]
past: HashMap[uint256, HashMap[uint256, uint256]]


@internal
@view
def _turn(epoch: uint256, snapshot: uint256) -> DynArray[address, MAX]:
    """
    @notice Who may lead an epoch by the weights after block `snapshot`: first the seat that the
            rule picks, then the seats after it in turn, those without weight left out.
    """
    weights: DynArray[uint256, MAX] = []
    total: uint256 = 0
    for seat: uint256 in range(self.relayer_count, bound=MAX):
        weight: uint256 = self._weight_at(seat, snapshot)
        total += weight
        weights.append(weight)
    # x < total, so that a seat is found unless nobody had weight.
    x: uint256 = (((epoch % 2**64) * GOLDEN) % 2**64) * total >> 64
    first: uint256 = 0
    cumulative: uint256 = 0
    for weight: uint256 in weights:
        cumulative += weight
        if cumulative > x:
            break
        first += 1
    turn: DynArray[address, MAX] = []
    for step: uint256 in range(len(weights), bound=MAX):
        seat: uint256 = (first + step) % len(weights)
        if weights[seat] > 0:
            turn.append(self.relayer_at[seat])
    return turn


@internal
@view
def _weight_at(seat: uint256, number: uint256) -> uint256:
    present: uint256 = self.present[seat]
    if present & MASK <= number:
        return (present >> 64) & WEIGHT_MASK
    below: uint256 = 0  # how many past weights surely began at or before the block
    above: uint256 = present >> 192
    for _: uint256 in range(64):
        if below == above:
            break
        middle: uint256 = (below + above) // 2
        if self.past[seat][middle] & MASK <= number:
            below = middle + 1
        else:
            above = middle
    return 0 if below == 0 else (self.past[seat][below - 1] >> 64) & WEIGHT_MASK


@internal
@view
def _weight_of(relayer: address, number: uint256) -> uint256:
    """
    @notice A relayer's weight after a block; 0 without a seat.
    """
    seat: uint256 = self.seat_of[relayer]
    return 0 if seat == 0 else self._weight_at(seat - 1, number)


@internal
def _take(relayer: address, seat: uint256):
    """
    @notice Gives a relayer a seat: the next one, or one whose holder has nothing at stake.
    """
    if seat == self.relayer_count:
        self.relayer_count = seat + 1
    self.seat_of[self.relayer_at[seat]] = 0
    self.relayer_at[seat] = relayer
    self.seat_of[relayer] = seat + 1


@internal
def _set_weight(relayer: address, weight: uint256):
    """
    @notice Sets a relayer's weight from the end of this block on; nothing without a seat.
    """
    if self.seat_of[relayer] == 0:
        return
    seat: uint256 = self.seat_of[relayer] - 1
    present: uint256 = self.present[seat]
    count: uint256 = present >> 192
    if present > 0 and present & MASK < block.number:
        self.past[seat][count] = present
        count += 1
    self.present[seat] = block.number | (weight << 64) | (count << 192)
