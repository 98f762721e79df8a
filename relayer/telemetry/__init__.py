"""What a relayer says of itself: logs, metrics and traces, all through one list of fields that may go out."""

from relayer.telemetry import metrics
from relayer.telemetry.logs import log
from relayer.telemetry.tracing import span

__all__ = ["log", "metrics", "span"]
