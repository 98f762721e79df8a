# pragma version 0.4.3
"""
@title An epoch's record, and what it says
@license AGPL-3.0-or-later
@notice Protocol section 5. States pass by block number; the reference is asked of the market's source.
"""

from ..interfaces import IMarket

MASK16: constant(uint256) = 2**16 - 1
MASK32: constant(uint256) = 2**32 - 1
MASK64: constant(uint256) = 2**64 - 1
MASK160: constant(uint256) = 2**160 - 1
# What a source may spend, and what must be left before it is asked: with less, the 63/64
# that a call gets at most could starve it, and anyone could make an epoch Void.
SOURCE_GAS: constant(uint256) = 120_000
SOURCE_GAS_NEEDED: constant(uint256) = 150_000

UNOPENED: constant(uint256) = 0
COMMIT: constant(uint256) = 1
FROZEN: constant(uint256) = 2
REVEAL: constant(uint256) = 3
SETTLING: constant(uint256) = 4
SETTLED: constant(uint256) = 5
EMPTY: constant(uint256) = 6
FAILED: constant(uint256) = 7
VOID: constant(uint256) = 8

# An epoch's status word: live commits (16 bits), reveals (16), reference (64), settled block
# (64), invalid mask (64), then flags.
ONE_REVEAL: constant(uint256) = 2**16
REFERENCE: constant(uint256) = 32
SETTLED_BLOCK: constant(uint256) = 96
INVALID: constant(uint256) = 160
IS_OPEN: constant(uint256) = 2**224
IS_VOID: constant(uint256) = 2**225
IS_SLASHED: constant(uint256) = 2**226
IS_RELEASED: constant(uint256) = 2**227
IS_PRINTED: constant(uint256) = 2**228

struct Record:
    parties: uint256  # leader, then versions of reveal, auditor, treasury key (32 bits each)
    status: uint256
    # The commit chain; once settled, when nothing can be revealed, the print commitment.
    chain_or_print: bytes32
    reveal_chain: bytes32
    print: uint256  # price + 2^64 volume


@internal
@view
def _state(status: uint256, w: IMarket.Windows) -> uint256:
    """
    @notice The state of an epoch in this block. A Void one must have been fixed.
    """
    if status == 0:
        return UNOPENED
    if status & IS_VOID != 0:
        return VOID
    if (status >> SETTLED_BLOCK) & MASK64 != 0:
        return SETTLED
    if block.number < w.freeze:
        return COMMIT
    if block.number < w.reveal_from:
        return FROZEN
    if block.number < w.settle_from:
        return REVEAL
    if (status >> 16) & MASK16 == 0:
        return EMPTY
    return SETTLING if block.number < w.deadline else FAILED


@internal
@pure
def _is_fixed(status: uint256) -> bool:
    """
    @notice Whether the reference is known, or known to be missing.
    """
    return status & (IS_VOID | (MASK64 << REFERENCE)) != 0


@internal
@view
def _reference(source: address, freeze: uint256, max_age: uint256) -> uint256:
    """
    @notice What a source answers for the freeze block, as bits of the status: its price, or
            IS_VOID if it fails, is malformed, out of range or too old.
    """
    assert msg.gas > SOURCE_GAS_NEEDED, "market: more gas needed"
    success: bool = False
    answer: Bytes[64] = b""
    success, answer = raw_call(
        source,
        abi_encode(freeze, method_id=method_id("at(uint256)")),
        max_outsize=64,
        gas=SOURCE_GAS,
        is_static_call=True,
        revert_on_failure=False,
    )
    if not success or len(answer) != 64:
        return IS_VOID
    price: uint256 = convert(slice(answer, 0, 32), uint256)
    stored: uint256 = convert(slice(answer, 32, 32), uint256)
    if price == 0 or price > MASK64 or stored > freeze or freeze - stored > max_age:
        return IS_VOID
    return price << REFERENCE


@internal
@pure
def _unpacked(record: Record, reveal_key: uint256[2]) -> IMarket.Epoch:
    """
    @notice All that a record holds, and the key that its leader uses.
    """
    settled: bool = (record.status >> SETTLED_BLOCK) & MASK64 != 0
    return IMarket.Epoch(
        leader=convert(record.parties & MASK160, address),
        reveal_key_version=(record.parties >> 160) & MASK32,
        reveal_key=reveal_key,
        auditor_version=(record.parties >> 192) & MASK32,
        treasury_version=record.parties >> 224,
        live=record.status & MASK16,
        reveals=(record.status >> 16) & MASK16,
        commit_chain=empty(bytes32) if settled else record.chain_or_print,
        reveal_chain=record.reveal_chain,
        reference=(record.status >> REFERENCE) & MASK64,
        fixed=self._is_fixed(record.status),
        void=record.status & IS_VOID != 0,
        slashed=record.status & IS_SLASHED != 0,
        released=record.status & IS_RELEASED != 0,
        settled_block=(record.status >> SETTLED_BLOCK) & MASK64,
        invalid_mask=(record.status >> INVALID) & MASK64,
        print_commitment=convert(record.chain_or_print, uint256) if settled else 0,
        printed=record.status & IS_PRINTED != 0,
        price=record.print & MASK64,
        volume=record.print >> 64,
    )
