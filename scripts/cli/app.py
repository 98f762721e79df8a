"""The root of `shadowpool` and its clean errors: one line, exit code 1 (2 for wrong usage)."""

import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperGroup
from typer.main import get_group

from scripts.cli.common import DEFAULT_DEPLOYMENT, DEFAULT_RPC, begin
from scripts.cli.errors import is_expected

GROUPS = {
    "agent": "scripts.cli.agent",
    "wallet": "scripts.cli.wallet", "order": "scripts.cli.order", "issuer": "scripts.cli.issuer",
    "relayer": "scripts.cli.relayer", "auditor": "scripts.cli.auditor", "market": "scripts.cli.market",
    "ceremony": "scripts.cli.ceremony", "worker": "scripts.cli.worker", "indexer": "scripts.cli.indexer",
    "governor": "scripts.cli.governor", "feeder": "scripts.cli.feeder", "audit": "scripts.cli.audit",
    "network": "scripts.network.cli",
}  # fmt: skip


class Groups(TyperGroup):
    """Imports the group that is asked for alone: the libraries of all of them take seconds."""

    def list_commands(self, _context: object) -> list[str]:
        return list(GROUPS)

    def get_command(self, _context: object, name: str) -> TyperGroup | None:
        if name not in GROUPS:
            return None
        group = get_group(import_module(GROUPS[name]).app)
        group.name = name
        return group


app = typer.Typer(cls=Groups, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


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
    except Exception as error:
        if not is_expected(error):
            raise
        typer.echo(f"error: {error or type(error).__name__}", err=True)
        sys.exit(1)
