"""`shadowpool issuer`: who may trade, in a book of the issuer's and on chain."""

import csv
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from eth_utils import is_checksum_address

from offchain.issuer import Issued, Issuer
from offchain.material import Credential
from scripts.cli.common import AccountFile, AsJson, CommandError, account, receipt_row, session, show

app = typer.Typer(no_args_is_help=True, help="The credential registry, as its issuer keeps it.")

COLUMNS = ("name", "owner", "wallet", "jurisdiction", "tier", "expiry")
Book = Annotated[Path, typer.Option(help="The issuer's book (JSON, no secrets).")]
Folder = Annotated[Path, typer.Option("--credentials", help="Where institutions' credential files go.")]
DEFAULT_BOOK = Path("issuer-book.json")
DEFAULT_FOLDER = Path("credentials")


def _issuer(book: Path, account_file: Path | None) -> Issuer:
    return Issuer(session().chain, account(account_file), book)


def _done(rows: list[dict], receipts: list, as_json: bool) -> None:
    if as_json:
        show({"admitted": rows, "transactions": len(receipts), "receipts": list(map(receipt_row, receipts))}, True)
        return
    show(rows, False)
    show([receipt_row(receipt) for receipt in receipts], False)


@app.command()
def admit(
    name: Annotated[str, typer.Option(help="What the book calls the institution.")],
    owner: Annotated[str, typer.Option(help="Its owner word (decimal), as `wallet address` shows it.")],
    wallet: Annotated[str, typer.Option(help="Its EVM address, which may deposit.")],
    jurisdiction: Annotated[int, typer.Option(help="A code from 0 to 249.")],
    tier: Annotated[int, typer.Option(help="0 to 255.")],
    expiry: Annotated[int, typer.Option(help="Unix seconds.")],
    book: Book = DEFAULT_BOOK,
    folder: Folder = DEFAULT_FOLDER,
    account_file: AccountFile = None,
    as_json: AsJson = False,
) -> None:
    """Admit one institution and publish it."""
    office = _issuer(book, account_file)
    issued = office.admit(name, _integer("owner", owner), wallet, jurisdiction, tier, expiry)
    _done([_hand_out(folder, name, issued)], office.publish(), as_json)


@app.command()
def batch(
    file: Annotated[Path, typer.Argument(help=f"CSV with the header {','.join(COLUMNS)}.")],
    book: Book = DEFAULT_BOOK,
    folder: Folder = DEFAULT_FOLDER,
    account_file: AccountFile = None,
    as_json: AsJson = False,
) -> None:
    """Admit every institution of a file and publish them together. A bad row stops all of them."""
    rows = _rows(file)
    office = _issuer(book, account_file)
    issued = [office.admit(**row) for row in rows]
    receipts = office.publish()
    _done([_hand_out(folder, row["name"], one) for row, one in zip(rows, issued)], receipts, as_json)


@app.command()
def carrier(
    wallet: Annotated[str, typer.Argument(help="The carrier's EVM address.")],
    book: Book = DEFAULT_BOOK,
    account_file: AccountFile = None,
    as_json: AsJson = False,
) -> None:
    """Admit a carrier, who may then be paid public fees. It gets no credential."""
    show(receipt_row(_issuer(book, account_file).admit_carrier(wallet)), as_json)


@app.command()
def revoke(
    credential: Annotated[int, typer.Argument(help="The credential's id.")],
    book: Book = DEFAULT_BOOK,
    account_file: AccountFile = None,
    as_json: AsJson = False,
) -> None:
    """End a credential, at once: its holder can no longer commit or deposit, only leave."""
    office = _issuer(book, account_file)
    office.revoke(credential)
    show([receipt_row(receipt) for receipt in office.publish()], as_json)


@app.command()
def publish(book: Book = DEFAULT_BOOK, account_file: AccountFile = None, as_json: AsJson = False) -> None:
    """Bring the chain to what the book says, after an interruption."""
    show([receipt_row(receipt) for receipt in _issuer(book, account_file).publish()], as_json)


@app.command("list")
def list_book(book: Book = DEFAULT_BOOK, as_json: AsJson = False) -> None:
    """The book."""
    office = Issuer(session().chain, None, book)
    show([asdict(row) | {"owner": str(row.owner)} for row in office.book], as_json)


def _hand_out(folder: Path, name: str, issued: Issued) -> dict:
    path = folder / f"{issued.id}.json"
    issued.save(path)
    return {"name": name, "id": issued.id, "file": str(path)}


def _integer(name: str, text: str) -> int:
    if not text.isascii() or not text.isdigit():
        raise CommandError(f"{name} {text!r} is not a plain integer")
    return int(text)


def _rows(file: Path) -> list[dict]:
    """The rows of a batch file, all checked; CommandError naming the first line at fault."""
    rows: list[dict] = []
    try:
        with file.open(newline="", encoding="utf-8") as text:
            lines = csv.reader(text, strict=True)
            if tuple(next(lines, ())) != COLUMNS:
                raise CommandError(f"{file}: the header must be {','.join(COLUMNS)}")
            for cells in lines:
                try:
                    rows.append(_row(cells, {row["owner"] for row in rows}))
                except (CommandError, ValueError) as error:
                    raise CommandError(f"{file}, line {lines.line_num}: {error}") from None
    except (csv.Error, UnicodeDecodeError) as error:
        raise CommandError(f"{file} is not CSV in UTF-8: {error}") from None
    return rows


def _row(cells: list[str], owners: set[int]) -> dict:
    if len(cells) != len(COLUMNS):
        raise CommandError(f"{len(cells)} cells where {len(COLUMNS)} are needed")
    row = dict(zip(COLUMNS, cells, strict=True))
    numbers = {key: _integer(key, row[key]) for key in ("owner", "jurisdiction", "tier", "expiry")}
    Credential(**numbers)  # every range
    if numbers["owner"] in owners:
        raise CommandError("this owner word stands in the file already")
    if not is_checksum_address(row["wallet"]):
        raise CommandError(f"{row['wallet']!r} is not a checksummed address")
    return row | numbers
