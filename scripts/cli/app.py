"""The root of `shadowpool` and its clean errors: one line, exit code 1 (2 for wrong usage)."""

import sys
from pathlib import Path
from typing import Annotated

import click
import typer

from offchain.chain import ChainError
from offchain.circuits import NotBuilt
from offchain.contracts import ArtifactError
from offchain.deployment import DeploymentError
from offchain.keystore import KeystoreError
from offchain.prover import ProverError
from scripts.cli import auditor, issuer, market, order, relayer, wallet
from scripts.cli.common import DEFAULT_DEPLOYMENT, DEFAULT_RPC, CommandError, Session
from scripts.network.cli import app as network

# ValueError is the root of every refusal of a value (RangeError, KeyMaterialError, …).
EXPECTED = (
    CommandError, ChainError, NotBuilt, ArtifactError, DeploymentError, KeystoreError, ProverError,
    OSError, ValueError,
)  # fmt: skip

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
for name, commands in (
    ("wallet", wallet), ("order", order), ("issuer", issuer),
    ("relayer", relayer), ("auditor", auditor), ("market", market),
):  # fmt: skip
    app.add_typer(commands.app, name=name)
app.add_typer(network, name="network")


@app.callback()
def root(
    context: typer.Context,
    rpc: Annotated[str, typer.Option(envvar="SHADOWPOOL_RPC", help="The chain's HTTP address.")] = DEFAULT_RPC,
    deployment: Annotated[
        Path, typer.Option(envvar="SHADOWPOOL_DEPLOYMENT", help="The deployment file.")
    ] = DEFAULT_DEPLOYMENT,
) -> None:
    """Shadowpool: a dark pool whose trades are private, proven and settled on chain."""
    context.obj = Session(rpc, deployment)


def main(arguments: list[str] | None = None) -> None:
    """Run one command and exit with its code."""
    try:
        code = app(arguments, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        code = _fail("interrupted")
    except EXPECTED as error:
        code = _fail(str(error) or type(error).__name__)
    sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str) -> int:
    typer.echo(f"error: {message}", err=True)
    return 1
