"""Steady orders: in every epoch a few traders commit, and later reveal, through the carrier.

Whatever fails is tried again as long as it may help, and otherwise let go: what became of an order
is read from the chain with its owner's key, never remembered here.
"""

import threading
import time
from collections.abc import Callable

from offchain.admission import Refused
from offchain.carrier import CarrierClient
from offchain.chain import ChainError
from offchain.coins import InsufficientFunds
from offchain.holdings import PlacedOrder
from offchain.notes import Side, Terms
from offchain.prover import ProverError
from scripts.demo.world import Institution, World
from scripts.venue.world import PRICE

AGAIN_SECONDS = 1.0
SIDES = (Side.BUY, Side.SELL)
EXPECTED = (ChainError, Refused, InsufficientFunds, ProverError)


class Flow:
    """Orders of one market, `orders` an epoch, from `start` until `stop`, or until `epochs` epochs have any."""

    def __init__(self, world: World, carrier_url: str, epochs: int | None = None, orders: int = 2):
        self.world, self.epochs, self.orders = world, epochs, orders
        self._url = carrier_url
        self._ending = threading.Event()
        self._threads: list[threading.Thread] = []
        self._traded: set[int] = set()

    def start(self) -> None:
        self._begin(self._follow)

    def stop(self) -> None:
        """No more commits; returns when what was committed is revealed."""
        self._ending.set()
        for thread in self._threads:
            thread.join()

    def _begin(self, target: Callable, *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _follow(self) -> None:
        """Begin every epoch's trading when its window opens."""
        market, done = self.world.ledger.markets[self.world.market], -1
        while not self._ending.wait(AGAIN_SECONDS / 4):
            head = self._head()
            if head is None or head + 1 < market.start_block:
                continue
            epoch = market.epoch_at(head + 1)
            if epoch > done and len(self._traded) == self.epochs:
                return
            if epoch > done:
                done = epoch
                self._begin(self._trade, epoch)

    def _trade(self, epoch: int) -> None:
        """One epoch's orders, one after the other, then their reveals."""
        names = list(self.world.institutions)
        windows = self.world.ledger.markets[self.world.market].windows(epoch)
        placed = []
        for number in range(self.orders):
            who = self.world.institutions[names[(self.orders * epoch + number) % len(names)]]
            order = self._until(windows.freeze, lambda: self._commit(who, epoch, number))
            if order is not None:
                placed.append((who, order))
                self._traded.add(epoch)
        for who, order in placed:
            self._until(windows.settle, lambda: self._reveal(who, order))

    def _until(self, block: int, action: Callable[[], PlacedOrder | None]) -> PlacedOrder | None:
        """What `action` gives, tried again until the head is past `block`."""
        while (head := self._head()) is None or head + 1 < block:
            try:
                if head is not None and (done := action()) is not None:
                    return done
            except EXPECTED:
                pass
            time.sleep(AGAIN_SECONDS)
        return None

    def _commit(self, who: Institution, epoch: int, number: int) -> PlacedOrder:
        side = SIDES[number % 2]
        terms = Terms(side, 10 + (epoch + number) % 7, PRICE + (500 if side == Side.BUY else -500))
        return who.wallet.commit(self.world.market, epoch, terms, who.credential, carrier=self._carrier())

    def _reveal(self, who: Institution, order: PlacedOrder) -> PlacedOrder | None:
        with self.world.ledger.lock:
            self.world.ledger.sync()
            record = self.world.ledger.orders.get(order.quota_nullifier)
        if record is None or record.reveal:
            return order if record else None
        who.wallet.reveal(order, carrier=self._carrier())
        return order

    def _carrier(self) -> CarrierClient:
        return CarrierClient(self._url, self.world.chain.deployment, patience=60)

    def _head(self) -> int | None:
        try:
            return self.world.chain.head()
        except ChainError:
            return None
