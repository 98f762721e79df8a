"""The measured part: prepared commits at their blocks, reveals in their windows, both through the carrier.

The carrier is asked once for each and not followed, as a wallet that reads the chain for itself.
"""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx

from offchain.calls import Call, build_reveal
from offchain.carrier import AGAIN, API
from offchain.holdings import reveal_ephemeral
from offchain.records import Windows
from offchain.streams import reveal_message, seal_reveal, shared_point, slot_seed
from scripts.demo.world import World
from scripts.load.plan import Plan
from scripts.load.prepare import MARKET, Prepared

AT_ONCE = 8
POLL_SECONDS = 0.1
REQUEST_SECONDS = 20.0
SPREAD_OUT = 6
"""Blocks at the end of a window in which nothing new is begun."""


@dataclass
class Tally:
    """`refused` by the kind of call and reason."""

    committed: int = 0
    revealed: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    first: float = 0.0
    last: float = 0.0


class Live:
    """Sends a plan's orders to a market that starts at block `start`; `run` returns when all is sent."""

    def __init__(self, world: World, plan: Plan, epochs: list[list[Prepared]], start: int, carrier_url: str):
        self.world, self.plan, self.epochs, self.start = world, plan, epochs, start
        self.tally = Tally()
        self._url = carrier_url + API + "/carry"
        self._http = httpx.Client(timeout=REQUEST_SECONDS, trust_env=False)
        self._lock = threading.Lock()
        self._encode = threading.Lock()

    def run(self) -> Tally:
        market = self.world.ledger.markets[MARKET]
        last = market.windows(self.plan.epochs - 1)
        with ThreadPoolExecutor(AT_ONCE) as commits, ThreadPoolExecutor(AT_ONCE) as reveals:
            sent, head = 0, 0
            waiting = list(range(self.plan.epochs))
            due = self._schedule()
            while head < last.settle:
                if (now := self.world.chain.head()) != head:
                    head = now
                    self.world.ledger.sync()
                while sent < len(due) and due[sent][0] <= head:
                    block, epoch, one = due[sent]
                    commits.submit(self._commit, one, market.windows(epoch).freeze)
                    sent += 1
                if waiting and head >= self._may_reveal(market.windows(waiting[0])):
                    epoch = waiting.pop(0)
                    self._say(epoch)
                    for one in self.epochs[epoch]:
                        reveals.submit(self._reveal, one, market.windows(epoch).settle)
                time.sleep(POLL_SECONDS)
        self._http.close()
        return self.tally

    def _may_reveal(self, windows: Windows) -> int:
        """The first head at which the frozen set is deep enough, and a carrier finds the window open."""
        return max(windows.freeze + self.world.ledger.depth, windows.reveal)

    def _schedule(self) -> list[tuple[int, int, Prepared]]:
        """(block, epoch, order), evenly over each window."""
        market = self.world.ledger.markets[MARKET]
        room = market.commit_blocks - SPREAD_OUT
        found = []
        for epoch, orders in enumerate(self.epochs):
            opens = market.windows(epoch).open
            found += [(opens + number * room // len(orders), epoch, one) for number, one in enumerate(orders)]
        return found

    def _commit(self, one: Prepared, freeze: int) -> None:
        if self._post("commit", one.call, freeze):
            with self._lock:
                now = time.time()
                self.tally.first, self.tally.last = self.tally.first or now, now
                self.tally.committed += 1

    def _reveal(self, one: Prepared, settle: int) -> None:
        call = reveal_call(self.world, one)
        if call is None:
            return self._refused("reveal", "its commit is not on the chain")
        if self._post("reveal", call, settle):
            with self._lock:
                self.tally.revealed += 1

    def _post(self, kind: str, call: Call, end: int) -> bool:
        """Whether the carrier took it before block `end`."""
        contract = self.world.chain.contract(call.contract)
        with self._encode:
            data = contract.encode_abi(call.function, list(call.args))
        body, why = {"to": contract.address, "data": data}, "the window closed"
        while self.world.chain.head() + 1 < end:
            try:
                answer = self._http.post(self._url, json=body)
                if answer.status_code in (200, 202):
                    return True
                why = answer.json().get("detail", "?")
                if answer.status_code not in AGAIN:
                    break
            except (httpx.HTTPError, ValueError) as error:
                why = type(error).__name__
            time.sleep(1)
        self._refused(kind, why)
        return False

    def _refused(self, kind: str, why: str) -> None:
        with self._lock:
            words = f"{kind}: {why[:120]}"
            self.tally.refused[words] = self.tally.refused.get(words, 0) + 1

    def _say(self, epoch: int) -> None:
        settled = sum(record.settlement is not None for record in self.world.ledger.epochs.values())
        tally, refused = self.tally, sum(self.tally.refused.values())
        self.world.say.line(
            f"epoch {epoch + 1} of {self.plan.epochs} is frozen, {settled} are settled; carried {tally.committed} "
            f"commits and {tally.revealed} reveals, refused {refused}"
        )


def reveal_call(world: World, one: Prepared) -> Call | None:
    """The reveal of a committed order as its wallet makes it, without looking at all that the wallet holds."""
    ledger, key, placed, deployment = world.ledger, one.who.key, one.placed, world.chain.deployment
    market, number = placed.order.market, placed.order.epoch
    with ledger.lock:
        if placed.quota_nullifier not in ledger.orders:
            return None
        oc, epoch = ledger.orders[placed.quota_nullifier].oc, ledger.epochs[market, number]
        leader_key = ledger.reveal_keys[epoch.leader, epoch.reveal_version]
    scalar, place = reveal_ephemeral(key, oc, epoch), (deployment.chain_id, deployment.pool, market, number)
    seed = slot_seed(shared_point(scalar, leader_key), *place, oc)
    reveal = seal_reveal(placed.order.opening, oc, scalar, seed)
    message = reveal_message(*place, epoch.commit_chain, int(epoch.leader, 16), epoch.reveal_version, reveal)
    signature = key.order_account(market, number, placed.index).unsafe_sign_hash(message)
    return build_reveal(market, number, placed.quota_nullifier, reveal, signature)
