"""Step 5: the leader clears, proves and settles; and whole epochs of further orders."""

from scripts.demo import steps_after, steps_trade
from scripts.demo.report import EpochFigures
from scripts.demo.steps_trade import Batch
from scripts.demo.world import World, need
from scripts.orders import OrderRow


def leader_of(world: World, batch: Batch) -> str:
    """The address that leads the batch's epoch, from the epoch's record."""
    record = world.chain.call(world.chain.contract("Market").functions.epochs(batch.market, batch.epoch))
    need(record.leader in world.leaders, f"epoch {batch.epoch} is led by {record.leader}, whom nobody knows")
    return record.leader


def relayer_name(world: World, address: str) -> str:
    return next(name for name, account in world.accounts.items() if account.address == address)


def settle(world: World, batch: Batch) -> EpochFigures:
    """The leader settles the batch's epoch, with one proof for all of its reveals."""
    windows = world.ledger.markets[batch.market].windows(batch.epoch)
    address = leader_of(world, batch)
    world.chain.wait_for(windows.settle - 1)
    done = world.leaders[address].settle(batch.market, batch.epoch)
    world.sent("settle", done.receipt, relayer_name(world, address))
    world.say.line(
        f"relayer {relayer_name(world, address)} settles {done.count} reveals, {done.invalid} of them invalid: "
        f"one proof in {done.prove_seconds:.1f} s, {done.receipt.gas:,} gas"
    )
    figures = EpochFigures(
        market=batch.market,
        epoch=batch.epoch,
        state="settled",
        price=done.price,
        volume=done.volume,
        gas_settle=done.receipt.gas,
        prove_seconds=round(done.prove_seconds, 3),
    )
    world.report.epochs.append(figures)
    _count(world, batch, done.count, done.invalid)
    return figures


def _count(world: World, batch: Batch, revealed: int, invalid: int) -> None:
    orders = world.report.orders
    orders.committed += len(batch.placed)
    orders.revealed += revealed
    orders.settled += revealed - invalid
    orders.invalid += invalid
    orders.unrevealed += len(batch.placed) - revealed


def whole_epoch(world: World, rows: list[OrderRow]) -> Batch:
    """One more epoch of the order file, from commit to print."""
    batch = steps_trade.commit_batch(world, rows)
    steps_trade.reveal_batch(world, batch)
    settle(world, batch)
    world.advance_tree()
    steps_after.fills(world, batch)
    steps_after.print_epoch(world, batch)
    return batch
