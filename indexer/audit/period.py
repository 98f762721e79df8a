"""A period of blocks, examined whole."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from indexer.audit import tables
from indexer.audit.examine import Examination, examine
from indexer.audit.findings import key_history, refusals
from indexer.audit.record import Index, Record
from indexer.audit.tables import Tables
from offchain.auditor import AuditError
from offchain.keys import EncryptionKey


@dataclass(frozen=True)
class Period:
    """The blocks after `after` up to `last`."""

    after: int
    last: int


@dataclass(frozen=True)
class Audit:
    """What a period held."""

    record: Record
    period: Period
    examined: tuple[Examination, ...]
    tables: Tables

    @property
    def problems(self) -> list[str]:
        """Everything that does not hold, with its epoch."""
        return [f"market {one.market}, epoch {one.epoch}: {found}" for one in self.examined for found in one.found]

    @property
    def fills(self) -> int:
        """Orders whose fill was worked out again."""
        return sum(line.why is None for one in self.examined for line in one.lines)


def period(index: Index, begin: str | None, end: str | None, confirmations: int) -> Period:
    """From `begin` to `end`: each a block (both are in it), or a time in UTC (ISO 8601; `end` is not in it).

    By default from the deployment on, to the last block that is `confirmations` deep. AuditError for an
    end that is not that deep yet, so that a report of a period never changes.
    """
    deep = max(index.block - confirmations, index.start_block - 1)
    after = index.start_block - 1 if begin is None else _block(index, begin, "from") - bool(begin.isdecimal())
    last = deep if end is None else _block(index, end, "to")
    if end is not None and not end.isdecimal() and index.hash_and_time(deep)[1] < _seconds(end):
        raise AuditError(f"{end} is not past yet, as far as the index goes: wait, or let the indexer follow")
    if last > deep:
        raise AuditError(f"block {last} is not {confirmations} blocks deep; the last that is, is {deep}")
    if not index.start_block - 1 <= after < last:
        raise AuditError(f"no block of the deployment is in that period: its first is {index.start_block}")
    return Period(after, last)


def audit(
    record: Record,
    keys: Sequence[EncryptionKey],
    of: Period,
    verify: bool = True,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Audit:
    """Examine every epoch that was settled in a period, of the record up to its last block.

    AuditError if one needs a key that is not among `keys`. `progress` is told how many epochs of how many are done.
    """
    if verify and (pending := record.index.unverified(of.last)):
        raise AuditError(f"the index has {pending} proofs to verify yet: let `shadowpool indexer run` finish")
    examined, epochs = [], sorted(record.epochs.items())
    settled = [key for key, found in epochs if found.settlement and found.settlement.block > of.after]
    for done, (market, epoch) in enumerate(settled, start=1):
        examined.append(examine(record, keys, market, epoch, verify))
        progress(done, len(settled))
    lines = [line for one in examined for line in one.lines]
    made = tables.make(record, examined, refusals(record, lines, of.after), key_history(record, keys), of.after)
    return Audit(record, of, tuple(examined), made)


def _block(index: Index, text: str, what: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 19 else index.last_before(_seconds(text, what))


def _seconds(text: str, what: str = "to") -> int:
    if not re.fullmatch(r"\d{4}-\d\d-\d\d([T ].*)?", text):
        raise AuditError(f"--{what} {text!r} is neither a block nor a time such as 2026-01-31 or 2026-01-31T12:00:00")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise AuditError(f"--{what} {text!r} is no time: write it such as 2026-01-31T12:00:00") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return int(moment.timestamp())
