"""Step 7: an epoch whose leader is silent fails; it is slashed and every order comes back whole."""

from offchain.notes import Side, Terms
from offchain.wallet import Fate
from scripts.demo import steps_after, steps_trade
from scripts.demo.narration import units
from scripts.demo.report import EpochFigures
from scripts.demo.steps_settle import leader_of, relayer_name
from scripts.demo.steps_trade import Batch
from scripts.demo.world import World, need, side_by_side
from scripts.orders import OrderRow


def rows() -> list[OrderRow]:
    """Orders that would trade, if their leader settled."""
    return [
        OrderRow(0, "damson", Terms(Side.BUY, 25, 2_362_000)),
        OrderRow(0, "fir", Terms(Side.SELL, 30, 2_358_000)),
    ]


def silent_epoch(world: World, batch: Batch) -> None:
    """Reveal as ever; the leader does nothing; anyone fails the epoch for the bounty."""
    steps_trade.reveal_batch(world, batch)
    chain, market = world.chain, world.chain.contract("Market").functions
    leader = leader_of(world, batch)
    stake = chain.contract("Relayers").functions.stake_of(leader)
    before = chain.call(stake)
    deadline = world.ledger.markets[batch.market].windows(batch.epoch).deadline
    world.say.line(f"relayer {relayer_name(world, leader)} leads and says nothing; its deadline is block {deadline}")
    chain.wait_for(deadline)
    world.sent("fail", chain.send(world.accounts["stranger"], market.fail(batch.market, batch.epoch)))
    slashed = before - chain.call(stake)
    need(slashed > 0, "the silent leader was not slashed")
    world.say.line(f"anyone fails the epoch: {relayer_name(world, leader)} loses {units(slashed, 18)} STAKE")
    world.report.epochs.append(EpochFigures(batch.market, batch.epoch, "failed"))

    world.sync()
    for one in batch.placed:
        need(steps_after.status(one).fate == Fate.REFUNDABLE, f"{one.who.name}'s order cannot come back")
    side_by_side(batch.placed, lambda one: steps_after.reclaim(world, one))
    world.sync()
    for one in batch.placed:
        seen = steps_after.status(one)
        need(seen.fate == Fate.RECLAIMED and seen.forfeited == 0, f"{one.who.name} lost a bond to a silent leader")
    world.say.line(f"all {len(batch.placed)} orders came back whole")
