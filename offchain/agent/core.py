"""What the agent's duties share: its parts, the last view of the chain, and threads for what takes long."""

import math
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, field

import structlog
from web3.exceptions import Web3Exception

from offchain.agent.book import Book
from offchain.agent.courier import Courier
from offchain.agent.desk import Balance, MarketView
from offchain.agent.purse import Purse
from offchain.chain import Chain, ChainError
from offchain.records import MarketTerms

PACE_BLOCKS = 50
LEAST_SECONDS = 0.001
SLACK_BLOCKS = 2
"""One to be included, one that a node may lag."""

RETRY_BLOCKS = 2
REMEMBERED = 20
log = structlog.get_logger()


@dataclass(frozen=True)
class Ahead:
    """Keep so many disjoint pairs of notes that each cover `amount` units."""

    pairs: int
    amount: int


@dataclass(frozen=True)
class Settings:
    """`wait_epochs`: how many windows a ticket waits for funds, places or a pause; `commit_seconds`: a commit's proof
    before the first was timed; `alert_blocks` before the reveal's end an order still sealed is a problem;
    `max_fees` in base units by asset word, for a carrier's service."""

    workers: int = 2
    poll_seconds: float = 0.25
    wait_epochs: int = 8
    commit_seconds: float = 15.0
    alert_blocks: int = 8
    ahead: dict[int, Ahead] = field(default_factory=dict)
    max_fees: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class View:
    """The last round's, for whoever asks between rounds."""

    head: int = 0
    block: int = 0
    block_seconds: float = 1.0
    last_round: int = 0
    markets: dict[int, MarketView] = field(default_factory=dict)
    balances: tuple[Balance, ...] = ()


class Core:
    """`problems`: sentences for an operator by what they are about; a round tells of those that come and go."""

    def __init__(self, chain: Chain, book: Book, purse: Purse, courier: Courier, settings: Settings):
        self.chain, self.book, self.purse, self.courier, self.settings = chain, book, purse, courier, settings
        self.view = View()
        self.problems: dict[str, str] = {}
        self._running: dict[str, Future] = {}
        self._not_before: dict[str, int] = {}
        self._failed_at: dict[str, int] = {}
        self._pool = ThreadPoolExecutor(settings.workers, thread_name_prefix="duty")
        self._pace: tuple[int, float] = (-PACE_BLOCKS, 1.0)

    def close(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        self.courier.close()

    # --- Work ---

    def work(self, name: str, head: int, action: Callable[[], None]) -> None:
        """Do it on a thread, unless it is being done, or failed a moment ago."""
        if name in self.at_work() or head < self._not_before.get(name, 0):
            return
        self._running[name] = self._pool.submit(self._do, name, head, action)

    def at_work(self) -> set[str]:
        self._running = {name: future for name, future in self._running.items() if not future.done()}
        return set(self._running)

    def wait(self) -> None:
        """Until nothing is at work."""
        wait_for(list(self._running.values()))
        self.courier.wait()

    def _do(self, name: str, head: int, action: Callable[[], None]) -> None:
        try:
            action()
            self.problems.pop(name, None)
        except Exception as error:      # one duty's failure is not another's; the chain says again what is due
            self.failed(name, error, head)

    def failed(self, name: str, error: Exception, head: int) -> None:
        self._not_before[name] = head + RETRY_BLOCKS
        what = name.split(":")[0]
        log.warning("duty failed", duty=what, error=type(error).__name__)
        self._failed_at[name] = head
        if not isinstance(error, ChainError | Web3Exception):
            self.problems[name] = f"{name}: {type(error).__name__}"     # its text may hold what nobody should read

    def forget(self, head: int) -> None:
        """Duties that failed, and were not due again since, are no problem any more."""
        for name in [name for name, at in list(self._failed_at.items()) if head - at > REMEMBERED]:
            del self._failed_at[name]
            self._not_before.pop(name, None)
            self.problems.pop(name, None)

    # --- Pace ---

    def block_seconds(self, head: int) -> float:
        """Seconds a block, over the last ones up to `head`."""
        if abs(head - self._pace[0]) >= PACE_BLOCKS // 5:
            first = max(0, head - PACE_BLOCKS)
            seconds = (self.chain.timestamp(head) - self.chain.timestamp(first)) / max(1, head - first)
            self._pace = head, max(seconds, LEAST_SECONDS)
        return self._pace[1]

    def blocks_for(self, circuit: str, head: int, guess: float) -> int:
        """Blocks from the start of a proof to a block that holds it, at the slowest of the last ones."""
        seconds = max(self.book.fact(f"seconds.{circuit}") or [guess])
        return math.ceil(seconds / self.block_seconds(head)) + SLACK_BLOCKS


def choose_epoch(terms: MarketTerms, head: int, blocks: int) -> tuple[int, int]:
    """(epoch, block from which its commit may begin): the first whose window a commit of `blocks` still makes."""
    epoch = terms.epoch_at(max(head, terms.start_block))
    if not makes(terms, epoch, head, blocks):
        epoch += 1
    return epoch, terms.windows(epoch).open


def makes(terms: MarketTerms, epoch: int, head: int, blocks: int) -> bool:
    """Whether a commit begun at `head`, or when the window opens, lands before the freeze.

    In a market whose windows are shorter than a proof takes, half a window has to do.
    """
    windows = terms.windows(epoch)
    return max(head, windows.open) + min(blocks, max(terms.commit_blocks // 2, SLACK_BLOCKS)) < windows.freeze
