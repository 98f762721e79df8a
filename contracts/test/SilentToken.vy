# pragma version 0.4.3
"""
@title SilentToken
@license AGPL-3.0-or-later
@notice An ERC-20 for tests that returns nothing, and makes one call of its owner's choice in
        the middle of the next transfer. It is what a re-entering token looks like.
"""

owner: public(immutable(address))
balanceOf: public(HashMap[address, uint256])
target: public(address)
data: public(Bytes[4096])
# Whether the call was made, and what became of it.
called: public(bool)
succeeded: public(bool)
answer: public(Bytes[128])


@deploy
def __init__():
    """
    @notice The deployer may mint and choose the call.
    """
    owner = msg.sender


@external
def mint(to: address, amount: uint256):
    """
    @notice Makes new tokens. Owner only.
    """
    assert msg.sender == owner, "token: not the owner"
    self.balanceOf[to] += amount


@external
def call_next(target: address, data: Bytes[4096]):
    """
    @notice Sets the call to make during the next transfer. Owner only.
    """
    assert msg.sender == owner, "token: not the owner"
    self.target = target
    self.data = data
    self.called = False


@external
def transfer(to: address, amount: uint256):
    """
    @notice Moves the caller's tokens.
    """
    self._move(msg.sender, to, amount)


@external
def transferFrom(sender: address, to: address, amount: uint256):
    """
    @notice Moves anyone's tokens.
    """
    self._move(sender, to, amount)


@internal
def _move(sender: address, to: address, amount: uint256):
    if self.target != empty(address):
        target: address = self.target
        self.target = empty(address)
        self.called = True
        self.succeeded, self.answer = raw_call(target, self.data, max_outsize=128, revert_on_failure=False)
    self.balanceOf[sender] -= amount
    self.balanceOf[to] += amount
