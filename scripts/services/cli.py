"""`python -m scripts.services`: a Redis and a PostgreSQL server beside a demonstration or a development relayer."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from offchain.paths import BUILD
from scripts.services.postgres import PostgresServer
from scripts.services.redis import CONFIG, RedisServer
from scripts.services.server import Server, ServiceError

KINDS: dict[str, type[Server]] = {"redis": RedisServer, "postgres": PostgresServer}

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Private Redis and PostgreSQL servers.")
Directory = Annotated[Path, typer.Option("--dir", help="Where their folders are.")]
Names = Annotated[list[str] | None, typer.Argument(help="redis, postgres; both if none is named.")]
DEFAULT_DIRECTORY = BUILD / "services"


def _servers(directory: Path, names: list[str] | None) -> dict[str, Server]:
    try:
        return {name: KINDS[name](directory / name) for name in names or KINDS}
    except KeyError as unknown:
        typer.echo(f"error: no server is called {unknown}; there are {', '.join(KINDS)}", err=True)
    except ServiceError as error:
        typer.echo(f"error: {error}", err=True)
    raise typer.Exit(1)


def _show(servers: dict[str, Server]) -> None:
    rows = {}
    for name, server in servers.items():
        rows[name] = {"pid": server.pid, "url": server.url}
        if isinstance(server, RedisServer):
            rows[name]["password_file"] = str(server.folder / CONFIG)
    typer.echo(json.dumps(rows, indent=2))


@app.command()
def start(names: Names = None, directory: Directory = DEFAULT_DIRECTORY) -> None:
    """Start what does not run; print pids and addresses as JSON."""
    servers = _servers(directory, names)
    try:
        for server in servers.values():
            server.start()
    except ServiceError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
    _show(servers)


@app.command()
def status(names: Names = None, directory: Directory = DEFAULT_DIRECTORY) -> None:
    """Print pids (null where one does not run) and addresses as JSON."""
    _show(_servers(directory, names))


@app.command()
def kill(names: Names = None, directory: Directory = DEFAULT_DIRECTORY) -> None:
    """End them as a power cut would."""
    for server in _servers(directory, names).values():
        server.kill()


@app.command()
def stop(names: Names = None, directory: Directory = DEFAULT_DIRECTORY) -> None:
    """End them in good order; data stays."""
    for server in _servers(directory, names).values():
        server.stop()


@app.command()
def wipe(directory: Directory = DEFAULT_DIRECTORY) -> None:
    """Stop all and delete what they hold."""
    for server in _servers(directory, None).values():
        server.wipe()
