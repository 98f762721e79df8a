"""Turns the desk's events into messages that wait for their session: each event once, whatever dies meanwhile."""

import threading
from collections.abc import Callable, Iterable

import structlog

from offchain.agent.desk import Desk, DeskEvent
from offchain.fix import reports
from offchain.fix.store import FixStore, lock_order, move_cursor, queue

log = structlog.get_logger()

POLL_SECONDS = 0.2
MOST_PAUSE = 30.0


class Reporter:
    """A thread that follows the desk; `woken(session)` is called when something waits for a session, and now and then
    `settle`, which names sessions for which something waits."""

    def __init__(
        self, desk: Desk, store: FixStore, woken: Callable[[str], None], settle: Callable[[], Iterable[str]] = tuple
    ):
        self.desk, self.store, self._woken, self._settle = desk, store, woken, settle
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
        cursor, pause = None, POLL_SECONDS
        while not self._stop.is_set():
            try:
                cursor = self.store.cursor() if cursor is None else cursor
                events = self.desk.wait_events(cursor, POLL_SECONDS)
                self.take(events)
                cursor, pause = events[-1].sequence if events else cursor, POLL_SECONDS
                for name in self._settle():
                    self._woken(name)
            except Exception as error:  # desk or database: the cursor did not move, so nothing is lost
                log.exception("fix_reports_wait", error=type(error).__name__, seconds=pause)
                self._stop.wait(pause)
                pause = min(2 * pause, MOST_PAUSE)

    def take(self, events: list[DeskEvent]) -> None:
        """Write down what these events, the next after the cursor, have the sessions told."""
        if not events:
            return
        touched = set()
        with self.store.transaction() as session:
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
