"""What a relayer remembers besides its events and transactions (`offchain.store`): tasks and proving times.

Nothing in it is secret: tasks are names and numbers.
"""

from sqlalchemy import UniqueConstraint, delete
from sqlmodel import Field, SQLModel, select

from offchain import store as base
from offchain.store import big
from relayer.telemetry import metrics

TIMINGS_KEPT = 32


class Task(SQLModel, table=True):
    """Something to do for an epoch (for a chunk or a key version: in `epoch`, market 0).

    `state` is running, posted, done, failed or skipped; `next_block` the first at which it is
    tried again; `error` a class and place, never a message.
    """

    __table_args__ = (UniqueConstraint("stage", "market", "epoch"),)
    id: int | None = Field(default=None, primary_key=True)
    stage: str = Field(index=True)
    market: int = big()
    epoch: int = big()
    state: str = Field(index=True)
    attempts: int = 0
    next_block: int = big(default=0)
    deadline: int | None = big(default=None)
    block: int | None = big(default=None)
    send_key: str | None = None
    error: str | None = None


class Timing(SQLModel, table=True):
    """How long one proof took, from asking to having it."""

    id: int | None = Field(default=None, primary_key=True)
    circuit: str = Field(index=True)
    seconds: float
    block: int = big()


class Store(base.Store):
    """A relayer's database; see `offchain.store`."""

    tables = (*base.Store.tables, Task, Timing)

    # --- Tasks ---

    def task(self, stage: str, market: int, epoch: int) -> Task | None:
        with self.reading() as session:
            where = (Task.stage == stage, Task.market == market, Task.epoch == epoch)
            return session.exec(select(Task).where(*where)).one_or_none()

    def tasks(self, *states: str, limit: int = 1000) -> list[Task]:
        """The newest tasks, of all states if none is named."""
        with self.reading() as session:
            found = select(Task).order_by(Task.id.desc()).limit(limit)
            return list(session.exec(found.where(Task.state.in_(states)) if states else found))

    def keep_task(self, task: Task, **changes) -> Task:
        """Write a task down with these changes, and give it."""
        with self.session() as session:
            task = session.merge(task)
            for name, value in changes.items():
                setattr(task, name, value)
            session.flush()
            return task

    # --- Proving times ---

    def took(self, circuit: str, seconds: float, block: int) -> None:
        with self.session() as session:
            session.add(Timing(circuit=circuit, seconds=seconds, block=block))
            session.flush()
            kept = select(Timing.id).where(Timing.circuit == circuit).order_by(Timing.id.desc()).limit(TIMINGS_KEPT)
            oldest = min(session.exec(kept).all())
            session.exec(delete(Timing).where(Timing.circuit == circuit, Timing.id < oldest))

    def timings(self, circuit: str) -> list[float]:
        """Seconds of the last proofs of a circuit, the newest first."""
        with self.reading() as session:
            found = select(Timing.seconds).where(Timing.circuit == circuit).order_by(Timing.id.desc())
            return list(session.exec(found))


class Journal(base.Journal):
    """The chain's events, and how often the chain took some back."""

    def fell_back(self, depth: int) -> None:
        metrics.reorganisations.inc()
        metrics.reorg_depth.set(depth)
