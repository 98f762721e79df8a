# pragma version 0.4.3
"""
@title Governor
@license AGPL-3.0-or-later
@notice A timelock: its admin (in production a multisig) proposes a call, and may execute
        it a fixed number of blocks later. Only a call that waited can change the admin.
"""

struct Proposal:
    target: address
    data: Bytes[4096]
    ready: uint256  # first block in which it may be executed; 0 once executed or cancelled

event Proposed:
    id: indexed(uint256)
    target: indexed(address)
    data: Bytes[4096]
    ready: uint256

event Executed:
    id: indexed(uint256)

event Cancelled:
    id: indexed(uint256)

event AdminChanged:
    admin: indexed(address)

delay: public(immutable(uint256))
admin: public(address)
pending_admin: public(address)
proposal_count: public(uint256)
proposals: public(HashMap[uint256, Proposal])


@deploy
def __init__(first_admin: address, delay_blocks: uint256):
    """
    @param first_admin Who proposes, executes and cancels.
    @param delay_blocks How many blocks a proposal waits, at least 1.
    """
    assert first_admin != empty(address), "governor: zero address"
    assert delay_blocks > 0 and delay_blocks < 2**32, "governor: delay out of range"
    self.admin = first_admin
    delay = delay_blocks


@external
def propose(target: address, data: Bytes[4096]) -> uint256:
    """
    @notice Announces a call. Admin only.
    @return The proposal's id, from 0.
    """
    assert msg.sender == self.admin, "governor: not the admin"
    assert target.is_contract, "governor: target has no code"
    id: uint256 = self.proposal_count
    ready: uint256 = block.number + delay
    self.proposal_count = id + 1
    self.proposals[id] = Proposal(target=target, data=data, ready=ready)
    log Proposed(id=id, target=target, data=data, ready=ready)
    return id


@external
@nonreentrant
def execute(id: uint256):
    """
    @notice Makes the call of a proposal whose delay is over, once. Admin only.
    """
    assert msg.sender == self.admin, "governor: not the admin"
    ready: uint256 = self.proposals[id].ready
    assert ready > 0, "governor: not pending"
    assert block.number >= ready, "governor: too early"
    self.proposals[id].ready = 0
    log Executed(id=id)
    raw_call(self.proposals[id].target, self.proposals[id].data)


@external
def cancel(id: uint256):
    """
    @notice Drops a proposal. Admin only.
    """
    assert msg.sender == self.admin, "governor: not the admin"
    assert self.proposals[id].ready > 0, "governor: not pending"
    self.proposals[id].ready = 0
    log Cancelled(id=id)


@external
def set_admin(account: address):
    """
    @notice Names the next admin, who must accept. Only by a proposal to the governor itself.
    """
    assert msg.sender == self, "governor: only by proposal"
    self.pending_admin = account


@external
def accept_admin():
    """
    @notice Completes a change of admin. Only by the account named.
    """
    assert msg.sender == self.pending_admin, "governor: not the pending admin"
    self.admin = msg.sender
    self.pending_admin = empty(address)
    log AdminChanged(admin=msg.sender)
