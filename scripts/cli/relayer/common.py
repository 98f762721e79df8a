"""What the relayer's commands share: its options, and the leader that they act through."""

from pathlib import Path
from typing import Annotated

import typer

from offchain.chain import Receipt
from offchain.keys import from_wallet
from relayer.leader import Leader, SettleReport
from scripts.cli.common import account, receipt_row, session, show

Keys = Annotated[Path, typer.Option("--keys", envvar="SHADOWPOOL_REVEAL_KEYS", help="Folder of the reveal keys.")]
Epoch = Annotated[int, typer.Argument(help="The epoch's number.")]
DEFAULT_KEYS = Path("reveal-keys")


def open_leader(account_file: Path | None, keys: Path) -> Leader:
    """The relayer whose fee notes belong to its EVM account's shielded key."""
    here, who = session(), account(account_file)
    notes = from_wallet(who, here.deployment.chain_id, here.deployment.contracts["Pool"])
    return Leader(here.chain, here.ledger, who, notes, keys)


def settled_row(done: SettleReport) -> dict:
    """What may be said of a settlement before its print."""
    facts = {"reveals": done.count, "invalid": done.invalid, "prove seconds": round(done.prove_seconds, 2)}
    return receipt_row(done.receipt) | facts


def show_receipts(receipts: Receipt | list[Receipt], as_json: bool) -> None:
    many = [receipts] if isinstance(receipts, Receipt) else receipts
    show([receipt_row(receipt) for receipt in many], as_json)
