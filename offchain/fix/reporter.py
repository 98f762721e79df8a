"""Turns the desk's events into messages that wait for their session: each event once, whatever dies meanwhile."""

import threading
import time
from collections.abc import Callable, Iterable

import structlog

from offchain.agent.desk import Desk, DeskEvent
from offchain.fix import reports
from offchain.fix.store import FixStore, lock_order, move_cursor, queue

log = structlog.get_logger()

POLL_SECONDS = 0.2
MOST_PAUSE = 30.0


class _Duty:
    """Something done over and over, and less and less often while it fails; `wait` is what the log calls that."""

    def __init__(self, wait: str, action: Callable[[], None]):
        self._wait, self._action, self._pause, self._due = wait, action, POLL_SECONDS, 0.0

    def turn(self) -> bool:
        """Do it, if it is due; whether it was done."""
        if time.monotonic() < self._due:
            return False
        try:
            self._action()
        except Exception as error:
            log.warning(self._wait, error=type(error).__name__, seconds=self._pause)
            self._due, self._pause = time.monotonic() + self._pause, min(2 * self._pause, MOST_PAUSE)
            return False
        self._pause = POLL_SECONDS
        return True


class Reporter:
    """A thread that follows the desk; `woken(session)` is called when something waits for a session, and now and then
    `settle`, which names sessions for which something waits."""

    def __init__(
        self, desk: Desk, store: FixStore, woken: Callable[[str], None], settle: Callable[[], Iterable[str]] = tuple
    ):
        self.desk, self.store, self._woken, self._settle = desk, store, woken, settle
        self._cursor: int | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fix-reporter", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask it to end, which it does within POLL_SECONDS."""
        self._stop.set()

    def join(self) -> None:
        self._thread.join()

    def _run(self) -> None:
        follow, settle = _Duty("fix_reports_wait", self._follow), _Duty("fix_cancels_wait", self._ask_again)
        while not self._stop.is_set():
            if not follow.turn():
                self._stop.wait(POLL_SECONDS)
            settle.turn()

    def _follow(self) -> None:
        """Wait a moment for events. Where desk or database fail, the cursor does not move: nothing is lost."""
        cursor = self.store.cursor() if self._cursor is None else self._cursor
        events = self.desk.wait_events(cursor, POLL_SECONDS)
        self.take(events)
        self._cursor = events[-1].sequence if events else cursor

    def _ask_again(self) -> None:
        for name in self._settle():
            self._woken(name)

    def take(self, events: list[DeskEvent]) -> None:
        """Write down what these events, the next after the cursor, have the sessions told."""
        if not events:
            return
        touched = set()
        with self.store.session() as session:
            for event in events:
                named = event.order and reports.parse_client_id(event.order.client_id)
                row = lock_order(session, *named) if named else None
                if row is not None:
                    told = reports.of_event(event, row)
                    queue(session, row.session, told)
                    touched.update([row.session] if told else [])
            move_cursor(session, events[-1].sequence)
        for name in touched:
            self._woken(name)
