"""Value in, around and out of the pool, with real proofs on a real chain."""

from dataclasses import replace
from inspect import Parameter, signature

import pytest
from eth_account import Account

from offchain import babyjubjub, contracts
from offchain.admission import Paused
from offchain.chain import Reverted
from offchain.coins import InsufficientFunds, NeedsConsolidation, NotSpendableYet
from offchain.field import RangeError
from offchain.governance import Governance
from offchain.keys import Address
from offchain.wallet import Wallet


@pytest.fixture(scope="module")
def usd(world):
    return world.asset("USD")


@pytest.fixture(scope="module")
def btc(world):
    return world.asset("BTC")


def on_chain(world, asset, address):
    return world.chain.call(world.chain.token(asset).functions.balanceOf(address))


def test_a_deposit_counts_at_once_and_is_spent_after_its_chunk(world, usd):
    ash, birch = world.wallet("ash"), world.wallet("birch")
    receipt = ash.deposit(usd, 1_000)
    assert receipt.name == "transact" and receipt.proof_seconds > 0
    assert ash.balances() == {}
    world.confirm()
    assert ash.balances() == {usd: 1_000}
    with pytest.raises(NotSpendableYet):
        ash.transfer(usd, 1, birch.address, carrier=world.accounts["carrier"])
    world.advance_tree()
    assert [own.advanced for own in ash.notes()] == [True]


def test_a_transfer_is_found_by_its_receiver_alone(world, usd):
    ash, birch = world.wallet("ash"), world.wallet("birch")
    ash.transfer(usd, 300, birch.address, carrier=world.accounts["carrier"])
    assert ash.notes() == []     # the change is on its way
    world.confirm()
    assert (ash.balances(), birch.balances()) == ({usd: 700}, {usd: 300})
    assert world.restore("birch").balances() == {usd: 300}
    assert world.restore("cedar").balances() == {}


def test_a_deposit_may_be_two_notes(world, usd):
    """Of one sum that everyone sees, so that two orders can be paid for at once."""
    birch = world.restore("birch")
    birch.deposit(usd, 1_001, notes=2)
    world.mine(5)
    assert sorted(own.note.amount for own in birch.notes()) == [300, 500, 501]
    with pytest.raises(RangeError, match="notes of a deposit"):
        birch.deposit(usd, 1_001, notes=3)
    world.advance_tree()
    birch.withdraw(usd, 1_001, world.traders["birch"].account.address)
    world.confirm()


def test_what_is_private_names_who_sends_it():
    """No default sends it from the wallet that deposited, which everyone knows."""
    for action in (Wallet.transfer, Wallet.consolidate, Wallet.commit, Wallet.reveal, Wallet.reclaim):
        carrier = signature(action).parameters["carrier"]
        assert (carrier.kind, carrier.default) == (Parameter.KEYWORD_ONLY, Parameter.empty)


def test_a_withdrawal_pays_the_recipient_and_the_carrier(world, usd):
    world.advance_tree()
    carrier, birch = world.accounts["carrier"], world.traders["birch"]
    before = [on_chain(world, usd, who.address) for who in (birch.account, carrier)]
    world.wallet("ash").withdraw(usd, 200, birch.account.address, fee=7, carrier=carrier)
    after = [on_chain(world, usd, who.address) for who in (birch.account, carrier)]
    assert [late - early for late, early in zip(after, before)] == [200, 7]
    world.confirm()
    assert world.wallet("ash").balances() == {usd: 493}


def test_a_withdrawal_needs_a_known_recipient_or_its_successor(world, usd):
    world.advance_tree()
    recipient = Account.create().address
    with pytest.raises(Reverted, match="recipient not admitted"):
        world.wallet("ash").withdraw(usd, 3, recipient)
    world.wallet("ash").name_successor(recipient)
    world.wallet("ash").withdraw(usd, 3, recipient)
    assert on_chain(world, usd, recipient) == 3
    world.confirm()


def test_fees_and_recipients_cannot_be_changed_in_flight(world, usd):
    world.advance_tree()
    ash, address = world.wallet("ash"), world.traders["ash"].account.address
    notes = [own for own in ash.notes() if own.note.asset == usd]
    call = ash.build_transact(usd, notes[:1], [], withdrawal=5, account=int(address, 16))
    stranger = world.accounts["stranger"]
    for change in ({"account": world.traders["birch"].account.address}, {"withdrawal": 6}, {"cm0": 5}):
        altered = replace(call, args=(*call.args[:2], call.args[2] | change, *call.args[3:]))
        with pytest.raises(Reverted, match="proof refused"):
            world.chain.send(stranger, altered.on(world.chain))
    world.chain.send(stranger, call.on(world.chain))
    with pytest.raises(Reverted, match="note spent"):
        world.chain.send(stranger, call.on(world.chain))
    world.confirm()


def test_small_notes_are_consolidated(world, btc):
    cedar = world.wallet("cedar")
    for _ in range(3):
        cedar.deposit(btc, 10)
    world.advance_tree()
    with pytest.raises(NeedsConsolidation):
        cedar.withdraw(btc, 25, world.traders["cedar"].account.address)
    assert len(cedar.consolidate(btc, carrier=world.accounts["carrier"])) == 1
    world.confirm()
    assert sorted(own.note.amount for own in cedar.notes()) == [10, 20]
    world.advance_tree()
    cedar.withdraw(btc, 25, world.traders["cedar"].account.address)
    world.confirm()
    assert cedar.balances() == world.restore("cedar").balances() == {btc: 5}


def test_a_note_on_its_way_is_not_spent_twice(world, btc):
    world.advance_tree()
    cedar, carrier = world.wallet("cedar"), world.accounts["carrier"]
    cedar.transfer(btc, 5, world.wallet("dogwood").address, carrier=carrier)
    with pytest.raises(InsufficientFunds):
        cedar.transfer(btc, 5, world.wallet("dogwood").address, carrier=carrier)
    world.confirm()
    assert (cedar.balances(), world.wallet("dogwood").balances()) == ({}, {btc: 5})


def test_too_much_and_out_of_range(world, usd):
    ash, carrier = world.wallet("ash"), world.accounts["carrier"]
    with pytest.raises(InsufficientFunds, match="deposit more"):
        ash.transfer(usd, 10**9, ash.address, carrier=carrier)
    for amount in (0, -1, 1 << 128):
        for action in (ash.deposit, lambda a, n: ash.transfer(a, n, ash.address, carrier=carrier)):
            with pytest.raises(RangeError, match="amount"):
                action(usd, amount)
    with pytest.raises(RangeError, match="amount"):
        ash.withdraw(usd, 0, world.traders["ash"].account.address)


def test_a_wallet_that_is_not_admitted_cannot_deposit(world, usd):
    stranger = world.accounts["stranger"]
    token = world.chain.token(usd).functions
    world.chain.send(world.accounts["deployer"], token.mint(stranger.address, 10))
    wallet = world.restore("ash")
    wallet.account = stranger
    with pytest.raises(Reverted, match="wallet not admitted"):
        wallet.deposit(usd, 10)


def test_a_token_that_takes_a_fee_is_refused(world):
    chain, deployer, ash = world.chain, world.accounts["deployer"], world.traders["ash"].account
    compiled = contracts.artifact("FeeToken")
    factory = chain.web3.eth.contract(abi=compiled.abi, bytecode=compiled.bytecode)
    pending = chain.submit(deployer, factory.constructor())
    chain.receipt(pending)
    token = chain.at("FeeToken", chain.created(pending))
    chain.send(deployer, token.functions.mint(ash.address, 1_000))
    with pytest.raises(Reverted, match="inexact transfer"):
        world.wallet("ash").deposit(int(token.address, 16), 1_000)


def test_an_address_that_anyone_could_read_is_refused(world, usd):
    world.advance_tree()
    weak = Address(5, babyjubjub.torsion(8))
    with pytest.raises(ValueError, match="small order"):
        world.wallet("ash").transfer(usd, 1, weak, carrier=world.accounts["carrier"])


def test_a_pause_stops_deposits_and_no_exit(world, usd):
    world.advance_tree()
    world.chain.send(world.accounts["guardian"], world.chain.contract("Pool").functions.pause())
    ash, address = world.wallet("ash"), world.traders["ash"].account.address
    with pytest.raises(Paused):
        ash.deposit(usd, 5)
    ash.withdraw(usd, 5, address)
    calls = [world.chain.contract("Pool").functions.unpause()]
    Governance(world.chain, world.accounts["governor"]).enact(calls, lambda head: world.mine(1))
    ash.deposit(usd, 5)
    world.confirm()


def test_the_pool_holds_what_the_wallets_own(world, usd, btc):
    pool = world.deployment.contracts["Pool"]
    for asset in (usd, btc):
        owned = sum(world.wallet(name).balances().get(asset, 0) for name in world.traders)
        total = world.chain.call(world.chain.contract("Pool").functions.total(world.chain.token(asset).address))
        assert on_chain(world, asset, pool) == total == owned
