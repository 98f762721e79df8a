# pragma version 0.4.3
"""
@title Credentials
@license AGPL-3.0-or-later
@notice Who may trade, and which wallets may deposit and withdraw. The issuer keeps a
        Merkle tree of depth 20 off chain; every change is logged, so that anyone
        can rebuild it. A revocation acts at once; only a change that adds leaves
        leaves the former root valid for a while, so that proofs in flight survive it.
"""

from .interfaces import ICredentials

implements: ICredentials

R: constant(uint256) = 21888242871839275222246405745257275088548364400416034343698204186575808495617
CAPACITY: constant(uint256) = 2**20
GRACE: constant(uint256) = 20  # blocks
# Root of the empty tree of depth 20: leaf 0, nodes Poseidon(2).
EMPTY_ROOT: constant(uint256) = 15019797232609675441998260052101280400536945603062888308240081994073687793470

event LeavesSet:
    index: uint256
    leaves: DynArray[uint256, 64]
    root: uint256
    additive: bool

event WalletSet:
    wallet: indexed(address)
    admitted: bool

event SuccessorNamed:
    wallet: indexed(address)
    successor: indexed(address)

event IssuerSet:
    issuer: indexed(address)

governance: public(immutable(address))
issuer: public(address)
root: public(uint256)
previous_root: public(uint256)
# First block in which the previous root is no longer accepted.
previous_until: public(uint256)
is_wallet: public(HashMap[address, bool])
ever_wallet: public(HashMap[address, bool])
successor_of: public(HashMap[address, address])
# How many wallets name an account their successor.
named: HashMap[address, uint256]


@deploy
def __init__(first_issuer: address, governor: address):
    """
    @param first_issuer The account that maintains tree and wallets.
    @param governor The timelock that may replace it.
    """
    assert first_issuer != empty(address) and governor != empty(address), "credentials: zero address"
    governance = governor
    self.issuer = first_issuer
    self.root = EMPTY_ROOT
    log IssuerSet(issuer=first_issuer)


@external
def set_leaves(index: uint256, leaves: DynArray[uint256, 64], new_root: uint256, additive: bool):
    """
    @notice Replaces leaves from `index` on. Issuer only.
    @param new_root The root after the change.
    @param additive Whether only empty leaves were filled: then the present root stays
           valid for 20 more blocks. A revocation or a change must pass False.
    """
    assert msg.sender == self.issuer, "credentials: not the issuer"
    assert len(leaves) > 0 and index < CAPACITY and index + len(leaves) <= CAPACITY, "credentials: index out of range"
    for leaf: uint256 in leaves:
        assert leaf < R, "credentials: leaf not below r"
    assert new_root > 0 and new_root < R, "credentials: root out of range"
    if additive:
        self.previous_root = self.root
        self.previous_until = block.number + GRACE
    else:
        self.previous_root = 0
        self.previous_until = 0
    self.root = new_root
    log LeavesSet(index=index, leaves=leaves, root=new_root, additive=additive)


@external
def admit_wallet(account: address):
    """
    @notice Lets a wallet deposit, and withdraw for ever. Issuer only.
    """
    assert msg.sender == self.issuer, "credentials: not the issuer"
    assert account != empty(address), "credentials: zero address"
    self.is_wallet[account] = True
    self.ever_wallet[account] = True
    log WalletSet(wallet=account, admitted=True)


@external
def drop_wallet(account: address):
    """
    @notice Ends a wallet's right to deposit; it may still withdraw. Issuer only.
    """
    assert msg.sender == self.issuer, "credentials: not the issuer"
    assert self.is_wallet[account], "credentials: not a wallet"
    self.is_wallet[account] = False
    log WalletSet(wallet=account, admitted=False)


@external
def name_successor(account: address):
    """
    @notice Lets a wallet that was ever admitted name the one account that may be paid
            in its stead; naming another replaces it, naming zero withdraws it.
    """
    assert self.ever_wallet[msg.sender], "credentials: not a wallet"
    former: address = self.successor_of[msg.sender]
    if former != empty(address):
        self.named[former] -= 1
    if account != empty(address):
        self.named[account] += 1
    self.successor_of[msg.sender] = account
    log SuccessorNamed(wallet=msg.sender, successor=account)


@external
def set_issuer(account: address):
    """
    @notice Replaces the issuer. Governance only.
    """
    assert msg.sender == governance, "credentials: not governance"
    assert account != empty(address), "credentials: zero address"
    self.issuer = account
    log IssuerSet(issuer=account)


@external
@view
def accepts(root: uint256) -> bool:
    """
    @notice Whether a commit may name this root now.
    """
    if root == self.root:
        return True
    return block.number < self.previous_until and root == self.previous_root


@external
@view
def may_withdraw(account: address) -> bool:
    """
    @notice Whether a withdrawal may pay this account: ever a wallet, or the named successor of one.
    """
    return self.ever_wallet[account] or self.named[account] > 0
