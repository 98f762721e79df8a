"""The root of `shadowpool` and its clean errors: one line, exit code 1 (2 for wrong usage)."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from scripts.cli import agent, audit, auditor, ceremony, feeder, indexer, issuer, liquidity, market, order, relayer, wallet, worker
from scripts.cli.common import DEFAULT_DEPLOYMENT, DEFAULT_RPC, begin
from scripts.cli.errors import EXPECTED
from scripts.network.cli import app as network

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
for name, commands in (
    ("agent", agent),
    ("wallet", wallet), ("order", order), ("issuer", issuer),
    ("relayer", relayer), ("auditor", auditor), ("market", market),
    ("ceremony", ceremony), ("worker", worker), ("indexer", indexer),
    ("feeder", feeder), ("audit", audit),
):  # fmt: skip
    app.add_typer(commands.app, name=name)
app.add_typer(network, name="network")
indexer.app.add_typer(liquidity.app)


@app.callback()
def root(
    rpc: Annotated[str, typer.Option(envvar="SHADOWPOOL_RPC", help="The chain's HTTP address.")] = DEFAULT_RPC,
    deployment: Annotated[
        Path,
        typer.Option(envvar="SHADOWPOOL_DEPLOYMENT", help="The deployment file.", show_default="build/deployment.json"),
    ] = DEFAULT_DEPLOYMENT,
) -> None:
    """Shadowpool: a dark pool whose trades are private, proven and settled on chain."""
    begin(rpc, deployment)


def main(arguments: list[str] | None = None) -> None:
    """Run one command and exit with its code."""
    try:
        app(arguments)
    except EXPECTED as error:
        typer.echo(f"error: {error or type(error).__name__}", err=True)
        sys.exit(1)
