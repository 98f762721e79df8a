"""After the demonstration: its chain indexed, every proof verified again, and the explorer over both."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from indexer import database
from indexer.api import Settings, create_app
from indexer.api.serve import PORT, beside
from indexer.follow import Follower
from indexer.liquidity.stream import Stream
from indexer.live import follow
from offchain import keystore
from scripts.demo.world import World
from scripts.network.plan import port_is_free


@dataclass(frozen=True)
class Explorer:
    """The explorer at `address`, over the database that `follower` keeps."""

    address: str
    follower: Follower

    def serve(self, world: World, websocket: str) -> None:
        """Follow the chain, which pushes its blocks at `websocket`, until interrupted.

        The auditor's key is put on disk, for the page that opens settled epochs with it.
        """
        key, password = world.folder / "auditor.json", world.folder / "password"
        keystore.save(key, keystore.Kind.ENCRYPTION, world.auditor.scalar, world.password)
        password.touch(0o600)
        password.write_text(world.password)
        world.say.line(f"its Auditor page opens settled epochs with {key}, whose passphrase is in {password}")
        follow(self.follower, websocket, world.say.line, after=Stream(self.follower.engine).run)


@contextmanager
def explorer(world: World, folder: Path) -> Iterator[Explorer]:
    """Index the run into `folder` and serve it for as long as the context lasts.

    Raises Diverged where the chain does not fit together, or a proof does not verify again.
    """
    folder.mkdir()
    engine = database.open(f"sqlite:///{folder / 'index.sqlite'}")
    try:
        with closing(Follower(engine, world.chain)) as follower:
            _index(world, engine, follower)
            app = create_app(engine, world.chain.deployment, Settings(rpc=world.chain.rpc_url, key_file=folder / "token.key"))
            with beside(app, port=PORT if port_is_free(PORT) else 0) as address:
                yield Explorer(address, follower)
    finally:
        engine.dispose()


def _index(world: World, engine: Engine, follower: Follower) -> None:
    with world.report.timed("index", "every event, root and proof"):
        follower.sync()
        follower.finish()
        epochs = follower.confirm()
        Stream(engine).run()
    world.say.line(f"indexed up to block {follower.block}: every proof verified again, {epochs} epochs as the contracts hold them")

