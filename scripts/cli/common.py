"""What every command shares: options, keys, the chain, output.

A key is never an argument. It comes from an encrypted keystore file, whose password is in
SHADOWPOOL_PASSWORD or asked for; for an EVM account also from SHADOWPOOL_KEY (hexadecimal).
"""

import json
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import typer
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils import is_checksum_address
from rich.console import Console
from rich.table import Table
from web3.contract import Contract

from offchain import keystore
from offchain.carrier import Carrier, CarrierClient
from offchain.chain import Chain
from offchain.deployment import Deployment
from offchain.ledger import Ledger
from offchain.paths import BUILD
from offchain.records import MarketTerms

KEY_VARIABLE = "SHADOWPOOL_KEY"
DEFAULT_RPC = "http://127.0.0.1:8545"
DEFAULT_DEPLOYMENT = BUILD / "deployment.json"

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]
AccountFile = Annotated[
    Path | None,
    typer.Option("--account", envvar="SHADOWPOOL_ACCOUNT", help=f"Keystore of the EVM account; else {KEY_VARIABLE}."),
]
CarrierFile = Annotated[
    Path | None,
    typer.Option("--carrier", envvar="SHADOWPOOL_CARRIER", help="Keystore of the EVM account that sends it for the wallet."),
]
CarrierUrl = Annotated[
    str | None,
    typer.Option("--carrier-url", envvar="SHADOWPOOL_CARRIER_URL", help="Address of a carrier's service to send it."),
]
InMyName = Annotated[bool, typer.Option("--in-my-name", help="Send it from the wallet's account: all see whose it is.")]
IndexDatabase = Annotated[
    str,
    typer.Option("--database", envvar="SHADOWPOOL_INDEX", help="sqlite:///FILE or postgresql+psycopg://…", show_default="build/indexer.sqlite"),
]
MarketId = Annotated[int, typer.Option("--market", help="The market's id.")]


class CommandError(Exception):
    """The command cannot be done as asked; the message says what to do."""


@dataclass
class Session:
    """Where the chain and its deployment are, and clients made from them when first needed."""

    rpc: str
    deployment_file: Path

    @cached_property
    def deployment(self) -> Deployment:
        return Deployment.load(self.deployment_file)

    @cached_property
    def chain(self) -> Chain:
        return Chain(self.rpc, self.deployment)

    @cached_property
    def ledger(self) -> Ledger:
        """The chain's public state up to the confirmed depth."""
        ledger = Ledger(self.chain)
        ledger.sync()
        return ledger

    def terms(self, market: int) -> MarketTerms:
        """A market's terms; CommandError where there is none."""
        if market not in self.ledger.markets:
            raise CommandError(f"no market {market}; `shadowpool market list` shows them")
        return self.ledger.markets[market]

    def oracle(self, market: int) -> Contract:
        """The oracle whose price a market takes."""
        return self.chain.at("Oracle", self.terms(market).source)


_sessions: list[Session] = []


def begin(rpc: str, deployment_file: Path) -> None:
    """Start the session of one command; a process runs one after the other."""
    _sessions[:] = [Session(rpc, deployment_file)]


def session() -> Session:
    """The session of the command that runs."""
    return _sessions[0]


def account(path: Path | None) -> LocalAccount:
    """The EVM account from its keystore file, or from the environment."""
    if path is not None:
        return keystore.account(path, keystore.password())
    secret = os.environ.get(KEY_VARIABLE)
    if not secret:
        raise CommandError(f"no account: give --account KEYSTORE, or set {KEY_VARIABLE}")
    try:
        return Account.from_key(secret)
    except ValueError:
        raise CommandError(f"{KEY_VARIABLE} does not hold a private key of 32 bytes in hexadecimal") from None


def carrier(file: Path | None, in_my_name: bool, own: LocalAccount, url: str | None = None) -> Carrier:
    """Who sends what is private: a carrier's service, another account, or the wallet's `own` if that is asked for."""
    if [in_my_name, file is not None, url is not None].count(True) != 1:
        raise CommandError(
            f"everyone knows {own.address} as a depositor: give --carrier KEYSTORE, an account that nobody ties to it, "
            "or --carrier-url URL, a carrier's service, or --in-my-name, and all see whose this is"
        )
    if in_my_name:
        typer.echo(f"warning: sent by {own.address}, so that all see whose this is", err=True)
        return own
    found = CarrierClient(url, session().deployment) if url else keystore.account(file, keystore.password())
    if found.address == own.address:
        raise CommandError(f"the carrier {found.address} is the wallet's own account: give another's")
    return found


def show(data: dict | list[dict], as_json: bool) -> None:
    """Print a mapping or a list of mappings: as JSON, or aligned for a reader."""
    if as_json:
        typer.echo(json.dumps(data, default=str))
        return
    console = Console(highlight=False)
    if isinstance(data, dict):
        width = max(map(len, data), default=0)
        for key, value in data.items():
            console.print(f"{key:<{width}}  {_cell(value)}", markup=False, soft_wrap=True)
    elif not data:
        console.print("none")
    else:
        table = Table(*data[0])
        for row in data:
            table.add_row(*(_cell(value) for value in row.values()))
        console.print(table)


def _cell(value: Any) -> str:
    return "" if value is None else ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def receipt_row(receipt) -> dict:
    """A transaction as commands show it."""
    return {
        "step": receipt.name,
        "block": receipt.block,
        "gas": receipt.gas,
        "seconds": round(receipt.seconds, 2),
        "proof seconds": round(receipt.proof_seconds, 2),
        "hash": receipt.hash,
    }


def checked_address(what: str, address: object) -> str:
    """An address as given, if it is one in checksummed form and not zero; else ValueError."""
    if not is_checksum_address(address) or int(address, 16) == 0:
        raise ValueError(f"{what}: {address!r} is not a checksummed address")
    return address


def amount(text: str, decimals: int) -> int:
    """An amount written in whole tokens, as base units; exact, or CommandError."""
    whole, _, part = text.partition(".")
    if not (whole + part).isascii() or not (whole + part).isdigit() or len(part) > decimals:
        raise CommandError(f"{text!r} is no amount with at most {decimals} decimals")
    return int(whole or "0") * 10**decimals + int(part.ljust(decimals, "0") or "0")
