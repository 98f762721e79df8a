"""Step 6: fills read from the chain, a wallet restored, a withdrawal, two reclaims, the print."""

from eth_account import Account

from offchain.keys import from_wallet
from offchain.ledger import Ledger
from offchain.notes import Side
from offchain.wallet import Fate, OrderStatus, Wallet
from scripts.demo.narration import units
from scripts.demo.steps_trade import MISBEHAVING, Batch, Placed
from scripts.demo.world import World, need, side_by_side
from scripts.orders import QUOTE_DECIMALS

RESTORES, WITHDRAWS = "birch", "alder"


def status(one: Placed) -> OrderStatus:
    """What the owner's key finds of an order on the chain."""
    statuses = {found.placed.quota_nullifier: found for found in one.who.wallet.orders()}
    return statuses[one.order.quota_nullifier]


def fills(world: World, batch: Batch) -> list[OrderStatus]:
    """Every institution reads its fill with its own key; together they fit the epoch's figures."""
    figures = next(f for f in world.report.epochs if (f.market, f.epoch) == (batch.market, batch.epoch))
    found = [status(one) for one in batch.honest]
    rows = []
    for one, seen in zip(batch.honest, found):
        order = one.row.terms
        need(seen.fate == Fate.FILLED, f"{one.who.name}'s order of line {one.row.line} is {seen.fate}, not settled")
        better = seen.price <= order.price if order.side == Side.BUY else seen.price >= order.price
        need(seen.fill <= order.quantity and (better or not seen.fill), f"{one.who.name} was filled beyond its order")
        limit, at = units(order.price, QUOTE_DECIMALS), units(seen.price, QUOTE_DECIMALS) if seen.fill else ""
        rows.append((one.who.name, order.side.name.lower(), order.quantity, limit, seen.fill, at))
    for side in Side:
        total = sum(seen.fill for one, seen in zip(batch.honest, found) if one.row.terms.side == side)
        need(total == figures.volume, f"the {side.name.lower()} side filled {total} lots of {figures.volume}")
    columns = ["trader", "side", "lots", "limit, USD a lot", "filled", "price"]
    world.say.table(f"Epoch {batch.epoch}, each line read by its own key alone", columns, rows)
    return found


def restore(world: World, name: str = RESTORES) -> Wallet:
    """A wallet from nothing but its EVM key: the same notes and orders as the one that traded."""
    who, rpc = world.institutions[name], world.chain
    with world.report.timed("restore a wallet", name):
        account = Account.from_key(who.account.key)
        deployment = rpc.deployment
        key = from_wallet(account, deployment.chain_id, deployment.contracts["Pool"])
        restored = Wallet(rpc, Ledger(rpc), key, account)
        notes = {note.position: note.note for note in restored.notes()}
    same = {note.position: note.note for note in who.wallet.notes()}
    need(notes == same and bool(notes), f"{name}'s restored wallet holds other notes")
    need(restored.orders() == who.wallet.orders(), f"{name}'s restored wallet knows other orders")
    world.say.line(f"{name} restores {len(notes)} notes and {len(restored.orders())} orders from its key alone")
    return restored


def withdraw(world: World, name: str = WITHDRAWS) -> None:
    """An institution takes what it bought to its EVM address."""
    who, tokens = world.institutions[name], world.chain.deployment.tokens
    spendable = [own.note for own in who.wallet.notes() if own.advanced and own.note.amount]
    need(bool(spendable), f"{name} has no note to withdraw")
    note = min(spendable, key=lambda one: (one.asset != tokens["BTC"].word, one.amount))
    symbol, token = next((symbol, token) for symbol, token in tokens.items() if token.word == note.asset)
    balance = world.chain.token(note.asset).functions.balanceOf(who.account.address)
    before = world.chain.call(balance)
    world.sent("withdraw", who.wallet.withdraw(note.asset, note.amount, who.account.address), name)
    need(world.chain.call(balance) == before + note.amount, f"{name} did not receive what it withdrew")
    world.say.line(f"{name} withdraws {units(note.amount, token.decimals)} {symbol} to {who.account.address}")


def reclaim_bad(world: World, batch: Batch) -> None:
    """The unrevealed and the invalid order come back less their bonds."""
    bad = [batch.of(row) for row in MISBEHAVING]
    for one, fate in zip(bad, (Fate.UNREVEALED, Fate.INVALID), strict=True):
        seen = status(one)
        need(seen.fate == fate and seen.reclaimable, f"{one.who.name}'s order is {seen.fate}, not {fate}")
    side_by_side(bad, lambda one: reclaim(world, one))
    world.sync()
    for one in bad:
        bond = status(one).forfeited
        need(bool(bond), f"{one.who.name}'s bond was not forfeited")
        world.say.line(f"{one.who.name} gets its lock back less a bond of {bond} units, which the treasury has")


def reclaim(world: World, one: Placed) -> None:
    receipt = one.who.wallet.reclaim(one.order, carrier=world.accounts["carrier"])
    world.sent("reclaim", receipt, one.who.name)
    world.say.line(f"{one.who.name} reclaims an order")


def print_epoch(world: World, batch: Batch) -> None:
    """The leader prints price and volume once the market's deferral is over."""
    figures = next(f for f in world.report.epochs if (f.market, f.epoch) == (batch.market, batch.epoch))
    functions = world.chain.contract("Market").functions
    record = world.chain.call(functions.epochs(batch.market, batch.epoch))
    due = record.settled_block + world.ledger.markets[batch.market].deferral
    world.chain.wait_for(due - 1)
    world.sent("print", world.leaders[record.leader].print(batch.market, batch.epoch))
    printed = world.chain.call(functions.epochs(batch.market, batch.epoch))
    need(
        (printed.printed, printed.price, printed.volume) == (True, figures.price, figures.volume),
        "the print is not what was settled",
    )
    price = units(printed.price, QUOTE_DECIMALS)
    world.say.line(f"printed after the deferral, from block {due}: {printed.volume} lots at {price} USD a lot")


def outcome(world: World, batch: Batch) -> None:
    fills(world, batch)
    restore(world)
    withdraw(world)
    reclaim_bad(world, batch)
