# pragma version 0.4.3
"""
@title Anchor
@license AGPL-3.0-or-later
@notice Fixes how long an account's log was and how it ended, so that the log cannot be shortened
        or written anew later. Nobody owns the contract; an account speaks for its own log alone.
"""

event Anchored:
    account: indexed(address)
    count: uint256
    head: bytes32

struct Head:
    count: uint256
    head: bytes32

anchors: public(HashMap[address, Head])


@external
def anchor(count: uint256, head: bytes32):
    """
    @notice State that the caller's log has `count` rows, the last one's link being `head`.
    @param count More than the caller last stated.
    @param head The link of row `count`.
    """
    assert count > self.anchors[msg.sender].count, "anchor: not longer than the last"
    self.anchors[msg.sender] = Head(count=count, head=head)
    log Anchored(account=msg.sender, count=count, head=head)
