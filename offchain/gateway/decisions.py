"""Every decision, who took it and why, in a hash chain: orders allowed and refused, cancels, changes of limits and keys."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, select
from sqlmodel import Session

from offchain.hashchain import START, HashChain, LogBroken, Row, links
from offchain.store import read_only

CHAIN = HashChain("decision_log", "kind", "actor", "subject", "outcome", "data", max_text=1 << 17)
PAGE = 1_000
RECENT = 10_000


@dataclass(frozen=True)
class Decision:
    """`kind` is what was done, and `actor` who asked for it: rest:KEY, fix:COMPID, slicer:PARENT, config, cli, or
    agent: for what the agent did. `subject` is a client_id or what was changed, `data` what it was decided on."""

    number: int
    time: int
    kind: str
    actor: str
    subject: str
    outcome: str
    data: dict[str, Any]
    link: str


class Decisions:
    """The log in the agent's database; threads and processes may share it. Rows are on disk when a call returns."""

    def __init__(self, engine: Engine):
        self._engine, self._reads = engine, read_only(engine)

    def add(self, kind: str, actor: str, subject: str, outcome: str, data: dict[str, Any] | None = None) -> None:
        with Session(self._engine) as session, session.begin():
            append(session, kind, actor, subject, outcome, data)

    @contextmanager
    def asking(self, kind: str, actor: str, subject: str, data: dict[str, Any] | None = None) -> Iterator[None]:
        """Write down who asks for something before it is done here, and after it that it was refused, if it was."""
        self.add(kind, actor, subject, "asked", data)
        try:
            yield
        except (ValueError, LookupError) as error:
            told = {"code": getattr(error, "code", "refused"), "reason": str(error)}
            self.add(kind, actor, subject, "refused", told)
            raise

    def page(self, after: int, limit: int) -> list[Decision]:
        """At most `limit` decisions after a number, in order."""
        return [_decision(row) for row in self._page(after, limit)]

    def recent(self, since: int, kind: str, outcome: str) -> list[int]:
        """Times, later than `since` in milliseconds, of the decisions of a kind with an outcome, of the last RECENT."""
        row = CHAIN.table.c
        with Session(self._reads) as session, session.begin():
            first = CHAIN.head(session.connection())[0] - RECENT
            where = row.number > first, row.time > since, row.kind == kind, row.outcome == outcome
            return list(session.connection().execute(select(row.time).where(*where).order_by(row.number)).scalars())

    def head(self) -> tuple[int, str]:
        """(how many decisions, the last one's link)"""
        with Session(self._reads) as session, session.begin():
            return CHAIN.head(session.connection())

    def verify(self, kept: tuple[int, str] = (0, START)) -> tuple[int, str]:
        """The same, after every row was held to the one before it, and row number kept[0] to the link that was kept
        elsewhere. LogBroken at the first that does not follow, and where rows that were there are gone."""
        count, link = 0, START
        for count, link in links(self._rows()):
            if count == kept[0] and link != kept[1]:
                raise LogBroken(f"row {count} has not the link that was kept: the log was written anew")
        if count < kept[0]:
            raise LogBroken(f"row {kept[0]} was there when its link was kept; {count} rows are left of it")
        return count, link

    def _rows(self) -> Iterator[Row]:
        """All rows, in short transactions, that none keeps the database from being tidied up."""
        after = 0
        while rows := self._page(after, PAGE):
            yield from rows
            after = rows[-1][0]

    def _page(self, after: int, limit: int) -> list[Row]:
        with Session(self._reads) as session, session.begin():
            return list(CHAIN.rows(session.connection(), after, limit))


def append(
    session: Session, kind: str, actor: str, subject: str, outcome: str, data: dict[str, Any] | None = None
) -> None:
    """Add a decision to a transaction, with what it is about."""
    CHAIN.append(session.connection(), kind, actor, subject, outcome, json.dumps(data or {}, separators=(",", ":")))


def _decision(row: Row) -> Decision:
    *facts, data, link = row
    try:
        return Decision(*facts, json.loads(data), link)
    except ValueError:      # longer than a row may be, and so cut
        return Decision(*facts, {"cut": data}, link)
