"""A pool's chain with something on every page, followed into a database and served with the explorer."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from indexer import database
from indexer.api import Settings, create_app
from indexer.api.serve import beside
from indexer.follow import Follower
from indexer.importers.finra import import_file
from indexer.liquidity.stream import Stream
from offchain.chain import Chain
from offchain.notes import Side, Terms
from tests.world import CONFIRMATIONS, World

REFERENCE = 500
DEFERRAL = 20
ATS = """MPID,weekStartDate,shares
UBSA,2020-05-18,36010782
INCR,2020-05-18,32840643
UBSA,2020-05-25,30110001
INCR,2020-05-25,33003300
"""


@dataclass
class Scene:
    """`printed` and `sealed` settled, the one with its print and the other before it; `failed`; one `under_way`."""

    world: World
    printed: int
    sealed: int
    failed: int
    under_way: int


def play(world: World) -> Scene:
    """An epoch that prints, one that fails, one that settles, and one with an order in it."""
    for name, symbol in (("ash", "USD"), ("birch", "BTC"), ("cedar", "USD")):
        world.wallet(name).deposit(world.asset(symbol), 10**6)
    world.advance_tree()
    printed = _settled(world, ("ash", Side.BUY, 6, 520), ("cedar", Side.BUY, 4, 500), ("birch", Side.SELL, 7, 480))
    world.advance_tree()
    world.mine(DEFERRAL)
    world.ledger.sync()
    world.leader.print(0, printed)
    failed = _revealed(world, ("cedar", Side.BUY, 2, 500))
    world.go_to(world.market.windows(failed).deadline)
    world.chain.send(world.accounts["stranger"], world.chain.contract("Market").functions.fail(0, failed))
    world.confirm()
    sealed = _settled(world, ("ash", Side.BUY, 5, 510), ("birch", Side.SELL, 3, 490))
    world.advance_tree()
    under_way = world.open_epoch()
    _commit(world, under_way, "ash", Side.BUY, 1, 500)
    world.confirm()
    return Scene(world, printed, sealed, failed, under_way)


def _settled(world: World, *orders: tuple) -> int:
    epoch = _revealed(world, *orders)
    world.settle(0, epoch)
    world.confirm()
    return epoch


def _revealed(world: World, *orders: tuple) -> int:
    epoch = world.open_epoch()
    placed = [(name, _commit(world, epoch, name, *terms)) for name, *terms in orders]
    world.go_to(world.market.windows(epoch).reveal + CONFIRMATIONS)
    for name, order in placed:
        world.wallet(name).reveal(order, carrier=world.accounts["carrier"])
    return epoch


def _commit(world: World, epoch: int, name: str, side: Side, quantity: int, price: int):
    terms, credential = Terms(side, quantity, price), world.traders[name].credential
    return world.wallet(name).commit(0, epoch, terms, credential, carrier=world.accounts["carrier"])


@contextmanager
def served(world: World, url: str, folder: Path) -> Iterator[str]:
    """The explorer's address, while a follower keeps what it shows in step with the chain."""
    engine = database.open(f"sqlite:///{folder}/index.sqlite")
    (folder / "ats.csv").write_text(ATS)
    import_file(engine, folder / "ats.csv")
    follower, windows = Follower(engine, Chain(url, world.deployment, poll_seconds=0.01)), Stream(engine)
    follower.sync()
    follower.finish()
    windows.run()
    stop, failures = threading.Event(), []
    following = threading.Thread(target=_follow, args=(follower, windows, stop, failures))
    following.start()
    try:
        settings = Settings(rpc=url, key_file=folder / "token.key")
        with beside(create_app(engine, world.deployment, settings), port=0) as address:
            yield address
    finally:
        stop.set()
        following.join()
        follower.close()
        engine.dispose()
    assert not failures, failures


def _follow(follower: Follower, windows: Stream, stop: threading.Event, failures: list[Exception]) -> None:
    while not stop.wait(0.2):
        try:
            follower.sync()
            windows.run()
        except Exception as error:
            failures.append(error)
            return
