"""`shadowpool relayer run`: the service."""

import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from offchain.advance import advance
from relayer.leader import Leader
from scripts.cli.common import AccountFile, AsJson, CommandError, receipt_row, show
from scripts.cli.errors import EXPECTED
from scripts.cli.relayer.common import DEFAULT_KEYS, Keys, open_leader, settled_row

POLL_SECONDS = 1.0
Finder = Callable[[], list[tuple[int, ...]]]
Action = Callable[..., dict | list[dict]]


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
