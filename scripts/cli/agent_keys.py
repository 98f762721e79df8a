"""`shadowpool agent key` and `shadowpool agent decisions`: who may ask an agent's gateway, and what was decided there.

Both work on the agent's database, whether it runs or not; docs/gateway.md says what they mean.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Engine

from offchain.agent.config import AgentConfig
from offchain.gateway.decisions import Decisions
from offchain.gateway.keys import BURST, PER_SECOND, Keys, Scope
from offchain.gateway.tables import prepare
from offchain.hashchain import START
from offchain.store import Store
from scripts.cli.common import AsJson, show

app = typer.Typer(no_args_is_help=True, help="Keys of the gateway's API: each has a name, scopes and a rate.")
decisions = typer.Typer(no_args_is_help=True, help="The log of decisions, in which each row holds those before it.")

Config = Annotated[Path, typer.Option("--config", envvar="SHADOWPOOL_AGENT_CONFIG", help="The agent's settings, as TOML.")]
Name = Annotated[str, typer.Argument(help="Whom it is for; orders and decisions name it.")]


@app.command()
def new(
    config: Config,
    name: Annotated[str, typer.Option(help="Whom it is for; orders and decisions name it, and it is never given again.")],
    scopes: Annotated[str, typer.Option(help=f"Of {', '.join(Scope)}; commas between.")] = Scope.READ,
    per_second: Annotated[float, typer.Option(help="Requests a second, on average.")] = PER_SECOND,
    burst: Annotated[int, typer.Option(help="Requests at once.")] = BURST,
    days: Annotated[int | None, typer.Option(help="Days until it ends; else it holds until it is revoked.")] = None,
    as_json: AsJson = False,
) -> None:
    """Make a key, and show it this once."""
    with _database(config) as engine:
        token = Keys(engine).new(name, scopes.split(","), per_second, burst, days)
    show({"name": name, "scopes": scopes, "key": token}, as_json)


@app.command("list")
def list_(config: Config, as_json: AsJson = False) -> None:
    """Every key that there ever was, without the keys themselves."""
    with _database(config) as engine:
        rows = Keys(engine).all()
    columns = ("name", "scopes", "per_second", "burst")
    times = ("created", "expires", "revoked")
    show([{name: getattr(row, name) for name in columns} | {name: _time(getattr(row, name)) for name in times} for row in rows], as_json)


@app.command()
def revoke(config: Config, name: Name, as_json: AsJson = False) -> None:
    """End a key, for ever; a running agent's streams under it end too."""
    with _database(config) as engine:
        Keys(engine).revoke(name)
    show({"revoked": name}, as_json)


@decisions.command()
def verify(
    config: Config,
    kept: Annotated[str, typer.Option(help="COUNT:LINK as printed before, and kept elsewhere.")] = f"0:{START}",
    as_json: AsJson = False,
) -> None:
    """Hold every row to those before it. Keep the count and the link elsewhere: rows cut off the end show by them alone."""
    found = re.fullmatch("([0-9]{1,18}):([0-9a-f]{64})", kept)
    if found is None:
        raise typer.BadParameter("write COUNT:LINK, as `decisions verify` printed them")
    with _database(config) as engine:
        count, link = Decisions(engine).verify((int(found[1]), found[2]))
    show({"decisions": count, "link": link}, as_json)


@contextmanager
def _database(config: Path) -> Iterator[Engine]:
    """The agent's database, with the gateway's tables; a file of its own is its owner's alone to read."""
    before = os.umask(0o077)
    try:
        store = Store.open(AgentConfig.load(config).store)
    finally:
        os.umask(before)
    try:
        prepare(store.engine)
        yield store.engine
    finally:
        store.close()


def _time(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds // 1_000, UTC).isoformat()
