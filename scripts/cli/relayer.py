"""`shadowpool relayer`: stake, keys, and the epochs that a relayer leads."""

import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from offchain.advance import advance
from offchain.chain import Receipt
from offchain.keys import from_wallet
from relayer.leader import Leader, SettleReport
from scripts.cli.common import (
    AccountFile,
    AsJson,
    CommandError,
    MarketId,
    account,
    amount,
    receipt_row,
    session,
    show,
)
from scripts.cli.errors import EXPECTED

app = typer.Typer(no_args_is_help=True, help="Stake, reveal keys, and the epochs to settle.")

Keys = Annotated[Path, typer.Option("--keys", envvar="SHADOWPOOL_REVEAL_KEYS", help="Folder of the reveal keys.")]
Epoch = Annotated[int, typer.Argument(help="The epoch's number.")]
DEFAULT_KEYS = Path("reveal-keys")
POLL_SECONDS = 1.0
Finder = Callable[[], list[tuple[int, ...]]]
Action = Callable[..., dict | list[dict]]


def open_leader(account_file: Path | None, keys: Path) -> Leader:
    """The relayer whose fee notes belong to its EVM account's shielded key."""
    here, who = session(), account(account_file)
    notes = from_wallet(who, here.deployment.chain_id, here.deployment.contracts["Pool"])
    return Leader(here.chain, here.ledger, who, notes, keys)


def settled_row(done: SettleReport) -> dict:
    """What may be said of a settlement before its print."""
    facts = {"reveals": done.count, "invalid": done.invalid, "prove seconds": round(done.prove_seconds, 2)}
    return receipt_row(done.receipt) | facts


def _show(receipts: Receipt | list[Receipt], as_json: bool) -> None:
    many = [receipts] if isinstance(receipts, Receipt) else receipts
    show([receipt_row(receipt) for receipt in many], as_json)


@app.command()
def register(account_file: AccountFile = None, keys: Keys = DEFAULT_KEYS, as_json: AsJson = False) -> None:
    """Enter the registry, with the owner of the fee notes."""
    _show(open_leader(account_file, keys).register(), as_json)


@app.command()
def bond(
    units: Annotated[str, typer.Argument(help="STAKE, in whole tokens with decimals.")],
    account_file: AccountFile = None,
    keys: Keys = DEFAULT_KEYS,
    as_json: AsJson = False,
) -> None:
    """Bond stake; an epoch's leader answers with it."""
    decimals = session().deployment.tokens["STAKE"].decimals
    _show(open_leader(account_file, keys).bond(amount(units, decimals)), as_json)


@app.command("new-key")
def new_key(account_file: AccountFile = None, keys: Keys = DEFAULT_KEYS, as_json: AsJson = False) -> None:
    """Make a reveal key, keep it encrypted, and register it for windows that open later."""
    _show(open_leader(account_file, keys).register_key(), as_json)


@app.command("erase-keys")
def erase_keys(account_file: AccountFile = None, keys: Keys = DEFAULT_KEYS, as_json: AsJson = False) -> None:
    """Erase every reveal key that nothing can need any more."""
    show([{"version": version} for version in open_leader(account_file, keys).erase_final_keys()], as_json)


@app.command()
def due(account_file: AccountFile = None, keys: Keys = DEFAULT_KEYS, as_json: AsJson = False) -> None:
    """The epochs that this relayer leads and can settle now."""
    found = open_leader(account_file, keys).due()
    show([{"market": market, "epoch": epoch} for market, epoch in found], as_json)


@app.command()
def settle(
    epoch: Epoch,
    market: MarketId = 0,
    account_file: AccountFile = None,
    keys: Keys = DEFAULT_KEYS,
    as_json: AsJson = False,
) -> None:
    """Clear an epoch, prove it, settle it."""
    show(settled_row(open_leader(account_file, keys).settle(market, epoch)), as_json)


@app.command("print")
def print_epoch(
    epoch: Epoch,
    market: MarketId = 0,
    account_file: AccountFile = None,
    keys: Keys = DEFAULT_KEYS,
    as_json: AsJson = False,
) -> None:
    """Publish price and volume of a settled epoch once its deferral is over."""
    _show(open_leader(account_file, keys).print(market, epoch), as_json)


@app.command()
def run(
    account_file: AccountFile = None,
    keys: Keys = DEFAULT_KEYS,
    once: Annotated[bool, typer.Option("--once", help="Do what is due now, then end.")] = False,
    as_json: AsJson = False,
) -> None:
    """Settle what is due, print and release what may be, advance the tree; until interrupted."""
    leader = open_leader(account_file, keys)
    while True:
        failed = _work(leader, as_json)
        if once:
            break
        time.sleep(POLL_SECONDS)
    if failed:
        raise CommandError(f"{failed} of this round's tasks could not be done")


def _work(leader: Leader, as_json: bool) -> int:
    """One round, task by task: one that fails is said, counted, tried again in the next, and stops no other."""
    tasks: list[tuple[str, Finder, Action]] = [
        ("settle", leader.due, lambda *epoch: settled_row(leader.settle(*epoch))),
        ("print", leader.printable, lambda *epoch: receipt_row(leader.print(*epoch))),
        ("release", leader.releasable, lambda *epoch: receipt_row(leader.release(*epoch))),
        ("advance", lambda: [()], lambda: list(map(receipt_row, advance(leader.chain, leader.ledger, leader.account)))),
    ]
    failed = 0
    for name, find, act in tasks:
        found = _try(name, find)
        rows = [_try(" ".join(map(str, (name, *place))), act, *place) for place in found or []]
        for row in filter(None, rows):
            show(row, as_json)
        failed += (found is None) + rows.count(None)
    return failed


def _try(task: str, action: Callable, *args: int):
    """What `action` gives; None after an error, which is said."""
    try:
        return action(*args)
    except EXPECTED as error:
        problem = str(error) or type(error).__name__
    except Exception as error:  # a service outlives what nobody thought of; its text may hold anything
        at = traceback.extract_tb(error.__traceback__)[-1]
        problem = f"{type(error).__name__} in {Path(at.filename).name}, line {at.lineno}"
    typer.echo(f"{time.strftime('%H:%M:%S')} not now: {task}: {problem}", err=True)
    return None
