"""`shadowpool indexer`: the chain in a database, held to the contracts and proven again."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Annotated

import typer
from fastapi import FastAPI
from sqlalchemy import Engine, func, select
from sqlalchemy.engine import make_url

from indexer import database, models
from indexer.access_log import AccessLog
from indexer.api import Settings, create_app
from indexer.api.journal import LastingLog
from indexer.api.serve import HOST, PORT, beside, server
from indexer.follow import DEPTH, SPAN, Follower
from indexer.liquidity.stream import Stream
from indexer.live import follow, websocket_url
from scripts.cli import liquidity
from scripts.cli.common import AsJson, IndexDatabase, session, show

app = typer.Typer(no_args_is_help=True, help="Follow the chain into a database.")
app.add_typer(liquidity.app)

Depth = Annotated[int, typer.Option(min=1, help="How many blocks a reorganisation may undo; a deeper one stops it.")]
Span = Annotated[int, typer.Option(min=1, help="Blocks that one transaction of the database takes in.")]
Host = Annotated[str, typer.Option(help="Where the API listens.")]
Compliance = Annotated[list[str] | None, typer.Option(help="An address of the compliance office; may be given again.")]
Rate = Annotated[float, typer.Option(min=1, help="Requests a second that one client may make.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Its port; 0 for any free one.")]


def _api(engine: Engine, rate: float, compliance: list[str]) -> FastAPI:
    settings = Settings(rpc=session().rpc, reads_per_s=rate, log=LastingLog(AccessLog()), compliance=frozenset(compliance))
    return create_app(engine, session().deployment, settings)


@contextmanager
def _follower(url: str, depth: int, span: int = SPAN) -> Iterator[Follower]:
    engine = database.open(url)
    try:
        follower = Follower(engine, session().chain, depth, span=span)
        try:
            yield follower
        finally:
            follower.close()
    finally:
        engine.dispose()


@app.command()
def run(
    database_url: IndexDatabase = database.DEFAULT_URL,
    depth: Depth = DEPTH,
    span: Span = SPAN,
    websocket: Annotated[str | None, typer.Option(help="The node's WebSocket; by default at --rpc. Empty: only ask.")] = None,
    once: Annotated[bool, typer.Option("--once", help="End at the chain's head, with every proof verified.")] = False,
    serve_too: Annotated[bool, typer.Option("--serve", help="Serve the API and the explorer as well.")] = False,
    host: Host = HOST,
    port: Port = PORT,
    rate: Rate = Settings.reads_per_s,
    compliance: Compliance = None,
) -> None:
    """Take in what is missing, then every new block; until interrupted, or something does not fit."""
    with _follower(database_url, depth, span) as follower:
        place = make_url(database_url).render_as_string()
        _say(f"the tables are in {place}")
        url = websocket_url(session().rpc) if websocket is None else websocket or None
        with beside(_api(follower.engine, rate, compliance or []), host, port) if serve_too else nullcontext() as address:
            if address:
                _say(f"the explorer is at {address}")
            follow(follower, url, _say, once, Stream(follower.engine).run)


@app.command()
def serve(
    database_url: IndexDatabase = database.DEFAULT_URL,
    host: Host = HOST,
    port: Port = PORT,
    rate: Rate = Settings.reads_per_s,
    compliance: Compliance = None,
) -> None:
    """Serve the API and the explorer over a database that `run` fills, here or elsewhere; until interrupted."""
    engine = database.open(database_url)
    try:
        _say(f"the API and the explorer are at http://{host}:{port}")
        server(_api(engine, rate, compliance or []), host, port).run()
    finally:
        engine.dispose()


def _say(text: str) -> None:
    typer.echo(f"{time.strftime('%H:%M:%S')} indexer: {text}", err=True)


@app.command()
def status(database_url: IndexDatabase = database.DEFAULT_URL, as_json: AsJson = False) -> None:
    """How far the database is, and whether it fits."""
    engine = database.open(database_url)
    with engine.connect() as connection:
        row = connection.execute(select(models.Sync.__table__)).mappings().first()
        counts = {
            model.__tablename__: connection.execute(select(func.count()).select_from(model.__table__)).scalar_one()
            for model in (models.Event, models.Epoch, models.Order, models.Settlement, models.Note)
        }
        proofs = models.Proof.__table__.c.status
        found = dict(connection.execute(select(proofs, func.count()).group_by(proofs)).all())
    engine.dispose()
    facts = {} if row is None else {name: row[name] for name in ("chain_id", "pool", "state", "block", "head", "compared", "reason")}
    show(facts | counts | {f"proofs {state.value}": found.get(state, 0) for state in models.ProofStatus}, as_json)


@app.command()
def check(database_url: IndexDatabase = database.DEFAULT_URL, depth: Depth = DEPTH, as_json: AsJson = False) -> None:
    """Come to the chain's head, verify every proof, hold all epochs to the contracts; print the tables' digest."""
    with _follower(database_url, depth) as follower:
        follower.sync()
        follower.finish()
        epochs = follower.confirm()
        with follower.engine.connect() as connection:
            digest = database.digest(connection)
        show({"block": follower.block, "epochs compared": epochs, "sha256 of the tables": digest}, as_json)
