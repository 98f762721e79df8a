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
from .interfaces import IMarket
from .interfaces import IPool
from .interfaces import IRelayers
from .interfaces import IVerifier
from .modules import babyjubjub
from .modules import epoch_record
from .modules import layout
from .modules import market_terms
from .modules import statement

R: constant(uint256) = 21888242871839275222246405745257275088548364400416034343698204186575808495617
WORD: constant(uint256) = 2**64
MASK16: constant(uint256) = 2**16 - 1
MASK32: constant(uint256) = 2**32 - 1
MASK64: constant(uint256) = 2**64 - 1
MASK160: constant(uint256) = 2**160 - 1
MASK192: constant(uint256) = 2**192 - 1

MAX_SLOTS: constant(uint256) = 64
HEAD_WORDS: constant(uint256) = 34
SLOT_WORDS: constant(uint256) = 11
# How far ahead of the block a commit may date its credential check, in seconds.
MAX_AHEAD: constant(uint256) = 3600
# keccak256 of what an order's key signs starts with this.
REVEAL_DOMAIN: constant(bytes32) = keccak256("shadowpool.v1.reveal")
# Record of an order that was reclaimed.
RECLAIMED: constant(bytes32) = 0x0000000000000000000000000000000000000000000000000000000000000001

# A settlement's whole statement, at the largest size.
struct Words:
    head: uint256[HEAD_WORDS]
    slots: uint256[SLOT_WORDS][MAX_SLOTS]

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
records: HashMap[uint256, epoch_record.Record]
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
    assert staticcall IRelayers(relayer_registry).market() == self, "market: relayers bound elsewhere"
    assert staticcall IRelayers(relayer_registry).pool() == bound_pool, "market: relayers bound elsewhere"
    assert staticcall IKeys(key_registry).pool() == bound_pool, "market: keys bound elsewhere"


@external
def open_market(terms: IMarket.MarketTerms) -> uint256:
    """
    @notice Opens a market, whose terms never change. Governance only.
    @return The market's id, from 0.
    """
    assert msg.sender == governance, "market: not governance"
    id: uint256 = self.market_count
    self.market_count = id + 1
    self.packed_terms[id] = market_terms._packed(terms, self.max_size)
    log IMarket.MarketOpened(market=id, terms=terms)
    return id


@external
@nonreentrant
def commit(proof: uint256[8], digest: uint256, c: IMarket.Commit, memo: uint256[8]):
    """
    @notice Commits a funded order to an epoch whose window is open. Anyone may carry it.
    @dev The first commit of an epoch fixes its leader and keys. Stopped by a pause (pool.spend).
    @param c The statement's words that are not the market's own; `rk` signs the reveal.
    @param memo The order and the change note, encrypted to their owner.
    """
    w: IMarket.Windows = self._windows(c.market, c.epoch)
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
        status = epoch_record.IS_OPEN
        self._open_epoch(c.market, c.epoch, w.open)
    self.records[key].status = status + 1
    self.records[key].chain_or_print = keccak256(
        abi_encode(self.records[key].chain_or_print, c.oc, c.rk)
    )
    self.order_record[c.quota_nullifier] = self._order(c.oc, c.rk, c.market, c.epoch, 0)
    extcall IPool(pool).spend(c.tree0, c.root0, c.tree1, c.root1, c.nf0, c.nf1)
    position: uint256 = extcall IPool(pool).append([c.change_cm])
    log IMarket.Committed(
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
def reveal(r: IMarket.Reveal, v: uint256, sig_r: uint256, sig_s: uint256):
    """
    @notice Opens an order to the epoch's leader, once, in the reveal window. Anyone may carry it.
    @dev The order's key signs, bare, keccak256(abi_encode(keccak256("shadowpool.v1.reveal"),
         chain id, pool, market, epoch, oc, frozen commit chain, leader + 2^160 key version, point,
         ciphertext)). The first reveal of an epoch fixes its reference.
    @param r The order and its ciphertext under the leader's key.
    """
    w: IMarket.Windows = self._windows(r.market, r.epoch)
    key: uint256 = self._key(r.market, r.epoch)
    assert block.number >= w.reveal_from and block.number < w.settle_from, "market: window closed"
    assert babyjubjub._on_curve(r.point[0], r.point[1]), "market: not a curve point"
    for word: uint256 in r.ciphertext:
        assert word < R, "statement: word not below r"
    status: uint256 = self._fixed(r.market, r.epoch, self.records[key].status, w)
    assert status & epoch_record.IS_VOID == 0, "market: epoch void"

    frozen: bytes32 = self.records[key].chain_or_print
    # The leader (low 160 bits) and its key's version: an opening is for one reader.
    reader: uint256 = self.records[key].parties & MASK192
    signed: bytes32 = keccak256(
        abi_encode(
            REVEAL_DOMAIN, chain.id, pool, r.market, r.epoch, r.oc, frozen, reader, r.point, r.ciphertext
        )
    )
    signer: address = ecrecover(signed, v, sig_r, sig_s)
    assert signer != empty(address), "market: no signature"
    # The record holds the order's key, so this is the check of the signature too.
    assert self.order_record[r.quota_nullifier] == self._order(r.oc, signer, r.market, r.epoch, 0), "market: not this order's key"

    slot: uint256 = (status >> 16) & MASK16
    previous: bytes32 = frozen if slot == 0 else self.records[key].reveal_chain
    self.records[key].reveal_chain = keccak256(abi_encode(previous, r.oc, r.point, r.ciphertext))
    self.records[key].status = status + epoch_record.ONE_REVEAL
    self.order_record[r.quota_nullifier] = self._order(r.oc, signer, r.market, r.epoch, slot + 1)
    log IMarket.Revealed(
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
    s: IMarket.Settlement,
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
    w: IMarket.Windows = self._windows(s.market, s.epoch)
    key: uint256 = self._key(s.market, s.epoch)
    status: uint256 = self.records[key].status
    parties: uint256 = self.records[key].parties
    count: uint256 = len(slots)
    assert block.number >= w.settle_from and block.number < w.deadline, "market: window closed"
    assert convert(msg.sender, uint256) == parties & MASK160, "market: not the leader"
    assert (status >> epoch_record.SETTLED_BLOCK) & MASK64 == 0, "market: already settled"
    assert count > 0 and count == (status >> 16) & MASK16, "market: wrong number of reveals"
    assert s.invalid_mask < 1 << count, "market: mask out of range"
    verifier: address = self.settle_verifier[s.size]
    assert verifier != empty(address) and count <= s.size, "market: no such size"

    leaves: DynArray[uint256, 130] = []
    receipts: DynArray[uint256[2], MAX_SLOTS] = []
    # Absent slots stay zero. Laid out and hashed in this one frame: memory costs more than the loops.
    d: Words = empty(Words)
    d.head = layout._settle_head(
        pool,
        s,
        self.packed_terms[s.market][0],
        self.packed_terms[s.market][1],
        self.packed_terms[s.market][4],
        parties,
        status,
        self.records[key].reveal_chain,
        self._leader_words(parties),
        staticcall IKeys(keys).points((parties >> 192) & MASK32, parties >> 224),
        memo,
    )
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

    self.records[key].status = status | (block.number << epoch_record.SETTLED_BLOCK) | (s.invalid_mask << epoch_record.INVALID)
    self.records[key].chain_or_print = convert(s.print_commitment, bytes32)
    extcall IRelayers(relayers).release(msg.sender)
    position: uint256 = extcall IPool(pool).append(leaves)
    log IMarket.Settled(
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
def reclaim(proof: uint256[8], digest: uint256, c: IMarket.Reclaim, memo: uint256[8]):
    """
    @notice Gives an unsettled order's lock back to its owner: all of it before the freeze (a
            cancel) and where the epoch is Failed or Void; less the bond where it is Empty, or
            Settled without this order or with it shown invalid. Anyone may carry it; no pause.
    @param c The order with its key and slot, and the statement's words that are not the market's own.
    @param memo The refund note, encrypted to its owner.
    """
    w: IMarket.Windows = self._windows(c.market, c.epoch)
    key: uint256 = self._key(c.market, c.epoch)
    status: uint256 = self.records[key].status
    assert self.order_record[c.quota_nullifier] == self._order(c.oc, c.rk, c.market, c.epoch, c.slot), "market: no such order"
    if block.number >= w.reveal_from:
        status = self._fixed(c.market, c.epoch, status, w)
    state: uint256 = epoch_record._state(status, w)
    forfeit: uint256 = 0
    if state == epoch_record.COMMIT:
        status -= 1
        self.records[key].chain_or_print = keccak256(
            abi_encode(self.records[key].chain_or_print, c.oc, empty(bytes32))
        )
    elif state == epoch_record.EMPTY:
        forfeit = 1
    elif state == epoch_record.SETTLED:
        assert c.slot == 0 or ((status >> epoch_record.INVALID) >> (c.slot - 1)) & 1 == 1, "market: order settled"
        forfeit = 1
    else:
        assert state == epoch_record.FAILED or state == epoch_record.VOID, "market: not reclaimable now"
    self._check_reclaim(proof, digest, c, forfeit, memo)

    self.records[key].status = status
    self.order_record[c.quota_nullifier] = RECLAIMED
    position: uint256 = extcall IPool(pool).append([c.refund_cm, c.treasury_cm])
    log IMarket.Reclaimed(
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
    w: IMarket.Windows = self._windows(market, epoch)
    key: uint256 = self._key(market, epoch)
    status: uint256 = self.records[key].status
    assert epoch_record._state(status, w) == epoch_record.FAILED, "market: epoch not failed"
    assert status & epoch_record.IS_SLASHED == 0, "market: already slashed"
    self.records[key].status = status | epoch_record.IS_SLASHED
    leader: address = self._address(self.records[key].parties)
    slashed: uint256 = 0
    bounty: uint256 = 0
    slashed, bounty = extcall IRelayers(relayers).slash(leader, msg.sender)
    log IMarket.Failed(market=market, epoch=epoch, leader=leader, slashed=slashed, bounty=bounty)


@external
@nonreentrant
def release(market: uint256, epoch: uint256):
    """
    @notice Frees the stake reserved for an epoch that is Empty or Void, once. Anyone may.
    """
    w: IMarket.Windows = self._windows(market, epoch)
    key: uint256 = self._key(market, epoch)
    status: uint256 = self.records[key].status
    assert block.number >= w.reveal_from, "market: epoch not over"
    status = self._fixed(market, epoch, status, w)
    state: uint256 = epoch_record._state(status, w)
    assert state == epoch_record.EMPTY or state == epoch_record.VOID, "market: epoch not over"
    assert status & epoch_record.IS_RELEASED == 0, "market: already released"
    self.records[key].status = status | epoch_record.IS_RELEASED
    extcall IRelayers(relayers).release(self._address(self.records[key].parties))
    log IMarket.Released(market=market, epoch=epoch)


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
    settled_block: uint256 = (status >> epoch_record.SETTLED_BLOCK) & MASK64
    deferral: uint256 = (self.packed_terms[market][3] >> 160) & MASK32
    assert settled_block > 0, "market: not settled"
    assert block.number >= settled_block + deferral, "market: print deferred"
    assert status & epoch_record.IS_PRINTED == 0, "market: already printed"
    assert price < WORD and volume < 2**128, "market: print out of range"
    commitment: uint256 = convert(self.records[key].chain_or_print, uint256)
    statement._require_three(pool, print_verifier, PRINT_CIRCUIT, proof, digest, [commitment, price, volume])
    self.records[key].status = status | epoch_record.IS_PRINTED
    self.records[key].print = price | (volume << 64)
    log IMarket.Printed(market=market, epoch=epoch, price=price, volume=volume)


@external
@view
def terms(market: uint256) -> IMarket.MarketTerms:
    """
    @return The terms of a market; reverts if there is none.
    """
    assert self.packed_terms[market][3] != 0, "market: unknown market"
    return market_terms._unpacked(self.packed_terms[market])


@external
@view
def windows(market: uint256, epoch: uint256) -> IMarket.Windows:
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
    return market_terms._epoch_at(self.packed_terms[market][3], number)


@external
@view
def state(market: uint256, epoch: uint256) -> uint256:
    """
    @return 0 Unopened (no commit), 1 Commit, 2 Frozen, 3 Reveal, 4 Settling, 5 Settled, 6 Empty,
            7 Failed, 8 Void, as of this block. Sees a Void that no transaction has fixed yet.
    """
    w: IMarket.Windows = self._windows(market, epoch)
    key: uint256 = self._key(market, epoch)
    status: uint256 = self.records[key].status
    if status != 0 and block.number >= w.reveal_from and not epoch_record._is_fixed(status):
        status |= self._reference(market, w.freeze)
    return epoch_record._state(status, w)


@external
@view
def epochs(market: uint256, epoch: uint256) -> IMarket.Epoch:
    """
    @return What is stored of an epoch; zeros before its first commit. The commit chain is kept
            until the settlement, the print commitment from then on.
    """
    record: epoch_record.Record = self.records[self._key(market, epoch)]
    leader: uint256[3] = self._leader_words(record.parties)
    return epoch_record._unpacked(record, [leader[1], leader[2]])


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
def _windows(market: uint256, epoch: uint256) -> IMarket.Windows:
    return market_terms._windows(self.packed_terms[market][3], epoch)


@internal
@view
def _leader_words(parties: uint256) -> uint256[3]:
    words: uint256[3] = empty(uint256[3])
    words[0], words[1], words[2] = staticcall IRelayers(relayers).leader_words(
        self._address(parties), (parties >> 160) & MASK32
    )
    return words


@internal
def _fixed(market: uint256, epoch: uint256, status: uint256, w: IMarket.Windows) -> uint256:
    """
    @notice The status with its reference fixed. The caller is past the frozen blocks, and stores it.
    """
    assert status != 0, "market: epoch has no commits"
    if epoch_record._is_fixed(status):
        return status
    reference: uint256 = self._reference(market, w.freeze)
    log IMarket.ReferenceFixed(
        market=market,
        epoch=epoch,
        price=(reference >> epoch_record.REFERENCE) & MASK64,
        void=reference & epoch_record.IS_VOID != 0,
    )
    return status | reference


@internal
@view
def _reference(market: uint256, freeze: uint256) -> uint256:
    source: address = self._address(self.packed_terms[market][4])
    return epoch_record._reference(source, freeze, self.packed_terms[market][3] >> 192)


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
    log IMarket.EpochOpened(
        market=market,
        epoch=epoch,
        leader=leader,
        reveal_version=version,
        auditor_version=auditor,
        treasury_version=treasury,
    )


@internal
@view
def _check_commit(proof: uint256[8], digest: uint256, c: IMarket.Commit, memo: uint256[8]):
    t0: uint256 = self.packed_terms[c.market][0]
    t1: uint256 = self.packed_terms[c.market][1]
    d: uint256[23] = layout._commit(c, t0, t1, self.packed_terms[c.market][2], memo)
    challenge: uint256 = statement._challenge(pool, COMMIT_CIRCUIT, digest, keccak256(abi_encode(d)))
    evaluation: uint256 = 0
    for word: uint256 in d:
        assert word < R, "statement: word not below r"
        evaluation = unsafe_add(uint256_mulmod(evaluation, challenge, R), word)
    statement._require(commit_verifier, proof, digest, challenge, evaluation)


@internal
@view
def _check_reclaim(proof: uint256[8], digest: uint256, c: IMarket.Reclaim, forfeit: uint256, memo: uint256[8]):
    t0: uint256 = self.packed_terms[c.market][0]
    t1: uint256 = self.packed_terms[c.market][1]
    parties: uint256 = self.records[self._key(c.market, c.epoch)].parties
    p: uint256[5] = staticcall IKeys(keys).points(0, parties >> 224)
    d: uint256[18] = layout._reclaim(c, t0, t1, forfeit, p, memo)
    challenge: uint256 = statement._challenge(pool, RECLAIM_CIRCUIT, digest, keccak256(abi_encode(d)))
    evaluation: uint256 = 0
    for word: uint256 in d:
        assert word < R, "statement: word not below r"
        evaluation = unsafe_add(uint256_mulmod(evaluation, challenge, R), word)
    statement._require(reclaim_verifier, proof, digest, challenge, evaluation)
