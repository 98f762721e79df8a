# pragma version 0.4.3
"""
@title FeeToken
@license AGPL-3.0-or-later
@notice An ERC-20 for tests that keeps one percent of every transfer, which the pool must refuse.
"""

from ethereum.ercs import IERC20

implements: IERC20

owner: public(immutable(address))
totalSupply: public(uint256)
balanceOf: public(HashMap[address, uint256])
allowance: public(HashMap[address, HashMap[address, uint256]])


@deploy
def __init__():
    """
    @notice The deployer may mint.
    """
    owner = msg.sender


@external
def mint(to: address, amount: uint256):
    """
    @notice Makes new tokens. Owner only.
    """
    assert msg.sender == owner, "token: not the owner"
    self.totalSupply += amount
    self.balanceOf[to] += amount
    log IERC20.Transfer(sender=empty(address), receiver=to, value=amount)


@external
def transfer(to: address, amount: uint256) -> bool:
    """
    @notice Moves the caller's tokens, less one percent.
    """
    self._move(msg.sender, to, amount)
    return True


@external
def transferFrom(sender: address, to: address, amount: uint256) -> bool:
    """
    @notice Moves tokens that `sender` approved for the caller, less one percent.
    """
    self.allowance[sender][msg.sender] -= amount
    self._move(sender, to, amount)
    return True


@external
def approve(spender: address, amount: uint256) -> bool:
    """
    @notice Lets `spender` move up to `amount` of the caller's tokens.
    """
    self.allowance[msg.sender][spender] = amount
    log IERC20.Approval(owner=msg.sender, spender=spender, value=amount)
    return True


@internal
def _move(sender: address, to: address, amount: uint256):
    fee: uint256 = amount // 100
    self.balanceOf[sender] -= amount
    self.balanceOf[to] += amount - fee
    self.totalSupply -= fee
    log IERC20.Transfer(sender=sender, receiver=to, value=amount - fee)
    log IERC20.Transfer(sender=sender, receiver=empty(address), value=fee)
