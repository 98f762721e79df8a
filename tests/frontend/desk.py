"""One institution's way through the web app, as steps for `frontend/e2e/desk.mjs`, and what the chain does meanwhile."""

from dataclasses import dataclass, field
from pathlib import Path

from offchain.issuer import Issued
from offchain.notes import Side, Terms
from tests.world import CONFIRMATIONS, World

WEB_DEPTH = 5
"""How many blocks the web app's wallet stays behind the head."""

PASSPHRASE = "a passphrase for one test"
BUYS = Terms(Side.BUY, 6, 520)
SELLS = Terms(Side.SELL, 4, 480)


@dataclass
class Chain:
    """What moves the chain when the walk asks for it, by name."""

    world: World
    settled: list[int] = field(default_factory=list)

    def confirm(self) -> None:
        self.world.mine(WEB_DEPTH)
        self.world.ledger.sync()

    def advance(self) -> None:
        self.world.advance_tree()
        self.confirm()

    def open(self) -> None:
        """Into the next commit window, with blocks to spare."""
        self.world.open_epoch()
        self.world.ledger.sync()

    def meet(self) -> None:
        """Another institution takes the other side of the epoch that is open; then the reveal window."""
        world, epoch = self.world, self.epoch
        carrier, trader = world.accounts["carrier"], world.traders["birch"]
        placed = world.wallet("birch").commit(0, epoch, SELLS, trader.credential, carrier=carrier)
        world.go_to(world.market.windows(epoch).reveal + CONFIRMATIONS)
        world.wallet("birch").reveal(placed, carrier=carrier)
        self.confirm()

    def settle(self) -> None:
        epoch = self.epoch_in_reveal
        self.world.settle(0, epoch)
        self.settled.append(epoch)
        self.advance()

    @property
    def epoch(self) -> int:
        return self.world.market.epoch_at(self.world.chain.head() + 1)

    @property
    def epoch_in_reveal(self) -> int:
        """The last epoch with a reveal."""
        return max(epoch for (_, epoch), record in self.world.ledger.epochs.items() if record.reveals)


def issue(issued: Issued, folder: Path) -> Path:
    path = folder / "credential.json"
    issued.save(path)
    return path
