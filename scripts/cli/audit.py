"""`shadowpool audit`: what was settled, opened and worked out again on the auditor's machine.

What an epoch holds comes from an index, its own or one made from the chain on the spot (--from-chain); the
key is read from its keystore and goes nowhere. Every opening is written into the access log first.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from indexer import access_log, database
from indexer.access_log import AccessLog
from indexer.audit import anchors, findings, period, report, tables
from indexer.audit.examine import CHECKS, Examination, examine
from indexer.audit.period import Audit, Period
from indexer.audit.record import Index, Record
from indexer.follow import Follower
from offchain import keystore
from offchain.auditor import AuditError
from offchain.chain import CONFIRMATIONS
from offchain.keys import EncryptionKey
from scripts.cli.common import AccountFile, AsJson, CommandError, IndexDatabase, account, session, show

app = typer.Typer(no_args_is_help=True, help="Open, check and report what was settled.")

PROGRESS_SECONDS = 5

_KEY = typer.Option("--key", envvar="SHADOWPOOL_AUDITOR", help="Keystore of the auditor's key; again for each version.")
Keys = Annotated[list[Path], _KEY]
OwnKeys = Annotated[list[Path] | None, _KEY]
FromChain = Annotated[bool, typer.Option("--from-chain", help="Make an index of the chain first, and trust no other.")]
Log = Annotated[
    str | None,
    typer.Option("--log", envvar="SHADOWPOOL_ACCESS_LOG", help="The access log, a file or a URL; else build/access-log.sqlite."),
]
Begin = Annotated[str | None, typer.Option("--from", help="First block, or a time such as 2026-01-31.")]
End = Annotated[str | None, typer.Option("--to", help="Last block, or the time it is before.")]
Confirmations = Annotated[int, typer.Option(min=0, help="How deep a block must be.")]
Market = Annotated[int, typer.Argument(help="The market's id.")]
Epoch = Annotated[int, typer.Argument(help="The epoch.")]


@app.command("epoch")
def epoch_(
    market: Market, epoch: Epoch, key: Keys, database_url: IndexDatabase = database.DEFAULT_URL,
    from_chain: FromChain = False, log: Log = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Everything in a settled epoch: orders, fills, credentials, what was invalid and why; and every check."""
    with _index(database_url, from_chain) as index:
        record, keys = Record(index), _keys(key)
        with _noted(log, record, keys, "audit epoch", f"{market}/{epoch}") as note:
            one = examine(record, keys, market, epoch)
            note(_outcome(one.found))
    rows = [tables.order_row(line) for line in one.lines]
    checks = [{"check": name, "holds": not one.problems[name], "says": text} for name, text in CHECKS.items()]
    if as_json:
        show(_plain(_figures(one) | {"orders": rows, "checks": checks, "problems": one.found}), True)
    else:
        show(_figures(one), False)
        show([_short(row) for row in rows], False)
        show(checks, False)
    _complain(one.found)


@app.command()
def trader(
    key: Keys,
    owner: Annotated[str | None, typer.Option(help="The trader's owner word.")] = None,
    credential: Annotated[int | None, typer.Option(help="Or its credential's id.")] = None,
    begin: Begin = None, end: End = None, confirmations: Confirmations = CONFIRMATIONS,
    database_url: IndexDatabase = database.DEFAULT_URL, from_chain: FromChain = False, log: Log = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Every order that a trader settled in a period, with its fill."""
    if (owner is None) == (credential is None):
        raise CommandError("whose orders? give --owner WORD or --credential ID, one of the two")
    wanted = _word(owner) if owner is not None else None
    whose = f"owner {wanted}" if wanted is not None else f"credential {credential}"
    with _index(database_url, from_chain) as index:
        found = _audited(index, _keys(key), begin, end, confirmations, log, "audit trader", whose)
    lines = [line for one in found.examined for line in one.lines]
    rows = [tables.order_row(line) for line in lines if line.opened.valid and wanted in (None, line.opened.owner)]
    rows = [row for row in rows if credential in (None, row["credential"])]
    show(_plain(rows) if as_json else [_short(row) for row in rows], as_json)
    _complain(found.problems)


@app.command()
def trace(
    word: Annotated[str, typer.Argument(help="An order, a nullifier, a note or its position.")],
    key: Keys, database_url: IndexDatabase = database.DEFAULT_URL, from_chain: FromChain = False,
    log: Log = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Where a note came from and went, as far as the auditor's key opens it."""
    with _index(database_url, from_chain) as index:
        record, keys, sought = Record(index), _keys(key), _word(word)
        with _noted(log, record, keys, "audit trace", str(sought)) as note:
            steps = findings.trace(record, keys, sought)
            note(f"{len(steps)} steps")
    rows = [
        {"step": step.what, "says": step.says} | {name: getattr(step.at, name) for name in ("block", "tx", "log_index")}
        for step in steps
    ]
    if as_json:
        show(rows, True)
    for row in rows if not as_json else ():
        show({name: value for name, value in row.items() if name != "says"} | row["says"], False)
        typer.echo()


@app.command("keys")
def keys_(
    key: OwnKeys = None, database_url: IndexDatabase = database.DEFAULT_URL, from_chain: FromChain = False,
    as_json: AsJson = False,
) -> None:
    """Every version of the auditor's, treasury's and relayers' keys, since when, and for how many epochs."""
    with _index(database_url, from_chain) as index:
        history = findings.key_history(Record(index), _keys(key or []))
    rows = [
        {"kind": one.kind, "version": one.version, "account": one.account, "epochs": one.epochs, "held": one.held,
         "block": one.at.block, "tx": one.at.tx} | ({"x": str(one.x), "y": str(one.y)} if as_json else {})
        for one in history
    ]  # fmt: skip
    show(rows, as_json)


@app.command()
def refused(
    key: Keys, begin: Begin = None, end: End = None, confirmations: Confirmations = CONFIRMATIONS,
    database_url: IndexDatabase = database.DEFAULT_URL, from_chain: FromChain = False, log: Log = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Who was refused in a period, and why: invalid reveals, forfeits, failed epochs, revocations."""
    with _index(database_url, from_chain) as index:
        found = _audited(index, _keys(key), begin, end, confirmations, log, "audit refused", "period")
    hidden = ("time", "log_index", "event")
    rows = found.tables.rows["refusals"]
    short = [{name: value for name, value in row.items() if name not in hidden} for row in rows]
    show(rows if as_json else short, as_json)


@app.command("report")
def report_(
    folder: Annotated[Path, typer.Argument(help="The folder to write.")],
    key: Keys,
    office: Annotated[Path, typer.Option(help="Keystore of the EVM account that signs: the auditor's on chain.")],
    begin: Begin = None, end: End = None, confirmations: Confirmations = CONFIRMATIONS,
    database_url: IndexDatabase = database.DEFAULT_URL, from_chain: FromChain = False, log: Log = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Write the signed report of a period: HTML, PDF, CSV, Parquet; the same bytes whenever it is made."""
    signer = keystore.account(office, keystore.password())
    with _index(database_url, from_chain) as index:
        found = _audited(index, _keys(key), begin, end, confirmations, log, "audit report", str(folder))
        manifest = report.write(found, folder, signer)
    facts = {"folder": str(folder), "after block": found.period.after, "last block": found.period.last}
    show(facts | {name: manifest[name] for name in ("epochs", "fills", "problems", "signer")}, as_json)
    _complain(found.problems)


@app.command("verify-report")
def verify_report(
    folder: Annotated[Path, typer.Argument(help="The report.")],
    office: Annotated[str | None, typer.Option(help="Address of the account that must have signed.")] = None,
    on_chain: Annotated[bool, typer.Option("--on-chain", help="Look up signer and lines on the chain.")] = False,
    as_json: AsJson = False,
) -> None:
    """Hold a report's files to its signature, and its lines to the chain."""
    if office is None and not on_chain:
        raise CommandError("who must have signed? give --office ADDRESS, or --on-chain for whom the chain names")
    verified = report.verify(folder, office)
    manifest, places = verified.manifest, None
    if on_chain:
        places = report.verify_references(folder, verified, session().chain, _progress("places looked up"))
    facts = {"signer": verified.signer, "files": len(manifest["files"]), "last block": manifest["last_block"]["number"]}
    show(facts | {"places on the chain": places, "fills": manifest["fills"], "problems": manifest["problems"]}, as_json)


@app.command("verify-log")
def verify_log(
    log: Log = None,
    by: Annotated[str | None, typer.Option("--by", help="Account that anchors it: hold it to the chain too.")] = None,
    as_json: AsJson = False,
) -> None:
    """Hold the access log to itself, and to its anchors on the chain."""
    with _log(log) as found:
        covered = anchors.verify(found, anchors.anchors(session().chain, by)) if by else anchors.verify(found, [])
        count, head = found.head()
    facts = {"rows": count, "head": head, "anchored rows": covered}
    show(facts | {"rows that could be cut off unseen": count - covered}, as_json)


@app.command()
def anchor(account_file: AccountFile = None, log: Log = None, as_json: AsJson = False) -> None:
    """State on the chain how long the access log is, and how it ends."""
    with _log(log) as found:
        receipt = anchors.anchor(session().chain, account(account_file), found)
        count, head = found.head()
    show({"rows": count, "head": head, "block": receipt.block, "tx": receipt.hash, "gas": receipt.gas}, as_json)


# --- What they share ---


@contextmanager
def _index(url: str, from_chain: bool) -> Iterator[Index]:
    """The index at `url`, or one of the chain's head that is gone afterwards."""
    with TemporaryDirectory(prefix="shadowpool-audit-") as folder:
        engine = database.open(f"sqlite:///{folder}/index.sqlite" if from_chain else url)
        try:
            if from_chain:
                _follow(engine)
            yield Index(engine, session().deployment)
        finally:
            engine.dispose()


def _follow(engine) -> None:
    follower, say = Follower(engine, session().chain), _progress("blocks followed")
    try:
        follower.sync(progress=lambda at: say(at.block, at.head))
        follower.finish()
    finally:
        follower.close()


@contextmanager
def _log(place: str | None) -> Iterator[AccessLog]:
    log = AccessLog(access_log.DEFAULT if place is None else place if "://" in place else Path(place))
    try:
        yield log
    finally:
        log.close()


@contextmanager
def _noted(place: str | None, record: Record, keys: list[EncryptionKey], action: str, resource: str):
    """Note in the log that a key is about to open something, and then, by what is yielded, what came out."""
    accounts = [one.account for one in findings.key_history(record, keys) if one.held]
    subject = ", ".join(accounts) or "a key that is not registered"
    with _log(place) as log:
        log.append("auditor", subject, action, resource, "begun")
        try:
            yield lambda outcome: log.append("auditor", subject, action, resource, outcome)
        except Exception as error:
            log.append("auditor", subject, action, resource, f"refused: {error}")
            raise


def _audited(
    index: Index, keys: list[EncryptionKey], begin: str | None, end: str | None, confirmations: int,
    log: str | None, action: str, resource: str,
) -> Audit:  # fmt: skip
    of: Period = period.period(index, begin, end, confirmations)
    record = Record(index, of.last)
    with _noted(log, record, keys, action, f"{resource}, blocks {of.after + 1} to {of.last}") as note:
        found = period.audit(record, keys, of, progress=_progress("epochs examined"))
        note(_outcome(found.problems))
    return found


def _keys(paths: list[Path]) -> list[EncryptionKey]:
    password = keystore.password() if paths else ""
    return [keystore.encryption(path, password) for path in paths]


def _progress(what: str):
    """Tells how far it is and how long it takes yet, every few seconds."""
    began = told = time.monotonic()

    def say(done: int, total: int) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told >= PROGRESS_SECONDS and done:
            told = now
            print(f"{done} of {total} {what}, {(now - began) * (total - done) / done:.0f} s to go", file=sys.stderr)

    return say


def _word(text: str) -> int:
    try:
        return int(text, 16) if text.startswith("0x") else int(text)
    except ValueError:
        raise CommandError(f"{text!r} is no number: write it in decimal, or in hexadecimal after 0x") from None


def _figures(one: Examination) -> dict[str, Any]:
    return {
        "market": one.market, "epoch": one.epoch, "leader": one.leader, "reference": one.reference, "price": one.price,
        "volume": one.volume, "fees": one.fees, "leader's fee": one.leader_fee, "treasury's fee": one.treasury_fee,
        "printed": one.printed, "block": one.settled.block, "tx": one.settled.tx,
    }  # fmt: skip


_SHORT = (
    "market", "epoch", "slot", "why_invalid", "owner", "credential", "side", "quantity", "limit", "fill",
    "rederived_fill", "price", "fee",
)  # fmt: skip


def _short(row: tables.Row) -> dict[str, Any]:
    return {name: row[name] for name in _SHORT}


def _plain(value: Any) -> Any:
    """Exact in any reader of JSON: numbers beyond 2^53 as text."""
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and value >= 1 << 53 else value


def _outcome(problems: list[str]) -> str:
    return f"{len(problems)} problems: {'; '.join(problems)}" if problems else "everything holds"


def _complain(problems: list[str]) -> None:
    if problems:
        raise AuditError("it does not add up: " + "; ".join(problems))
