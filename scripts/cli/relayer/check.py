"""`shadowpool relayer check`: GO or NO-GO."""

import os
from typing import Annotated

import typer
from rich.console import Console

from offchain.keystore import PASSWORD_VARIABLE
from relayer.check import HEAD_SECONDS, Check, Level, Line, Subject, go
from relayer.config import ConfigError
from relayer.proving.broker import PASSWORD_VARIABLE as REDIS_PASSWORD_VARIABLE
from scripts.cli.common import AsJson, show
from scripts.cli.relayer.common import RelayerAddress, configured, known_address
from scripts.cli.relayer.run import ConfigFile, Database, Folder, Keystore

COLOURS = {Level.OK: "green", Level.WARN: "yellow", Level.FAIL: "red"}


def check(
    config: ConfigFile = None,
    account_file: Keystore = None,
    relayer: RelayerAddress = None,
    keys: Folder = None,
    database: Database = None,
    patience: Annotated[float, typer.Option(min=0, help="Seconds in which the chain's head must move.")] = HEAD_SECONDS,
    as_json: AsJson = False,
) -> None:
    """Try all that the service needs, and say GO or NO-GO with remedies; exit code 1 for NO-GO. Sends nothing."""
    report = (lambda line: None) if as_json else _say
    try:
        settings = configured(config, account=account_file, keys=keys, database=database)
    except ConfigError as error:
        lines = [Line("configuration", Level.FAIL, str(error), "mend the setting that it names")]
        report(lines[0])
    else:
        subject = Subject(
            rpc=settings.rpc,
            deployment=settings.deployment,
            keys=settings.keys,
            account=settings.account,
            address=known_address(settings.account, relayer),
            password=os.environ.get(PASSWORD_VARIABLE),
            database=settings.database,
            redis=settings.redis,
            redis_password=os.environ.get(REDIS_PASSWORD_VARIABLE),
            listen=tuple(filter(None, (settings.metrics_listen, settings.carrier_listen))),
            confirmations=settings.confirmations,
            patience=patience,
        )
        lines = Check(subject).run(report)
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
