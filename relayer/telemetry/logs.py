"""Structured logs, one JSON object a line, of allow-listed fields only.

`log.info("settled", market=0, epoch=7, block=120)`. What other libraries log is passed on
without its text, which may quote anything: logger, level, class and place of the error.
"""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from relayer.telemetry import metrics
from relayer.telemetry.fields import EVENT, allowed

FORMATS = ("json", "text")
STAMP = structlog.processors.TimeStamper(fmt="iso", utc=True)


def _filter(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Only what may go out; the event's name must be a literal's: lower-case letters."""
    name = event.pop("event", "")
    fields, dropped = allowed(event)
    if not isinstance(name, str) or not EVENT.fullmatch(name):
        name, dropped = "unnamed", dropped + 1
    if dropped:
        metrics.fields_dropped.inc(dropped)
        fields["dropped"] = dropped
    return {"event": name, "level": method, **fields}


def _stderr(*_: Any) -> structlog.PrintLogger:
    return structlog.PrintLogger(sys.stderr)


def configure(form: str = "json", level: int = logging.INFO) -> None:
    """Log to standard error as JSON or, for a reader, as text; ValueError for another form."""
    if form not in FORMATS:
        raise ValueError(f"log format {form!r} is none of {', '.join(FORMATS)}")
    shown = structlog.processors.JSONRenderer() if form == "json" else structlog.dev.ConsoleRenderer(colors=False)
    structlog.configure(
        processors=[_filter, STAMP, shown],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=_stderr,
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [_Others()]
    root.setLevel(logging.WARNING)
    for logger in map(logging.getLogger, list(logging.root.manager.loggerDict)):
        logger.handlers.clear()
        logger.propagate = True


class _Others(logging.Handler):
    """What libraries log: where it came from, never what it says."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        where = record.name.split(".")[0].lower()
        getattr(log, record.levelname.lower(), log.error)("library", what=where, error=error)


structlog.configure(processors=[_filter, STAMP, structlog.processors.JSONRenderer()], logger_factory=_stderr)
log = structlog.get_logger()
