# pragma version 0.4.3
"""
@title Pool
@license AGPL-3.0-or-later
@notice Holds every token and the tree of notes. Notes are spent and made by proof
        (`transact`), or by the one market contract this pool is bound to.
        Leaves are appended to a keccak chain a chunk of 64, and `advance` moves a
        chunk into the tree by proof. A position is tree * 2^32 + leaf.
"""

from ethereum.ercs import IERC20
from .interfaces import ICredentials
from .interfaces import IPool
from .interfaces import IVerifier
from .modules import statement

implements: IPool

R: constant(uint256) = 21888242871839275222246405745257275088548364400416034343698204186575808495617
# Root of the empty tree of depth 32: leaf 0, nodes Poseidon(2).
EMPTY_ROOT: constant(uint256) = 21443572485391568159800782191812935835534334817699172242223315142338162256601
CHUNK: constant(uint256) = 64
CHUNKS_PER_TREE: constant(uint256) = 2**26
# Blocks after the first leaf of an open chunk in which it cannot be closed unfilled.
APPEND_DELAY: constant(uint256) = 16
ASSET_CAP: constant(uint256) = 2**127

struct Transaction:
    tree0: uint256
    root0: uint256
    tree1: uint256
    root1: uint256
    nf0: uint256
    nf1: uint256
    cm0: uint256
    cm1: uint256
    asset: address  # zero if nothing is public
    deposit: uint256
    withdrawal: uint256
    fee: uint256
    account: address  # depositor or recipient, else zero
    carrier: address  # who is paid the fee, else zero

event Spent:
    nullifiers: uint256[2]

event Appended:
    position: indexed(uint256)
    leaves: DynArray[uint256, 130]

event Advanced:
    tree: indexed(uint256)
    chunk: indexed(uint256)
    count: uint256
    root: uint256

event Transacted:
    position: indexed(uint256)
    asset: indexed(address)
    deposit: uint256
    withdrawal: uint256
    fee: uint256
    account: address
    carrier: address
    memo0: uint256[8]
    memo1: uint256[8]

event Paused:
    by: address
    paused: bool

market: public(immutable(address))
credentials: public(immutable(address))
governance: public(immutable(address))
guardian: public(immutable(address))
transact_verifier: public(immutable(address))
advance_verifier: public(immutable(address))
TRANSACT: immutable(bytes32)
ADVANCE: immutable(bytes32)

paused: public(bool)
nullified: public(HashMap[uint256, bool])
# Units of each asset that entered and have not left.
total: public(HashMap[address, uint256])

# Position of the next leaf, and the block in which the open chunk got its first.
next_leaf: public(uint256)
opened_at: public(uint256)
# Keccak chain of each chunk (numbered across trees) that is not yet in a tree.
chunk_chain: public(HashMap[uint256, bytes32])
# The chunk that `advance` takes next, and the root that it advances.
next_chunk: public(uint256)
root: public(uint256)
is_root: public(HashMap[uint256, HashMap[uint256, bool]])


@deploy
def __init__(
    bound_market: address,
    registry: address,
    transact_key: address,
    advance_key: address,
    governor: address,
    pauser: address,
):
    """
    @param bound_market The market contract, whose address is predicted; it checks the binding.
    @param registry The credential registry.
    @param transact_key The verifier of circuit `transact`.
    @param advance_key The verifier of circuit `advance`.
    @param governor May pause and unpause.
    @param pauser May pause; zero for none.
    """
    assert bound_market != empty(address) and governor != empty(address), "pool: zero address"
    assert registry.is_contract, "pool: no registry"
    market = bound_market
    credentials = registry
    governance = governor
    guardian = pauser
    transact_verifier = transact_key
    advance_verifier = advance_key
    TRANSACT = staticcall IVerifier(transact_key).circuit_id()
    ADVANCE = staticcall IVerifier(advance_key).circuit_id()
    self.root = EMPTY_ROOT
    self.is_root[0][EMPTY_ROOT] = True


@external
@nonreentrant
def transact(proof: uint256[8], digest: uint256, t: Transaction, memo0: uint256[8], memo1: uint256[8]):
    """
    @notice Spends two notes into two, with a public deposit or a public withdrawal, and a public fee.
    @dev A deposit comes from msg.sender, a wallet that the registry knows, of a token that
         delivers exactly what it is told. Withdrawals and transfers cannot be paused.
    @param t The statement's words; `account` is zero unless there is a deposit or a withdrawal,
           `carrier` unless there is a fee, `asset` unless any of the three is there.
    @param memo0 Opening of the first output, encrypted to its owner.
    @param memo1 The same of the second.
    """
    has_public: bool = t.deposit > 0 or t.withdrawal > 0
    assert t.deposit == 0 or t.withdrawal == 0, "pool: deposit and withdrawal"
    assert (t.account != empty(address)) == has_public, "pool: account without amount"
    assert (t.carrier != empty(address)) == (t.fee > 0), "pool: carrier without fee"
    assert (t.asset != empty(address)) == (has_public or t.fee > 0), "pool: asset without amount"
    if t.deposit > 0:
        assert not self.paused, "pool: paused"
        assert t.account == msg.sender, "pool: not the depositor"
        assert staticcall ICredentials(credentials).is_wallet(t.account), "pool: wallet not admitted"
        assert t.deposit < ASSET_CAP, "pool: asset cap"
        assert self.total[t.asset] + t.deposit < ASSET_CAP, "pool: asset cap"
    if t.withdrawal > 0:
        assert staticcall ICredentials(credentials).may_withdraw(t.account), "pool: recipient not admitted"
    if t.fee > 0:
        # Else a fee of everything would leave to a wallet that nobody admitted.
        assert staticcall ICredentials(credentials).may_withdraw(t.carrier), "pool: carrier not admitted"
    self._check_transact(proof, digest, t, memo0, memo1)

    self._spend(t.tree0, t.root0, t.tree1, t.root1, t.nf0, t.nf1)
    position: uint256 = self._append([t.cm0, t.cm1])
    if t.asset != empty(address):
        self.total[t.asset] = self.total[t.asset] + t.deposit - t.withdrawal - t.fee
    log Transacted(
        position=position,
        asset=t.asset,
        deposit=t.deposit,
        withdrawal=t.withdrawal,
        fee=t.fee,
        account=t.account,
        carrier=t.carrier,
        memo0=memo0,
        memo1=memo1,
    )

    if t.deposit > 0:
        before: uint256 = staticcall IERC20(t.asset).balanceOf(self)
        assert extcall IERC20(t.asset).transferFrom(msg.sender, self, t.deposit, default_return_value=True), "pool: transfer failed"
        assert staticcall IERC20(t.asset).balanceOf(self) - before == t.deposit, "pool: inexact transfer"
    if t.withdrawal > 0:
        assert extcall IERC20(t.asset).transfer(t.account, t.withdrawal, default_return_value=True), "pool: transfer failed"
    if t.fee > 0:
        assert extcall IERC20(t.asset).transfer(t.carrier, t.fee, default_return_value=True), "pool: transfer failed"


@external
@nonreentrant
def spend(tree0: uint256, root0: uint256, tree1: uint256, root1: uint256, nf0: uint256, nf1: uint256):
    """
    @notice Nullifies the two notes of a commit that the market has verified. Market only;
            refused while paused, which is how a pause stops commits.
    @dev The market checked every word below r.
    """
    assert msg.sender == market, "pool: not the market"
    assert not self.paused, "pool: paused"
    self._spend(tree0, root0, tree1, root1, nf0, nf1)


@external
@nonreentrant
def append(leaves: DynArray[uint256, 130]) -> uint256:
    """
    @notice Appends leaves that the market has verified. Market only.
    @dev The market checked every leaf below r.
    @return The position of the first.
    """
    assert msg.sender == market, "pool: not the market"
    return self._append(leaves)


@external
@nonreentrant
def advance(proof: uint256[8], digest: uint256, new_root: uint256, leaves: DynArray[uint256, 64]):
    """
    @notice Moves the next chunk into the tree: one that is full, or the open one 16 blocks
            after its first leaf, whose positions left over are then skipped. Anyone may.
    @param new_root The root with the chunk's leaves in place.
    @param leaves The chunk's leaves, without padding.
    """
    chunk: uint256 = self.next_chunk
    count: uint256 = len(leaves)
    position: uint256 = self.next_leaf
    filled: uint256 = min(position - chunk * CHUNK, CHUNK)
    assert filled > 0, "pool: nothing to advance"
    if filled < CHUNK:
        assert block.number >= self.opened_at + APPEND_DELAY, "pool: chunk still open"
    assert count == filled, "pool: wrong number of leaves"

    tree: uint256 = chunk // CHUNKS_PER_TREE
    index: uint256 = chunk % CHUNKS_PER_TREE
    d: uint256[67] = empty(uint256[67])
    d[0] = self.root
    d[1] = new_root
    d[2] = index
    link: bytes32 = empty(bytes32)
    at: uint256 = 3
    for leaf: uint256 in leaves:
        d[at] = leaf
        at = unsafe_add(at, 1)
        link = keccak256(abi_encode(link, leaf))
    assert link == self.chunk_chain[chunk], "pool: other leaves"
    challenge: uint256 = statement._challenge(self, ADVANCE, digest, keccak256(abi_encode(d)))
    evaluation: uint256 = 0
    for word: uint256 in d:
        assert word < R, "statement: word not below r"
        evaluation = unsafe_add(uint256_mulmod(evaluation, challenge, R), word)
    statement._require(advance_verifier, proof, digest, challenge, evaluation)

    if filled < CHUNK:
        self.next_leaf = (chunk + 1) * CHUNK
    self.chunk_chain[chunk] = empty(bytes32)
    self.next_chunk = chunk + 1
    self.is_root[tree][new_root] = True
    self.root = EMPTY_ROOT if index == CHUNKS_PER_TREE - 1 else new_root
    log Advanced(tree=tree, chunk=index, count=count, root=new_root)


@external
def pause():
    """
    @notice Stops deposits and commits, nothing else. Guardian or governance.
    """
    assert msg.sender == governance or msg.sender == guardian, "pool: not the guardian"
    self.paused = True
    log Paused(by=msg.sender, paused=True)


@external
def unpause():
    """
    @notice Allows deposits and commits again. Governance only.
    """
    assert msg.sender == governance, "pool: not governance"
    self.paused = False
    log Paused(by=msg.sender, paused=False)


@external
@view
def tree() -> uint256:
    """
    @notice The tree whose current root is `root()`.
    """
    return self.next_chunk // CHUNKS_PER_TREE


@internal
@view
def _check_transact(
    proof: uint256[8], digest: uint256, t: Transaction, memo0: uint256[8], memo1: uint256[8]
):
    d: uint256[16] = [
        t.tree0,
        t.root0,
        t.tree1,
        t.root1,
        t.nf0,
        t.nf1,
        t.cm0,
        t.cm1,
        convert(t.asset, uint256),
        t.deposit,
        t.withdrawal,
        t.fee,
        convert(t.account, uint256),
        convert(t.carrier, uint256),
        convert(keccak256(abi_encode(memo0)), uint256) % R,
        convert(keccak256(abi_encode(memo1)), uint256) % R,
    ]
    challenge: uint256 = statement._challenge(self, TRANSACT, digest, keccak256(abi_encode(d)))
    evaluation: uint256 = 0
    for word: uint256 in d:
        assert word < R, "statement: word not below r"
        evaluation = unsafe_add(uint256_mulmod(evaluation, challenge, R), word)
    statement._require(transact_verifier, proof, digest, challenge, evaluation)


@internal
def _spend(tree0: uint256, root0: uint256, tree1: uint256, root1: uint256, nf0: uint256, nf1: uint256):
    assert self.is_root[tree0][root0] and self.is_root[tree1][root1], "pool: unknown root"
    assert not self.nullified[nf0], "pool: note spent"
    self.nullified[nf0] = True
    # After the first is stored, so that one note cannot be both inputs.
    assert not self.nullified[nf1], "pool: note spent"
    self.nullified[nf1] = True
    log Spent(nullifiers=[nf0, nf1])


@internal
def _append(leaves: DynArray[uint256, 130]) -> uint256:
    first: uint256 = self.next_leaf
    position: uint256 = first
    link: bytes32 = self.chunk_chain[position // CHUNK]
    for leaf: uint256 in leaves:
        if position % CHUNK == 0:
            self.opened_at = block.number
        link = keccak256(abi_encode(link, leaf))
        position = unsafe_add(position, 1)
        if position % CHUNK == 0:
            self.chunk_chain[unsafe_sub(position, 1) // CHUNK] = link
            link = empty(bytes32)
    if position % CHUNK != 0:
        self.chunk_chain[position // CHUNK] = link
    self.next_leaf = position
    log Appended(position=first, leaves=leaves)
    return first
