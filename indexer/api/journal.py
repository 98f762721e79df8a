"""Where it is written down who read, or was refused, what is not for everyone."""

import threading
import time
from collections import deque
from typing import Any, Protocol

KEPT = 10_000
REFUSED = "refused"


class Log(Protocol):
    """An access log: `outcome` is "granted", or "refused: " and why. `latest` gives rows of these names and
    `time` (seconds), the last first, those whose outcome begins so."""

    def append(self, role: str, subject: str, action: str, resource: str, outcome: str) -> None: ...

    def latest(self, limit: int, outcome: str = "") -> list[dict[str, Any]]: ...


class RecentLog:
    """The latest entries, for as long as the process lives: what there is where no log that lasts is given."""

    def __init__(self) -> None:
        self._rows: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self._lock = threading.Lock()

    def append(self, role: str, subject: str, action: str, resource: str, outcome: str) -> None:
        row = {"time": int(time.time()), "role": role, "subject": subject, "action": action, "resource": resource, "outcome": outcome}
        with self._lock:
            self._rows.append(row)

    def latest(self, limit: int, outcome: str = "") -> list[dict[str, Any]]:
        with self._lock:
            rows = [row for row in reversed(self._rows) if row["outcome"].startswith(outcome)]
        return rows[:limit]
