"""Epochs that end without a settlement: who gets what back (P9, P10)."""

from dataclasses import replace

import pytest

from offchain.feeder import push
from offchain.governance import Governance
from offchain.notes import Side, Terms, fee
from offchain.records import EpochState
from offchain.wallet import Fate
from tests.world import PARAMETERS

TERMS = Terms(Side.BUY, 10, 500)
DEPOSIT = 100_000


@pytest.fixture(scope="module")
def funded(world):
    for _ in range(4):
        world.wallet("ash").deposit(world.asset("USD"), DEPOSIT)
    world.advance_tree()
    return world


def place(world, market=0, terms=None):
    """ash's order in the next epoch of a market: (placed, windows)."""
    terms = terms or world.market
    head = world.chain.head()
    epoch = 0 if head < terms.start_block else terms.epoch_at(head) + 1
    windows = terms.windows(epoch)
    world.go_to(windows.open)
    world.confirm()
    placed = world.wallet("ash").commit(market, epoch, TERMS, world.traders["ash"].credential, carrier=world.accounts["carrier"])
    return placed, windows


def status(world, placed):
    world.confirm()
    return next(s for s in world.wallet("ash").orders() if s.placed == placed)


def usd(world):
    return world.wallet("ash").balances()[world.asset("USD")]


def test_an_empty_epoch_forfeits_the_bond(funded):
    placed, windows = place(funded)
    funded.go_to(windows.settle)
    before = status(funded, placed)
    assert (before.epoch_state, before.fate, before.reclaimable) == (EpochState.EMPTY, Fate.UNREVEALED, True)
    held = usd(funded)
    funded.wallet("ash").reclaim(placed, carrier=funded.accounts["carrier"])
    after = status(funded, placed)
    lock = TERMS.lock(funded.market.lot, funded.market.fee_bps)
    bond = fee(lock, funded.market.bond_bps)
    assert (after.fate, after.forfeited, usd(funded) - held) == (Fate.RECLAIMED, bond, lock - bond)


def test_a_silent_leader_is_slashed_and_orders_come_back_whole(funded):
    placed, windows = place(funded)
    funded.go_to(windows.reveal)
    funded.wallet("ash").reveal(placed, carrier=funded.accounts["carrier"])
    funded.go_to(windows.deadline)
    before = status(funded, placed)
    assert (before.epoch_state, before.fate) == (EpochState.FAILED, Fate.REFUNDABLE)
    relayers, relayer = funded.chain.contract("Relayers").functions, funded.accounts["relayer"].address
    stake, held = funded.chain.call(relayers.stake_of(relayer)), usd(funded)
    market = funded.chain.contract("Market").functions
    funded.chain.send(funded.accounts["stranger"], market.fail(0, placed.order.epoch))
    assert stake - funded.chain.call(relayers.stake_of(relayer)) == PARAMETERS.epoch_stake
    stake_token = funded.chain.contract("StakeToken").functions
    assert funded.chain.call(stake_token.balanceOf(funded.accounts["stranger"].address)) == PARAMETERS.bounty
    funded.wallet("ash").reclaim(placed, carrier=funded.accounts["carrier"])
    after = status(funded, placed)
    lock = TERMS.lock(funded.market.lot, funded.market.fee_bps)
    assert (after.fate, after.forfeited, usd(funded) - held) == (Fate.RECLAIMED, 0, lock)
    assert funded.ledger.epochs[0, placed.order.epoch].failed_block is not None


def test_a_stale_reference_voids_the_epoch_and_forfeits_nothing(funded):
    """Market 1 wants a reference of its freeze block, or none at all."""
    push(funded.chain, funded.accounts["feeder"], funded.accounts["carrier"], 500)
    terms = replace(funded.market, start_block=funded.chain.head() + 40, max_age=0)
    opened = funded.chain.contract("Market").functions.open_market(terms.words())
    Governance(funded.chain, funded.accounts["governor"]).enact([opened], lambda head: funded.mine(1))
    funded.confirm()
    placed, windows = place(funded, 1, terms)
    funded.go_to(windows.reveal)
    before = status(funded, placed)
    assert (before.epoch_state, before.fate) == (EpochState.VOID, Fate.REFUNDABLE)
    held = usd(funded)
    funded.wallet("ash").reclaim(placed, carrier=funded.accounts["carrier"])
    after = status(funded, placed)
    assert (after.fate, after.forfeited) == (Fate.RECLAIMED, 0)
    assert usd(funded) - held == TERMS.lock(terms.lot, terms.fee_bps)
    assert funded.ledger.epochs[1, placed.order.epoch].void
    assert funded.restore("ash").balances() == funded.wallet("ash").balances()
