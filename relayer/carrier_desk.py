"""What the carrier does with calldata: reads it, simulates it at a named block, sends it once.

A submission is named by a hash of its target and calldata, and sent through the durable outbox under
that name: asked twice it is one transaction, and a restart finds it again. What one transaction uses
up (a note, an order) is claimed while one that uses it is under way; a second one is refused.
"""

import threading
import time
from dataclasses import dataclass, field, replace
from typing import Any

from offchain.admission import WindowClosed, check_window
from offchain.chain import Chain, Reverted, as_address
from offchain.field import check_range
from offchain.outbox import SendState
from offchain.store import Send
from relayer.carrier_calls import Carried, Reader, Refusal
from relayer.carrier_limits import Clock, TokenBucket
from relayer.sender import Sender

PREFIX = "carry:"
EPOCHS_KNOWN = 256
HOUR = 3600
ATTEMPTS = 3
"""How often one calldata is sent: a transaction that failed on chain may succeed later (a reveal has one spelling)."""


@dataclass(frozen=True)
class Policy:
    """What a carrier asks and allows. `fees`: the least fee of a transact, in base units, by asset word;
    an asset without one is not carried. `free_gas` bounds, by the hour, what commits, reveals and
    reclaims cost it. Rates are requests a second that change something; a look counts a tenth.
    """

    fees: dict[int, int] = field(default_factory=dict)
    free_gas: int = 2_000_000_000
    client_burst: int = 20
    client_rate: int = 1
    burst: int = 200
    rate: int = 20
    in_flight: int = 1_024
    body_bytes: int = 8_192

    def __post_init__(self) -> None:
        for asset, least in self.fees.items():
            check_range(asset, 1, 1 << 160, "asset of a fee")
            check_range(least, 1, 1 << 127, f"least fee in {as_address(asset)}")
        for name, high in (
            ("free_gas", 1 << 53), ("client_burst", 10**6), ("client_rate", 10**6), ("burst", 10**6),
            ("rate", 10**6), ("in_flight", 10**5), ("body_bytes", 1 << 20),
        ):  # fmt: skip
            check_range(getattr(self, name), 1, high, f"the carrier's {name}")


STATES = {
    SendState.SIGNED: "pending", SendState.SENT: "pending", SendState.MINED: "included", SendState.DONE: "confirmed",
    SendState.FAILED: "failed", SendState.REPLACED: "failed",
}  # fmt: skip


@dataclass(frozen=True)
class Status:
    """A submission by its `carried_id`: `state` is pending, included (`block` holds it), confirmed or failed (`reason`)."""

    id: str
    kind: str
    state: str
    transaction: str | None = None
    block: int | None = None
    reason: str | None = None

    @classmethod
    def of(cls, send: Send) -> "Status":
        state = STATES[SendState(send.state)]
        reason = (send.reason or "refused without a reason") if state == "failed" else None
        return cls(send.key.removeprefix(PREFIX), send.name, state, _hashes(send)[-1], send.block, reason)


class Desk:
    """One carrier of one deployment. Thread-safe; what it holds in memory is bounded by the policy."""

    def __init__(self, chain: Chain, sender: Sender, policy: Policy, clock: Clock = time.monotonic):
        self.chain, self.sender, self.policy = chain, sender, policy
        self.address = sender.account.address
        self._reader = Reader(chain.deployment)
        self._free_gas = TokenBucket(policy.free_gas, policy.free_gas / HOUR, clock)
        self._lock = threading.Lock()
        self._claims: dict[tuple[str, int], str] = {}
        self._flights: dict[str, Carried] = {}
        self._posting: list[str] = []
        self._asked: dict[tuple[int, ...], Any] = {}
        self._resume()

    def info(self) -> dict[str, Any]:
        """Where it carries to, whom a fee must name, what it asks and allows."""
        deployment, policy = self.chain.deployment, self.policy
        return {
            "chain_id": deployment.chain_id,
            "pool": deployment.contracts["Pool"],
            "market": deployment.contracts["Market"],
            "carrier": self.address,
            "fees": {as_address(asset): str(least) for asset, least in policy.fees.items()},
            "limits": {
                "body_bytes": policy.body_bytes,
                "requests_per_second": policy.client_rate,
                "burst": policy.client_burst,
                "free_gas_per_hour": policy.free_gas,
            },
        }

    def find(self, id: str) -> Status | None:
        """What became of a submission, as the sender last looked."""
        send = self.sender.find(PREFIX + id)
        if send is None:
            return None
        hashes, status = _hashes(send), Status.of(send)
        if len(hashes) > 1 and send.block is not None:  # which of its offers the chain took
            taken = self.chain.inclusions(hashes)
            status = replace(status, transaction=next((tx for tx in hashes if tx in taken), hashes[-1]))
        return status

    def carry(self, to: str, data: bytes) -> Status:
        """Send calldata, or find it sent; Refusal if it is not carried, ChainError without a chain."""
        carried = self._reader.read(to, data)
        self._check_policy(carried)
        if (known := self._standing(carried.id)) is not None:
            return known
        try:
            gas = self._simulate(carried)
        except Refusal:
            if (known := self._standing(carried.id)) is not None:   # another request had it made since the look above
                return known
            raise
        with self._lock:
            if (known := self._standing(carried.id)) is not None:
                return known
            self._check_claims(carried)
            free = carried.kind != "transact" and carried.id not in self._posting
            if free and (wait := self._free_gas.take(gas)):
                raise Refusal("budget", "the carrier has given all the gas that it gives free for now", wait)
            self._take(carried)
            self._posting.append(carried.id)
        try:    # without the lock: a post asks the node several times
            return Status.of(self.sender.post(PREFIX + carried.id, carried.call, gas=gas))
        finally:
            with self._lock:
                self._posting.remove(carried.id)
                if not self._under_way(carried.id):
                    self._drop(carried.id)

    def _standing(self, id: str) -> Status | None:
        """A submission that is not to be sent (again): it did not fail, or has too often."""
        send = self.sender.find(PREFIX + id)
        if send is None or Status.of(send).state == "failed" and send.attempts < ATTEMPTS:
            return None
        return Status.of(send)

    # --- Whether it is carried ---

    def _check_policy(self, carried: Carried) -> None:
        """What is asked of a transact; what is free has nothing to pay."""
        words = carried.words
        if carried.kind != "transact":
            return
        if words["deposit"]:
            raise Refusal("deposit", "a deposit is sent by the wallet whose tokens it brings: nobody can carry it")
        fee, payee, asset = words["fee"], words["carrier"], words["asset"]
        if not fee:
            raise Refusal("fee-too-low", "the proof names no fee: GET /v1/info says what is asked")
        if payee != self.address:
            raise Refusal("wrong-carrier", f"the proof's fee goes to {payee}: make it for {self.address}")
        least = self.policy.fees.get(int(asset, 16))
        if least is None:
            raise Refusal("fee-too-low", f"fees in {asset} are not taken: GET /v1/info lists those that are")
        if fee < least:
            raise Refusal("fee-too-low", f"the proof's fee is {fee}; the least is {least} of {asset}")

    def _simulate(self, carried: Carried) -> int:
        """The gas that it needs at the head, which is named once; Refusal with the contract's reason."""
        block, params = self.chain.head(), {"from": self.address}
        try:
            if carried.kind != "transact":
                self._check_order(carried, block)
            return self.chain.allowance(carried.call.on(self.chain), params, carried.kind, None, block)
        except Reverted as error:
            raise Refusal("refused", error.reason) from None
        except WindowClosed as error:
            raise Refusal("window", str(error)) from None

    def _check_order(self, carried: Carried, block: int) -> None:
        """Cheap looks before a proof is checked: the next block is not too late, and there is such an order."""
        words = carried.words
        windows = self._windows(block, words["market"], words["epoch"])
        if carried.kind != "commit":
            orders = self.chain.contract("Market").functions
            if not any(self.chain.call(orders.order_record(words["quota_nullifier"]), block)):
                raise Refusal("no-order", f"no order {words['quota_nullifier']} is on the chain at block {block}")
        if carried.kind == "commit" or carried.kind == "reclaim" and block < windows.freeze:
            check_window(block, windows.open, windows.freeze, carried.kind)
        elif carried.kind == "reveal":
            check_window(block, windows.reveal_from, windows.settle_from, carried.kind)

    def _windows(self, block: int, *epoch: int) -> Any:
        """Of (market, epoch), asked for once: they never change."""
        if (found := self._asked.get(epoch)) is None:
            found = self.chain.call(self.chain.contract("Market").functions.windows(*epoch), block)
            if len(self._asked) >= EPOCHS_KNOWN:
                self._asked.clear()
            self._asked[epoch] = found
        return found

    # --- What is under way ---

    def _resume(self) -> None:
        """Claim again what was under way when the process last ended."""
        for send in self.sender.open():
            if send.key.startswith(PREFIX):
                to, data = self.sender.calldata(send)
                if to != self.address:      # else emptied: it uses up nothing
                    self._take(self._reader.read(to, data))

    def _check_claims(self, carried: Carried) -> None:
        """Refusal if another transaction under way uses up the same, or too many are."""
        for claim in carried.claims:
            holder = self._claims.get(claim)
            if holder not in (None, carried.id):
                if self._under_way(holder):
                    raise Refusal("conflict", f"another transaction under way uses the same {claim[0]}: await its end")
                self._drop(holder)
        if len(self._flights) >= self.policy.in_flight:
            for id in [id for id in self._flights if not self._under_way(id)]:
                self._drop(id)
            if len(self._flights) >= self.policy.in_flight:
                raise Refusal("busy", "as many transactions are under way as the carrier sends at once", 5.0)

    def _under_way(self, id: str) -> bool:
        return id in self._posting or self.sender.is_open(PREFIX + id)

    def _take(self, carried: Carried) -> None:
        self._flights[carried.id] = carried
        self._claims |= dict.fromkeys(carried.claims, carried.id)

    def _drop(self, id: str) -> None:
        carried = self._flights.pop(id, None)
        for claim in carried.claims if carried else ():
            if self._claims.get(claim) == id:
                del self._claims[claim]


def _hashes(send: Send) -> list[str]:
    """Those under which it was signed, the newest last; without those of a transaction that took its nonce."""
    return [tx for tx in send.hashes.split() if not tx.startswith("-")]
