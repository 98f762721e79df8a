"""What the relayer's commands share: options, the leader that they act through, and dry runs."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from eth_account import Account
from web3 import Web3

from offchain.chain import Chain, Receipt
from offchain.keys import from_wallet
from offchain.keystore import KeystoreError
from relayer.config import RelayerConfig
from relayer.leader import Leader, SettleReport
from relayer.standing import Standing
from scripts.cli.common import KEY_VARIABLE, CommandError, account, amount, receipt_row, session, show

Keys = Annotated[Path, typer.Option("--keys", envvar="SHADOWPOOL_REVEAL_KEYS", help="Folder of the reveal keys.")]
Epoch = Annotated[int, typer.Argument(help="The epoch's number.")]
RelayerAddress = Annotated[
    str | None, typer.Option("--relayer", help="A relayer's address, to look without its key; else the account's.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Simulate it and send nothing: needs the address alone.")]
DEFAULT_KEYS = Path("reveal-keys")


def open_leader(account_file: Path | None, keys: Path) -> Leader:
    """The relayer whose fee notes belong to its EVM account's shielded key."""
    here, who = session(), account(account_file)
    notes = from_wallet(who, here.deployment.chain_id, here.deployment.contracts["Pool"])
    return Leader(here.chain, here.ledger, who, notes, keys)


def configured(file: Path | None, **options: Any) -> RelayerConfig:
    """The service's settings; without a file, chain and deployment are those of the command line."""
    here, settings = session(), RelayerConfig.load(file, **options)
    return settings if file is not None else replace(settings, rpc=here.rpc, deployment=here.deployment_file)


def carrier_fees(chain: Chain, carrier: str, fees: dict[str, str]) -> dict[int, int]:
    """Base units by asset of whole tokens by symbol; CommandError where `carrier` may be paid none."""
    if fees and not chain.call(chain.contract("Credentials").functions.may_withdraw(carrier)):
        raise CommandError(f"{carrier} may be paid no fee yet: have the issuer admit it as a carrier, or ask none")
    deployment = chain.deployment
    return {
        deployment.asset(symbol): amount(least, deployment.tokens[symbol].decimals) for symbol, least in fees.items()
    }


def known_address(account_file: Path | None, relayer: str | None) -> str | None:
    """Who the relayer is, without opening anything: as named, as its keystore says, or of the environment's key."""
    if relayer is not None:
        if not Web3.is_address(relayer):
            raise CommandError(f"{relayer} is no address of 20 bytes in hexadecimal")
        return Web3.to_checksum_address(relayer)
    if account_file is not None:
        try:
            return Web3.to_checksum_address(json.loads(account_file.read_text())["address"])
        except (ValueError, KeyError, TypeError):
            raise KeystoreError(f"{account_file} is not a keystore file that names its address") from None
    return Account.from_key(os.environ[KEY_VARIABLE]).address if os.environ.get(KEY_VARIABLE) else None


def needed_address(account_file: Path | None, relayer: str | None) -> str:
    found = known_address(account_file, relayer)
    if found is None:
        raise CommandError("which relayer? Give --account KEYSTORE or --relayer ADDRESS")
    return found


def standing(account_file: Path | None, relayer: str | None) -> Standing:
    """How the relayer stands at the head; no key is opened."""
    here = session()
    return Standing(here.chain, here.ledger, needed_address(account_file, relayer))


def in_time(blocks: int, pace: float) -> str:
    """So many blocks from now, for a reader."""
    if blocks <= 0:
        return "now"
    seconds = round(blocks * pace)
    about = f"{seconds} s" if seconds < 120 else f"{seconds // 60} min" if seconds < 7200 else f"{seconds // 3600} h"
    return f"in {blocks} blocks, about {about}"


def rehearse(address: str, *calls: tuple, as_json: bool) -> None:
    """Simulate (contract, function, *arguments) at the head, each alone; Reverted where one is refused."""
    chain = session().chain
    rows = []
    for contract, function, *args in calls:
        chain.call(chain.contract(contract).functions[function](*args), "latest", address)
        rows.append({"would send": f"{contract}.{function}", "from": address})
    show(rows, as_json)


def settled_row(done: SettleReport) -> dict:
    """What may be said of a settlement before its print."""
    facts = {"reveals": done.count, "invalid": done.invalid, "prove seconds": round(done.prove_seconds, 2)}
    return receipt_row(done.receipt) | facts


def show_receipts(receipts: Receipt | list[Receipt], as_json: bool) -> None:
    many = [receipts] if isinstance(receipts, Receipt) else receipts
    show([receipt_row(receipt) for receipt in many], as_json)
