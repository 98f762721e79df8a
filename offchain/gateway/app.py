"""The gateway as one application over one desk."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from threading import Event, Thread

import structlog
from fastapi import APIRouter, FastAPI
from sqlalchemy import Engine
from starlette.middleware.cors import CORSMiddleware

from offchain.agent.desk import Desk
from offchain.gateway import admin, problems, routes, stream
from offchain.gateway.auth import Gate
from offchain.gateway.controls import Controls
from offchain.gateway.guard import Guard
from offchain.gateway.keys import Keys
from offchain.gateway.settings import Settings
from offchain.gateway.stream import Hub
from offchain.gateway.webhooks import Webhooks

log = structlog.get_logger()

VERSION = "1.0.0"
ABOUT = (
    "Orders, fills, balances and controls of one agent. Every request needs a key that the agent made; amounts, prices "
    "and quantities are strings of decimal digits."
)
METHODS = ("GET", "POST", "PUT", "DELETE")
POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Gateway:
    """What the routes work on."""

    desk: Desk
    settings: Settings
    controls: Controls
    gate: Gate
    webhooks: Webhooks
    hub: Hub


def create(
    desk: Desk, settings: Settings, engine: Engine, routers: Iterable[APIRouter] = (), controls: Controls | None = None
) -> FastAPI:
    """The gateway of `desk`, whose keys, controls and webhooks `engine` keeps, with the routes of `routers` beside.

    The desk's pre-trade checks hold from here on, if `controls` are not given, which hold already.
    """
    controls = controls or Controls(desk, engine)
    gateway = Gateway(desk, settings, controls, Gate(Keys(engine)), Webhooks(desk, engine, settings), Hub())

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        gateway.hub.open()
        gateway.webhooks.start()
        stop = Event()
        following = Thread(target=_follow, args=(gateway, stop), name="gateway", daemon=True)
        following.start()
        try:
            yield
        finally:
            stop.set()
            following.join()
            gateway.webhooks.stop()

    app = FastAPI(
        title="Shadowpool agent", version=VERSION, description=ABOUT, lifespan=lifespan, docs_url=None, redoc_url=None
    )
    app.state.gateway = gateway
    problems.install(app)
    for router in (routes.router, admin.router, stream.router, *routers):
        app.include_router(router)
    app.add_middleware(Guard, hosts=settings.hosts)
    app.add_middleware(
        CORSMiddleware, allow_origins=sorted(settings.origins), allow_methods=METHODS,
        allow_headers=("Authorization", "Content-Type"), expose_headers=("Retry-After",), allow_private_network=True,
    )  # fmt: skip
    return app


def _follow(gateway: Gateway, stop: Event) -> None:
    """Wait for the desk's events, take them in, and tell those who hand them on."""
    while not stop.is_set():
        try:
            new = gateway.desk.wait_events(gateway.controls.book.followed, POLL_SECONDS)
            last = gateway.controls.book.catch_up() if new else gateway.controls.book.followed
        except Exception as error:  # noqa: BLE001 - events are durable: nothing is missed by trying again
            log.warning("gateway", error=type(error).__name__)
            stop.wait(POLL_SECONDS)
            continue
        if last > gateway.hub.last:
            gateway.hub.told(last)
            gateway.webhooks.told(last)
