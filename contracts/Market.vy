# pragma version 0.4.3
"""
@title Market
@license AGPL-3.0-or-later
@notice Markets, their epochs, and the life of an order: committed with proof, revealed to
        the epoch's leader once the set is frozen, settled by one proof for the whole
        epoch, or reclaimed by its owner. States pass by block number alone.
"""

from .interfaces import ICredentials
from .interfaces import IKeys
from .interfaces import IPool
from .interfaces import IRelayers
from .interfaces import ISource
from .interfaces import IVerifier
from .modules import babyjubjub
from .modules import statement

R: constant(uint256) = 21888242871839275222246405745257275088548364400416034343698204186575808495617
WORD: constant(uint256) = 2**64
MASK16: constant(uint256) = 2**16 - 1
MASK32: constant(uint256) = 2**32 - 1
MASK64: constant(uint256) = 2**64 - 1
MASK160: constant(uint256) = 2**160 - 1

MAX_SLOTS: constant(uint256) = 64
HEAD_WORDS: constant(uint256) = 34
SLOT_WORDS: constant(uint256) = 11
MAX_FEE_BPS: constant(uint256) = 1000
MAX_BPS: constant(uint256) = 10000
# How far ahead of the block a commit may date its credential check, in seconds.
MAX_AHEAD: constant(uint256) = 3600
# What a source may spend, and what must be left before it is asked: with less, the 63/64
# that a call gets at most could starve it, and anyone could make an epoch Void.
SOURCE_GAS: constant(uint256) = 120_000
SOURCE_GAS_NEEDED: constant(uint256) = 150_000

# keccak256 of what an order's key signs starts with this.
REVEAL_DOMAIN: constant(bytes32) = keccak256("shadowpool.v1.reveal")
# Record of an order that was reclaimed.
RECLAIMED: constant(bytes32) = 0x0000000000000000000000000000000000000000000000000000000000000001

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

struct MarketTerms:
    base: address
    quote: address
    lot: uint256  # base units
    min_quantity: uint256  # lots
    fee_bps: uint256
    bond_bps: uint256
    jurisdictions: uint256  # bit i admits code i
    tier: uint256
    start_block: uint256
    commit_blocks: uint256
    freeze_blocks: uint256
    reveal_blocks: uint256
    settle_blocks: uint256
    capacity: uint256  # orders an epoch
    quota: uint256  # orders a credential and epoch
    split_bps: uint256  # the leader's part of the fees
    deferral: uint256  # blocks between settlement and print
    source: address
    max_age: uint256  # blocks, of a reference at the freeze
    collar_bps: uint256

struct Windows:
    open: uint256
    freeze: uint256
    reveal_from: uint256
    settle_from: uint256
    deadline: uint256

struct Epoch:
    leader: address
    reveal_key_version: uint256
    reveal_key: uint256[2]
    auditor_version: uint256
    treasury_version: uint256
    live: uint256
    reveals: uint256
    commit_chain: bytes32
    reveal_chain: bytes32
    reference: uint256
    fixed: bool
    void: bool
    slashed: bool
    released: bool
    settled_block: uint256
    invalid_mask: uint256
    print_commitment: uint256
    printed: bool
    price: uint256
    volume: uint256

struct Record:
    parties: uint256  # leader, then versions of reveal, auditor, treasury key (32 bits each)
    status: uint256
    # The commit chain; once settled, when nothing can be revealed, the print commitment.
    chain_or_print: bytes32
    reveal_chain: bytes32
    print: uint256  # price + 2^64 volume

struct Commit:
    market: uint256
    epoch: uint256
    tree0: uint256
    root0: uint256
    tree1: uint256
    root1: uint256
    nf0: uint256
    nf1: uint256
    change_cm: uint256
    quota_nullifier: uint256
    oc: uint256
    rk: address
    credential_root: uint256
    time: uint256

struct Reveal:
    market: uint256
    epoch: uint256
    quota_nullifier: uint256
    oc: uint256
    point: uint256[2]
    ciphertext: uint256[4]

struct Settlement:
    market: uint256
    epoch: uint256
    size: uint256
    invalid_mask: uint256
    print_commitment: uint256
    audit_point: uint256[2]
    audit: uint256[2]
    treasury_pad: uint256
    leader_cm: uint256
    treasury_cm: uint256

# A settlement's whole statement, at the largest size.
struct Words:
    head: uint256[HEAD_WORDS]
    slots: uint256[SLOT_WORDS][MAX_SLOTS]

struct Reclaim:
    market: uint256
    epoch: uint256
    quota_nullifier: uint256
    oc: uint256
    rk: address
    slot: uint256  # 0 if never revealed, else 1 + place
    refund_cm: uint256
    treasury_cm: uint256
    point: uint256[2]
    treasury_pad: uint256

event MarketOpened:
    market: indexed(uint256)
    terms: MarketTerms

event EpochOpened:
    market: indexed(uint256)
    epoch: indexed(uint256)
    leader: address
    reveal_version: uint256
    auditor_version: uint256
    treasury_version: uint256

event Committed:
    market: indexed(uint256)
    epoch: indexed(uint256)
    quota_nullifier: uint256
    oc: uint256
    rk: address
    position: uint256
    memo: uint256[8]

event Revealed:
    market: indexed(uint256)
    epoch: indexed(uint256)
    slot: uint256
    quota_nullifier: uint256
    oc: uint256
    point: uint256[2]
    ciphertext: uint256[4]

event ReferenceFixed:
    market: indexed(uint256)
    epoch: indexed(uint256)
    price: uint256
    void: bool

event Settled:
    market: indexed(uint256)
    epoch: indexed(uint256)
    count: uint256
    invalid_mask: uint256
    print_commitment: uint256
    audit_point: uint256[2]
    audit: uint256[2]
    treasury_pad: uint256
    leader_cm: uint256
    treasury_cm: uint256
    position: uint256
    slots: DynArray[uint256[2], MAX_SLOTS]
    memo: uint256[8]

event Reclaimed:
    market: indexed(uint256)
    epoch: indexed(uint256)
    quota_nullifier: uint256
    oc: uint256
    forfeit: bool
    position: uint256
    point: uint256[2]
    treasury_pad: uint256
    memo: uint256[8]

event Failed:
    market: indexed(uint256)
    epoch: indexed(uint256)
    leader: address
    slashed: uint256
    bounty: uint256

event Released:
    market: indexed(uint256)
    epoch: indexed(uint256)

event Printed:
    market: indexed(uint256)
    epoch: indexed(uint256)
    price: uint256
    volume: uint256

pool: public(immutable(address))
relayers: public(immutable(address))
keys: public(immutable(address))
credentials: public(immutable(address))
governance: public(immutable(address))
commit_verifier: public(immutable(address))
reclaim_verifier: public(immutable(address))
print_verifier: public(immutable(address))
COMMIT_CIRCUIT: immutable(bytes32)
RECLAIM_CIRCUIT: immutable(bytes32)
PRINT_CIRCUIT: immutable(bytes32)
settle_verifier: public(HashMap[uint256, address])
max_size: public(uint256)

market_count: public(uint256)
packed_terms: HashMap[uint256, uint256[5]]
# By market * 2^64 + epoch.
records: HashMap[uint256, Record]
# One word an order, under its quota nullifier, for ever.
order_record: public(HashMap[uint256, bytes32])


@deploy
def __init__(
    bound_pool: address,
    relayer_registry: address,
    key_registry: address,
    credential_registry: address,
    commit_key: address,
    reclaim_key: address,
    print_key: address,
    settle_keys: DynArray[address, 4],
    settle_sizes: DynArray[uint256, 4],
    governor: address,
):
    """
    @param bound_pool The pool, which must be bound to this address.
    @param commit_key The verifier of circuit `commit`; likewise the next two.
    @param settle_keys Verifiers of the settle circuits, in the order of `settle_sizes`.
    @param settle_sizes How many orders each of them takes, ascending.
    @param governor The timelock that opens markets.
    """
    assert staticcall IPool(bound_pool).market() == self, "market: pool bound elsewhere"
    assert governor != empty(address), "market: zero address"
    assert relayer_registry.is_contract and key_registry.is_contract, "market: no contract"
    assert credential_registry.is_contract, "market: no contract"
    assert len(settle_keys) > 0 and len(settle_keys) == len(settle_sizes), "market: settle sizes"
    pool = bound_pool
    relayers = relayer_registry
    keys = key_registry
    credentials = credential_registry
    governance = governor
    commit_verifier = commit_key
    reclaim_verifier = reclaim_key
    print_verifier = print_key
    COMMIT_CIRCUIT = staticcall IVerifier(commit_key).circuit_id()
    RECLAIM_CIRCUIT = staticcall IVerifier(reclaim_key).circuit_id()
    PRINT_CIRCUIT = staticcall IVerifier(print_key).circuit_id()
    at: uint256 = 0
    for size: uint256 in settle_sizes:
        assert size > self.max_size and size <= MAX_SLOTS, "market: settle sizes"
        self.max_size = size
        self.settle_verifier[size] = settle_keys[at]
        at += 1


@external
def open_market(terms: MarketTerms) -> uint256:
    """
    @notice Opens a market, whose terms never change. Governance only.
    @return The market's id, from 0.
    """
    assert msg.sender == governance, "market: not governance"
    assert terms.base.is_contract and terms.quote.is_contract and terms.source.is_contract, "market: address without code"
    assert terms.base != terms.quote, "market: base is quote"
    for word: uint256 in [terms.lot, terms.min_quantity]:
        assert word > 0 and word < WORD, "market: quantity out of range"
    for bps: uint256 in [terms.bond_bps, terms.split_bps, terms.collar_bps]:
        assert bps <= MAX_BPS, "market: rate out of range"
    assert terms.fee_bps <= MAX_FEE_BPS, "market: rate out of range"
    assert terms.jurisdictions > 0 and terms.jurisdictions < 2**250 and terms.tier < 2**8, "market: admission out of range"
    assert terms.quota > 0 and terms.quota < 2**16, "market: quota out of range"
    assert terms.capacity > 0 and terms.capacity <= self.max_size, "market: capacity out of range"
    assert terms.start_block > block.number and terms.start_block < 2**32, "market: start out of range"
    # Frozen for a block at least: a source may store in the freeze block itself.
    for length: uint256 in [terms.commit_blocks, terms.freeze_blocks, terms.reveal_blocks, terms.settle_blocks]:
        assert length > 0 and length < 2**32, "market: length out of range"
    for length: uint256 in [terms.deferral, terms.max_age]:
        assert length < 2**32, "market: length out of range"

    id: uint256 = self.market_count
    self.market_count = id + 1
    self.packed_terms[id] = [
        convert(terms.base, uint256) | (terms.min_quantity << 160) | (terms.fee_bps << 224) | (terms.bond_bps << 240),
        convert(terms.quote, uint256) | (terms.lot << 160) | (terms.quota << 224) | (terms.tier << 240) | (terms.capacity << 248),
        terms.jurisdictions,
        terms.start_block | (terms.commit_blocks << 32) | (terms.freeze_blocks << 64) | (terms.reveal_blocks << 96)
        | (terms.settle_blocks << 128) | (terms.deferral << 160) | (terms.max_age << 192),
        convert(terms.source, uint256) | (terms.split_bps << 160) | (terms.collar_bps << 176),
    ]
    log MarketOpened(market=id, terms=terms)
    return id


@external
@nonreentrant
def commit(proof: uint256[8], digest: uint256, c: Commit, memo: uint256[8]):
    """
    @notice Commits a funded order to an epoch whose window is open. Anyone may carry it.
    @dev The first commit of an epoch fixes its leader and keys. Stopped by a pause (pool.spend).
    @param c The statement's words that are not the market's own; `rk` signs the reveal.
    @param memo The order and the change note, encrypted to their owner.
    """
    w: Windows = self._windows(c.market, c.epoch)
    key: uint256 = self._key(c.market, c.epoch)
    assert block.number >= w.open and block.number < w.freeze, "market: window closed"
    assert block.timestamp <= c.time and c.time <= block.timestamp + MAX_AHEAD, "market: time out of range"
    # ecrecover answers zero for what is no signature.
    assert c.rk != empty(address), "market: no reveal key"
    assert self.order_record[c.quota_nullifier] == empty(bytes32), "market: order exists"
    assert staticcall ICredentials(credentials).accepts(c.credential_root), "market: credential root"
    status: uint256 = self.records[key].status
    assert status & MASK16 < self.packed_terms[c.market][1] >> 248, "market: epoch full"
    self._check_commit(proof, digest, c, memo)

    if status == 0:
        status = IS_OPEN
        self._open_epoch(c.market, c.epoch, w.open)
    self.records[key].status = status + 1
    self.records[key].chain_or_print = keccak256(
        abi_encode(self.records[key].chain_or_print, c.oc, c.rk)
    )
    self.order_record[c.quota_nullifier] = self._order(c.oc, c.rk, c.market, c.epoch, 0)
    extcall IPool(pool).spend(c.tree0, c.root0, c.tree1, c.root1, c.nf0, c.nf1)
    position: uint256 = extcall IPool(pool).append([c.change_cm])
    log Committed(
        market=c.market,
        epoch=c.epoch,
        quota_nullifier=c.quota_nullifier,
        oc=c.oc,
        rk=c.rk,
        position=position,
        memo=memo,
    )


@external
@nonreentrant
def reveal(r: Reveal, v: uint256, sig_r: uint256, sig_s: uint256):
    """
    @notice Opens an order to the epoch's leader, once, in the reveal window. Anyone may carry it.
    @dev The order's key signs, bare, keccak256(abi_encode(keccak256("shadowpool.v1.reveal"),
         chain id, pool, market, epoch, oc, frozen commit chain, reveal-key version, point,
         ciphertext)). The first reveal of an epoch fixes its reference.
    @param r The order and its ciphertext under the leader's key.
    """
    w: Windows = self._windows(r.market, r.epoch)
    key: uint256 = self._key(r.market, r.epoch)
    assert block.number >= w.reveal_from and block.number < w.settle_from, "market: window closed"
    assert babyjubjub._on_curve(r.point[0], r.point[1]), "market: not a curve point"
    for word: uint256 in r.ciphertext:
        assert word < R, "statement: word not below r"
    status: uint256 = self._fixed(r.market, r.epoch, self.records[key].status, w)
    assert status & IS_VOID == 0, "market: epoch void"

    frozen: bytes32 = self.records[key].chain_or_print
    version: uint256 = (self.records[key].parties >> 160) & MASK32
    signed: bytes32 = keccak256(
        abi_encode(
            REVEAL_DOMAIN, chain.id, pool, r.market, r.epoch, r.oc, frozen, version, r.point, r.ciphertext
        )
    )
    signer: address = ecrecover(signed, v, sig_r, sig_s)
    assert signer != empty(address), "market: no signature"
    # The record holds the order's key, so this is the check of the signature too.
    assert self.order_record[r.quota_nullifier] == self._order(r.oc, signer, r.market, r.epoch, 0), "market: not this order's key"

    slot: uint256 = (status >> 16) & MASK16
    previous: bytes32 = frozen if slot == 0 else self.records[key].reveal_chain
    self.records[key].reveal_chain = keccak256(abi_encode(previous, r.oc, r.point, r.ciphertext))
    self.records[key].status = status + ONE_REVEAL
    self.order_record[r.quota_nullifier] = self._order(r.oc, signer, r.market, r.epoch, slot + 1)
    log Revealed(
        market=r.market,
        epoch=r.epoch,
        slot=slot,
        quota_nullifier=r.quota_nullifier,
        oc=r.oc,
        point=r.point,
        ciphertext=r.ciphertext,
    )


@external
@nonreentrant
def settle(
    proof: uint256[8],
    digest: uint256,
    s: Settlement,
    slots: DynArray[uint256[SLOT_WORDS], MAX_SLOTS],
    memo: uint256[8],
):
    """
    @notice Settles an epoch by one proof that every reveal was cleared and paid. Its leader
            only, from the end of the reveal window until the deadline.
    @param s The batch's words; `size` names the circuit.
    @param slots Per reveal, in order: oc, Ex, Ey, ct0..ct3, base cm, quote cm, receipt, audit word.
    @param memo The leader's fee note, encrypted to its owner.
    """
    w: Windows = self._windows(s.market, s.epoch)
    key: uint256 = self._key(s.market, s.epoch)
    status: uint256 = self.records[key].status
    parties: uint256 = self.records[key].parties
    count: uint256 = len(slots)
    assert block.number >= w.settle_from and block.number < w.deadline, "market: window closed"
    assert convert(msg.sender, uint256) == parties & MASK160, "market: not the leader"
    assert (status >> SETTLED_BLOCK) & MASK64 == 0, "market: already settled"
    assert count > 0 and count == (status >> 16) & MASK16, "market: wrong number of reveals"
    assert s.invalid_mask < 1 << count, "market: mask out of range"
    verifier: address = self.settle_verifier[s.size]
    assert verifier != empty(address) and count <= s.size, "market: no such size"

    leaves: DynArray[uint256, 130] = []
    receipts: DynArray[uint256[2], MAX_SLOTS] = []
    # Absent slots stay zero. Laid out and hashed in this one frame: memory costs more than the loops.
    d: Words = empty(Words)
    d.head = self._settle_head(s, parties, status, self.records[key].reveal_chain, memo)
    link: bytes32 = self.records[key].chain_or_print
    place: uint256 = 0
    for slot: uint256[SLOT_WORDS] in slots:
        link = keccak256(
            abi_encode(link, slot[0], slot[1], slot[2], slot[3], slot[4], slot[5], slot[6])
        )
        leaves.append(slot[7])
        leaves.append(slot[8])
        receipts.append([slot[9], slot[10]])
        d.slots[place] = slot
        place += 1
    leaves.append(s.leader_cm)
    leaves.append(s.treasury_cm)
    assert link == self.records[key].reveal_chain, "market: other reveals"

    hashed: bytes32 = keccak256(slice(abi_encode(d), 0, 32 * (HEAD_WORDS + SLOT_WORDS * s.size)))
    circuit: bytes32 = staticcall IVerifier(verifier).circuit_id()
    challenge: uint256 = statement._challenge(pool, circuit, digest, hashed)
    evaluation: uint256 = 0
    for word: uint256 in d.head:
        assert word < R, "statement: word not below r"
        evaluation = unsafe_add(uint256_mulmod(evaluation, challenge, R), word)
    for i: uint256 in range(s.size, bound=MAX_SLOTS):
        for word: uint256 in d.slots[i]:
            assert word < R, "statement: word not below r"
            evaluation = unsafe_add(uint256_mulmod(evaluation, challenge, R), word)
    statement._require(verifier, proof, digest, challenge, evaluation)

    self.records[key].status = status | (block.number << SETTLED_BLOCK) | (s.invalid_mask << INVALID)
    self.records[key].chain_or_print = convert(s.print_commitment, bytes32)
    extcall IRelayers(relayers).release(msg.sender)
    position: uint256 = extcall IPool(pool).append(leaves)
    log Settled(
        market=s.market,
        epoch=s.epoch,
        count=count,
        invalid_mask=s.invalid_mask,
        print_commitment=s.print_commitment,
        audit_point=s.audit_point,
        audit=s.audit,
        treasury_pad=s.treasury_pad,
        leader_cm=s.leader_cm,
        treasury_cm=s.treasury_cm,
        position=position,
        slots=receipts,
        memo=memo,
    )


@external
@nonreentrant
def reclaim(proof: uint256[8], digest: uint256, c: Reclaim, memo: uint256[8]):
    """
    @notice Gives an unsettled order's lock back to its owner: all of it before the freeze (a
            cancel) and where the epoch is Failed or Void; less the bond where it is Empty, or
            Settled without this order or with it shown invalid. Anyone may carry it; no pause.
    @param c The order with its key and slot, and the statement's words that are not the market's own.
    @param memo The refund note, encrypted to its owner.
    """
    w: Windows = self._windows(c.market, c.epoch)
    key: uint256 = self._key(c.market, c.epoch)
    status: uint256 = self.records[key].status
    assert self.order_record[c.quota_nullifier] == self._order(c.oc, c.rk, c.market, c.epoch, c.slot), "market: no such order"
    if block.number >= w.reveal_from:
        status = self._fixed(c.market, c.epoch, status, w)
    state: uint256 = self._state(status, w)
    forfeit: uint256 = 0
    if state == COMMIT:
        status -= 1
        self.records[key].chain_or_print = keccak256(
            abi_encode(self.records[key].chain_or_print, c.oc, empty(bytes32))
        )
    elif state == EMPTY:
        forfeit = 1
    elif state == SETTLED:
        assert c.slot == 0 or ((status >> INVALID) >> (c.slot - 1)) & 1 == 1, "market: order settled"
        forfeit = 1
    else:
        assert state == FAILED or state == VOID, "market: not reclaimable now"
    self._check_reclaim(proof, digest, c, forfeit, memo)

    self.records[key].status = status
    self.order_record[c.quota_nullifier] = RECLAIMED
    position: uint256 = extcall IPool(pool).append([c.refund_cm, c.treasury_cm])
    log Reclaimed(
        market=c.market,
        epoch=c.epoch,
        quota_nullifier=c.quota_nullifier,
        oc=c.oc,
        forfeit=forfeit == 1,
        position=position,
        point=c.point,
        treasury_pad=c.treasury_pad,
        memo=memo,
    )


@external
@nonreentrant
def fail(market: uint256, epoch: uint256):
    """
    @notice Slashes the leader of an epoch that had reveals and was not settled in time, once.
            Anyone may, for the bounty.
    """
    w: Windows = self._windows(market, epoch)
    key: uint256 = self._key(market, epoch)
    status: uint256 = self.records[key].status
    assert self._state(status, w) == FAILED, "market: epoch not failed"
    assert status & IS_SLASHED == 0, "market: already slashed"
    self.records[key].status = status | IS_SLASHED
    leader: address = self._address(self.records[key].parties)
    slashed: uint256 = 0
    bounty: uint256 = 0
    slashed, bounty = extcall IRelayers(relayers).slash(leader, msg.sender)
    log Failed(market=market, epoch=epoch, leader=leader, slashed=slashed, bounty=bounty)


@external
@nonreentrant
def release(market: uint256, epoch: uint256):
    """
    @notice Frees the stake reserved for an epoch that is Empty or Void, once. Anyone may.
    """
    w: Windows = self._windows(market, epoch)
    key: uint256 = self._key(market, epoch)
    status: uint256 = self.records[key].status
    assert block.number >= w.reveal_from, "market: epoch not over"
    status = self._fixed(market, epoch, status, w)
    state: uint256 = self._state(status, w)
    assert state == EMPTY or state == VOID, "market: epoch not over"
    assert status & IS_RELEASED == 0, "market: already released"
    self.records[key].status = status | IS_RELEASED
    extcall IRelayers(relayers).release(self._address(self.records[key].parties))
    log Released(market=market, epoch=epoch)


@external
@nonreentrant
def print_epoch(
    proof: uint256[8], digest: uint256, market: uint256, epoch: uint256, price: uint256, volume: uint256
):
    """
    @notice Publishes price and volume of a settled epoch once the deferral is over, as its
            proof fixed them. Anyone who holds the print's salt can make the proof.
    @param price Quote units a lot; 0 if nothing traded.
    @param volume Lots.
    """
    key: uint256 = self._key(market, epoch)
    status: uint256 = self.records[key].status
    settled_block: uint256 = (status >> SETTLED_BLOCK) & MASK64
    deferral: uint256 = (self.packed_terms[market][3] >> 160) & MASK32
    assert settled_block > 0, "market: not settled"
    assert block.number >= settled_block + deferral, "market: print deferred"
    assert status & IS_PRINTED == 0, "market: already printed"
    assert price < WORD and volume < 2**128, "market: print out of range"
    commitment: uint256 = convert(self.records[key].chain_or_print, uint256)
    statement._require_three(pool, print_verifier, PRINT_CIRCUIT, proof, digest, [commitment, price, volume])
    self.records[key].status = status | IS_PRINTED
    self.records[key].print = price | (volume << 64)
    log Printed(market=market, epoch=epoch, price=price, volume=volume)


@external
@view
def terms(market: uint256) -> MarketTerms:
    """
    @return The terms of a market; reverts if there is none.
    """
    t: uint256[5] = self.packed_terms[market]
    assert t[3] != 0, "market: unknown market"
    return MarketTerms(
        base=self._address(t[0]),
        quote=self._address(t[1]),
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
        source=self._address(t[4]),
        max_age=t[3] >> 192,
        collar_bps=t[4] >> 176,
    )


@external
@view
def windows(market: uint256, epoch: uint256) -> Windows:
    """
    @return First blocks of: commit window, frozen (F), reveal window, settling, and past the deadline.
    """
    return self._windows(market, epoch)


@external
@view
def epoch_at(market: uint256, number: uint256) -> uint256:
    """
    @return The epoch whose commit window holds a block; reverts before the market starts.
    """
    t: uint256 = self.packed_terms[market][3]
    assert t != 0, "market: unknown market"
    assert number >= t & MASK32, "market: not started"
    return (number - (t & MASK32)) // ((t >> 32) & MASK32)


@external
@view
def state(market: uint256, epoch: uint256) -> uint256:
    """
    @return 0 Unopened (no commit), 1 Commit, 2 Frozen, 3 Reveal, 4 Settling, 5 Settled, 6 Empty,
            7 Failed, 8 Void, as of this block. Sees a Void that no transaction has fixed yet.
    """
    w: Windows = self._windows(market, epoch)
    key: uint256 = self._key(market, epoch)
    status: uint256 = self.records[key].status
    if status != 0 and block.number >= w.reveal_from and not self._is_fixed(status):
        status |= self._reference(market, w.freeze)
    return self._state(status, w)


@external
@view
def epochs(market: uint256, epoch: uint256) -> Epoch:
    """
    @return What is stored of an epoch; zeros before its first commit. The commit chain is kept
            until the settlement, the print commitment from then on.
    """
    record: Record = self.records[self._key(market, epoch)]
    settled: bool = (record.status >> SETTLED_BLOCK) & MASK64 != 0
    leader: address = self._address(record.parties)
    version: uint256 = (record.parties >> 160) & MASK32
    owner: uint256 = 0
    x: uint256 = 0
    y: uint256 = 0
    owner, x, y = staticcall IRelayers(relayers).leader_words(leader, version)
    return Epoch(
        leader=leader,
        reveal_key_version=version,
        reveal_key=[x, y],
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


@internal
@pure
def _address(word: uint256) -> address:
    return convert(word & MASK160, address)


@internal
@pure
def _key(market: uint256, epoch: uint256) -> uint256:
    assert epoch < WORD, "market: epoch out of range"
    return market * WORD + epoch


@internal
@pure
def _order(oc: uint256, rk: address, market: uint256, epoch: uint256, slot: uint256) -> bytes32:
    return keccak256(abi_encode(oc, rk, market, epoch, slot))


@internal
@view
def _windows(market: uint256, epoch: uint256) -> Windows:
    t: uint256 = self.packed_terms[market][3]
    assert t != 0, "market: unknown market"
    length: uint256 = (t >> 32) & MASK32
    open: uint256 = (t & MASK32) + epoch * length
    freeze: uint256 = open + length
    reveal_from: uint256 = freeze + ((t >> 64) & MASK32)
    settle_from: uint256 = reveal_from + ((t >> 96) & MASK32)
    return Windows(
        open=open,
        freeze=freeze,
        reveal_from=reveal_from,
        settle_from=settle_from,
        deadline=settle_from + ((t >> 128) & MASK32),
    )


@internal
@view
def _state(status: uint256, w: Windows) -> uint256:
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
    return status & (IS_VOID | (MASK64 << REFERENCE)) != 0


@internal
def _fixed(market: uint256, epoch: uint256, status: uint256, w: Windows) -> uint256:
    """
    @notice The status with its reference fixed. The caller is past the frozen blocks, and stores it.
    """
    assert status != 0, "market: epoch has no commits"
    if self._is_fixed(status):
        return status
    reference: uint256 = self._reference(market, w.freeze)
    log ReferenceFixed(
        market=market,
        epoch=epoch,
        price=(reference >> REFERENCE) & MASK64,
        void=reference & IS_VOID != 0,
    )
    return status | reference


@internal
@view
def _reference(market: uint256, freeze: uint256) -> uint256:
    """
    @notice What the market's source answers for the freeze block, as bits of the status: its
            price, or IS_VOID if it fails, is malformed, out of range or too old.
    """
    assert msg.gas > SOURCE_GAS_NEEDED, "market: more gas needed"
    max_age: uint256 = self.packed_terms[market][3] >> 192
    success: bool = False
    answer: Bytes[64] = b""
    success, answer = raw_call(
        self._address(self.packed_terms[market][4]),
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
def _open_epoch(market: uint256, epoch: uint256, open: uint256):
    """
    @notice Fixes an epoch's leader and key versions, and reserves the leader's stake.
    """
    auditor: uint256 = 0
    treasury: uint256 = 0
    auditor, treasury = staticcall IKeys(keys).versions()
    assert auditor > 0 and treasury > 0, "market: no auditor or treasury key"
    leader: address = empty(address)
    version: uint256 = 0
    leader, version = extcall IRelayers(relayers).reserve(epoch, open)
    self.records[self._key(market, epoch)].parties = (
        convert(leader, uint256) | (version << 160) | (auditor << 192) | (treasury << 224)
    )
    log EpochOpened(
        market=market,
        epoch=epoch,
        leader=leader,
        reveal_version=version,
        auditor_version=auditor,
        treasury_version=treasury,
    )


@internal
@view
def _check_commit(proof: uint256[8], digest: uint256, c: Commit, memo: uint256[8]):
    t0: uint256 = self.packed_terms[c.market][0]
    t1: uint256 = self.packed_terms[c.market][1]
    d: uint256[23] = [
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
        self.packed_terms[c.market][2],
        (t1 >> 240) & 255,
        (t1 >> 224) & MASK16,
        convert(keccak256(abi_encode(memo)), uint256) % R,
    ]
    challenge: uint256 = statement._challenge(pool, COMMIT_CIRCUIT, digest, keccak256(abi_encode(d)))
    evaluation: uint256 = 0
    for word: uint256 in d:
        assert word < R, "statement: word not below r"
        evaluation = unsafe_add(uint256_mulmod(evaluation, challenge, R), word)
    statement._require(commit_verifier, proof, digest, challenge, evaluation)


@internal
@view
def _check_reclaim(proof: uint256[8], digest: uint256, c: Reclaim, forfeit: uint256, memo: uint256[8]):
    t0: uint256 = self.packed_terms[c.market][0]
    t1: uint256 = self.packed_terms[c.market][1]
    parties: uint256 = self.records[self._key(c.market, c.epoch)].parties
    p: uint256[5] = staticcall IKeys(keys).points(0, parties >> 224)
    d: uint256[18] = [
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
    challenge: uint256 = statement._challenge(pool, RECLAIM_CIRCUIT, digest, keccak256(abi_encode(d)))
    evaluation: uint256 = 0
    for word: uint256 in d:
        assert word < R, "statement: word not below r"
        evaluation = unsafe_add(uint256_mulmod(evaluation, challenge, R), word)
    statement._require(reclaim_verifier, proof, digest, challenge, evaluation)


@internal
@view
def _settle_head(
    s: Settlement, parties: uint256, status: uint256, reveal_chain: bytes32, memo: uint256[8]
) -> uint256[HEAD_WORDS]:
    """
    @notice The words of a settlement's statement that come before its slots.
    """
    t0: uint256 = self.packed_terms[s.market][0]
    t1: uint256 = self.packed_terms[s.market][1]
    t4: uint256 = self.packed_terms[s.market][4]
    reveal_version: uint256 = (parties >> 160) & MASK32
    auditor_version: uint256 = (parties >> 192) & MASK32
    treasury_version: uint256 = parties >> 224
    leader: uint256[3] = empty(uint256[3])
    leader[0], leader[1], leader[2] = staticcall IRelayers(relayers).leader_words(self._address(parties), reveal_version)
    p: uint256[5] = staticcall IKeys(keys).points(auditor_version, treasury_version)
    return [
        chain.id,
        convert(pool, uint256),
        s.market,
        s.epoch,
        convert(reveal_chain, uint256) % R,
        (status >> REFERENCE) & MASK64,
        reveal_version,
        auditor_version,
        treasury_version,
        leader[1],
        leader[2],
        p[0],
        p[1],
        p[2],
        p[3],
        p[4],
        leader[0],
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

