"""`shadowpool …` in a process that kills itself, without a word, at a named point of a settlement.

    python tests/relayer/killed.py POINT ARGUMENTS…
"""

import os
import signal
import sys
import threading

from relayer.proving.local import _Process
from relayer.sender import Sender
from relayer.service import Service
from scripts.cli import app


def die(*_) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def mid_proof() -> None:
    """The proving process has the inputs of a settlement, and begins."""
    ask = _Process.ask

    def asked(process, line):
        if b'"settle_' in line[:40]:
            threading.Timer(0.1, die).start()
            ask(process, line)
            threading.Event().wait()    # a death that comes late must find nothing posted
        return ask(process, line)

    _Process.ask = asked


def before_broadcast() -> None:
    """Signed and written down; no node has it."""
    _at_settle(lambda broadcast, raw: die())


def after_broadcast() -> None:
    """A node has it; nobody here has written that down."""
    _at_settle(lambda broadcast, raw: (broadcast(raw), die()))


def _at_settle(act) -> None:
    give = Sender._give

    def given(sender, send):
        if send.name == "settle":
            broadcast = sender.chain.broadcast
            sender.chain.broadcast = lambda raw: act(broadcast, raw)
        return give(sender, send)

    Sender._give = given


def before_note() -> None:
    """The outbox has it; the task is not entered as posted."""
    keep = Service._do

    def do(service, duty, head):
        entered = service.store.keep_task
        service.store.keep_task = lambda task, **changes: (
            die() if task.stage == "settle" and changes.get("state") == "posted" else entered(task, **changes)
        )
        return keep(service, duty, head)

    Service._do = do


POINTS = {point.__name__: point for point in (mid_proof, before_broadcast, after_broadcast, before_note)}

if __name__ == "__main__":
    POINTS[sys.argv[1]]()
    app.main(sys.argv[2:])
