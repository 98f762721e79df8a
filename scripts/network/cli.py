"""`shadowpool network` and `python -m scripts.network`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from scripts.network import network as networks
from scripts.network.files import checked_addresses, exists
from scripts.network.plan import DEFAULT_CHAIN_ID, DEFAULT_PORT_BASE, NetworkError, Plan

app = typer.Typer(
    no_args_is_help=True,
    help="A private proof-of-authority network on 127.0.0.1, for development and demonstration.",
)

Directory = Annotated[Path, typer.Option("--dir", help="Where the network's keys and chain are.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")]


@contextmanager
def _clean_errors() -> Iterator[None]:
    try:
        yield
    except NetworkError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None


def _progress(line: str) -> None:
    typer.echo(line, err=True)


def _show(status: networks.Status, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(asdict(status)))
        return
    up = [name for name, runs in status.validators.items() if runs]
    typer.echo(f"directory   {status.directory}")
    typer.echo(f"chain id    {status.chain_id}")
    typer.echo(f"validators  {len(up)} of {len(status.validators)} up  {' '.join(up)}")
    typer.echo(f"rpc         {'up' if status.rpc else 'down'}  {status.http}  {status.ws}")
    if status.head is not None:
        typer.echo(f"head        {status.head}, {status.head_age} s old, {status.peers} peers")
    typer.echo(f"blocks      {'advancing' if status.sealing else 'halted'}")


@app.command()
def start(
    directory: Directory = networks.DEFAULT_DIRECTORY,
    validators: Annotated[int, typer.Option(help="1 or 5.")] = 5,
    chain_id: Annotated[int, typer.Option(help="The network's EIP-155 chain id.")] = DEFAULT_CHAIN_ID,
    port_base: Annotated[int, typer.Option(help="First of the 30 ports used.")] = DEFAULT_PORT_BASE,
    period: Annotated[int, typer.Option(help="Seconds between blocks.")] = 1,
    fund: Annotated[list[str] | None, typer.Option(help="Address to fund at genesis; repeatable.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make the network if need be, start it, return when blocks advance. A stopped one resumes as made."""
    with _clean_errors():
        plan = Plan(
            validators=validators,
            chain_id=chain_id,
            port_base=port_base,
            period=period,
            funded=checked_addresses(tuple(fund or ())),
        )
        # Without options, what exists is resumed whatever it was made with.
        asked = None if plan == Plan() and exists(directory) else plan
        _show(networks.start(directory, asked, say=_progress).status(), as_json)


@app.command()
def stop(directory: Directory = networks.DEFAULT_DIRECTORY, as_json: AsJson = False) -> None:
    """Stop every node; keys and blocks stay."""
    with _clean_errors():
        networks.stop(directory)
        _show(networks.status(directory), as_json)


@app.command()
def status(directory: Directory = networks.DEFAULT_DIRECTORY, as_json: AsJson = False) -> None:
    """Validators up, head and peers. Exit code 1 if blocks do not advance."""
    with _clean_errors():
        now = networks.status(directory)
        _show(now, as_json)
        raise typer.Exit(0 if now.sealing else 1)


@app.command()
def wipe(directory: Directory = networks.DEFAULT_DIRECTORY, as_json: AsJson = False) -> None:
    """Stop the network and delete its keys and blocks."""
    with _clean_errors():
        networks.wipe(directory)
        typer.echo(json.dumps({"wiped": str(directory)}) if as_json else f"wiped {directory}")
