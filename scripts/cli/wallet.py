"""`shadowpool wallet`: an institution's notes, from its EVM key and the chain."""

from decimal import Decimal
from pathlib import Path
from typing import Annotated

import typer
from eth_account import Account
from eth_account.signers.local import LocalAccount

from offchain import keystore
from offchain.babyjubjub import Point, check_point
from offchain.carrier import Carrier, CarrierClient
from offchain.keys import Address, from_wallet
from offchain.wallet import Wallet
from scripts.cli.common import (
    AccountFile,
    AsJson,
    CarrierFile,
    CarrierUrl,
    CommandError,
    InMyName,
    account,
    amount,
    carrier,
    receipt_row,
    session,
    show,
)

app = typer.Typer(no_args_is_help=True, help="An institution's notes and addresses.")

Symbol = Annotated[str, typer.Argument(help="The token's symbol in the deployment.")]
Amount = Annotated[str, typer.Argument(help="In whole tokens, with decimals.")]
MaxFee = Annotated[str, typer.Option("--max-fee", help="The most a carrier's service may take, in whole tokens.")]
SEPARATOR = "."


def open_wallet(account_file: Path | None) -> Wallet:
    """The wallet whose shielded key follows from the EVM account, synced."""
    return _wallet(account(account_file))


def open_carried(
    account_file: Path | None, carrier_file: Path | None, carrier_url: str | None, in_my_name: bool
) -> tuple[Wallet, Carrier]:
    """The wallet, and who sends what is private for it."""
    own = account(account_file)
    sender = carrier(carrier_file, in_my_name, own, carrier_url)
    return _wallet(own), sender


def _wallet(owner: LocalAccount) -> Wallet:
    here = session()
    key = from_wallet(owner, here.deployment.chain_id, here.deployment.contracts["Pool"])
    wallet = Wallet(here.chain, here.ledger, key, owner)
    wallet.sync()
    return wallet


def names() -> dict[int, tuple[str, int]]:
    """(symbol, decimals) of each token by its word."""
    return {token.word: (symbol, token.decimals) for symbol, token in session().deployment.tokens.items()}


def _units(symbol: str, text: str) -> tuple[int, int]:
    """(asset, base units) of an amount as typed."""
    asset = session().deployment.asset(symbol)
    return asset, amount(text, session().deployment.tokens[symbol].decimals)


def _fee(sender: Carrier, symbol: str, most: str) -> int:
    """Base units that a carrier's service asks for each transaction; CommandError if that is over `most`."""
    if not isinstance(sender, CarrierClient):
        return 0
    asset, allowed = _units(symbol, most)
    asked = sender.fee(asset)
    if asked > allowed:
        tokens = Decimal(asked).scaleb(-session().deployment.tokens[symbol].decimals)
        raise CommandError(f"the carrier asks {tokens:f} {symbol} for each: allow it with --max-fee {tokens:f}")
    return asked


def address_text(address: Address) -> str:
    """A shielded address as one word to hand around: owner and viewing key."""
    return SEPARATOR.join(f"{word:064x}" for word in (address.owner, *address.viewing))


def parse_address(text: str) -> Address:
    """Read what `address_text` wrote; CommandError or ValueError for anything else."""
    try:
        owner, x, y = (int(word, 16) for word in text.split(SEPARATOR))
    except ValueError:
        raise CommandError("a shielded address is three hexadecimal words joined by dots") from None
    return Address(owner, check_point(Point(x, y)))


@app.command()
def new(path: Annotated[Path, typer.Argument(help="The keystore file to write.")], as_json: AsJson = False) -> None:
    """Make an EVM account in an encrypted keystore file; its shielded key follows from it."""
    secret = keystore.new_seed()
    keystore.save(path, keystore.Kind.ACCOUNT, secret, keystore.password(confirm=True))
    show({"account": Account.from_key(secret.to_bytes(32, "big")).address, "file": str(path)}, as_json)


@app.command()
def address(account_file: AccountFile = None, as_json: AsJson = False) -> None:
    """The EVM address, the owner word for the issuer, the shielded address for payers."""
    here, owner = session(), account(account_file)
    key = from_wallet(owner, here.deployment.chain_id, here.deployment.contracts["Pool"])
    show({"account": owner.address, "owner": str(key.owner), "address": address_text(key.address)}, as_json)


@app.command()
def balances(account_file: AccountFile = None, as_json: AsJson = False) -> None:
    """What the wallet owns, by token, in base units; spendable is what an advanced root holds."""
    wallet, known = open_wallet(account_file), names()
    rows: dict[int, dict] = {}
    for own in wallet.notes():
        symbol, decimals = known.get(own.note.asset, (hex(own.note.asset), 0))
        row = rows.setdefault(own.note.asset, {"token": symbol, "decimals": decimals, "total": 0, "spendable": 0})
        row["total"] += own.note.amount
        row["spendable"] += own.note.amount if own.advanced else 0
    found = [row | {key: str(row[key]) for key in ("total", "spendable")} for row in rows.values()]
    show(found, as_json)


@app.command()
def notes(account_file: AccountFile = None, as_json: AsJson = False) -> None:
    """Every unspent note."""
    wallet, known = open_wallet(account_file), names()
    rows = [
        {
            "position": own.position,
            "token": known.get(own.note.asset, (hex(own.note.asset), 0))[0],
            "amount": str(own.note.amount),
            "spendable": own.advanced,
        }
        for own in wallet.notes()
    ]
    show(rows, as_json)


@app.command()
def deposit(symbol: Symbol, units: Amount, account_file: AccountFile = None, as_json: AsJson = False) -> None:
    """Bring tokens into the pool. The deposit is public; what happens to the note is not."""
    show(receipt_row(open_wallet(account_file).deposit(*_units(symbol, units))), as_json)


@app.command()
def withdraw(
    symbol: Symbol,
    units: Amount,
    to: Annotated[str | None, typer.Option(help="A registered EVM address; else the wallet's own.")] = None,
    account_file: AccountFile = None,
    carrier_file: CarrierFile = None,
    carrier_url: CarrierUrl = None,
    max_fee: MaxFee = "0",
    as_json: AsJson = False,
) -> None:
    """Pay tokens out to an EVM address, in public; sent by the wallet itself unless a carrier is given."""
    in_my_name = carrier_file is None and carrier_url is None
    wallet, sender = open_carried(account_file, carrier_file, carrier_url, in_my_name)
    fee, receiver = _fee(sender, symbol, max_fee), to or wallet.account.address
    show(receipt_row(wallet.withdraw(*_units(symbol, units), receiver, fee, sender)), as_json)


@app.command()
def transfer(
    symbol: Symbol,
    units: Amount,
    to: Annotated[str, typer.Argument(help="A shielded address, as `wallet address` shows it.")],
    account_file: AccountFile = None,
    carrier_file: CarrierFile = None,
    carrier_url: CarrierUrl = None,
    max_fee: MaxFee = "0",
    in_my_name: InMyName = False,
    as_json: AsJson = False,
) -> None:
    """Send a note to another owner, unseen."""
    receiver = parse_address(to)
    wallet, sender = open_carried(account_file, carrier_file, carrier_url, in_my_name)
    fee = _fee(sender, symbol, max_fee)
    show(receipt_row(wallet.transfer(*_units(symbol, units), receiver, fee, carrier=sender)), as_json)


@app.command()
def consolidate(
    symbol: Symbol,
    account_file: AccountFile = None,
    carrier_file: CarrierFile = None,
    carrier_url: CarrierUrl = None,
    max_fee: MaxFee = "0",
    in_my_name: InMyName = False,
    as_json: AsJson = False,
) -> None:
    """Join a token's notes two by two."""
    asset = session().deployment.asset(symbol)
    wallet, sender = open_carried(account_file, carrier_file, carrier_url, in_my_name)
    receipts = wallet.consolidate(asset, _fee(sender, symbol, max_fee), carrier=sender)
    show([receipt_row(receipt) for receipt in receipts], as_json)
