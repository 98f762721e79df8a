"""`ape test`: contracts compile, deploy and revert on ape's own chain."""

import ape
import pytest


@pytest.fixture
def token(accounts, project):
    return accounts[0].deploy(project.Token, "US Dollar", "USD", 6)


def test_the_owner_mints(accounts, token):
    receipt = token.mint(accounts[1], 5, sender=accounts[0])
    assert token.balanceOf(accounts[1]) == token.totalSupply() == 5
    assert [(log.receiver, log.value) for log in receipt.events] == [(accounts[1], 5)]


def test_nobody_else_mints(accounts, token):
    with ape.reverts("token: not the owner"):
        token.mint(accounts[1], 5, sender=accounts[1])
