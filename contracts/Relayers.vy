# pragma version 0.4.3
"""
@title Relayers
@license AGPL-3.0-or-later
@notice Who may lead an epoch: stake, reveal keys, and the rule that picks the leader
        from stakes as they stood some blocks before the epoch's window opened.
        An epoch's leader has part of its stake reserved until the epoch ends, and
        loses that part if it does not settle in time.
"""

from ethereum.ercs import IERC20
from .interfaces import IKeys
from .interfaces import IRelayers
from .interfaces import IVerifier
from .modules import babyjubjub
from .modules import rotation
from .modules import statement

implements: IRelayers

initializes: rotation
exports: (rotation.relayer_count, rotation.relayer_at)

R: constant(uint256) = 21888242871839275222246405745257275088548364400416034343698204186575808495617

struct Stake:
    bonded: uint256  # counts in the rotation if it covers one epoch's stake
    unbonding: uint256  # on its way out, still answerable
    withdraw_from: uint256  # block
    reserved: uint256  # of bonded and unbonding together

struct Key:
    x: uint256
    y: uint256
    registered: uint256  # block

event Registered:
    relayer: indexed(address)
    owner_word: uint256

event Bonded:
    relayer: indexed(address)
    amount: uint256

event UnbondRequested:
    relayer: indexed(address)
    amount: uint256
    withdraw_from: uint256

event Withdrawn:
    relayer: indexed(address)
    amount: uint256

event KeyRegistered:
    relayer: indexed(address)
    version: uint256
    x: uint256
    y: uint256

event Reserved:
    relayer: indexed(address)
    amount: uint256

event ReleasedStake:
    relayer: indexed(address)
    amount: uint256

event Slashed:
    relayer: indexed(address)
    amount: uint256
    caller: address
    bounty: uint256

market: public(immutable(address))
pool: public(immutable(address))
stake_token: public(immutable(address))
key_verifier: public(immutable(address))
keys: public(immutable(address))
CIRCUIT: immutable(bytes32)
epoch_stake: public(immutable(uint256))
bounty: public(immutable(uint256))
unbonding_blocks: public(immutable(uint256))
snapshot_lag: public(immutable(uint256))
key_max_age: public(immutable(uint256))

# Owner of the notes that pay a relayer's fees; 0 if not registered.
owner_of: public(HashMap[address, uint256])
stakes: public(HashMap[address, Stake])
key_version: public(HashMap[address, uint256])
reveal_keys: HashMap[address, HashMap[uint256, Key]]

@deploy
def __init__(
    bound_market: address,
    bound_pool: address,
    token: address,
    verifier: address,
    key_registry: address,
    stake_per_epoch: uint256,
    bounty_per_slash: uint256,
    unbonding: uint256,
    lag: uint256,
    max_age: uint256,
):
    """
    @param bound_market The market contract (predicted), which reserves, releases and slashes.
    @param bound_pool The pool, which every proof is bound to.
    @param token Stakes are in this ERC-20.
    @param verifier The verifier of circuit `key`.
    @param key_registry Names the treasury, which gets what is slashed.
    @param stake_per_epoch Reserved for, and lost with, one epoch.
    @param bounty_per_slash Part of it for whoever fails the epoch.
    @param unbonding Blocks between a request and its withdrawal.
    @param lag Blocks between the snapshot and the opening of a window.
    @param max_age Blocks for which a reveal key may open windows.
    """
    assert bound_market != empty(address) and bound_pool != empty(address), "relayers: zero address"
    assert token.is_contract and key_registry.is_contract, "relayers: no contract"
    assert stake_per_epoch > 0 and stake_per_epoch < 2**120, "relayers: epoch stake out of range"
    assert bounty_per_slash <= stake_per_epoch, "relayers: bounty above stake"
    assert unbonding >= lag and unbonding < 2**32, "relayers: unbonding shorter than the snapshot's lag"
    assert lag > 0, "relayers: no snapshot lag"
    market = bound_market
    pool = bound_pool
    stake_token = token
    key_verifier = verifier
    CIRCUIT = staticcall IVerifier(verifier).circuit_id()
    keys = key_registry
    epoch_stake = stake_per_epoch
    bounty = bounty_per_slash
    unbonding_blocks = unbonding
    snapshot_lag = lag
    key_max_age = max_age


@external
def register(owner_word: uint256):
    """
    @notice Enters the caller as a relayer, once.
    @param owner_word Owner of the notes that will pay its fees.
    """
    assert owner_word > 0 and owner_word < R, "relayers: owner out of range"
    assert self.owner_of[msg.sender] == 0, "relayers: already registered"
    self.owner_of[msg.sender] = owner_word
    log Registered(relayer=msg.sender, owner_word=owner_word)


@external
@nonreentrant
def bond(amount: uint256):
    """
    @notice Adds to the caller's stake, which must then cover at least one epoch. The first
            bond takes a seat, that of a relayer with nothing at stake where all are taken.
    """
    assert self.owner_of[msg.sender] > 0, "relayers: not registered"
    assert amount > 0 and amount < 2**120, "relayers: amount out of range"
    bonded: uint256 = self.stakes[msg.sender].bonded + amount
    assert bonded >= epoch_stake, "relayers: less than one epoch's stake"
    assert bonded < 2**120, "relayers: amount out of range"
    self.stakes[msg.sender].bonded = bonded
    if rotation.seat_of[msg.sender] == 0:
        self._take_seat(msg.sender)
    self._checkpoint(msg.sender)
    log Bonded(relayer=msg.sender, amount=amount)
    before: uint256 = staticcall IERC20(stake_token).balanceOf(self)
    assert extcall IERC20(stake_token).transferFrom(msg.sender, self, amount, default_return_value=True), "relayers: transfer failed"
    assert staticcall IERC20(stake_token).balanceOf(self) - before == amount, "relayers: inexact transfer"


@external
def unbond(amount: uint256):
    """
    @notice Takes stake out of the rotation at once, to be withdrawn later; until then it
            answers for epochs that the caller leads. Another request restarts the wait.
    """
    assert amount > 0, "relayers: amount out of range"
    stake: Stake = self.stakes[msg.sender]
    assert stake.bonded >= amount, "relayers: not bonded"
    ready: uint256 = block.number + unbonding_blocks
    self.stakes[msg.sender].bonded = stake.bonded - amount
    self.stakes[msg.sender].unbonding = stake.unbonding + amount
    self.stakes[msg.sender].withdraw_from = ready
    self._checkpoint(msg.sender)
    log UnbondRequested(relayer=msg.sender, amount=amount, withdraw_from=ready)


@external
@nonreentrant
def withdraw():
    """
    @notice Pays out what the caller unbonded long enough ago, less what must stay to cover
            the epochs that it leads.
    """
    stake: Stake = self.stakes[msg.sender]
    assert stake.unbonding > 0, "relayers: nothing unbonding"
    assert block.number >= stake.withdraw_from, "relayers: too early"
    amount: uint256 = min(stake.unbonding, stake.bonded + stake.unbonding - stake.reserved)
    assert amount > 0, "relayers: stake reserved"
    self.stakes[msg.sender].unbonding = stake.unbonding - amount
    log Withdrawn(relayer=msg.sender, amount=amount)
    assert extcall IERC20(stake_token).transfer(msg.sender, amount, default_return_value=True), "relayers: transfer failed"


@external
def register_key(proof: uint256[8], digest: uint256, x: uint256, y: uint256):
    """
    @notice Registers a reveal key for windows that open after this block.
    @param proof Of possession, for msg.sender.
    """
    assert self.owner_of[msg.sender] > 0, "relayers: not registered"
    assert babyjubjub._on_curve(x, y), "relayers: not a curve point"
    statement._require_three(
        pool, key_verifier, CIRCUIT, proof, digest, [x, y, convert(msg.sender, uint256)]
    )
    version: uint256 = self.key_version[msg.sender] + 1
    assert version < 2**32, "relayers: too many keys"
    self.key_version[msg.sender] = version
    self.reveal_keys[msg.sender][version] = Key(x=x, y=y, registered=block.number)
    log KeyRegistered(relayer=msg.sender, version=version, x=x, y=y)


@external
def reserve(epoch: uint256, open_block: uint256) -> (address, uint256):
    """
    @notice Picks the leader of an epoch and reserves its stake. Market only.
    @dev The first in turn that has a key registered before the window opened and young
         enough, and free stake: a relayer without them holds nobody up. Reverts if none has.
    @return The leader and the version of its reveal key.
    """
    assert msg.sender == market, "relayers: not the market"
    turn: DynArray[address, rotation.MAX] = self._turn_of(epoch, open_block)
    for relayer: address in turn:
        version: uint256 = self._version_before(relayer, open_block)
        stake: Stake = self.stakes[relayer]
        if version > 0 and stake.bonded + stake.unbonding >= stake.reserved + epoch_stake:
            self.stakes[relayer].reserved = stake.reserved + epoch_stake
            log Reserved(relayer=relayer, amount=epoch_stake)
            return relayer, version
    raise "relayers: no eligible leader"


@external
def release(leader: address):
    """
    @notice Ends one epoch's reservation. Market only.
    """
    assert msg.sender == market, "relayers: not the market"
    self.stakes[leader].reserved -= epoch_stake
    log ReleasedStake(relayer=leader, amount=epoch_stake)


@external
@nonreentrant
def slash(leader: address, caller: address) -> (uint256, uint256):
    """
    @notice Takes one epoch's reserved stake: the bounty to `caller`, the rest to the treasury. Market only.
    @return The amount taken and the bounty in it.
    """
    assert msg.sender == market, "relayers: not the market"
    stake: Stake = self.stakes[leader]
    bonded: uint256 = min(stake.bonded, epoch_stake)
    self.stakes[leader].bonded = stake.bonded - bonded
    self.stakes[leader].unbonding = stake.unbonding - (epoch_stake - bonded)
    self.stakes[leader].reserved = stake.reserved - epoch_stake
    self._checkpoint(leader)
    log Slashed(relayer=leader, amount=epoch_stake, caller=caller, bounty=bounty)
    treasury: address = staticcall IKeys(keys).treasury_account()
    if bounty > 0:
        assert extcall IERC20(stake_token).transfer(caller, bounty, default_return_value=True), "relayers: transfer failed"
    if epoch_stake > bounty:
        assert extcall IERC20(stake_token).transfer(treasury, epoch_stake - bounty, default_return_value=True), "relayers: transfer failed"
    return epoch_stake, bounty


@external
@view
def leader_at(epoch: uint256, open_block: uint256) -> address:
    """
    @notice Whose turn an epoch is whose window opens at a block, zero if nobody had weight.
            Final once the snapshot, `snapshot_lag` blocks earlier, is past, unless a seat with
            nothing at stake changes hands; a relayer without key or free stake is passed over
            when the window's first order comes.
    """
    turn: DynArray[address, rotation.MAX] = self._turn_of(epoch, open_block)
    return empty(address) if len(turn) == 0 else turn[0]


@external
@view
def key_before(relayer: address, open_block: uint256) -> (uint256, uint256, uint256):
    """
    @notice The reveal key that a relayer would use for a window that opens at a block.
    @return Version and key (x, y); zeros if it has none that is eligible.
    """
    version: uint256 = self._version_before(relayer, open_block)
    key: Key = self.reveal_keys[relayer][version]
    return version, key.x, key.y


@external
@view
def reveal_key(relayer: address, version: uint256) -> (uint256, uint256, uint256):
    """
    @return A version's key (x, y) and the block that registered it; zeros if there is none.
    """
    key: Key = self.reveal_keys[relayer][version]
    return key.x, key.y, key.registered


@external
@view
def leader_words(leader: address, version: uint256) -> (uint256, uint256, uint256):
    """
    @return What a settlement takes of its leader: note owner, key x, key y.
    """
    return self.owner_of[leader], self.reveal_keys[leader][version].x, self.reveal_keys[leader][version].y


@external
@view
def stake_of(relayer: address) -> uint256:
    """
    @return Bonded stake.
    """
    return self.stakes[relayer].bonded


@external
@view
def free_stake_of(relayer: address) -> uint256:
    """
    @return Stake, unbonding included, that is not reserved for an epoch.
    """
    stake: Stake = self.stakes[relayer]
    return stake.bonded + stake.unbonding - stake.reserved


@external
@view
def stake_at(relayer: address, number: uint256) -> uint256:
    """
    @return The relayer's weight in the rotation as it stood after a block: its bonded stake,
            or 0 if that was below one epoch's stake or the relayer has no seat.
    """
    return rotation._weight_of(relayer, number)


@internal
@view
def _turn_of(epoch: uint256, open_block: uint256) -> DynArray[address, rotation.MAX]:
    if open_block < snapshot_lag:
        return []
    return rotation._turn(epoch, open_block - snapshot_lag)


@internal
@view
def _version_before(relayer: address, open_block: uint256) -> uint256:
    below: uint256 = 0  # how many keys surely were registered before the window opened
    above: uint256 = self.key_version[relayer]
    # The last key is the usual answer.
    if above > 0 and self.reveal_keys[relayer][above].registered < open_block:
        below = above
    for _: uint256 in range(64):
        if below == above:
            break
        middle: uint256 = (below + above) // 2
        if self.reveal_keys[relayer][middle + 1].registered < open_block:
            below = middle + 1
        else:
            above = middle
    if below == 0 or self.reveal_keys[relayer][below].registered + key_max_age < open_block:
        return 0
    return below


@internal
def _take_seat(relayer: address):
    """
    @notice The next seat, or that of the first relayer with nothing at stake.
    """
    seat: uint256 = rotation.relayer_count
    if seat == rotation.MAX:
        for taken: uint256 in range(rotation.MAX):
            stake: Stake = self.stakes[rotation.relayer_at[taken]]
            if stake.bonded + stake.unbonding == 0:
                seat = taken
                break
    assert seat < rotation.MAX, "relayers: no seat free"
    rotation._take(relayer, seat)


@internal
def _checkpoint(relayer: address):
    bonded: uint256 = self.stakes[relayer].bonded
    rotation._set_weight(relayer, bonded if bonded >= epoch_stake else 0)
