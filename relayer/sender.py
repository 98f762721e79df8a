"""The relayer's outbox (`offchain.outbox`), which tells its metrics what it does."""

from offchain.outbox import Outbox
from relayer.telemetry import metrics

COUNTERS = {"bumped": metrics.fee_bumps, "mended": metrics.nonce_gaps}


class Sender(Outbox):
    """One account's only writer, while it lives."""

    def counted(self, what: str) -> None:
        (COUNTERS.get(what) or metrics.sends.labels(result=what)).inc()

    def waiting(self, count: int, oldest: int) -> None:
        metrics.in_flight.set(count)
        metrics.oldest_send.set(oldest)
