"""An agent on a real pool: from ticket to fill, orders it did not place, cancels, failed epochs, movements."""

from dataclasses import replace

import pytest

from offchain.agent.desk import MovementState, OrderState, Ticket, TicketRefused
from offchain.calls import Call
from offchain.chain import as_address
from offchain.ledger import Ledger
from offchain.notes import Side, Terms
from offchain.store import Journal
from tests.agent.agents import agent_of, rounds, until, until_moved
from tests.carrying import FEE, GENEROUS, carrier_account, carrying
from tests.world import anvil, build_world


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with anvil() as url:
        found = build_world(url, tmp_path_factory.mktemp("world"), commit_blocks=80)
        found.fund("ash", USD=50_000)
        found.fund("ash", USD=50_000)
        found.fund("birch", BTC=50_000)
        found.fund("birch", BTC=50_000)
        found.issuer.admit_carrier(carrier_account().address)
        yield found


@pytest.fixture
def ash(world, tmp_path):
    with agent_of(world, "ash", tmp_path) as found:
        rounds(world, found, count=1)
        yield found


@pytest.fixture
def birch(world, tmp_path):
    with agent_of(world, "birch", tmp_path) as found:
        rounds(world, found, count=1)
        yield found


def unexplained(agent):
    return [event.data for event in agent.events(0) if "unexplained" in event.data]


def windows(world, order):
    return world.market.windows(order.epoch)


def test_two_agents_trade(world, ash, birch):
    world.open_epoch()
    rounds(world, ash, birch, count=1)
    bought = ash.place(Ticket("buy-1", 0, Side.BUY, 10, 505))
    assert bought.state == OrderState.ACCEPTED and ash.place(Ticket("buy-1", 0, Side.BUY, 10, 505)) == bought
    with pytest.raises(TicketRefused, match="another order's"):
        ash.place(Ticket("buy-1", 0, Side.BUY, 11, 505))
    birch.place(Ticket("sell-1", 0, Side.SELL, 10, 495))
    order = until(world, ash, "buy-1", OrderState.COMMITTED)
    until(world, birch, "sell-1", OrderState.COMMITTED)
    assert order.commit_tx and order.quota_nullifier
    usd = next(one for one in ash.balances() if one.symbol == "USD")
    lock = ash.worst_case(0, Side.BUY, 10, 505)
    assert usd.locked == lock.lock == 5_055 and usd.available + usd.locked == 100_000
    with pytest.raises(TicketRefused, match="cannot be cancelled") as late:
        world.go_to(windows(world, order).reveal)
        until(world, ash, "buy-1", OrderState.REVEALED)
        ash.cancel("buy-1")
    assert late.value.code == "too_late"
    until(world, birch, "sell-1", OrderState.REVEALED)
    assert ash.order("buy-1").reveal_tx
    assert world.settle(0, order.epoch).volume == 10
    filled = until(world, ash, "buy-1", OrderState.FILLED)
    assert (filled.fill, filled.fill_price, filled.reference) == (10, 500, 500)
    assert until(world, birch, "sell-1", OrderState.FILLED).fill == 10
    world.advance_tree()
    rounds(world, ash, birch, count=1)
    held = {one.symbol: one.available for one in ash.balances()}
    assert (held["BTC"], held["USD"]) == (10_000, 100_000 - 5_000 - 5)
    assert not unexplained(ash) and not unexplained(birch) and not ash.status().problems
    seen = [event.sequence for event in ash.events(0)]
    assert seen == list(range(1, len(seen) + 1)) == list(range(1, ash.status().sequence + 1))
    assert [event.order.state for event in ash.events(0) if event.kind == "order"][0] == OrderState.ACCEPTED


def test_what_a_browser_committed_is_revealed_and_given_back(world, ash, tmp_path):
    """An order under the key that the agent was never told of: it reveals it, and reclaims it when the epoch fails."""
    epoch = world.open_epoch()
    trader = world.traders["ash"]
    wallet, terms = world.restore("ash"), Terms(Side.BUY, 5, 500)
    wallet.sync()
    placed = wallet.commit(0, epoch, terms, trader.credential, carrier=world.accounts["carrier"])
    rounds(world, ash, count=2)
    name = f"chain:{placed.quota_nullifier}"
    assert (ash.order(name).state, ash.order(name).source) == (OrderState.COMMITTED, "chain")
    world.go_to(world.market.windows(epoch).reveal)
    until(world, ash, name, OrderState.REVEALED)
    world.go_to(world.market.windows(epoch).deadline)
    world.send("stranger", Call("Market", "fail", (0, epoch)))
    assert until(world, ash, name, OrderState.RETURNED).forfeited == 0
    assert not unexplained(ash)


def test_a_cancel_comes_back_as_a_note(world, ash):
    world.open_epoch()
    rounds(world, ash, count=1)
    ash.place(Ticket("c-1", 0, Side.BUY, 5, 500))
    until(world, ash, "c-1", OrderState.COMMITTED)
    assert ash.cancel("c-1").state == OrderState.COMMITTED == ash.cancel("c-1").state
    assert until(world, ash, "c-1", OrderState.CANCELLED).forfeited == 0
    assert ash.cancel("c-1").state == OrderState.CANCELLED and not unexplained(ash)


def test_tokens_come_in_are_joined_and_leave(world, ash):
    btc = as_address(world.asset("BTC"))
    before = next(one for one in ash.balances() if one.symbol == "BTC").available
    for key in ("d-1", "d-2"):
        assert ash.deposit(key, btc, 7_000).state == MovementState.ACCEPTED
    assert ash.deposit("d-1", btc, 7_000).key == "d-1" and len(ash.movements()) == 2
    with pytest.raises(TicketRefused, match="another movement's"):
        ash.deposit("d-1", btc, 8_000)
    for key in ("d-1", "d-2"):
        until_moved(world, ash, key, MovementState.DONE)
    world.advance_tree()
    rounds(world, ash, count=1)
    ash.consolidate("j-1", btc)
    until_moved(world, ash, "j-1", MovementState.DONE)
    world.advance_tree()
    recipient = world.traders["ash"].account.address
    held = world.chain.token(btc).functions.balanceOf(recipient)
    had = world.chain.call(held)
    ash.withdraw("w-1", btc, 14_000, recipient)
    until_moved(world, ash, "w-1", MovementState.DONE)
    assert [one.state for one in ash.movements()] == [MovementState.DONE] * 4, ash.movements()
    assert world.chain.call(held) == had + 14_000
    assert next(one for one in ash.balances() if one.symbol == "BTC").available == before
    assert not unexplained(ash) and not ash.status().problems


def test_notes_that_a_ticket_needs_are_joined(world, ash):
    """60,000 need three of the notes that USD is in; the change of the join waits for the tree."""
    world.wallet("ash").deposit(world.asset("USD"), 3_000)
    world.advance_tree()
    world.open_epoch()
    rounds(world, ash, count=1)
    notes = sorted((own.note.amount for own in ash.notes() if own.note.asset == world.asset("USD")), reverse=True)
    price = (sum(notes[:2]) + 1) // 100 + 5
    ash.place(Ticket("big", 0, Side.BUY, 100, price))
    rounds(world, ash, count=3)
    assert ash.order("big").code in ("consolidation", "funds_pending")
    world.advance_tree()
    assert until(world, ash, "big", OrderState.COMMITTED).code is None
    assert [one.kind for one in ash.movements()][0] == "consolidation"


NOBODY = "http://127.0.0.1:1"


def test_carriers_services_carry_and_are_paid(world, tmp_path):
    """The first never answers. An order, its cancel, and a withdrawal that pays the second what it asks, at most what is
    allowed; none of it from an account of the trader."""
    btc, folder = world.asset("BTC"), tmp_path / "carrier"
    folder.mkdir()
    policy = replace(GENEROUS, fees={btc: FEE})
    with carrying(world.chain, folder, policy) as service:
        with agent_of(world, "birch", tmp_path, (NOBODY, service.url), max_fees={btc: FEE - 1}) as birch:
            world.open_epoch()
            rounds(world, birch, count=1)
            held = next(one for one in birch.balances() if one.symbol == "BTC")
            birch.place(Ticket("s-1", 0, Side.SELL, 5, 500))
            until(world, birch, "s-1", OrderState.COMMITTED)
            birch.cancel("s-1")
            until(world, birch, "s-1", OrderState.CANCELLED)
            world.advance_tree()
            recipient = world.traders["birch"].account.address
            birch.withdraw("dear", as_address(btc), 1_000, recipient)
            dear = until_moved(world, birch, "dear", MovementState.FAILED)
            assert f"asks {FEE} units, and max_fees allows" in dear.reason
        with agent_of(world, "birch", tmp_path, (NOBODY, service.url), max_fees={btc: FEE}) as birch:
            birch.withdraw("fair", as_address(btc), 1_000, recipient)
            until_moved(world, birch, "fair", MovementState.DONE)
            now = next(one for one in birch.balances() if one.symbol == "BTC")
            assert now.available == held.available - 1_000 - FEE and not unexplained(birch)
            tx = world.chain.web3.eth.get_transaction(birch.order("s-1").commit_tx)
            assert tx["from"] == carrier_account().address


def test_a_ledger_kept_is_read_again(world, tmp_path):
    """As after a restore from an indexer: what was taken in before is in the journal too."""
    with agent_of(world, "cedar", tmp_path) as cedar:
        ledger, journal = Ledger(world.chain), Journal(cedar.book)
        ledger.sync()
        ledger.keep(journal)
        world.mine(2)
        ledger.sync()
        again = Ledger(world.chain, journal=journal)
        assert (again.block, again.orders.keys(), again.leaves) == (ledger.block, ledger.orders.keys(), ledger.leaves)
