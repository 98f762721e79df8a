"""Gets calls into blocks: each is given to carriers in turn until the ledger shows that it landed.

A carrier is one of one's own accounts (its outbox) or a carrier's service. Calls are written down before
(`book.Parcel`), and a carrier that is asked twice sends once; so a death loses nothing and repeats nothing.
Whether a call landed, the ledger alone says; what carriers say only tells whether to ask another one.
"""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from offchain.agent.book import Book, Parcel
from offchain.calls import Call
from offchain.carrier import CarrierClient, CarrierError
from offchain.chain import Chain, ChainError, Inclusion, Reverted
from offchain.outbox import Outbox
from offchain.store import Busy, StoreError

PATIENCE = 3
"""Blocks that a carrier has, whether it answers or not, before the next one is asked as well."""

URGENT = 6
"""Blocks before a call's end from which every carrier is asked at once."""

REFUSALS = 20
"""Rounds in which nobody would send what somebody was given once, before it is made anew; or in which the one carrier
whom a call pays, or is to pay, does not answer."""

HANDS = 8
"""Calls of a kind that one carrier is given at a time."""

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

    def client(self, anew: bool = False) -> CarrierClient:
        """With its account and fees as it last told them, or now: `anew`. CarrierError while it does not answer."""
        if self._client is None:
            self._client = CarrierClient(self.name, self.chain.deployment)
        elif anew:
            self._client.refresh()
        return self._client


@dataclass(frozen=True)
class _Asked:
    """A carrier that is being given a call since block `head`."""

    future: Future
    head: int


class Courier:
    """`landed(parcel)` asks the ledger: True, False, or None if another call has taken what this one needs.

    `own` is the account that deposits: it sends only what names it. Each carrier is given each call on a thread of its
    own hands, reveals by hands of theirs: so who answers slowly, or never, keeps nobody and nothing else waiting.
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
        self._at_work: dict[tuple[str, str], _Asked] = {}      # by parcel and carrier
        self._hands = {
            (route.name, reveals): ThreadPoolExecutor(HANDS, thread_name_prefix="courier")
            for route in self._all() for reveals in (False, True)
        }  # fmt: skip

    def close(self) -> None:
        for hands in self._hands.values():
            hands.shutdown(wait=False, cancel_futures=True)
        for hands in self._hands.values():
            hands.shutdown(wait=True)

    def wait(self) -> None:
        """Until nothing is being given; for tests and a graceful end."""
        while asked := list(self._at_work.values()):
            wait_for([one.future for one in asked])

    def settle(self, block: int) -> None:
        """End the parcels that landed or never can, with the ledger at `block`."""
        with self.book.lock:    # hands write to parcels meanwhile
            for parcel in list(self.book.parcels.values()):
                if (end := self._end(parcel, block)) is not None:
                    self.book.write(end)

    def round(self, head: int) -> None:
        """Follow the accounts' outboxes, and give every open parcel that no block holds to whoever is next."""
        for route in self._all():
            if isinstance(route, AccountRoute):
                self._pump(route, head)
        parcels = list(self.book.parcels.values())
        included = self._inclusions(parcels)
        for parcel in parcels:
            try:
                self._attend(parcel.key, included.get(parcel.tx), head)
            except Busy:
                raise
            except Exception as error:      # a call that does not open, say: the others are given all the same
                log.warning("parcel not given", step=parcel.kind, error=type(error).__name__)

    def start(self, parcel: Parcel, head: int) -> None:
        """Give it to whoever is next, to all where its end is near; on threads."""
        routes = self._able(parcel)
        if not routes:
            self._strand(parcel.key)
        elif parcel.expires is not None and head >= parcel.expires - URGENT:
            for route in routes:
                self._ask(parcel, route, head, 0)
        else:
            self._ask_next(parcel.key, head, len(routes))

    # --- What has become of it ---

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

    def _inclusions(self, parcels: list[Parcel]) -> dict[str, Inclusion]:
        """Which of them blocks hold; none while the node does not say, for to give them again does no harm."""
        hashes = [parcel.tx for parcel in parcels if parcel.tx is not None]
        try:
            return self.chain.inclusions(hashes) if hashes else {}
        except Exception as error:      # a receipt that nobody foresaw included
            log.warning("inclusions not read", error=type(error).__name__)
            return {}

    def _attend(self, key: str, at: Inclusion | None, head: int) -> None:
        """What one parcel needs at block `head`: nothing while a block holds it, else a carrier."""
        block = at.block if at is not None and at.ok else None
        with self.book.lock:
            if (parcel := self.book.parcels.get(key)) is None:
                return
            if parcel.block != block:
                parcel = replace(parcel, block=block)
                self.book.write(parcel)
        # Long in a block and still not in the ledger: another branch, or not what the carrier said.
        if block is None or head - block > self.chain.confirmations + PATIENCE:
            self.start(parcel, head)

    # --- Giving ---

    def _strand(self, key: str) -> None:
        """Whom it names is not configured any more: say so, and end it where nothing but its own notes is at stake.

        Who had it may send it still: every other attempt of a movement spends the same notes. A deposit spends none.
        """
        with self.book.lock:
            if (parcel := self.book.parcels.get(key)) is None:
                return
            reason = f"the carrier {parcel.only} is not configured any more"
            self._keep(replace(parcel, state="refused" if parcel.words else "open", given=None, reason=reason))

    def _ask_next(self, key: str, head: int, most: int) -> None:
        """Give it to the carrier whose turn it is, or the next if its time is over; if that fails to more, `most` in
        all."""
        with self.book.lock:
            parcel = self.book.parcels.get(key)
            if parcel is None or not most:
                return
            routes = self._able(parcel)
            for _ in routes:
                asked = self._at_work.get((key, routes[parcel.turn % len(routes)].name))
                since = asked.head if asked is not None and parcel.given is None else parcel.given
                if since is None or head - since < PATIENCE:
                    break
                parcel = replace(parcel, turn=parcel.turn + 1, given=None)
            self._keep(parcel)
        self._ask(parcel, routes[parcel.turn % len(routes)], head, most - 1)

    def _ask(self, parcel: Parcel, route: Route, head: int, more: int) -> None:
        place = parcel.key, route.name
        with self.book.lock:
            if place in self._at_work:
                return
            hands = self._hands[route.name, parcel.kind == "reveal"]
            future = hands.submit(self._give, parcel, route, head, more)
            self._at_work[place] = _Asked(future, head)
        future.add_done_callback(lambda done: self._done(place, done))

    def _done(self, place: tuple[str, str], future: Future) -> None:
        self._at_work.pop(place, None)
        if not future.cancelled() and (error := future.exception()) is not None:
            log.warning("answer not written down", carrier=place[1], error=type(error).__name__)

    def _give(self, parcel: Parcel, route: Route, head: int, more: int) -> None:
        """On a hand of the carrier's: give it, write down what was said, and ask `more` others if it failed."""
        if (key := parcel.key) not in self.book.parcels:    # it ended while it waited for a hand
            return
        try:
            tx, error = route.give(key, self.book.call(parcel)), None
        except Exception as failure:    # of the node, the database, or an answer that nobody foresaw: the next is asked
            tx, error = None, failure
        with self.book.lock:
            if (parcel := self.book.parcels.get(key)) is None:      # it ended meanwhile
                return
            routes = self._able(parcel)
            its_turn = routes[parcel.turn % len(routes)] is route
            parcel = _taken(parcel, tx) if error is None else _refused(parcel, route, error)
            if its_turn and error is None:
                parcel = replace(parcel, given=head if parcel.given is None else parcel.given)
            elif its_turn:
                parcel = replace(parcel, given=None, turn=parcel.turn + 1)
            # A reveal is given until its window ends, whatever is said; the rest ends once all have refused it: at once
            # where nobody had it before, else in `REFUSALS` rounds.
            by_all = parcel.refusals >= len(routes) * REFUSALS and {one.name for one in routes} <= {*parcel.refused}
            if by_all and parcel.kind != "reveal":
                parcel = replace(parcel, state="refused")
            self._keep(parcel)
        if error is not None:
            self._ask_next(key, head, more)

    def _keep(self, parcel: Parcel) -> None:
        if self.book.parcels[parcel.key] != parcel:
            self.book.write(parcel)

    def _all(self) -> list[Route]:
        return self.routes if self.own is None or self.own in self.routes else [*self.routes, self.own]

    def _able(self, parcel: Parcel) -> list[Route]:
        return [route for route in self._all() if parcel.only == route.name] if parcel.only else self.routes


def _taken(parcel: Parcel, tx: str | None) -> Parcel:
    return replace(parcel, refusals=0, refused=(), reason=None, had=True, tx=tx or parcel.tx)


def _refused(parcel: Parcel, route: Route, error: Exception) -> Parcel:
    """With what was said, and how much that weighs."""
    if isinstance(error, Reverted):
        weight, reason = 1 if parcel.had else REFUSALS, error.reason
    elif isinstance(error, ChainError):
        weight = 1 if parcel.only else 0    # others could not be asked
        reason = str(error) if isinstance(error, CarrierError) else f"{route.name}: {error}"
    else:
        weight = 0
        reason = str(error) if isinstance(error, StoreError) else f"{route.name}: {type(error).__name__}"
    refused = parcel.refused if not weight or route.name in parcel.refused else (*parcel.refused, route.name)
    return replace(parcel, refusals=parcel.refusals + weight, refused=refused, reason=reason)
