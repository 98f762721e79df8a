"""How far the indexer is, and where anything is found."""

from typing import Annotated

from eth_utils import is_hex_address, to_checksum_address
from fastapi import APIRouter, Query
from sqlalchemy import Select, func, or_, select

from indexer import models
from indexer.api import shapes
from indexer.api.markets import EPOCHS, ORDERS
from indexer.api.problems import documented
from indexer.api.tagged import Tagged
from indexer.api.transactions import TRANSACTIONS
from indexer.api.view import BLOCKS, Reads, Row, View

router = APIRouter(prefix="/v1", tags=["status"], route_class=Tagged, responses=documented(422, 429, 503))

PACE_BLOCKS = 200
HITS = 20
COUNTED = {
    "markets": models.Market, "epochs": models.Epoch, "settled": models.Settlement, "orders": models.Order, "reveals": models.Reveal,
    "transactions": models.Transaction, "notes": models.Note, "nullifiers": models.Nullifier,
    "relayers": models.Relayer, "prints": models.Print,
}  # fmt: skip


@router.get("/status")
def get_status(view: Reads) -> shapes.Status:
    """The last indexed block, the chain's head, and whether all of it fits."""
    sync, last = view.sync, view.last
    first = view.first(select(BLOCKS).where(BLOCKS.c.block <= last["block"] - PACE_BLOCKS).order_by(BLOCKS.c.block.desc()).limit(1))
    first = first or view.first(select(BLOCKS).order_by(BLOCKS.c.block).limit(1))
    passed = last["block"] - first["block"]
    return {
        **{name: sync[name] for name in ("chain_id", "pool", "start_block")},
        "block": last["block"],
        "block_hash": last["hash"],
        "block_timestamp": last["timestamp"],
        "head": max(sync["head"], last["block"]),
        "confirmations": view.source.settings.confirmations,
        "sync": sync["state"],
        "divergence": sync["reason"],
        "block_seconds": (last["timestamp"] - first["timestamp"]) / passed if passed else None,
        "counts": view.kept("counts", lambda: _counts(view)) | {"proofs": view.scalar(_verified())},
    }


def _counts(view: View) -> dict[str, int]:
    credentials = select(func.count(models.CredentialLeaf.__table__.c.id.distinct()))
    counts = {name: view.scalar(select(func.count()).select_from(model.__table__)) for name, model in COUNTED.items()}
    return counts | {"credentials": view.scalar(credentials)}


def _verified() -> Select:
    """How many proofs were verified again. Their status moves without a new block."""
    return select(func.count()).select_from(models.Proof).where(models.Proof.__table__.c.status == models.ProofStatus.VERIFIED)


# --- Search ---


@router.get("/search")
def search(view: Reads, q: Annotated[str, Query(max_length=200)]) -> shapes.Hits:
    """What a hash, an address, a number, an epoch or a token's symbol names; an empty list if nothing."""
    text = q.strip()
    hits: list[Row] = []
    if is_hex_address(text):
        hits = _of_address(view, to_checksum_address(text))
    elif (number := _number(text)) is not None:
        hits = _of_hash(view, f"0x{number:064x}") if text.lower().startswith("0x") and len(text) == 66 else []
        hits += _of_small(view, number) if number < 1 << 62 and not text.lower().startswith("0x") else []
        hits += _of_word(view, number)
    else:
        hits = _of_epoch(view, text) + _of_symbol(view, text)
    return {"items": hits[:HITS]}


def _hit(kind: str, label: str, path: str) -> Row:
    return {"kind": kind, "label": label, "path": path}


def _number(text: str) -> int | None:
    """A word of 256 bits, decimal or 0x…"""
    if not text.isascii():
        return None
    digits, base = (text[2:], 16) if text[:2].lower() == "0x" else (text, 10)
    if not digits.isalnum() or len(digits) > 78:
        return None
    try:
        found = int(digits, base)
    except ValueError:
        return None
    return found if found < 1 << 256 else None


def _of_hash(view: View, hash: str) -> list[Row]:
    hits = [_hit("transaction", f"Transaction {hash}", f"/tx/{hash}") for _ in view.rows(select(TRANSACTIONS.c.hash).where(TRANSACTIONS.c.hash == hash))]
    for row in view.rows(select(BLOCKS.c.block).where(BLOCKS.c.hash == hash)):
        hits.append(_hit("block", f"Block {row['block']}", f"/blocks/{row['block']}"))
    for name, entry in view.deployment.verifiers.items():
        if entry.circuit_id == hash:
            hits.append(_hit("circuit", f"Circuit {name}", "/contracts"))
    return hits


def _of_small(view: View, number: int) -> list[Row]:
    """A market, epochs of that number, a block."""
    hits = [_hit("market", f"Market {number}", f"/markets/{number}")] if number in view.terms else []
    for row in view.rows(select(EPOCHS.c.market).where(EPOCHS.c.epoch == number).order_by(EPOCHS.c.market).limit(HITS)):
        hits.append(_epoch_hit(row["market"], number))
    if view.rows(select(BLOCKS.c.block).where(BLOCKS.c.block == number)):
        hits.append(_hit("block", f"Block {number}", f"/blocks/{number}"))
    return hits


def _epoch_hit(market: int, epoch: int, label: str = "", kind: str = "epoch") -> Row:
    return _hit(kind, label or f"Epoch {epoch} of market {market}", f"/epochs/{market}/{epoch}")


def _of_epoch(view: View, text: str) -> list[Row]:
    """"0/12" or "epoch 12"."""
    market, slash, epoch = text.lower().removeprefix("epoch ").rpartition("/")
    if not (epoch.isascii() and epoch.isdigit() and len(epoch) < 19 and (not slash or market.isdigit() and len(market) < 19)):
        return []
    where = EPOCHS.c.epoch == int(epoch)
    if slash:
        where &= EPOCHS.c.market == int(market)
    rows = view.rows(select(EPOCHS.c.market, EPOCHS.c.epoch).where(where).order_by(EPOCHS.c.market).limit(HITS))
    return [_epoch_hit(row["market"], row["epoch"]) for row in rows]


def _of_symbol(view: View, text: str) -> list[Row]:
    symbols = {symbol: token.address for symbol, token in view.deployment.tokens.items() if symbol.lower() == text.lower()}
    hits = [_hit("token", f"Token {symbol}", "/contracts") for symbol in symbols]
    for market, terms in view.terms.items():
        if terms.base in symbols.values() or terms.quote in symbols.values():
            hits.append(_hit("market", f"Market {market}", f"/markets/{market}"))
    return hits


def _of_address(view: View, address: str) -> list[Row]:
    named = view.deployment.contracts | {f"Verifier of {name}": entry.address for name, entry in view.deployment.verifiers.items()}
    hits = [_hit("contract", name, "/contracts") for name, there in named.items() if there == address]
    hits += [_hit("token", f"Token {symbol}", "/contracts") for symbol, token in view.deployment.tokens.items() if token.address == address]
    relayers = models.Relayer.__table__.c
    if view.rows(select(relayers.relayer).where(relayers.relayer == address)):
        hits.append(_hit("relayer", f"Relayer {address}", f"/relayers/{address}"))
    accounts = select(ORDERS.c.market, ORDERS.c.epoch).where(ORDERS.c.rk == address).limit(HITS)
    for row in view.rows(accounts):
        hits.append(_epoch_hit(row["market"], row["epoch"], f"Reveal account of an order in epoch {row['epoch']}", "reveal_account"))
    return hits


def _of_word(view: View, word: int) -> list[Row]:
    """An order by its commitment or quota nullifier; a note, a nullifier or a root by the block that brought it."""
    hits = []
    orders = select(ORDERS.c.market, ORDERS.c.epoch).where(or_(ORDERS.c.oc == word, ORDERS.c.quota_nullifier == word)).limit(HITS)
    for row in view.rows(orders):
        hits.append(_epoch_hit(row["market"], row["epoch"], f"Order in epoch {row['epoch']} of market {row['market']}", "order"))
    notes, nullifiers = models.Note.__table__.c, models.Nullifier.__table__.c
    roots, issued = models.Root.__table__.c, models.CredentialRoot.__table__.c
    for kind, column in (
        ("note", notes.commitment), ("nullifier", nullifiers.nullifier), ("root", roots.root), ("root", issued.root)
    ):  # fmt: skip
        for row in view.rows(select(column.table.c.block).where(column == word).limit(1)):
            hits.append(_hit(kind, f"{kind.capitalize()} of block {row['block']}", f"/blocks/{row['block']}"))
    return hits
