"""A pool's chain in which everything happened that the indexer tells apart, and databases to follow it into."""

import secrets
from types import SimpleNamespace

import psycopg
import pytest
from sqlalchemy.engine import make_url

from indexer import database
from offchain.chain import Chain
from offchain.notes import Side, Terms
from scripts import services
from tests.world import CONFIRMATIONS, anvil, build_world

REFERENCE = 500


@pytest.fixture(scope="session")
def story(tmp_path_factory):
    """A world after an epoch that settled and one that failed; `world` may act on, and be reverted."""
    with anvil() as url:
        world = build_world(url, tmp_path_factory.mktemp("world"), price=REFERENCE)
        yield SimpleNamespace(world=world, url=url, **play(world))


def play(world) -> dict:
    """Deposits, an epoch with a cancelled and an unrevealed order that settles and prints, one that fails."""
    world.fund("ash", USD=10**8, BTC=10**6)
    world.fund("birch", BTC=10**6)
    world.fund("cedar", USD=10**8)
    epoch = world.open_epoch()
    buy, sell = order(world, "ash", epoch, Side.BUY), order(world, "birch", epoch, Side.SELL)
    silent = order(world, "cedar", epoch, Side.BUY)
    world.advance_tree()
    world.wallet("cedar").reclaim(silent, carrier=world.accounts["carrier"])
    world.advance_tree()
    silent = order(world, "cedar", epoch, Side.BUY)
    reveal(world, epoch, buy, sell)
    world.settle(0, epoch)
    world.confirm()
    world.advance_tree()
    world.wallet("cedar").reclaim(silent, carrier=world.accounts["carrier"])
    world.mine(world.market.deferral)
    world.ledger.sync()
    world.leader.print(0, epoch)
    world.advance_tree()
    failed = world.open_epoch()
    lost = order(world, "ash", failed, Side.BUY)
    reveal(world, failed, lost)
    world.go_to(world.market.windows(failed).deadline)
    world.chain.send(world.accounts["stranger"], world.chain.contract("Market").functions.fail(0, failed))
    world.confirm()
    world.wallet("ash").reclaim(lost, carrier=world.accounts["carrier"])
    ash = world.traders["ash"]
    world.advance_tree()
    ash.wallet.withdraw(world.asset("USD"), 1_000, ash.account.address, carrier=world.accounts["carrier"])
    world.confirm()
    return {"settled": epoch, "failed": failed}


def order(world, name: str, epoch: int, side: Side):
    credential = world.traders[name].credential
    return world.wallet(name).commit(0, epoch, Terms(side, 4, REFERENCE), credential, carrier=world.accounts["carrier"])


def reveal(world, epoch: int, *placed) -> None:
    """Reveal orders, each of the trader who can."""
    world.go_to(world.market.windows(epoch).reveal + CONFIRMATIONS)
    for one in placed:
        [owner] = [t for t in world.traders.values() if t.key.owner == one.order.owner]
        owner.wallet.reveal(one, carrier=world.accounts["carrier"])


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    """A private Postgres server, empty but for what tests make."""
    with services.postgres(tmp_path_factory.mktemp("pg") / "s") as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
def urls(request, tmp_path):
    """Gives URLs of empty databases, one for each call; they end with the test."""
    made = []

    def sqlite() -> str:
        made.append(f"sqlite:///{tmp_path}/{len(made)}.sqlite")
        return made[-1]

    if request.param == "sqlite":
        yield sqlite
        return

    def postgres() -> str:
        made.append(new_database(server))
        return made[-1]

    server = request.getfixturevalue("postgres")
    yield postgres
    for url in made:
        _execute(server, f"DROP DATABASE {make_url(url).database} WITH (FORCE)")


def new_database(server) -> str:
    name = f"t{secrets.token_hex(8)}"
    _execute(server, f"CREATE DATABASE {name}")
    return server.url.replace("/postgres?", f"/{name}?")


def _execute(server, statement: str) -> None:
    with psycopg.connect(server.conninfo, autocommit=True) as connection:
        connection.execute(statement)


@pytest.fixture
def engines(urls):
    """Opens empty databases, and closes them."""
    made = []

    def make(url: str | None = None):
        made.append(database.open(url or urls()))
        return made[-1]

    yield make
    for engine in made:
        engine.dispose()


ROOM = 60
"""Blocks above the story, so that what a test undoes is never of it. (An anvil that reorganised cannot go back to
a snapshot from before.)"""


def new_branch(story) -> Chain:
    """A client of the story's chain with no memory of nonces, ROOM blocks later."""
    story.world.mine(ROOM)
    return Chain(story.url, story.world.deployment, poll_seconds=0.01)
