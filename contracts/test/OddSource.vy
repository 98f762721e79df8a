# pragma version 0.4.3
"""
@title OddSource
@license AGPL-3.0-or-later
@notice A reference source for tests that answers whatever it is told, reverts, or burns its gas.
"""

answer: public(Bytes[96])
burns: public(bool)


@external
def set_answer(words: Bytes[96]):
    """
    @notice What `at` returns, raw; nothing makes it revert.
    """
    self.answer = words


@external
def set_burns(burns: bool):
    """
    @notice Whether `at` spends all the gas it is given.
    """
    self.burns = burns


@external
@view
@raw_return
def at(number: uint256) -> Bytes[96]:
    """
    @notice The answer told, for any block.
    """
    if self.burns:
        for _: uint256 in range(2**40):
            assert msg.gas > 0
    assert len(self.answer) > 0, "odd source: no answer"
    return self.answer
