"""Transactions, blocks, proofs and circuits."""

import json
from typing import Annotated

from fastapi import APIRouter, Path, Query
from sqlalchemy import func, select

from indexer import models
from indexer.api import pages, shapes
from indexer.api.pages import FIRST_LIMIT, Cursor, Limit, Number
from indexer.api.problems import Problem, documented
from indexer.api.tagged import Tagged
from indexer.api.view import BLOCKS, EVENTS, Reads, Row, View, found, page, words
from indexer.reading import args_json
from offchain import circuits
from offchain.circuits import NotBuilt

router = APIRouter(prefix="/v1", tags=["transactions"], route_class=Tagged, responses=documented(422, 429, 503))

TRANSACTIONS, PROOFS = models.Transaction.__table__, models.Proof.__table__
SHOWN = PROOFS.c.status != models.ProofStatus.HIDDEN
Name = Annotated[str | None, Query(max_length=64)]
AHash = Annotated[str, Path(pattern="^0x[0-9a-fA-F]{64}$")]


# --- Transactions ---


@router.get("/transactions")
def list_transactions(
    view: Reads, method: Name = None, contract: Name = None, cursor: Cursor = None, limit: Limit = FIRST_LIMIT
) -> shapes.Page[shapes.Transaction]:
    """Transactions in which one of the contracts said something, the last first."""
    statement = _transactions()
    if method is not None:
        statement = statement.where(TRANSACTIONS.c.method == _plain(method))
    if contract is not None:
        statement = statement.where(TRANSACTIONS.c.contract == _plain(contract))
    rows = view.rows(pages.after(statement, "transactions", cursor, limit, TRANSACTIONS.c.block, TRANSACTIONS.c.place))
    rows, next = pages.cut(rows, "transactions", limit, "block", "place")
    return page(view, summaries(view, rows), next)


@router.get("/transactions/{hash}", responses=documented(404))
def get_transaction(view: Reads, hash: AHash) -> shapes.TransactionDetail:
    """A transaction with its call and events decoded, and its proof."""
    row = found(view.first(_transactions(True).where(TRANSACTIONS.c.hash == hash.lower())), f"transaction {hash}")
    events = view.rows(select(EVENTS).where(EVENTS.c.tx == row["hash"]).order_by(EVENTS.c.log_index))
    proof = view.first(_proofs().where(PROOFS.c.tx == row["hash"], SHOWN).order_by(PROOFS.c.log_index).limit(1))
    data = bytes(row["input"])
    call = view.source.reader.call(row["target"], data)
    return {
        **summaries(view, [row])[0],
        "block_hash": row["block_hash"],
        "nonce": row["nonce"],
        "gas_price": str(row["gas_price"]),
        "input_bytes": len(data),
        "selector": "0x" + data[:4].hex(),
        "events": [
            {"index": one["log_index"], "contract": one["contract"], "name": one["name"], "args": json.loads(one["args"])} for one in events
        ],
        "proof": proof and _whole(view, proof),
        "arguments": call and json.loads(args_json(call.args)),
    }


def _transactions(whole: bool = False):
    names = [column for column in TRANSACTIONS.c if whole or column.name != "input"]
    joined = BLOCKS.c.block == TRANSACTIONS.c.block
    return select(*names, BLOCKS.c.timestamp, BLOCKS.c.hash.label("block_hash")).join(BLOCKS, joined)


def summaries(view: View, rows: list[Row]) -> list[Row]:
    """Rows of `_transactions` as lists show them: with the circuit and the epoch that each was about."""
    hashes = [row["hash"] for row in rows]
    about = epochs_of(view, hashes)
    proven = select(PROOFS.c.tx, PROOFS.c.circuit).where(PROOFS.c.tx.in_(hashes), PROOFS.c.circuit != "")
    circuit = {one["tx"]: one["circuit"] for one in view.rows(proven.order_by(PROOFS.c.log_index.desc()))}
    return [
        {
            **{name: row[name] for name in ("hash", "block", "timestamp", "contract", "method", "gas_used")},
            "index": row["place"],
            "from": row["sender"],
            "to": row["target"],
            "status": 1,    # one that failed logged nothing, and is not here
            "circuit": circuit.get(row["hash"]),
            **dict(zip(("market", "epoch"), about.get(row["hash"], (None, None)))),
        }
        for row in rows
    ]


def epochs_of(view: View, hashes: list[str]) -> dict[str, tuple[int, int | None]]:
    """(market, epoch) that the first event of Market in each transaction names."""
    said = select(EVENTS.c.tx, EVENTS.c.args).where(EVENTS.c.tx.in_(hashes), EVENTS.c.contract == "Market")
    return {row["tx"]: epoch_named(row["args"]) for row in view.rows(said.order_by(EVENTS.c.log_index.desc()))}


def epoch_named(args: str) -> tuple[int, int | None]:
    """(market, epoch) of the arguments of an event of Market; both come first, but for opened markets."""
    read = json.loads(args)
    return int(read["market"]), int(read["epoch"]) if "epoch" in read else None


# --- Blocks ---


@router.get("/blocks/{block}", responses=documented(404))
def get_block(view: Reads, block: Annotated[str, Path(pattern="^(0|[1-9][0-9]{0,17}|0x[0-9a-fA-F]{64})$")]) -> shapes.Block:
    """A block by number or hash, with our transactions."""
    where = BLOCKS.c.hash == block.lower() if block.startswith("0x") else BLOCKS.c.block == int(block)
    row = found(view.first(select(BLOCKS).where(where)), f"block {block}")
    inside = _transactions().where(TRANSACTIONS.c.block == row["block"]).order_by(TRANSACTIONS.c.place)
    head = {name: row[name] for name in ("hash", "parent", "timestamp")}
    return {"number": row["block"], **head, "transactions": summaries(view, view.rows(inside))}


# --- Proofs ---


@router.get("/proofs")
def list_proofs(
    view: Reads, circuit: Name = None, market: Number = None, cursor: Cursor = None, limit: Limit = FIRST_LIMIT
) -> shapes.Page[shapes.ProofSummary]:
    """Proofs that the contracts took, the last first."""
    statement = _proofs().where(SHOWN)
    if circuit is not None:
        statement = statement.where(PROOFS.c.circuit == _plain(circuit))
    if market is not None:
        statement = statement.where(PROOFS.c.market == market)
    rows = view.rows(pages.after(statement, "proofs", cursor, limit, PROOFS.c.block, PROOFS.c.log_index))
    rows, next = pages.cut(rows, "proofs", limit, "block", "log_index")
    return page(view, [_head(row) | {"words": len(row["statement"])} for row in rows], next)


@router.get("/proofs/{tx}", responses=documented(404))
def get_proof(view: Reads, tx: AHash) -> shapes.Proof:
    """A transaction's proof with every word of its statement, to be verified again."""
    row = view.first(_proofs().where(PROOFS.c.tx == tx.lower(), SHOWN).order_by(PROOFS.c.log_index).limit(1))
    return _whole(view, found(row, f"proof in transaction {tx}"))


def _proofs():
    return select(PROOFS, BLOCKS.c.timestamp).join(BLOCKS, BLOCKS.c.block == PROOFS.c.block)


def _head(row: Row) -> Row:
    names = ("tx", "block", "timestamp", "circuit", "market", "epoch")
    verified = row["status"] == models.ProofStatus.VERIFIED
    return {name: row[name] for name in names} | {"digest": str(row["publics"][0]), "verified": verified}


def _whole(view: View, row: Row) -> Row:
    deployment = view.deployment
    entry = deployment.verifiers[row["circuit"]]
    return {
        **_head(row),
        "words": words(row["statement"]),
        "proof": words(row["words"]),
        "publics": words(row["publics"]),
        "circuit_id": entry.circuit_id,
        "verifier": entry.address,
        "chain_id": deployment.chain_id,
        "pool": deployment.contracts["Pool"],
    }


@router.get("/circuits")
def list_circuits(view: Reads) -> shapes.Page[shapes.Circuit]:
    """Every circuit with its verification key."""
    counts = select(PROOFS.c.circuit, func.count().label("proofs")).group_by(PROOFS.c.circuit)
    made = view.kept("proofs of circuits", lambda: {row["circuit"]: row["proofs"] for row in view.rows(counts)})
    return page(view, [_circuit(view, name, made.get(name, 0)) for name in sorted(view.deployment.verifiers)])


def _circuit(view: View, name: str, proofs: int) -> Row:
    entry = view.deployment.verifiers[name]
    try:
        key = circuits.load(name)
    except NotBuilt as error:
        raise Problem(503, str(error)) from None
    if key.id != entry.id:
        raise Problem(503, f"the verification key of circuit {name} here is not the deployment's: build what was deployed")
    return {
        "circuit": name,
        "circuit_id": entry.circuit_id,
        "verifier": entry.address,
        "verification_key": words(key.verification_key),
        "proofs": proofs,
        "words": _length(name),
    }


LENGTHS = {"transact": 16, "commit": 23, "reclaim": 18, "advance": 67, "print": 3, "key": 3}


def _length(name: str) -> int:
    """Words of a circuit's statement (protocol §7)."""
    return LENGTHS[name] if name in LENGTHS else 34 + 11 * int(name.removeprefix("settle_"))


def _plain(text: str) -> str:
    """Text as a database takes it: Postgres knows no NUL."""
    return text.replace("\0", "\ufffd")
