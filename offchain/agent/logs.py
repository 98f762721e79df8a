"""The agent's log: one JSON object a line on standard error, of names and numbers; never an error's text."""

import logging
import sys

import structlog


def configure() -> None:
    """Log as JSON; what libraries log is passed on from warnings upwards, without its text."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [_Others()]
    root.setLevel(logging.WARNING)


class _Others(logging.Handler):
    """What libraries log: which one, and the class of the error."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        structlog.get_logger().warning("library", what=record.name.split(".")[0], error=type(error).__name__)
