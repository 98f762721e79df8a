"""One settled epoch, worked out again from what its orders say, and held to what the proof brought out.

The proof hides three things from the auditor: the leader's key, and with it the offset of the rationing and
the blindings of the two fee notes. So an offset is sought that explains every fill, which the clearing then
gives again; the amounts of the fee notes are worked out, and their commitments rest on the proof.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from indexer import statements
from indexer.audit.record import Record, Reference
from indexer.verify import as_proof
from offchain import circuits, prover
from offchain.auditor import AuditedOrder, AuditError, AuditView, open_epoch
from offchain.babyjubjub import IDENTITY
from offchain.clearing import OFFSET_BITS, Clearing, clear, split
from offchain.keys import EncryptionKey
from offchain.notes import Note, Payment, Side, Terms, pay
from offchain.poseidon import sponge
from offchain.records import EpochRecord, MarketTerms
from offchain.streams import output_blindings, shared_point

CHECKS = {
    "opening": "the auditor's words open: reveals, receipts, volume of both sides",
    "proof": "the settlement's proof holds for the statement that follows from the chain",
    "clearing": "price and volume are those of the clearing of these orders",
    "fills": "every fill is the one that the clearing gives",
    "notes": "every note paid out is of the owner and the amount that the fill and the fee give",
    "conservation": "what the orders locked is what they were paid, and the fees",
    "market": "every order keeps the market's least quantity and a credential that was issued",
    "print": "the print is the price and the volume",
}


@dataclass(frozen=True)
class Line:
    """An order of a settled epoch. Quantities in lots, prices in quote units a lot, `payment` in base units.

    `fill` is what the receipt says, `rederived` what the clearing gives. Where the order is invalid, `why`
    says it, and its terms, owner, credential and payment are None.
    """

    market: int
    epoch: int
    opened: AuditedOrder
    quota_nullifier: int
    rederived: int
    price: int
    payment: Payment | None
    positions: tuple[int, int]
    why: str | None
    committed: Reference
    revealed: Reference
    settled: Reference


@dataclass(frozen=True)
class Examination:
    """What an epoch was, and what of it does not hold: `problems` by the name of a check (CHECKS).

    `offsets` are the least and the greatest that explain the fills, None where none does.
    """

    market: int
    epoch: int
    leader: str
    reference: int
    price: int
    volume: int
    clearing: Clearing = field(repr=False)
    offsets: tuple[int, int] | None
    lines: tuple[Line, ...]
    fees: int
    leader_fee: int
    treasury_fee: int
    printed: bool
    settled: Reference
    problems: dict[str, list[str]]

    @property
    def found(self) -> list[str]:
        """Every problem, with the check that found it."""
        return [f"{check}: {problem}" for check, problems in self.problems.items() for problem in problems]


def examine(record: Record, keys: Sequence[EncryptionKey], market: int, epoch: int, verify: bool = True) -> Examination:
    """Open a settled epoch with whichever of `keys` it was encrypted to, and check all of it.

    Without `verify` the proof is not verified again. AuditError if the epoch cannot be opened.
    """
    view = open_epoch(record, _key(record, keys, market, epoch), market, epoch)
    found, terms = record.epochs[market, epoch], record.markets[market]
    orders = [order.terms for order in view.orders]
    fills = [order.fill or 0 for order in view.orders]
    clearing, offsets = rederive(orders, fills, found.reference, terms.collar_bps)
    lines = tuple(_line(record, found, order, clearing) for order in view.orders)
    fees = sum(line.payment.fee for line in lines if line.payment)
    leader_fee, treasury_fee = split(fees, terms.split_bps)
    problems = {
        "opening": view.oddities,
        "proof": _proof(record, found) if verify else [],
        "clearing": _clearing(view, clearing),
        "fills": _fills(view, clearing, offsets),
        "notes": [problem for line in lines for problem in _notes(record, line)],
        "conservation": _conservation(lines, terms, leader_fee + treasury_fee),
        "market": [problem for line in lines for problem in _admitted(record, terms, line)],
        "print": _print(found, clearing),
    }
    return Examination(
        market, epoch, found.leader, found.reference, view.price, view.volume, clearing, offsets, lines, fees,
        leader_fee, treasury_fee, found.printed is not None, record.at("Market.Settled", market, epoch), problems,
    )  # fmt: skip


def _key(record: Record, keys: Sequence[EncryptionKey], market: int, epoch: int) -> EncryptionKey:
    found = record.epochs.get((market, epoch))
    if found is None or found.settlement is None:
        raise AuditError(f"epoch {epoch} of market {market} is not settled up to block {record.block}")
    public = record.auditors[found.auditor_version]
    for key in keys:
        if key.public == public:
            return key
    version = found.auditor_version
    raise AuditError(f"epoch {epoch} of market {market} needs version {version} of the auditor's key: give --key")


# --- The clearing ---


def rederive(
    orders: Sequence[Terms | None], fills: Sequence[int], reference: int, collar_bps: int
) -> tuple[Clearing, tuple[int, int] | None]:
    """(the clearing of these orders, the least and the greatest offset that explain the fills).

    Where none does the offsets are None, and the clearing is that of offset 0.
    """
    plain = clear(orders, reference, collar_bps, 0)
    offsets = _offsets(orders, fills, plain)
    if offsets is None:
        return plain, None
    source = -(-(offsets[0] << OFFSET_BITS) // plain.rationing.total)
    return clear(orders, reference, collar_bps, source), offsets


def _offsets(orders: Sequence[Terms | None], fills: Sequence[int], clearing: Clearing) -> tuple[int, int] | None:
    """The k-th order of the rationed margin brings its fills to floor((R·q + s) / T), q the lots asked so far."""
    ration = clearing.rationing
    least, greatest, asked, given = 0, ration.total - 1, 0, 0
    for order, fill in zip(orders, fills, strict=True):
        if clearing.within_collar and order and (order.side, order.price) == (ration.side, clearing.clamped):
            asked, given = asked + order.quantity, given + fill
            least = max(least, ration.total * given - ration.left * asked)
            greatest = min(greatest, ration.total * (given + 1) - 1 - ration.left * asked)
    return (least, greatest) if least <= greatest else None


def _clearing(view: AuditView, clearing: Clearing) -> list[str]:
    pairs = {"price": (view.price, clearing.price), "volume": (view.volume, clearing.volume)}
    return [
        f"the {what} is {theirs}, and these orders give {ours}"
        for what, (theirs, ours) in pairs.items()
        if theirs != ours
    ]


def _fills(view: AuditView, clearing: Clearing, offsets: tuple[int, int] | None) -> list[str]:
    wrong = [
        f"slot {order.slot} was given {order.fill} lots, and the clearing gives {ours}"
        for order, ours in zip(view.orders, clearing.fills, strict=True)
        if order.fill != ours
    ]
    return wrong if offsets else ["no offset of the rationing explains the fills", *wrong]


# --- Amounts ---


def _line(record: Record, found: EpochRecord, order: AuditedOrder, clearing: Clearing) -> Line:
    terms, reveal, place = record.markets[found.market], found.reveals[order.slot], (found.market, found.epoch)
    fill = clearing.fills[order.slot]
    payment = pay(order.terms, fill, clearing.clamped, terms.lot, terms.fee_bps) if order.valid else None
    why = None
    if not order.valid:
        small = shared_point(1, reveal.reveal.point) == IDENTITY
        why = "its point is of small order" if small else "it does not open its own commitment"
    return Line(
        *place, order, reveal.quota_nullifier, fill, clearing.clamped if fill else 0, payment,
        found.settlement.outputs(order.slot), why, record.at("Market.Committed", reveal.quota_nullifier),
        record.at("Market.Revealed", reveal.quota_nullifier), record.at("Market.Settled", *place),
    )  # fmt: skip


def _notes(record: Record, line: Line) -> list[str]:
    """What is wrong with an order's two leaves."""
    found = [record.leaves.get(position) for position in line.positions]
    wanted = [0, 0]
    if line.payment:
        terms, context = record.markets[line.market], record.context(line.market, line.epoch).word
        assets = (int(terms.base, 16), int(terms.quote, 16))
        amounts = (line.payment.base, line.payment.quote)
        blindings = output_blindings(line.opened.salt, context)
        wanted = [Note(*of, line.opened.owner, word).commitment for *of, word in zip(assets, amounts, blindings)]
    return [
        f"slot {line.opened.slot}: the {name} note at {position} is not of what the order is due"
        for name, position, ours, theirs in zip(("base", "quote"), line.positions, wanted, found)
        if ours != theirs
    ]


def _conservation(lines: Sequence[Line], terms: MarketTerms, fees: int) -> list[str]:
    """By token: what the orders locked for it, less what was paid out."""
    locked, paid = [0, 0], [0, fees]
    for line in lines:
        if line.payment:
            locked[line.opened.terms.side == Side.BUY] += line.opened.terms.lock(terms.lot, terms.fee_bps)
            paid[0] += line.payment.base
            paid[1] += line.payment.quote
    return [
        f"of the {name} token {ours} was locked, and {theirs} paid out"
        for name, ours, theirs in zip(("base", "quote"), locked, paid)
        if ours != theirs
    ]


def _admitted(record: Record, terms: MarketTerms, line: Line) -> list[str]:
    if not line.payment:
        return []
    order, found = line.opened, []
    if order.terms.quantity < terms.min_quantity:
        found.append(f"slot {order.slot} asks for {order.terms.quantity} lots, fewer than {terms.min_quantity}")
    if not any(leaf and at.block <= line.committed.block for at, leaf in record.credential(order.credential_id)):
        found.append(f"slot {order.slot} names credential {order.credential_id}, which had not been issued")
    return found


def _print(found: EpochRecord, clearing: Clearing) -> list[str]:
    if found.printed in (None, (clearing.price, clearing.volume)):
        return []
    return ["it says {} for {} lots".format(*found.printed)]


# --- The proof ---


def _proof(record: Record, found: EpochRecord) -> list[str]:
    """What is wrong with the settlement's proof, for the statement that the record gives."""
    event = record.event("Market.Settled", found.market, found.epoch)
    call = record.index.call(event.tx)
    if call is None or (call.contract, call.method) != ("Market", "settle"):
        return ["its calldata is not that of settle, so that it cannot be seen"]
    said = call.args["s"]
    slots = [list(slot[9:]) for slot in call.args["slots"]]
    if slots != [list(slot) for slot in event.args["slots"]] or any(
        said[name] != event.args[name] for name in said.keys() & event.args.keys()
    ):
        return ["its calldata says another thing than its event"]
    treasury = record.treasuries[found.treasury_version]
    parties = statements.Parties(
        (found.reveal_version, found.auditor_version, found.treasury_version),
        tuple(record.reveal_keys[found.leader, found.reveal_version]),
        tuple(record.auditors[found.auditor_version]), tuple(treasury.key), treasury.owner,
        record.relayer_owners[found.leader],
    )  # fmt: skip
    deployment, terms = record.deployment, record.markets[found.market]
    chain = found.reveal_chain, found.reference, len(found.reveals)
    stated = statements.settle(call, deployment.chain_id, deployment.pool, terms, parties, *chain)
    entry = deployment.verifiers[stated.circuit]
    if circuits.load(stated.circuit).id != entry.id:
        raise AuditError(f"the key of circuit {stated.circuit} here is not the deployment's: build what was deployed")
    publics = stated.publics(entry.id, deployment.chain_id, deployment.pool)
    if sponge(list(stated.d)) != stated.digest:
        return ["its digest is not that of its statement"]
    vkey = circuits.file(stated.circuit, "vkey.json")
    return [] if prover.verify(vkey, as_proof(stated.words, publics)) else ["it does not hold for its statement"]
