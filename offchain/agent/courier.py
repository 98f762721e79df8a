"""Gets calls into blocks: each is given to carriers in turn until the ledger shows that it landed.

A carrier is one of one's own accounts (its outbox) or a carrier's service. Calls are written down before
(`book.Parcel`), and a carrier that is asked twice sends once; so a death loses nothing and repeats nothing.
Whether a call landed, the ledger alone says; what carriers say only tells whether to ask another one.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import replace
from typing import Protocol

import structlog

from offchain.agent.book import Book, Parcel
from offchain.calls import Call
from offchain.carrier import CarrierClient, CarrierError
from offchain.chain import Chain, ChainError, Reverted
from offchain.outbox import Outbox
from offchain.store import Busy

PATIENCE = 3
"""Blocks that a carrier has before the next one is asked as well."""

URGENT = 6
"""Blocks before a call's end from which every carrier is asked."""

REFUSALS = 20
"""Rounds in which nobody would send what somebody was given once, before it is made anew; or in which the one carrier
whom a call pays does not answer."""

HANDS = 8
log = structlog.get_logger()


class Route(Protocol):
    """Somebody who sends calls. `name` is an address, of an account or a service."""

    name: str

    def give(self, key: str, call: Call) -> str | None:
        """Have it sent, once however often it is given; the transaction's hash if there is one yet.

        Reverted if it would fail, and ChainError if the carrier cannot be reached or will not.
        """


class AccountRoute:
    """One's own account."""

    def __init__(self, outbox: Outbox):
        self.outbox, self.name = outbox, outbox.account.address

    def give(self, key: str, call: Call) -> str | None:
        return self.outbox.post(key, call).hashes.split()[-1].removeprefix("-")


class ServiceRoute:
    """A carrier's service at `url`, which need not answer now."""

    def __init__(self, chain: Chain, url: str):
        self.chain, self.name = chain, url
        self._client: CarrierClient | None = None

    def give(self, key: str, call: Call) -> str | None:
        return self.client().hand(self.chain, call)

    def client(self) -> CarrierClient:
        """CarrierError while it does not answer."""
        if self._client is None:
            self._client = CarrierClient(self.name, self.chain.deployment)
        return self._client


class Courier:
    """`landed(parcel)` asks the ledger: True, False, or None if another call has taken what this one needs.

    `own` is the account that deposits: it sends only what names it.
    """

    def __init__(
        self,
        chain: Chain,
        book: Book,
        routes: list[Route],
        landed: Callable[[Parcel], bool | None],
        own: AccountRoute | None = None,
    ):
        self.chain, self.book, self.routes, self.landed, self.own = chain, book, routes, landed, own
        self._at_work: dict[str, Future] = {}
        self._pool = ThreadPoolExecutor(HANDS, thread_name_prefix="courier")

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def wait(self) -> None:
        """Until nothing is being given; for tests and a graceful end."""
        wait_for(list(self._at_work.values()))

    def settle(self, block: int) -> None:
        """End the parcels that landed or never can, with the ledger at `block`."""
        with self.book.lock:    # hands write to parcels meanwhile
            for parcel in list(self.book.parcels.values()):
                if (end := self._end(parcel, block)) is not None:
                    self.book.write(end)

    def round(self, head: int) -> None:
        """Follow the accounts' outboxes, and give every open parcel to whoever is next."""
        for route in self._all():
            if isinstance(route, AccountRoute):
                self._pump(route, head)
        for parcel in list(self.book.parcels.values()):
            self.start(parcel, head)

    def start(self, parcel: Parcel, head: int) -> None:
        """Give it to whoever is next, on a thread."""
        running = self._at_work.get(parcel.key)
        if running is None or running.done():
            self._at_work[parcel.key] = self._pool.submit(self._attend, parcel.key, head)

    # --- Inside ---

    def _pump(self, route: AccountRoute, head: int) -> None:
        try:
            route.outbox.pump(head)
        except Busy:
            raise
        except Exception as error:      # one outbox that cannot be followed keeps nobody else from being served
            log.warning("outbox not followed", error=type(error).__name__)

    def _end(self, parcel: Parcel, block: int) -> Parcel | None:
        """The parcel as it ended, None while it may still land."""
        landed = self.landed(parcel)
        if landed:
            return replace(parcel, state="landed")
        if landed is None:
            return replace(parcel, state="lost", reason="another transaction has used what it needs")
        if parcel.expires is not None and block >= parcel.expires:
            return replace(parcel, state="lost", reason=parcel.reason or "no block took it in its window")
        return None

    def _attend(self, key: str, head: int) -> None:
        """What one parcel needs at block `head`: nothing while a block holds it, else a carrier."""
        try:
            parcel = self.book.parcels.get(key)
            if parcel is None or self._included(parcel, head):
                return
            call = self.book.call(parcel)
            routes = self._able(parcel)
            if parcel.given is not None and head - parcel.given >= PATIENCE:
                parcel = replace(parcel, turn=parcel.turn + 1, given=None)
            urgent = parcel.expires is not None and head >= parcel.expires - URGENT
            for _ in range(len(routes)):
                parcel = self._give(parcel, call, routes[parcel.turn % len(routes)], head)
                if parcel.given is not None and not urgent:
                    break
                parcel = replace(parcel, turn=parcel.turn + 1)
            self._keep(parcel, len(routes))
        except Exception as error:      # the database or the node: the next round comes here again
            log.warning("parcel not given", step=key.split(":")[0], error=type(error).__name__)

    def _give(self, parcel: Parcel, call: Call, route: Route, head: int) -> Parcel:
        try:
            tx = route.give(parcel.key, call)
        except Reverted as error:
            weight = 1 if parcel.had else REFUSALS
            return replace(parcel, refusals=parcel.refusals + weight, reason=error.reason, given=None)
        except ChainError as error:
            blame = str(error) if isinstance(error, CarrierError) else f"{route.name}: {error}"
            weight = 1 if parcel.only else 0    # others could not be asked
            return replace(parcel, refusals=parcel.refusals + weight, reason=blame, given=None)
        except Exception as error:      # of the node, the database, or an answer that nobody foresaw: the next is asked
            return replace(parcel, reason=f"{route.name}: {type(error).__name__}", given=None)
        given = head if parcel.given is None else parcel.given
        return replace(parcel, refusals=0, reason=None, had=True, given=given, tx=tx)

    def _keep(self, parcel: Parcel, routes: int) -> None:
        """A reveal is given until its window ends, whatever is said; the rest ends once all have refused it: at once
        where nobody had it before, else in `REFUSALS` rounds."""
        if parcel.refusals >= routes * REFUSALS and parcel.kind != "reveal":
            parcel = replace(parcel, state="refused")
        with self.book.lock:
            if parcel.key in self.book.parcels and self.book.parcels[parcel.key] != parcel:
                self.book.write(parcel)

    def _included(self, parcel: Parcel, head: int) -> bool:
        """Whether a block holds it now; the ledger, which is some blocks behind, will say the same."""
        if parcel.tx is None:
            return False
        found = self.chain.inclusions([parcel.tx]).get(parcel.tx)
        if found is None or not found.ok:
            return False
        if parcel.block != found.block:
            with self.book.lock:
                if parcel.key in self.book.parcels:
                    self.book.write(replace(parcel, block=found.block))
        # Long in a block and still not in the ledger: another branch, or not what the carrier said.
        return head - found.block <= self.chain.confirmations + PATIENCE

    def _all(self) -> list[Route]:
        return self.routes if self.own is None or self.own in self.routes else [*self.routes, self.own]

    def _able(self, parcel: Parcel) -> list[Route]:
        found = [route for route in self._all() if parcel.only == route.name] if parcel.only else self.routes
        if not found:
            raise CarrierError(f"the carrier {parcel.only} is not configured any more")
        return found
