# pragma version 0.4.3
"""
@title Keys
@license AGPL-3.0-or-later
@notice The auditor's and the treasury's Baby Jubjub keys, versioned from 1. A version,
        once set, never changes: an epoch keeps the versions of its first commit.
"""

from .interfaces import IKeys
from .interfaces import IVerifier
from .modules import babyjubjub
from .modules import statement

implements: IKeys

R: constant(uint256) = 21888242871839275222246405745257275088548364400416034343698204186575808495617

struct Auditor:
    account: address
    x: uint256
    y: uint256

struct Treasury:
    account: address
    owner: uint256
    x: uint256
    y: uint256

event AuditorKeySet:
    version: indexed(uint256)
    account: address
    x: uint256
    y: uint256

event TreasurySet:
    version: indexed(uint256)
    account: address
    owner_word: uint256
    x: uint256
    y: uint256

pool: public(immutable(address))
key_verifier: public(immutable(address))
governance: public(immutable(address))
CIRCUIT: immutable(bytes32)

auditor_version: public(uint256)
treasury_version: public(uint256)
auditors: HashMap[uint256, Auditor]
treasuries: HashMap[uint256, Treasury]


@deploy
def __init__(bound_pool: address, verifier: address, governor: address):
    """
    @param bound_pool The pool, which every proof is bound to.
    @param verifier The verifier of circuit `key`.
    @param governor The timelock that sets keys.
    """
    assert bound_pool != empty(address) and governor != empty(address), "keys: zero address"
    pool = bound_pool
    key_verifier = verifier
    governance = governor
    CIRCUIT = staticcall IVerifier(verifier).circuit_id()


@external
def set_auditor(account: address, x: uint256, y: uint256, proof: uint256[8], digest: uint256):
    """
    @notice Sets the auditor key of epochs opened from now on. Governance only.
    @param account The auditor's account, which the proof of possession is made for.
    """
    self._check(account, x, y, proof, digest)
    version: uint256 = self.auditor_version + 1
    assert version < 2**32, "keys: too many versions"
    self.auditor_version = version
    self.auditors[version] = Auditor(account=account, x=x, y=y)
    log AuditorKeySet(version=version, account=account, x=x, y=y)


@external
def set_treasury(
    account: address, owner_word: uint256, x: uint256, y: uint256, proof: uint256[8], digest: uint256
):
    """
    @notice Sets the treasury of epochs opened from now on. Governance only.
    @param account Receives slashed stake; the proof of possession is made for it.
    @param owner_word Owner of the treasury's notes.
    """
    assert owner_word > 0 and owner_word < R, "keys: owner out of range"
    self._check(account, x, y, proof, digest)
    version: uint256 = self.treasury_version + 1
    assert version < 2**32, "keys: too many versions"
    self.treasury_version = version
    self.treasuries[version] = Treasury(account=account, owner=owner_word, x=x, y=y)
    log TreasurySet(version=version, account=account, owner_word=owner_word, x=x, y=y)


@external
@view
def versions() -> (uint256, uint256):
    """
    @notice Current versions of (auditor, treasury), 0 where none was set.
    """
    return self.auditor_version, self.treasury_version


@external
@view
def auditor(version: uint256) -> (address, uint256, uint256):
    """
    @return Account and key (x, y) of a version; zeros if there is none.
    """
    key: Auditor = self.auditors[version]
    return key.account, key.x, key.y


@external
@view
def treasury(version: uint256) -> (address, uint256, uint256, uint256):
    """
    @return Account, note owner and key (x, y) of a version; zeros if there is none.
    """
    key: Treasury = self.treasuries[version]
    return key.account, key.owner, key.x, key.y


@external
@view
def points(auditor_version: uint256, treasury_version: uint256) -> uint256[5]:
    """
    @notice What statements take of two versions: the auditor's key (x, y), the treasury's
            key (x, y), the treasury's note owner; zeros for version 0.
    """
    words: uint256[5] = empty(uint256[5])
    if auditor_version > 0:
        words[0] = self.auditors[auditor_version].x
        words[1] = self.auditors[auditor_version].y
    words[2] = self.treasuries[treasury_version].x
    words[3] = self.treasuries[treasury_version].y
    words[4] = self.treasuries[treasury_version].owner
    return words


@external
@view
def treasury_account() -> address:
    """
    @notice The current treasury's account, zero if none was set.
    """
    return self.treasuries[self.treasury_version].account


@internal
@view
def _check(account: address, x: uint256, y: uint256, proof: uint256[8], digest: uint256):
    assert msg.sender == governance, "keys: not governance"
    assert account != empty(address), "keys: zero address"
    assert babyjubjub._on_curve(x, y), "keys: not a curve point"
    statement._require_three(
        pool, key_verifier, CIRCUIT, proof, digest, [x, y, convert(account, uint256)]
    )
