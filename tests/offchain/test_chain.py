"""The chain client against a real node."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from eth_account import Account

from offchain.chain import Chain, ChainError, Reverted, as_address
from tests.world import account, anvil


@pytest.fixture(scope="module")
def token(world):
    return world.chain.token(world.asset("USD"))


def test_a_refusal_comes_before_anything_is_sent(world, token):
    stranger = world.accounts["stranger"]
    before = world.chain.web3.eth.get_transaction_count(stranger.address, "pending")
    with pytest.raises(Reverted) as refusal:
        world.chain.send(stranger, token.functions.mint(stranger.address, 1))
    assert refusal.value.name == "mint" and "owner" in refusal.value.reason
    assert world.chain.web3.eth.get_transaction_count(stranger.address, "pending") == before


def test_a_transaction_that_fails_on_chain_says_why(world, token):
    stranger = world.accounts["stranger"]
    with pytest.raises(Reverted, match="owner"):
        world.chain.send(stranger, token.functions.mint(stranger.address, 1), gas=100_000)


def test_a_view_that_refuses(world):
    with pytest.raises(Reverted, match="unknown market"):
        world.chain.call(world.chain.contract("Market").functions.terms(99))


def test_many_in_flight_from_many_threads(world, token):
    deployer, recipient = world.accounts["deployer"], Account.create().address
    mint = token.functions.mint(recipient, 1)
    with ThreadPoolExecutor(8) as pool:
        sent = list(pool.map(lambda _: world.chain.submit(deployer, mint), range(24)))
    receipts = [world.chain.receipt(pending) for pending in sent]
    assert len({receipt.hash for receipt in receipts}) == 24
    assert world.chain.call(token.functions.balanceOf(recipient)) == 24
    assert all(receipt.name == "mint" and receipt.gas > 21_000 for receipt in receipts)


def test_an_account_that_was_used_elsewhere(world, token):
    deployer, recipient = world.accounts["deployer"], Account.create().address
    mint = token.functions.mint(recipient, 1)
    world.chain.send(deployer, mint)
    Chain(world.chain.rpc_url, world.deployment, poll_seconds=0.01).send(deployer, mint)
    world.chain.send(deployer, mint)
    assert world.chain.call(token.functions.balanceOf(recipient)) == 3


def test_more_gas_than_the_cap_is_not_sent(world, token):
    with pytest.raises(ChainError, match="cap"):
        world.chain.submit(world.accounts["deployer"], token.functions.mint(as_address(1), 1), gas=10**9)


def test_the_wrong_chain_is_refused(world):
    with pytest.raises(ChainError, match="is for chain 1,"):
        Chain(world.chain.rpc_url, replace(world.deployment, chain_id=1))


def test_no_node():
    with pytest.raises(ChainError, match="is the node running"):
        Chain("http://127.0.0.1:9")


def test_events_come_in_chain_order(world):
    events = world.chain.events(world.deployment.start_block, world.chain.head())
    assert events == sorted(events, key=lambda event: (event.block, event.index))
    names = [event.name for event in events]
    for earlier, later in (("AuditorKeySet", "MarketOpened"), ("Registered", "Bonded"), ("Bonded", "KeyRegistered")):
        assert names.index(earlier) < names.index(later)
    opened = next(event for event in events if event.name == "MarketOpened")
    assert opened.args["market"] == 0 and opened.args["terms"]["lot"] == world.market.lot
    assert opened.block_hash == world.chain.block_hash(opened.block)


def test_waiting_shows_progress(world):
    target, seen = world.chain.head() + 3, []

    def progress(head):
        seen.append(head)
        world.mine(1)

    assert world.chain.wait_for(target, progress) == target
    assert seen == [target - 3, target - 2, target - 1]


def test_receipts_are_reported(world):
    seen = []
    chain = Chain(world.chain.rpc_url, world.deployment, poll_seconds=0.01, on_receipt=seen.append)
    receipt = chain.transfer(world.accounts["carrier"], Account.create().address, 5)
    assert seen == [receipt] and receipt.gas == 21_000


def test_a_bare_chain_needs_no_deployment():
    with anvil() as url:
        chain = Chain(url)
        poor = Account.create()
        with pytest.raises(ChainError, match="[Ii]nsufficient"):
            chain.transfer(poor, account(1).address, 1)
        chain.transfer(account(0), poor.address, 10**18)
        assert chain.web3.eth.get_balance(poor.address) == 10**18


def test_an_error_names_the_node_without_its_provider_s_key():
    """It is shown to desks and counterparties, and kept in logs."""
    with pytest.raises(ChainError, match="http://127.0.0.1:9 ") as silent:
        Chain("http://user:secret@127.0.0.1:9/v3/secret?key=secret")
    assert "secret" not in str(silent.value)
