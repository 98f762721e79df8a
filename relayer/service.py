"""The relayer's service: round by round, each about one named block, whatever is to be done.

A round follows what was sent, takes in the chain's events, finds every duty of every market, and
starts the most urgent ones; each is proven on a thread and handed to the outbox, whose key
makes it once. Nothing that counts is remembered but what the store holds (a proof that the node did not
take is too, so as not to make it again), and the chain alone says what is done: so the service may be
killed at any instant, and goes on from there.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass, field
from pathlib import Path

from offchain.calls import Call
from offchain.chain import Reverted
from offchain.outbox import OPEN, SendState
from relayer.duties import Duty
from relayer.leader import Leader, LeaderError
from relayer.pace import Pace
from relayer.proving.job import Late
from relayer.sender import Sender
from relayer.standing import Standing
from relayer.store import Store, Task
from relayer.telemetry import log, metrics, span
from relayer.telemetry.watch import missed, observe

POLL_SECONDS = 0.25
PAUSE = 8
"""Polls to sit out after a round that failed."""

MOST_BACKOFF = 32
URGENT_BACKOFF = 2
PATIENCE = 4
"""Blocks by which a relayer lets the one before it go first, where anyone may act."""

LONGEST_SECONDS = 1_800
"""For a proof that has no deadline: then it is asked for anew, lest a worker that hangs hold a duty for ever."""

SHARED = ("advance", "fail")


@dataclass(frozen=True)
class Settings:
    """`workers` are the duties at work at once, half of them other than settlements, beside one more settlement. A key
    is erased `key_retention_blocks` after the last window that it could open, once no epoch needs it."""

    workers: int = 4
    key_retention_blocks: int = 0
    poll_seconds: float = POLL_SECONDS

    @property
    def others(self) -> int:
        """How many duties may be at work that are no settlements."""
        return max(1, self.workers // 2)


@dataclass
class Service:
    """One relayer at work. The leader's ledger should have the store's journal."""

    leader: Leader
    sender: Sender
    store: Store
    settings: Settings = Settings()
    on_round: Callable[[int], None] = lambda head: None
    _running: dict[str, Future] = field(default_factory=dict)
    _made: dict[str, tuple[str, Call]] = field(default_factory=dict)
    _first_seen: dict[str, int] = field(default_factory=dict)
    _warned: set[int] = field(default_factory=set)
    _troubled: set[tuple] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.chain, self.ledger, self.duties = self.leader.chain, self.leader.ledger, self.leader.duties
        self.pace = Pace(self.chain, self.store)
        self._pool = ThreadPoolExecutor(self.settings.workers + 1, thread_name_prefix="duty")

    def run(self, stop: threading.Event) -> None:
        """Round after round, one for every new head or ended duty, until `stop`; an error costs one round."""
        log.info("service started", chain_id=self.chain.chain_id, workers=self.settings.workers)
        last = None
        while not stop.wait(self.settings.poll_seconds):
            try:
                now = self.chain.head(), len(self._at_work())
                if now != last:
                    self.round(now[0])
                last = now
            except Exception as error:  # a service outlives what nobody thought of
                missed(error)
                log.error("round failed", error=error)
                stop.wait(PAUSE * self.settings.poll_seconds)
        self.close()
        log.info("service stopped")

    def run_once(self) -> int:
        """Rounds until nothing is due, at work or open; how many duties failed last."""
        while True:
            begun = self.round(self.chain.head())
            wait_for(list(self._running.values()))
            if not begun and not self.sender.open():
                break
            time.sleep(self.settings.poll_seconds)
        self.close()
        return len(self._troubled)

    def close(self) -> None:
        """Let what is at work end, and start nothing more."""
        self._pool.shutdown(wait=True, cancel_futures=True)

    def round(self, head: int) -> int:
        """One round as of block `head`; how many duties it started."""
        self.sender.pump(head)
        self.ledger.sync(head - self.ledger.depth)
        self._conclude(head)
        started = sum(self._start(duty, head) for duty in self._due(head))
        self._erase(head)
        self._watch(head)
        return started

    # --- Which duties ---

    def _due(self, head: int) -> list[Duty]:
        """What may be started now, the most urgent first."""
        found = self.duties.find(head)
        for stage in self.duties.stages:
            metrics.due.labels(stage=stage).set(sum(duty.stage == stage for duty in found))
        self._first_seen = {duty.name: self._first_seen.get(duty.name, head) for duty in found}
        for name in self._made.keys() - self._first_seen.keys():
            self._made.pop(name, None)
        return [duty for duty in found if self._may_start(duty, head)]

    def _may_start(self, duty: Duty, head: int) -> bool:
        if duty.name in self._at_work():
            return False
        if duty.stage in SHARED:
            turn = self.duties.turn(duty.epoch, head)
            if head < self._first_seen[duty.name] + PATIENCE * turn:
                return False
        if self.sender.is_open(self._key(duty)):
            return False
        task = self.store.task(duty.stage, duty.market, duty.epoch)
        return task is None or task.next_block <= head

    def _start(self, duty: Duty, head: int) -> bool:
        # What can wait must not hold up settlements: a print that no worker proves would cost a stake.
        at_work, settling = self._at_work(), duty.stage == "settle"
        others = sum(not name.startswith("settle:") for name in at_work)
        if len(at_work) >= self.settings.workers + settling or not settling and others >= self.settings.others:
            return False    # the next round finds it again, in its order
        self._running[duty.name] = self._pool.submit(self._do, duty, head)
        return True

    def _at_work(self) -> set[str]:
        self._running = {name: future for name, future in self._running.items() if not future.done()}
        return set(self._running)

    # --- Doing one ---

    def _do(self, duty: Duty, head: int) -> None:
        begun = time.monotonic()
        where = {"stage": duty.stage, "market": duty.market, "epoch": duty.epoch}
        try:
            task = self.store.task(duty.stage, duty.market, duty.epoch) or Task(**where)
            if duty.stage == "settle" and duty.name not in self._made and not self._in_time(duty, head):
                self._refuse(task, duty, head)
                return
            attempts = 1 if task.state == "done" else task.attempts + 1
            task = self.store.keep_task(
                task, state="running", attempts=attempts, deadline=duty.deadline, send_key=self._key(duty)
            )
            with span(duty.stage.replace("_", " "), **where):
                try:
                    key, call = self._made.get(duty.name) or self._build(duty, head)
                    self._post(duty, key, call)
                except Exception as error:
                    self._failed(task, error, head)
                    return
            self.store.keep_task(task, state="posted", send_key=key, error=None)
            seconds = time.monotonic() - begun
            metrics.stage_seconds.labels(stage=duty.stage).observe(seconds)
            log.info("posted", **where, head=head, deadline=duty.deadline, seconds=seconds, attempts=attempts)
        except Exception as error:  # the database, most likely: the next round finds the duty again
            log.error("task lost", error=error, **where)

    def _build(self, duty: Duty, head: int) -> tuple[str, Call]:
        leader, place = self.leader, (duty.market, duty.epoch)
        seconds = LONGEST_SECONDS if duty.deadline is None else self.pace.until(duty.deadline, head)
        ends = time.time() + seconds
        if duty.stage == "settle":
            key = self._key(duty)
            built = leader.build_settle(*place, deadline=ends)
            return self._proven(duty, key, built.call, built.settled.circuit, head)
        if duty.stage == "print":
            return self._proven(duty, self._key(duty), leader.build_print(*place, deadline=ends), "print", head)
        if duty.stage == "advance":
            return self._proven(duty, self._key(duty), leader.build_advance(head, ends), "advance", head)
        if duty.stage == "rotate_key":
            return self._proven(duty, self._key(duty), leader.build_register_key(head, ends), "key", head)
        return self._key(duty), Call("Market", duty.stage, place)

    def _proven(self, duty: Duty, key: str, call: Call, circuit: str, head: int) -> tuple[str, Call]:
        """Keep it until it is posted: if node or database are away now, there may be no time for another proof."""
        self._made[duty.name] = key, call
        self.store.took(circuit, call.proof_seconds, head)
        metrics.proof_seconds.labels(circuit=circuit).observe(call.proof_seconds)
        return key, call

    def _post(self, duty: Duty, key: str, call: Call) -> None:
        """Hand a call to the outbox, which simulates it first."""
        try:
            if duty.stage == "settle":
                if self._key(duty) != key:
                    raise LeaderError("the epoch changed while it was proven")
                if self.chain.head() + 1 >= duty.deadline:     # a simulation on the head would still pass
                    raise Late(f"proven too late to be in a block before {duty.deadline}")
            self.sender.post(key, call)
        except (LeaderError, Late, Reverted):
            self._made.pop(duty.name, None)
            raise
        self._made.pop(duty.name, None)

    def _key(self, duty: Duty) -> str:
        """The outbox's key: what the duty is about, so that a death between two attempts repeats nothing."""
        return self.leader.settle_key(duty.market, duty.epoch) if duty.stage == "settle" else duty.name

    def _in_time(self, duty: Duty, head: int) -> bool:
        return self.pace.lands(self.leader.circuit(duty.market, duty.epoch), head) < duty.deadline

    def _refuse(self, task: Task, duty: Duty, head: int) -> None:
        """Say it once; look again later, for the chain's pace may change."""
        if task.state != "skipped":
            metrics.settles.labels(result="late").inc()
            where = {"market": duty.market, "epoch": duty.epoch}
            log.warning("cannot settle in time", **where, head=head, deadline=duty.deadline)
        self.store.keep_task(task, state="skipped", deadline=duty.deadline, next_block=head + URGENT_BACKOFF)
        self._troubled.add((task.stage, task.market, task.epoch))

    def _failed(self, task: Task, error: Exception, head: int) -> None:
        """Try again later: soon where there is a deadline, ever more rarely elsewhere."""
        most = URGENT_BACKOFF if task.deadline is not None else MOST_BACKOFF
        wait = min(2 ** min(task.attempts - 1, 6), most)
        task = self.store.keep_task(task, state="failed", error=type(error).__name__, next_block=head + wait)
        self._troubled.add((task.stage, task.market, task.epoch))
        expected = isinstance(error, (LeaderError, Reverted, Late))
        metrics.task_errors.labels(stage=task.stage, error=type(error).__name__).inc()
        where = {"stage": task.stage, "market": task.market, "epoch": task.epoch, "attempts": task.attempts}
        (log.warning if expected else log.error)("task failed", error=error, next_block=task.next_block, **where)

    # --- What became of it ---

    def _conclude(self, head: int) -> None:
        """Enter the end of every transaction that a task waits for."""
        for task in self.store.tasks("posted", "running"):
            if Duty(task.stage, task.market, task.epoch).name in self._at_work():
                continue    # else it was at work when a process before this one was killed
            send = self.sender.find(task.send_key)
            if send is None or send.state in OPEN:
                continue
            done = send.state == SendState.DONE
            backoff = 0 if done else 1
            self.store.keep_task(
                task, state="done" if done else "failed", block=send.block, next_block=head + backoff,
                error=None if done else f"transaction {send.state}",
            )  # fmt: skip
            (self._troubled.discard if done else self._troubled.add)((task.stage, task.market, task.epoch))
            metrics.tasks.labels(stage=task.stage, result="done" if done else "failed").inc()
            if task.stage == "settle":
                metrics.settles.labels(result="settled" if done else "failed").inc()
            if task.stage == "print" and done:
                self._tell_of_batch(task.market, task.epoch)
            where = {"stage": task.stage, "market": task.market, "epoch": task.epoch}
            log.info("task done" if done else "task reverted", **where, block=send.block, gas=send.gas_used)

    def _tell_of_batch(self, market: int, epoch: int) -> None:
        """Coarse shares of a batch, once the ledger holds its print; nothing of one with few orders."""
        try:
            batch = self.leader.aggregate(market, epoch)
        except (LeaderError, ValueError) as error:     # its key may be gone: it is only a measure
            log.info("batch not told", error=error, market=market, epoch=epoch)
            return
        for share in metrics.SHARES if batch else ():
            metrics.batch.labels(market=market, share=share).set(getattr(batch, f"{share}_bps"))

    # --- Keys, stake, pace ---

    def _erase(self, head: int) -> None:
        """Destroy the reveal keys whose time is over."""
        for version in self.leader.erase_final_keys(self.settings.key_retention_blocks):
            log.info("reveal key destroyed", version=version, head=head)

    def _watch(self, head: int) -> None:
        standing = Standing(self.chain, self.ledger, self.leader.account.address, head)
        database = self.store.engine.url
        data = Path(database.database).resolve().parent if database.drivername == "sqlite" else None
        observe(standing, self.leader.keys.folder, data)
        if standing.registered and not standing.stake.epochs:
            log.warning("no free stake", head=head)
        for market in set(self.ledger.markets) - self._warned:
            self._warn_of_pace(market, head)
        self.on_round(head)

    def _warn_of_pace(self, market: int, head: int) -> None:
        """Say once if a market's settling window is shorter than its largest proof usually takes."""
        terms = self.ledger.markets[market]
        seconds = self.pace.usual(f"settle_{self.leader.size_for(terms.capacity)}")
        if seconds is None:
            return
        self._warned.add(market)
        have = (terms.settle_blocks - self.ledger.depth - 1) * self.pace.block_seconds(head)
        if seconds > have:
            log.warning("market too fast", market=market, seconds=seconds, blocks=terms.settle_blocks)
