"""The reference price's feeder: sign an observation, and carry it to the oracle."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction

from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3.contract import Contract

from offchain.chain import Chain, ChainError, Receipt, Reverted
from offchain.feeds import Feed, FeedError, Tick, Unit, Window
from offchain.field import RangeError, check_range, keccak256
from offchain.notes import BPS
from offchain.streams import keccak_words

OBSERVATION_DOMAIN = keccak256(b"shadowpool.v1.observation")
MAX_AHEAD = 30
"""Seconds that the oracle lets an observation be ahead of its block."""
LONGEST_WAIT = 30


@dataclass(frozen=True)
class Observation:
    """`price` in quote units per lot, `time` in seconds, and the feeder's signature."""

    price: int
    time: int
    v: int
    r: int
    s: int


def observe(account: LocalAccount, chain_id: int, oracle: int, price: int, time: int) -> Observation:
    """Sign a price; RangeError unless it is in [1, 2^64). `oracle` is the contract as a word."""
    check_range(price, 1, 1 << 64, "price")
    check_range(time, 0, 1 << 64, "time")
    message = keccak_words(OBSERVATION_DOMAIN, chain_id, oracle, price, time)
    signed = Account.unsafe_sign_hash(message, account.key)
    return Observation(price, time, signed.v, signed.r, signed.s)


def push(chain: Chain, feeder: LocalAccount, carrier: LocalAccount, price: int) -> Receipt:
    """Store a price at the time of the head, or a second after the feeder's last one if that is later."""
    oracle = chain.contract("Oracle")
    _, last = chain.call(oracle.functions.observation(feeder.address))
    return carry(chain, oracle, feeder, carrier, price, max(chain.timestamp(chain.head()), last + 1))


def carry(
    chain: Chain, oracle: Contract, feeder: LocalAccount, carrier: LocalAccount, price: int, time: int
) -> Receipt:
    """Sign a price at a time, and send it from `carrier`; Reverted with the oracle's reason."""
    seen = observe(feeder, chain.chain_id, int(oracle.address, 16), price, time)
    return chain.send(carrier, oracle.functions.push(seen.price, seen.time, seen.v, seen.r, seen.s), name="observe")


@dataclass(frozen=True)
class Policy:
    """When a feeder speaks. Seconds and basis points; RangeError where one is out of range."""

    window: int = 30        # of ticks whose median is the price
    least_ticks: int = 3
    max_age: int = 30       # of the newest tick
    max_skew: int = 20      # between this machine's clock and the head's
    heartbeat: int = 60     # after which an unchanged price is said again
    move_bps: int = 20      # beyond which a new price does not wait for that

    def __post_init__(self) -> None:
        Window(self.window, self.least_ticks)
        check_range(self.max_age, 1, 86_401, "max_age")
        check_range(self.max_skew, 1, MAX_AHEAD + 1, "max_skew")
        check_range(self.heartbeat, 1, 86_401, "heartbeat")
        check_range(self.move_bps, 0, BPS + 1, "move_bps")


class Outcome(StrEnum):
    """What a step of a feeder came to."""

    SENT = "sent"
    CARRIED = "another carried it"
    UNMOVED = "unmoved"
    NO_PRICE = "no price: too few ticks"
    STALE = "no price: the newest tick is too old"
    OUT_OF_RANGE = "no price: out of the range of a price"
    SKEWED = "the clock and the chain's differ: set the clock, or see whether the chain stands still"
    FEED_FAILED = "the feed failed"
    CHAIN_FAILED = "the chain refused or is silent"


@dataclass
class Feeder:
    """One feeder of one oracle. Nothing is sent twice: each attempt signs what the feed shows then."""

    chain: Chain
    oracle: Contract
    feed: Feed
    unit: Unit
    signer: LocalAccount
    carrier: LocalAccount
    policy: Policy = Policy()
    clock: Callable[[], float] = time.time
    report: Callable[[Outcome, dict], None] = lambda outcome, facts: None
    _window: Window = field(init=False)

    def __post_init__(self) -> None:
        self._window = Window(self.policy.window, self.policy.least_ticks)
        if self.chain.call(self.oracle.functions.seats(self.signer.address)) == 0:
            raise FeedError(f"{self.signer.address} is no feeder of the oracle {self.oracle.address}")
        lifetime = self.chain.call(self.oracle.functions.lifetime())
        if self.policy.heartbeat + self.policy.max_age > lifetime:
            raise FeedError(
                f"heartbeat and max_age together exceed the {lifetime} s that an observation counts: lower them"
            )

    def run(self, stop: Callable[[float], bool], poll_seconds: float = 1) -> None:
        """Step until `stop(seconds)`, which waits so long, says True; longer after a failure, up to half a minute."""
        wait = poll_seconds
        while not stop(wait):
            failed = self.step() in (Outcome.FEED_FAILED, Outcome.CHAIN_FAILED)
            wait = min(2 * wait, LONGEST_WAIT) if failed else poll_seconds

    def step(self) -> Outcome:
        """Look at the feed once, and send what is due."""
        facts: dict = {}
        try:
            outcome = self._step(facts)
        except FeedError as error:
            outcome, facts["error"] = Outcome.FEED_FAILED, str(error)
        except ChainError as error:
            outcome, facts["error"] = Outcome.CHAIN_FAILED, str(error)
        self.report(outcome, facts)
        return outcome

    def _step(self, facts: dict) -> Outcome:
        now = Fraction(self.clock())
        if refused := self._window.add(self.feed.poll(now), now):
            facts["refused_ticks"] = refused
        seen = self._window.seen(now)
        if seen is None:
            return Outcome.NO_PRICE
        if now - seen.time > self.policy.max_age:
            return Outcome.STALE
        skew = now - self.chain.timestamp(self.chain.head())
        if abs(skew) > self.policy.max_skew:
            facts["skew_seconds"] = round(skew)
            return Outcome.SKEWED
        try:
            price = self.unit.price(seen.price)
        except RangeError:
            return Outcome.OUT_OF_RANGE
        facts |= {"price": price, "time": int(seen.time)}
        return self._send(price, seen, facts)

    def _send(self, price: int, seen: Tick, facts: dict) -> Outcome:
        before, last = self.chain.call(self.oracle.functions.observation(self.signer.address))
        moved = abs(price - before) * BPS > self.policy.move_bps * before
        if int(seen.time) <= last or not (moved or seen.time - last >= self.policy.heartbeat):
            return Outcome.UNMOVED
        try:
            receipt = carry(self.chain, self.oracle, self.signer, self.carrier, price, int(seen.time))
        except Reverted as error:
            if error.reason == "oracle: not later":
                return Outcome.CARRIED
            raise
        facts["block"] = receipt.block
        return Outcome.SENT
