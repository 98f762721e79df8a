"""`shadowpool relayer check`: GO or NO-GO."""

import os
from typing import Annotated

import typer
from rich.console import Console

from offchain.keystore import PASSWORD_VARIABLE
from relayer.check import HEAD_SECONDS, Check, Level, Line, Subject, go
from scripts.cli.common import AccountFile, AsJson, session, show
from scripts.cli.relayer.common import DEFAULT_KEYS, Keys, RelayerAddress, known_address

COLOURS = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "red"}


def check(
    account_file: AccountFile = None,
    relayer: RelayerAddress = None,
    keys: Keys = DEFAULT_KEYS,
    database: Annotated[str | None, typer.Option("--database", envvar="SHADOWPOOL_DATABASE", help="Its URL.")] = None,
    redis: Annotated[str | None, typer.Option("--redis", envvar="SHADOWPOOL_REDIS", help="Its URL.")] = None,
    patience: Annotated[float, typer.Option(min=0, help="Seconds in which the chain's head must move.")] = HEAD_SECONDS,
    as_json: AsJson = False,
) -> None:
    """Try all that the service needs, and say GO or NO-GO with remedies; exit code 1 for NO-GO. Sends nothing."""
    here = session()
    subject = Subject(
        rpc=here.rpc,
        deployment=here.deployment_file,
        keys=keys,
        account=account_file,
        address=known_address(account_file, relayer),
        password=os.environ.get(PASSWORD_VARIABLE),
        database=database,
        redis=redis,
        redis_password=os.environ.get("SHADOWPOOL_REDIS_PASSWORD"),
        patience=patience,
    )
    lines = Check(subject).run((lambda line: None) if as_json else _say)
    verdict = "GO" if go(lines) else "NO-GO"
    if as_json:
        show({"verdict": verdict, "lines": [vars(line) for line in lines]}, True)
    else:
        typer.echo(verdict)
    if verdict != "GO":
        raise typer.Exit(1)


def _say(line: Line) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"{line.level:<4}", style=COLOURS[line.level], end=" ")
    console.print(f"{line.part:<13} {line.says}", markup=False)
    if line.remedy and line.level != Level.OK:
        console.print(f"{'':<18} → {line.remedy}", markup=False)
