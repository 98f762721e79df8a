"""Where it is written down who read, or was refused, what is not for everyone."""

import threading
import time
from collections import deque
from dataclasses import asdict
from typing import Any, Protocol

from indexer.access_log import AccessLog

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


class LastingLog:
    """The access log that is chained and anchored (indexer.access_log)."""

    def __init__(self, log: AccessLog):
        self._log = log

    def append(self, role: str, subject: str, action: str, resource: str, outcome: str) -> None:
        self._log.append(role, subject, action, resource, outcome)

    def latest(self, limit: int, outcome: str = "") -> list[dict[str, Any]]:
        entries = deque((one for one in self._log.entries() if one.outcome.startswith(outcome)), maxlen=limit)
        return [asdict(one) | {"time": one.time // 1_000} for one in reversed(entries)]
