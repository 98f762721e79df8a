"""Relayers, credentials (counts alone), keys, contracts, governance and the state of the pool."""

from collections import Counter, OrderedDict
from typing import Annotated, Any

from eth_utils import keccak
from fastapi import APIRouter, Path
from sqlalchemy import func, select

from indexer import models
from indexer.api import shapes
from indexer.api.markets import FAILURES, tally
from indexer.api.problems import documented
from indexer.api.tagged import Tagged
from indexer.api.transactions import epochs_of
from indexer.api.view import Reads, Row, View, facts, found, page, place, words
from indexer.compare import View as ContractView
from indexer.trees import CHUNKS, Edge
from offchain.merkle import CredentialTree

router = APIRouter(prefix="/v1", tags=["registries"], route_class=Tagged, responses=documented(422, 429, 503))

RELAYERS, STAKES, REVEAL_KEYS = models.Relayer.__table__, models.Stake.__table__, models.RevealKey.__table__
SEATS = 32
MOST = 200
CHANGES = 100
GRACE = 20
"""Blocks for which credentials' previous root stays good after an additive change (contracts/Credentials.vy)."""
DEPTH = 20
EVENT_OF = {
    "bonded": "Bonded", "unbonding": "UnbondRequested", "withdrawn": "Withdrawn",
    "reserved": "Reserved", "released": "ReleasedStake", "slashed": "Slashed",
}  # fmt: skip
OPEN = ("commit", "frozen", "reveal", "settling")


# --- Relayers ---


@router.get("/relayers")
def list_relayers(view: Reads) -> shapes.Page[shapes.Relayer]:
    """Every relayer: first those with a seat, by seat."""
    return page(view, list(_relayers(view).values()))


@router.get("/relayers/parameters")
def get_parameters(view: Reads) -> shapes.RelayerParameters:
    """What the contract was deployed with."""
    names = ("epoch_stake", "bounty", "unbonding_blocks", "snapshot_lag", "key_max_age", "stake_token")
    read = {name: view.source.kept(("Relayers", name), lambda name=name: _constant(view, "Relayers", name)) for name in names}
    return read | {
        "epoch_stake": str(read["epoch_stake"]),
        "bounty": str(read["bounty"]),
        "stake_token": view.source.token(read["stake_token"]),
    }


@router.get("/relayers/{address}", responses=documented(404))
def get_relayer(view: Reads, address: Annotated[str, Path(pattern="^0x[0-9a-fA-F]{40}$")]) -> shapes.RelayerDetail:
    """A relayer's stake and record, with its latest history."""
    by_text = {relayer.lower(): row for relayer, row in _relayers(view).items()}
    row = found(by_text.get(address.lower()), f"relayer {address}")
    return row | {"history": _history(view, row["relayer"]), "faults": _faults(view, row["relayer"])}


def _constant(view: View, contract: str, name: str) -> Any:
    """What a view of a contract without arguments answers at the head."""
    asked = ContractView(view.deployment, contract, name)
    call, _ = asked.request("")
    return asked.read(view.source.ask("eth_call", call, "latest"))


def _relayers(view: View) -> "OrderedDict[str, Row]":
    return view.kept("relayers", lambda: _all_relayers(view))


def _all_relayers(view: View) -> "OrderedDict[str, Row]":
    stakes = _stakes(view)
    keys = select(REVEAL_KEYS.c.relayer, func.count().label("keys"), func.max(REVEAL_KEYS.c.block).label("last_key_block"))
    key_rows = {row["relayer"]: row for row in view.rows(keys.group_by(REVEAL_KEYS.c.relayer))}
    record: dict[str, Counter] = {}
    for one in tally(view):
        record.setdefault(one["leader"], Counter())[one["state"]] += one["count"]
    made = []
    for row in view.rows(select(RELAYERS)):
        stake, states = stakes.get(row["relayer"], _Stake()), record.get(row["relayer"], Counter())
        registered = key_rows.get(row["relayer"], {"keys": 0, "last_key_block": None})
        made.append({
            "relayer": row["relayer"],
            "seat": stake.seat,
            **{name: str(getattr(stake, name)) for name in ("bonded", "unbonding", "reserved", "slashed")},
            "withdraw_from": stake.withdraw_from if stake.unbonding else None,
            "owner_word": str(row["owner_word"]),
            "keys": registered["keys"],
            "last_key_block": registered["last_key_block"],
            "led": states.total(),
            **{name: states[name] for name in ("settled", "empty", "failed", "void")},
            "open": sum(states[name] for name in OPEN),
            "registered_block": row["block"],
        })  # fmt: skip
    made.sort(key=lambda row: (row["seat"] is None, row["seat"] or 0, row["registered_block"]))
    return OrderedDict((row["relayer"], row) for row in made)


class _Stake:
    """A relayer's stake as contracts/Relayers.vy keeps it."""

    def __init__(self) -> None:
        self.seat: int | None = None
        self.bonded = self.unbonding = self.reserved = self.slashed = 0
        self.withdraw_from: int | None = None


def _stakes(view: View) -> dict[str, _Stake]:
    """Stakes and seats, from every movement; the many reservations, all of one amount, are only counted."""
    found: dict[str, _Stake] = {}
    seats: list[str] = []
    moved = STAKES.c.kind.not_in(("reserved", "released"))
    for row in view.rows(select(STAKES).where(moved).order_by(STAKES.c.block, STAKES.c.log_index)):
        stake = found.setdefault(row["relayer"], _Stake())
        _move(stake, row)
        if row["kind"] == "bonded" and stake.seat is None:
            _seat(found, seats, row["relayer"])
    counted = select(STAKES.c.relayer, STAKES.c.kind, STAKES.c.amount, func.count().label("times"))
    for row in view.rows(counted.where(~moved).group_by(STAKES.c.relayer, STAKES.c.kind, STAKES.c.amount)):
        total = row["amount"] * row["times"]
        found.setdefault(row["relayer"], _Stake()).reserved += total if row["kind"] == "reserved" else -total
    return found


def _move(stake: _Stake, row: Row) -> None:
    amount = row["amount"]
    if row["kind"] == "bonded":
        stake.bonded += amount
    elif row["kind"] == "unbonding":
        stake.bonded, stake.unbonding = stake.bonded - amount, stake.unbonding + amount
        stake.withdraw_from = row["withdraw_from"]
    elif row["kind"] == "withdrawn":
        stake.unbonding -= amount
    else:
        taken = min(stake.bonded, amount)
        stake.bonded, stake.unbonding = stake.bonded - taken, stake.unbonding - (amount - taken)
        stake.reserved -= amount
        stake.slashed += amount


def _seat(stakes: dict[str, _Stake], seats: list[str], relayer: str) -> None:
    """The next seat, or that of the first relayer with nothing at stake."""
    if len(seats) < SEATS:
        seats.append(relayer)
        stakes[relayer].seat = len(seats) - 1
        return
    for seat, holder in enumerate(seats):
        if stakes[holder].bonded + stakes[holder].unbonding == 0:
            stakes[holder].seat, stakes[relayer].seat, seats[seat] = None, seat, relayer
            return


def _history(view: View, relayer: str) -> list[Row]:
    """The latest of what the contract said of a relayer, newest first."""

    def latest(table: Any) -> list[Row]:
        return view.rows(facts(table).where(table.c.relayer == relayer).order_by(table.c.block.desc(), table.c.log_index.desc()).limit(MOST))

    said = [row | {"event": EVENT_OF[row["kind"]], "amount": str(row["amount"])} for row in latest(STAKES)]
    said += [row | {"event": "KeyRegistered", "amount": None} for row in latest(REVEAL_KEYS)]
    said += [row | {"event": "Registered", "amount": None} for row in latest(RELAYERS)]
    said.sort(key=lambda row: (row["block"], row["log_index"]), reverse=True)
    said = said[:MOST]
    about = epochs_of(view, [row["tx"] for row in said if row["event"] in ("Reserved", "ReleasedStake", "Slashed")])
    return [
        {name: row[name] for name in ("block", "tx", "timestamp", "event", "amount")}
        | dict(zip(("market", "epoch"), about.get(row["tx"], (None, None))))
        for row in said
    ]


def _faults(view: View, relayer: str) -> list[Row]:
    slashes = facts(STAKES).where(STAKES.c.relayer == relayer, STAKES.c.kind == "slashed")
    callers = {row["tx"]: row["caller"] for row in view.rows(slashes)}
    rows = view.rows(facts(FAILURES).where(FAILURES.c.leader == relayer).order_by(FAILURES.c.block.desc(), FAILURES.c.log_index.desc()))
    return [
        {"market": row["market"], "epoch": row["epoch"], **place(row), "amount": str(row["slashed"]), "caller": callers[row["tx"]]}
        for row in rows
    ]


# --- Credentials ---


@router.get("/credentials")
def get_credentials(view: Reads) -> shapes.Credentials:
    """How many are admitted; never who."""
    return view.kept("credentials", lambda: _credentials(view))


def _credentials(view: View) -> Row:
    def latest(model: Any, key: str, value: str) -> dict[Any, Any]:
        table = model.__table__
        rows = view.rows(select(table.c[key], table.c[value]).order_by(table.c.block, table.c.log_index))
        return {row[key]: row[value] for row in rows}

    roots = models.CredentialRoot.__table__
    newest = roots.c.block.desc(), roots.c.log_index.desc()
    changes = view.rows(facts(roots).order_by(*newest).limit(CHANGES))
    leaves = latest(models.CredentialLeaf, "id", "leaf")
    wallets = latest(models.Wallet, "wallet", "admitted")
    issuers = models.Issuer.__table__
    empty = str(CredentialTree().root)
    grace = bool(changes) and changes[0]["additive"] and view.block + 1 < changes[0]["block"] + GRACE
    before = str(changes[1]["root"]) if len(changes) > 1 else empty
    return {
        "ids": max(leaves, default=-1) + 1,
        "active": sum(1 for leaf in leaves.values() if leaf),
        "depth": DEPTH,
        "root": str(changes[0]["root"]) if changes else empty,
        "previous_root": before if grace else None,
        "root_block": changes[0]["block"] if changes else view.sync["start_block"],
        "wallets": sum(wallets.values()),
        "wallets_ever": len(wallets),
        "successors": sum(1 for named in latest(models.Successor, "wallet", "successor").values() if int(named, 16)),
        "issuer": view.scalar(select(issuers.c.issuer).order_by(issuers.c.block.desc(), issuers.c.log_index.desc()).limit(1)),
        "changes": [
            {**place(row), "timestamp": row["timestamp"], "leaves": row["count"], "additive": row["additive"], "root": str(row["root"])}
            for row in changes
        ],
    }


# --- Keys ---


@router.get("/keys")
def get_keys(view: Reads) -> shapes.Keys:
    """Every version of the offices' keys, and the latest of the relayers'."""

    def of(model: Any, *by: Any) -> list[Row]:
        rows = view.rows(facts(model.__table__).order_by(*by).limit(MOST))
        return [row | place(row) | {"point": words((row["x"], row["y"]))} for row in rows]

    treasuries, reveal = models.Treasury.__table__.c, REVEAL_KEYS.c
    return {
        "auditor": of(models.AuditorKey, models.AuditorKey.__table__.c.version.desc()),
        "treasury": [row | {"owner_word": str(row["owner_word"])} for row in of(models.Treasury, treasuries.version.desc())],
        "reveal": of(models.RevealKey, reveal.block.desc(), reveal.log_index.desc()),
    }


# --- Contracts and governance ---


@router.get("/contracts")
def list_contracts(view: Reads) -> shapes.Page[shapes.Contract]:
    """Every contract of the deployment, with what code the chain has there."""
    deployment, block = view.deployment, hex(view.block)
    named = [(name, "token" if name == "StakeToken" else "contract", address) for name, address in deployment.contracts.items()]
    named += [(symbol, "token", token.address) for symbol, token in deployment.tokens.items()]
    items = [_contract(view, block, *one) for one in named]
    for circuit, entry in sorted(deployment.verifiers.items()):
        made = _contract(view, block, f"Verifier of {circuit}", "verifier", entry.address)
        items.append(made | {"circuit": circuit, "circuit_id": entry.circuit_id})
    return page(view, items)


def _contract(view: View, block: str, name: str, kind: str, address: str) -> Row:
    code = view.source.kept(("code", address), lambda: bytes.fromhex(view.source.ask("eth_getCode", address, block)[2:]))
    return {
        "name": name,
        "kind": kind,
        "address": address,
        "code_hash": "0x" + keccak(code).hex(),
        "code_bytes": len(code),
        "circuit": None,
        "circuit_id": None,
    }


@router.get("/governance")
def get_governance(view: Reads) -> shapes.Governance:
    """Who governs, with which delay, and what was proposed."""
    proposals, ends = models.Proposal.__table__, models.ProposalEnd.__table__
    ended = {row["proposal"]: row for row in view.rows(select(ends))}
    names = {address: name for name, address in view.deployment.contracts.items()}
    node = view.source.node is not None
    return {
        "admin": _constant(view, "Governor", "admin") if node else None,
        "delay": view.source.kept("delay", lambda: _constant(view, "Governor", "delay")) if node else None,
        "proposals": [
            _proposal(view, row, ended.get(row["proposal"]), names)
            for row in view.rows(facts(proposals).order_by(proposals.c.proposal.desc()))
        ],
    }


def _proposal(view: View, row: Row, end: Row | None, names: dict[str, str]) -> Row:
    call = view.source.reader.call(row["target"], bytes(row["data"]))
    return {
        "id": row["proposal"],
        "target": row["target"],
        "target_name": names.get(row["target"]),
        "method": call and call.method,
        "state": end["outcome"] if end else "proposed",
        "ready_block": row["ready"],
        **place(row),
        "ended_block": end and end["block"],
    }


# --- The pool ---


@router.get("/notes/summary")
def get_notes(view: Reads) -> shapes.NotesSummary:
    """How full the pool is, and of what; nothing of any note."""
    return view.kept("notes", lambda: _notes(view))


def _notes(view: View) -> Row:
    def count(model: Any) -> int:
        return view.scalar(select(func.count()).select_from(model.__table__))

    roots, moved = models.Root.__table__, models.Transact.__table__.c
    last = view.first(select(roots).order_by(roots.c.tree.desc(), roots.c.chunk.desc()).limit(1))
    full = last is not None and last["chunk"] + 1 == CHUNKS
    totals: dict[str, int] = {}
    for row in view.connection.execute(select(moved.asset, moved.deposit, moved.withdrawal, moved.fee)):
        totals[row.asset] = totals.get(row.asset, 0) + row.deposit - row.withdrawal - row.fee
    for address in view.source.tokens:
        totals.setdefault(address, 0)
    return {
        "leaves": str(count(models.Note)),
        "tree": 0 if last is None else last["tree"] + full,
        "root": str(Edge().root if last is None or full else last["root"]),
        "root_block": last and last["block"],
        "nullifiers": count(models.Nullifier),
        "memos": count(models.Memo),
        "totals": [{"token": view.source.token(asset), "total": str(total)} for asset, total in sorted(totals.items())],
    }
