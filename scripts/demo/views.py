"""Step 8: one epoch as the public, a trader and the auditor see it."""

from offchain.auditor import AuditedOrder, open_epoch
from offchain.chain import Chain
from offchain.ledger import Ledger
from offchain.notes import Side, Terms
from offchain.wallet import OrderStatus
from scripts.demo.narration import units
from scripts.demo.steps_after import status
from scripts.demo.steps_trade import Batch
from scripts.demo.world import World, need
from scripts.orders import QUOTE_DECIMALS

SEALED = "sealed"


def public_ledger(world: World) -> Ledger:
    """The chain as somebody without any key reads it: another connection, nothing kept."""
    ledger = Ledger(Chain(world.chain.rpc_url, world.chain.deployment))
    ledger.sync()
    return ledger


def side_by_side(world: World, batch: Batch) -> None:
    """A table of the batch's slots by viewer; the trader is the first slot's."""
    ledger = public_ledger(world)
    record = ledger.epochs[batch.market, batch.epoch]
    view = open_epoch(ledger, world.auditor, batch.market, batch.epoch)
    need(not view.oddities, f"the auditor finds that {'; '.join(view.oddities)}")
    trader = batch.honest[0].who
    own = {one.order.order.commitment: status(one) for one in batch.placed if one.who is trader}
    names = {who.key.owner: name for name, who in world.institutions.items()}

    rows = []
    for slot, (reveal, audited) in enumerate(zip(record.reveals, view.orders, strict=True)):
        cipher = f"0x{reveal.reveal.ciphertext[0]:064x}"[:14] + "…"
        public = "invalid" if record.settlement.invalid(slot) else cipher
        rows.append((str(slot), public, _trader(own.get(reveal.reveal.oc)), _auditor(audited, names)))
    hidden = len(record.orders) - len(record.reveals)
    rows.append(("—", f"{hidden} never revealed", "", "nothing of it"))
    price, volume = record.printed or (None, None)
    need((view.price, view.volume) == (price, volume), "the auditor reads another print than the public")
    printed = f"{volume} lots at {units(price, QUOTE_DECIMALS)}"
    rows.append(("print", printed, printed, printed))
    world.say.table(
        f"Epoch {batch.epoch}, three views",
        ["slot", "public, from the chain without a key", f"trader {trader.name}", "auditor"],
        rows,
    )


def _order(terms: Terms) -> str:
    return f"{Side(terms.side).name.lower()} {terms.quantity} at {units(terms.price, QUOTE_DECIMALS)}"


def _trader(seen: OrderStatus | None) -> str:
    if seen is None:
        return SEALED
    terms = _order(seen.placed.order.terms)
    return f"{terms}: {seen.fill} filled" if seen.fill is not None else f"{terms}: {seen.fate}"


def _auditor(audited: AuditedOrder, names: dict[int, str]) -> str:
    if not audited.valid:
        return "invalid"
    return f"{names[audited.owner]}, credential {audited.credential_id}: {_order(audited.terms)}: {audited.fill} filled"
