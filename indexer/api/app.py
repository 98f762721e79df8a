"""The API as one application: reads of the tables, streams of them, the explorer's files."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from sqlalchemy import Engine

from indexer.api import artifacts, graph, liquidity, markets, problems, registries, roles, static, status, stream, streams, transactions
from indexer.api.journal import RecentLog
from indexer.api.limits import Limited
from indexer.api.settings import Settings
from indexer.api.tokens import Signer, load_key
from indexer.api.view import Source
from offchain.deployment import Deployment
from offchain.limits import Buckets

VERSION = "1.0.0"
ABOUT = (
    "Shadowpool's chain, indexed and held to its contracts. Reads need no token, and tell what the chain tells "
    "everyone: no order's terms, no depth, price and volume after the print alone."
)


def create_app(engine: Engine, deployment: Deployment, settings: Settings = Settings()) -> FastAPI:
    """The API over the database that an indexer of this deployment fills, or filled.

    Without `settings.rpc` what only the node knows (/v1/contracts, /v1/relayers/parameters) is refused.
    """
    source = Source(engine, deployment, settings)
    hub = stream.Hub(source)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with hub.running():
            yield

    app = FastAPI(title="Shadowpool indexer", version=VERSION, description=ABOUT, lifespan=lifespan, docs_url=None, redoc_url=None)    # FastAPI's pages load scripts from elsewhere
    app.state.source, app.state.hub = source, hub
    app.state.signer, app.state.log = Signer(load_key(settings.key_file), settings.token_seconds), settings.log or RecentLog()
    problems.install(app)
    for module in (status, markets, transactions, registries, liquidity, streams, roles, stream):
        app.include_router(module.router)
    app.include_router(artifacts.deployed)
    app.include_router(graph.router())
    app.include_router(artifacts.router)
    app.include_router(static.router)
    app.add_middleware(Limited, buckets=Buckets(settings.burst, settings.reads_per_s))
    return app
