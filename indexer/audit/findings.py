"""What an audit of a period says beside its epochs: keys by version, who was refused, where notes came from."""

from collections.abc import Sequence
from dataclasses import dataclass

from indexer.audit.examine import Line, examine
from indexer.audit.record import Record, Reference
from offchain.auditor import AuditError
from offchain.keys import EncryptionKey
from offchain.records import EpochRecord, EpochState, OrderRecord


@dataclass(frozen=True)
class KeyVersion:
    """A registered key. `kind`: auditor, treasury or reveal; `epochs` were opened under it; `held` by who audits."""

    kind: str
    version: int
    account: str
    x: int
    y: int
    epochs: int
    held: bool
    at: Reference


@dataclass(frozen=True)
class Refusal:
    """What did not go through: of whom or of what, and why."""

    kind: str
    market: int | None
    epoch: int | None
    subject: str
    why: str
    at: Reference


@dataclass(frozen=True)
class Step:
    """A step of a lineage: what it is, where it stands, and what the auditor's key tells of it."""

    what: str
    says: dict[str, str]
    at: Reference


def outcome(record: Record, found: EpochRecord) -> EpochState:
    """What an epoch had become after the record's last block, as far as it is over."""
    windows = record.markets[found.market].windows(found.epoch)
    if found.settlement:
        return EpochState.SETTLED
    if found.failed_block is not None:
        return EpochState.FAILED
    if found.void:
        return EpochState.VOID
    if record.block >= windows.settle and not found.reveals:
        return EpochState.EMPTY
    starts = {EpochState.SETTLING: windows.settle, EpochState.REVEAL: windows.reveal, EpochState.FROZEN: windows.freeze}
    return next((state for state, block in starts.items() if record.block >= block), EpochState.COMMIT)


# --- Keys ---


def key_history(record: Record, keys: Sequence[EncryptionKey] = ()) -> list[KeyVersion]:
    """Every key ever registered, in chain order. `keys` are the auditor's own, to mark as held."""
    held = {key.public for key in keys}
    kinds = {"Keys.AuditorKeySet": "auditor", "Keys.TreasurySet": "treasury", "Relayers.KeyRegistered": "reveal"}
    events = [(kind, event) for name, kind in kinds.items() for event in record.named(name)]
    found = []
    for kind, event in sorted(events, key=lambda one: (one[1].block, one[1].index)):
        args = event.args
        account = args["relayer"] if kind == "reveal" else args["account"]
        version, key = args["version"], (args["x"], args["y"])
        epochs = _under(record, kind, account, version)
        found.append(KeyVersion(kind, version, account, *key, epochs, key in held, record.reference(event)))
    return found


def _under(record: Record, kind: str, account: str, version: int) -> int:
    if kind == "reveal":
        return sum((one.leader, one.reveal_version) == (account, version) for one in record.epochs.values())
    return sum(getattr(one, f"{kind}_version") == version for one in record.epochs.values())


# --- Refusals ---


def refusals(record: Record, lines: Sequence[Line], after: int) -> list[Refusal]:
    """Who was refused after block `after`, and why, in chain order. `lines`: the examined orders."""
    found = [*_orders(record), *_registries(record)]
    for line in lines:
        if line.why:
            place = line.market, line.epoch
            found.append(Refusal("invalid reveal", *place, f"order {line.opened.oc}", line.why, line.settled))
    return sorted((one for one in found if one.at.block > after), key=lambda one: (one.at.block, one.at.log_index))


def _orders(record: Record) -> list[Refusal]:
    found = []
    for order in record.orders.values():
        if order.reclaim and order.reclaim.forfeit and order.reveal is None:
            at = record.at("Market.Reclaimed", order.quota_nullifier)
            place = order.market, order.epoch
            found.append(Refusal("bond forfeited", *place, f"order {order.oc}", "it was never revealed", at))
    for epoch in record.epochs.values():
        if epoch.failed_block is not None:
            event = record.event("Market.Failed", epoch.market, epoch.epoch)
            why = f"leader {epoch.leader} did not settle in time: slashed of {event.args['slashed']}"
            subject = f"all {len(epoch.orders)} orders"
            found.append(Refusal("epoch failed", epoch.market, epoch.epoch, subject, why, record.reference(event)))
        elif epoch.void:
            at = record.at("Market.ReferenceFixed", epoch.market, epoch.epoch)
            why = "there was no price to refer to when it froze"
            found.append(Refusal("epoch void", epoch.market, epoch.epoch, f"all {len(epoch.orders)} orders", why, at))
    return found


def _registries(record: Record) -> list[Refusal]:
    found, held = [], set()
    for event in record.named("Credentials.LeavesSet"):
        for id, leaf in enumerate(event.args["leaves"], event.args["index"]):
            if leaf:
                held.add(id)
            elif id in held:
                held.remove(id)
                what = None, None, f"credential {id}", "the issuer revoked it"
                found.append(Refusal("credential revoked", *what, record.reference(event)))
    for event in record.named("Credentials.WalletSet"):
        if not event.args["admitted"]:
            why = "the issuer withdrew it: no deposit from it any more"
            found.append(Refusal("wallet withdrawn", None, None, event.args["wallet"], why, record.reference(event)))
    return found


# --- Lineage ---


def trace(record: Record, keys: Sequence[EncryptionKey], word: int) -> list[Step]:
    """What became of an order, and of the notes behind and before it, as far as the auditor sees.

    `word`: an order's commitment or quota nullifier, a spent nullifier, a note commitment or its position.
    A note's later spending shows to its owner alone: a lineage ends there. AuditError if nothing has that word.
    """
    if (order := _order_of(record, word)) is not None:
        return _order_steps(record, keys, order)
    for event in record.named("Pool.Transacted"):
        first = event.args["position"]
        if word in record.spent_by(event.tx) or _is(record, word, first, 2):
            public = {name: str(event.args[name]) for name in ("asset", "deposit", "withdrawal", "account")}
            notes = {"spent": _text(*record.spent_by(event.tx)), "made": _text(first, first + 1)}
            return [Step("moved within the pool", public | notes, record.reference(event))]
    for epoch in record.epochs.values():
        if epoch.settlement and _is(record, word, epoch.settlement.position + 2 * epoch.settlement.count, 2):
            return [_fee_step(record, keys, epoch)]
    raise AuditError(f"nothing up to block {record.block} is called {word}: give an order, a nullifier or a note")


def _order_of(record: Record, word: int) -> OrderRecord | None:
    for order in record.orders.values():
        tx = record.event("Market.Committed", order.quota_nullifier).tx
        if word in (order.oc, order.quota_nullifier, *record.spent_by(tx)) or _is(record, word, order.position, 1):
            return order
        if order.reclaim and _is(record, word, order.reclaim.position, 2):
            return order
        settlement = record.epochs[order.market, order.epoch].settlement
        if order.reveal and settlement and _is(record, word, settlement.outputs(order.reveal.slot)[0], 2):
            return order
    return None


def _is(record: Record, word: int, first: int, count: int) -> bool:
    """Whether a word is one of so many notes from a position on, or its position. The empty leaf is no name."""
    places = range(first, first + count)
    return word in places or word != 0 and word in [record.leaves.get(place) for place in places]


def _order_steps(record: Record, keys: Sequence[EncryptionKey], order: OrderRecord) -> list[Step]:
    committed = record.event("Market.Committed", order.quota_nullifier)
    says = {"order": str(order.oc), "spent": _text(*record.spent_by(committed.tx)), "change note": str(order.position)}
    steps = [Step("committed", says, record.reference(committed))]
    if order.reveal:
        says = {"slot": str(order.reveal.slot)}
        steps.append(Step("revealed", says, record.at("Market.Revealed", order.quota_nullifier)))
        if record.epochs[order.market, order.epoch].settlement:
            steps.append(_settled_step(record, keys, order))
    if order.reclaim:
        bond = "forfeited" if order.reclaim.forfeit else "returned"
        says = {"refund note": str(order.reclaim.position), "bond": bond}
        what = "cancelled" if order.reclaim.cancelled else "taken back"
        steps.append(Step(what, says, record.at("Market.Reclaimed", order.quota_nullifier)))
    return steps


def _settled_step(record: Record, keys: Sequence[EncryptionKey], order: OrderRecord) -> Step:
    line = examine(record, keys, order.market, order.epoch, verify=False).lines[order.reveal.slot]
    if line.why:
        return Step("found invalid", {"why": line.why}, line.settled)
    terms, opened = record.markets[order.market], line.opened
    says = {
        "owner": str(opened.owner), "credential": str(opened.credential_id),
        "fill": f"{opened.fill} lots at {line.price}", "fee": str(line.payment.fee),
        f"base note {line.positions[0]}": f"{line.payment.base} of {terms.base}",
        f"quote note {line.positions[1]}": f"{line.payment.quote} of {terms.quote}",
    }  # fmt: skip
    return Step("settled", says, line.settled)


def _fee_step(record: Record, keys: Sequence[EncryptionKey], epoch: EpochRecord) -> Step:
    found = examine(record, keys, epoch.market, epoch.epoch, verify=False)
    first = epoch.settlement.position + 2 * epoch.settlement.count
    quote = record.markets[epoch.market].quote
    says = {
        f"leader's note {first}": f"{found.leader_fee} of {quote}",
        f"treasury's note {first + 1}": f"{found.treasury_fee} of {quote}",
    }
    return Step(f"fees of epoch {epoch.epoch} of market {epoch.market}", says, found.settled)


def _text(*words: int) -> str:
    return ", ".join(map(str, words))
