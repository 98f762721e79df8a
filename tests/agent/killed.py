"""`shadowpool …` in a process that kills itself, without a word, at a named point of a call's way to a carrier.

    python tests/agent/killed.py POINT KIND ARGUMENTS…

KIND is commit or reveal.
"""

import os
import signal
import sys

from offchain.agent.courier import AccountRoute
from offchain.outbox import Outbox
from scripts.cli import app


def die(*_) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def before_given(kind: str) -> None:
    """Written down; nobody was given it."""
    _around(kind, lambda give: die())


def after_given(kind: str) -> None:
    """The node has it; only the outbox knows."""
    _around(kind, lambda give: (give(), die()))


def _around(kind: str, act) -> None:
    give = AccountRoute.give
    AccountRoute.give = lambda route, key, call: (
        act(lambda: give(route, key, call)) if key.startswith(f"{kind}:") else give(route, key, call)
    )


def before_broadcast(kind: str) -> None:
    """Signed and in the outbox; no node has it."""
    give = Outbox._give
    Outbox._give = lambda outbox, send: die() if send.key.startswith(f"{kind}:") else give(outbox, send)


POINTS = {point.__name__: point for point in (before_given, after_given, before_broadcast)}

if __name__ == "__main__":
    POINTS[sys.argv[1]](sys.argv[2])
    app.main(sys.argv[3:])
