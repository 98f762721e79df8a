"""The time of day, as records and messages have it."""

import time


def unix_ms() -> int:
    """Milliseconds since 1970."""
    return time.time_ns() // 10**6
