"""The public record that an audit rests on: the events of an index, made state again, each with its place.

Every audit reads an index. An auditor who wants to trust nobody's makes an index of its own from the chain
(`shadowpool indexer run --once`, or `audit --from-chain`), which holds every root and proof to the contracts.
"""

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, func, select

from indexer import models
from indexer.node import Node
from indexer.reading import INDEXED, Call, Reader
from offchain import contracts
from offchain.auditor import AuditError
from offchain.deployment import Deployment
from offchain.events import Event
from offchain.state import Diverged, State
from offchain.streams import Context

_KEYS = {
    "Market.Committed": ("quota_nullifier",),
    "Market.Revealed": ("quota_nullifier",),
    "Market.Reclaimed": ("quota_nullifier",),
    "Pool.Transacted": ("position",),
    "Keys.AuditorKeySet": ("version",),
    "Keys.TreasurySet": ("version",),
    "Relayers.KeyRegistered": ("relayer", "version"),
    "Market.ReferenceFixed": ("market", "epoch"),
    "Market.Settled": ("market", "epoch"),
    "Market.Failed": ("market", "epoch"),
}
"""Events that happen once for what these arguments name."""


@dataclass(frozen=True)
class Reference:
    """Where a fact stands: its block and that one's time (seconds), its transaction, its log."""

    block: int
    time: int
    tx: str
    log_index: int
    event: str


class Index:
    """An index, of the deployment that it says. AuditError if it is another's, or stopped at something."""

    def __init__(self, engine: Engine, deployment: Deployment):
        self.engine, self.deployment = engine, deployment
        self._call = Reader(Node(""), deployment).call     # reads calldata; no node is asked
        with engine.connect() as connection:
            sync = connection.execute(select(models.Sync.__table__)).first()
        if sync is None:
            raise AuditError("the index is empty: run `shadowpool indexer run`, or audit with --from-chain")
        if (sync.chain_id, sync.pool) != (deployment.chain_id, deployment.contracts["Pool"]):
            raise AuditError(f"the index is of pool {sync.pool} on chain {sync.chain_id}, not of the deployment")
        if sync.state == models.SyncState.STOPPED:
            raise AuditError(f"the index stopped at something that does not fit: {sync.reason}")
        self.start_block, self.block = sync.start_block, sync.block

    def events(self, to_block: int) -> list[Event]:
        """Every event up to a block, in chain order, as the chain's client gives them."""
        events, blocks = models.Event.__table__.c, models.Block.__table__.c
        rows = (
            select(events.contract, events.name, events.args, events.block, blocks.hash, events.log_index, events.tx)
            .join(models.Block.__table__, blocks.block == events.block)
            .where(events.block <= to_block)
            .order_by(events.block, events.log_index)
        )
        shapes = _shapes()
        with self.engine.connect() as connection:
            return [
                Event(row.contract, row.name, _typed_all(json.loads(row.args), shapes[row.contract, row.name]),
                      row.block, bytes.fromhex(row.hash[2:]), row.log_index, row.tx)
                for row in connection.execute(rows)
            ]  # fmt: skip

    def times(self) -> dict[int, int]:
        """Seconds of every block that has an event."""
        blocks, events = models.Block.__table__.c, models.Event.__table__.c
        with self.engine.connect() as connection:
            found = select(blocks.block, blocks.timestamp).where(blocks.block.in_(select(events.block)))
            return dict(connection.execute(found).all())

    def last_before(self, time: int) -> int:
        """The last block before a time (seconds); the one before the first if there is none."""
        blocks = models.Block.__table__.c
        with self.engine.connect() as connection:
            found = connection.execute(select(func.max(blocks.block)).where(blocks.timestamp < time)).scalar()
        return self.start_block - 1 if found is None else found

    def hash_and_time(self, block: int) -> tuple[str, int]:
        """Of a block; AuditError if the index does not hold it."""
        blocks = models.Block.__table__.c
        with self.engine.connect() as connection:
            found = connection.execute(select(blocks.hash, blocks.timestamp).where(blocks.block == block)).first()
        if found is None:
            raise AuditError(f"the index holds blocks {self.start_block} to {self.block}, not {block}")
        return tuple(found)

    def call(self, tx: str) -> Call | None:
        """The call of one of our contracts that a transaction made; None if it made none itself."""
        table = models.Transaction.__table__.c
        with self.engine.connect() as connection:
            row = connection.execute(select(table.target, table.input).where(table.hash == tx)).first()
        return None if row is None else self._call(row.target, bytes(row.input))

    def unverified(self, to_block: int) -> int:
        """How many proofs up to a block the index has not verified (those it cannot see in calldata left out)."""
        proofs = models.Proof.__table__.c
        with self.engine.connect() as connection:
            pending = select(func.count()).where(proofs.status == models.ProofStatus.PENDING, proofs.block <= to_block)
            return connection.execute(pending).scalar_one()


class Record(State):
    """The public state after block `block`, by default the index's last, and where its facts stand."""

    def __init__(self, index: Index, block: int | None = None):
        super().__init__()
        self.index, self.deployment = index, index.deployment
        self.block = index.block if block is None else block
        self._times = index.times()
        self._at: dict[tuple, Event] = {}
        self._named: dict[str, list[Event]] = defaultdict(list)
        self._spent: dict[str, list[int]] = defaultdict(list)
        for event in index.events(self.block):
            name = f"{event.contract}.{event.name}"
            try:
                self.apply(event)
            except (LookupError, ValueError) as error:
                what = f"{name} of block {event.block}"
                raise Diverged(f"{what} does not follow from the events before it: {error!r}") from error
            self._named[name].append(event)
            if name == "Pool.Spent":
                self._spent[event.tx] += event.args["nullifiers"]
            if name in _KEYS:
                self._at[name, *(event.args[key] for key in _KEYS[name])] = event

    def context(self, market: int, epoch: int) -> Context:
        """Where the settlement of an epoch stands, as a ledger gives it."""
        return self.settlement_context(self.deployment.chain_id, self.deployment.pool, market, epoch)

    def at(self, name: str, *key: int | str) -> Reference:
        """Where what happened once stands; LookupError if it did not."""
        return self.reference(self._at[name, *key])

    def event(self, name: str, *key: int | str) -> Event:
        return self._at[name, *key]

    def named(self, name: str) -> list[Event]:
        """All events of a name (Contract.Event), in chain order."""
        return self._named[name]

    def credential(self, id: int) -> list[tuple[Reference, int]]:
        """(where it was set, the leaf) each time that a credential's leaf was set, 0 where it was revoked."""
        return [
            (self.reference(event), event.args["leaves"][id - event.args["index"]])
            for event in self._named["Credentials.LeavesSet"]
            if 0 <= id - event.args["index"] < len(event.args["leaves"])
        ]

    def spent_by(self, tx: str) -> list[int]:
        """Nullifiers that a transaction spent."""
        return self._spent.get(tx, [])

    def reference(self, event: Event) -> Reference:
        return Reference(event.block, self._times[event.block], event.tx, event.index, f"{event.contract}.{event.name}")


def _shapes() -> dict[tuple[str, str], list[dict]]:
    """An event's inputs, by contract and name."""
    return {
        (contract, entry["name"]): entry["inputs"]
        for contract in INDEXED for entry in contracts.artifact(contract).abi if entry["type"] == "event"
    }  # fmt: skip


def _typed_all(args: dict[str, Any], inputs: list[dict]) -> dict[str, Any]:
    return {part["name"]: _typed(args[part["name"]], part) for part in inputs}


def _typed(value: Any, part: dict) -> Any:
    """A value from a row of events (indexer.reading.args_json) as its ABI type has it."""
    kind = part["type"]
    if kind.endswith("]"):
        element = part | {"type": kind[: kind.rindex("[")]}
        return [_typed(one, element) for one in value]
    if kind == "tuple":
        return _typed_all(value, part["components"])
    if kind.startswith("uint"):
        return int(value)
    return bytes.fromhex(value[2:]) if kind.startswith("bytes") else value
