"""Markets, their epochs and prints."""

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from sqlalchemy import Select, and_, case, exists, func, select, union_all

from indexer import models
from indexer.api import pages, shapes
from indexer.api.pages import FIRST_LIMIT, Cursor, Limit, Number
from indexer.api.problems import documented
from indexer.api.tagged import Tagged
from indexer.api.view import BLOCKS, EVENTS, Reads, Row, View, facts, found, page, place, words
from indexer.memory import OF_EPOCH
from offchain.records import EpochState, MarketTerms

router = APIRouter(prefix="/v1", tags=["markets"], route_class=Tagged, responses=documented(422, 429, 503))

MARKETS, EPOCHS, ORDERS = models.Market.__table__, models.Epoch.__table__, models.Order.__table__
REVEALS, FIXINGS, SETTLEMENTS = models.Reveal.__table__, models.Fixing.__table__, models.Settlement.__table__
SLOTS, RECLAIMS, FAILURES = models.Slot.__table__, models.Reclaim.__table__, models.Failure.__table__
PRINTS, TRANSACTIONS = models.Print.__table__, models.Transaction.__table__

WORDS = {"lot", "min_quantity", "jurisdictions"}
PLACES = {"base", "quote"}
ZERO = "0x" + "00" * 32
StateName = Annotated[str | None, Query(pattern="^(" + "|".join(state.name.lower() for state in EpochState) + ")$")]
Id = Annotated[int, Path(ge=0, lt=1 << 63)]
AnAddress = Annotated[str | None, Query(pattern="^0x[0-9a-fA-F]{40}$")]


def state_at(block: int) -> Any:
    """An opened epoch's state after `block`, as Market.state answers it, of a statement of `_joined`.

    An epoch whose reference nobody fixed is not known to be void: no transaction of it said so.
    """
    freeze = MARKETS.c.start_block + (EPOCHS.c.epoch + 1) * MARKETS.c.commit_blocks
    reveal = freeze + MARKETS.c.freeze_blocks
    settle = reveal + MARKETS.c.reveal_blocks
    revealed = exists().where((REVEALS.c.market == EPOCHS.c.market) & (REVEALS.c.epoch == EPOCHS.c.epoch))
    return case(
        (FIXINGS.c.void.is_(True), "void"),
        (SETTLEMENTS.c.block.is_not(None), "settled"),
        (freeze > block, "commit"),
        (reveal > block, "frozen"),
        (settle > block, "reveal"),
        (~revealed, "empty"),
        (settle + MARKETS.c.settle_blocks > block, "settling"),
        else_="failed",
    )


def _joined(*columns: Any) -> Select:
    statement = select(*columns).select_from(EPOCHS).join(MARKETS, MARKETS.c.market == EPOCHS.c.market)
    for table in (FIXINGS, SETTLEMENTS, FAILURES, PRINTS):
        statement = statement.outerjoin(table, and_(table.c.market == EPOCHS.c.market, table.c.epoch == EPOCHS.c.epoch))
    return statement


def tally(view: View) -> list[Row]:
    """How many epochs each (market, leader) has in each state."""
    state = state_at(view.block).label("state")
    columns = EPOCHS.c.market, EPOCHS.c.leader, state
    statement = _joined(*columns, func.count().label("count")).group_by(*columns)
    return view.kept("tally", lambda: view.rows(statement))


# --- Markets ---


@router.get("/markets")
def list_markets(view: Reads) -> shapes.Page[shapes.Market]:
    """Every market, by id."""
    return page(view, [_market(view, row) for row in view.rows(facts(MARKETS).order_by(MARKETS.c.market))])


@router.get("/markets/{market}", responses=documented(404))
def get_market(view: Reads, market: Id) -> shapes.Market:
    """A market's terms and record."""
    return _market(view, found(view.first(facts(MARKETS).where(MARKETS.c.market == market)), f"market {market}"))


def _market(view: View, row: Row) -> Row:
    market = row["market"]
    counts: dict[str, int] = {}
    for one in tally(view):
        if one["market"] == market:
            counts[one["state"]] = counts.get(one["state"], 0) + one["count"]
    last = view.first(facts(PRINTS).where(PRINTS.c.market == market).order_by(PRINTS.c.block.desc(), PRINTS.c.log_index.desc()).limit(1))
    names = [name for name in MarketTerms.__dataclass_fields__ if name not in PLACES]
    return {
        "market": market,
        "base": view.source.token(row["base"]),
        "quote": view.source.token(row["quote"]),
        **place(row),
        "terms": {name: str(row[name]) if name in WORDS else row[name] for name in names},
        "epoch": view.terms[market].epoch_at(view.block) if view.block >= row["start_block"] else None,
        "epochs": sum(counts.values()),
        **{state: counts.get(state, 0) for state in ("settled", "failed", "void")},
        "last_print": last and {name: last[name] for name in ("epoch", "block", "timestamp")} | _price(last),
    }


def _price(row: Row) -> Row:
    return {"price": str(row["price"]), "volume": str(row["volume"])}


# --- Epochs ---


@router.get("/epochs")
def list_epochs(
    view: Reads, market: Number = None, state: StateName = None, leader: AnAddress = None,
    cursor: Cursor = None, limit: Limit = FIRST_LIMIT,
) -> shapes.Page[shapes.EpochSummary]:  # fmt: skip
    """Epochs that had a commit, the last opened first."""
    statement = _summaries(view)
    if market is not None:
        statement = statement.where(EPOCHS.c.market == market)
    if state is not None:
        statement = statement.where(state_at(view.block) == state)
    if leader is not None:
        statement = statement.where(func.lower(EPOCHS.c.leader) == leader.lower())
    rows = view.rows(pages.after(statement, "epochs", cursor, limit, EPOCHS.c.block, EPOCHS.c.log_index))
    rows, next = pages.cut(rows, "epochs", limit, "block", "log_index")
    return page(view, [_summary(view, row) for row in rows], next)


def _summaries(view: View) -> Select:
    """Opened epochs with everything that a summary says."""

    def count(table: Any, *more: Any) -> Any:
        here = (table.c.market == EPOCHS.c.market) & (table.c.epoch == EPOCHS.c.epoch)
        return select(func.count()).select_from(table).where(here, *more).scalar_subquery()

    columns = {
        "state": state_at(view.block),
        "commits": count(ORDERS),
        "cancelled": count(RECLAIMS, RECLAIMS.c.cancelled.is_(True)),
        "reveals": count(REVEALS),
        "reference": FIXINGS.c.price,
        "is_void": FIXINGS.c.void,
        "settled_block": SETTLEMENTS.c.block,
        "invalid_mask": SETTLEMENTS.c.invalid_mask,
        "failed_block": FAILURES.c.block,
        "slashed": FAILURES.c.slashed,
        "print_block": PRINTS.c.block,
        "print_index": PRINTS.c.log_index,
        "price": PRINTS.c.price,
        "volume": PRINTS.c.volume,
    }
    return _joined(*EPOCHS.c, *(column.label(name) for name, column in columns.items()))


def _summary(view: View, row: Row) -> Row:
    terms, settled, printed = view.terms[row["market"]], row["settled_block"], None
    if row["print_block"] is not None:
        at = (EVENTS.c.block == row["print_block"]) & (EVENTS.c.log_index == row["print_index"])
        named = view.first(select(EVENTS.c.tx, BLOCKS.c.timestamp).join(BLOCKS, BLOCKS.c.block == EVENTS.c.block).where(at))
        printed = {"block": row["print_block"], **named, **_price(row)}
    void = bool(row["is_void"])
    return {
        **{name: row[name] for name in ("market", "epoch", "state", "leader", "commits", "reveals", "settled_block", "failed_block")},
        "windows": vars(terms.windows(row["epoch"])),
        "live": row["commits"] - row["cancelled"],
        "capacity": terms.capacity,
        "invalid": None if settled is None else row["invalid_mask"].bit_count(),
        "reference": None if row["reference"] is None or void else str(row["reference"]),
        "void": void,
        "slashed": None if row["slashed"] is None else str(row["slashed"]),
        "print_from": None if settled is None else settled + terms.deferral,
        "print": printed,
    }


UNOPENED = dict.fromkeys(
    ("leader", "settled_block", "invalid_mask", "failed_block", "slashed", "print_block", "reference", "is_void", "tx",
     "reveal_version", "auditor_version", "treasury_version")
) | {"state": "unopened", "commits": 0, "cancelled": 0, "reveals": 0}  # fmt: skip


@router.get("/epochs/{market}/{epoch}", responses=documented(404))
def get_epoch(view: Reads, market: Id, epoch: Id) -> shapes.Epoch:
    """An epoch with all that is public of it; one that nobody committed to is `unopened`."""
    row = view.first(_summaries(view).where(EPOCHS.c.market == market, EPOCHS.c.epoch == epoch))
    if row is None:
        terms = found(view.terms.get(market), f"market {market}")
        known = terms.epoch_at(view.block) + 1 if view.block >= terms.start_block else 0
        found(epoch if epoch <= known else None, f"epoch {epoch} of market {market}")
        row = UNOPENED | {"market": market, "epoch": epoch}

    def of(table: Any, *by: Any) -> list[Row]:
        return view.rows(facts(table).where(table.c.market == market, table.c.epoch == epoch).order_by(*by))

    reclaims = {one["quota_nullifier"]: one for one in of(RECLAIMS, RECLAIMS.c.block, RECLAIMS.c.log_index)}
    orders, reveals = of(ORDERS, ORDERS.c.place), of(REVEALS, REVEALS.c.slot)
    slots = {one["quota_nullifier"]: one["slot"] for one in reveals}
    links = [*orders, *(one for one in reclaims.values() if one["cancelled"])]
    links.sort(key=lambda one: (one["block"], one["log_index"]))
    chain = links[-1]["chain"] if links else ZERO
    opened = of(EPOCHS)
    return {
        **_summary(view, row),
        "opened": place(opened[0]) if opened else None,
        **{name: row[name] for name in ("reveal_version", "auditor_version", "treasury_version")},
        "commit_chain": chain,
        "reveal_chain": reveals[-1]["chain"] if reveals else chain,
        "orders": [_order(one, slots, reclaims) for one in orders],
        "reveal_list": [_reveal(one) for one in reveals],
        "settlement": next((_settlement(one, of(SLOTS, SLOTS.c.slot)) for one in of(SETTLEMENTS)), None),
        "transactions": _touching(view, market, epoch),
    }


def _order(row: Row, slots: dict[int, int], reclaims: dict[int, Row]) -> Row:
    back = reclaims.get(row["quota_nullifier"])
    return {
        "index": row["place"],
        "quota_nullifier": str(row["quota_nullifier"]),
        "oc": str(row["oc"]),
        "rk": row["rk"],
        "position": str(row["position"]),
        **place(row),
        "slot": slots.get(row["quota_nullifier"]),
        "reclaimed": back and {**place(back), "cancelled": back["cancelled"], "forfeit": back["forfeit"]},
    }


def _reveal(row: Row) -> Row:
    return {
        "slot": row["slot"],
        "quota_nullifier": str(row["quota_nullifier"]),
        "oc": str(row["oc"]),
        "point": words((row["x"], row["y"])),
        "ciphertext": words(row["ciphertext"]),
        **place(row),
    }


def _settlement(row: Row, slots: list[Row]) -> Row:
    names = ("invalid_mask", "print_commitment", "treasury_pad", "leader_cm", "treasury_cm", "position")
    return {
        **place(row),
        "count": row["count"],
        **{name: str(row[name]) for name in names},
        "audit_point": words((row["audit_x"], row["audit_y"])),
        "audit": words(row["audit"]),
        "slots": [words((one["receipt"], one["audit"])) for one in slots],
    }


def _touching(view: View, market: int, epoch: int) -> list[Row]:
    """The transactions that said anything of an epoch, in chain order."""
    tables = [model.__table__.c for model in OF_EPOCH]
    said = union_all(*(select(t.block, t.log_index).where(t.market == market, t.epoch == epoch) for t in tables)).subquery()
    named = select(EVENTS.c.tx).join(said, (said.c.block == EVENTS.c.block) & (said.c.log_index == EVENTS.c.log_index))
    columns = TRANSACTIONS.c.hash, TRANSACTIONS.c.block, BLOCKS.c.timestamp, TRANSACTIONS.c.method
    statement = select(*columns).join(BLOCKS, BLOCKS.c.block == TRANSACTIONS.c.block).where(TRANSACTIONS.c.hash.in_(named))
    return view.rows(statement.order_by(TRANSACTIONS.c.block, TRANSACTIONS.c.place))


# --- Prints ---


@router.get("/prints")
def list_prints(
    view: Reads, market: Number = None, from_time: Annotated[int | None, Query(alias="from", ge=0, lt=1 << 63)] = None,
    to_time: Annotated[int | None, Query(alias="to", ge=0, lt=1 << 63)] = None,
    cursor: Cursor = None, limit: Limit = FIRST_LIMIT,
) -> shapes.Page[shapes.Print]:  # fmt: skip
    """Prices and volumes as they were published, the last first; `from` and `to` (seconds, both included) are of that block."""
    statement = facts(PRINTS)
    if market is not None:
        statement = statement.where(PRINTS.c.market == market)
    if from_time is not None:
        statement = statement.where(BLOCKS.c.timestamp >= from_time)
    if to_time is not None:
        statement = statement.where(BLOCKS.c.timestamp <= to_time)
    rows = view.rows(pages.after(statement, "prints", cursor, limit, PRINTS.c.block, PRINTS.c.log_index))
    rows, next = pages.cut(rows, "prints", limit, "block", "log_index")
    names = ("market", "epoch", "block", "tx", "timestamp")
    return page(view, [{name: row[name] for name in names} | _price(row) for row in rows], next)
