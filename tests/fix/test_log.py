"""The log holds names and numbers; what a counterparty writes, or an error says, it does not."""

import pytest
from structlog.testing import capture_logs

from offchain.fix.reporter import _Duty
from offchain.fix.store import FixStore
from tests.fix.counterparty import Hands, Ours

WORDS = "the client is ACME"


@pytest.fixture
def ours(desk, engine) -> Ours:
    side = Ours(desk, FixStore(engine), Hands())
    side.logon(1)
    side.take()
    return side


@pytest.mark.parametrize(
    "kind, fields, event",
    [
        ("3", [(45, 1), (58, WORDS)], "fix_rejected"),
        ("j", [(45, WORDS), (372, "8"), (380, 0), (58, WORDS)], "fix_business_reject"),
    ],
)
def test_what_a_counterparty_writes_is_not_logged(ours, kind, fields, event):
    with capture_logs() as told:
        ours.hear(kind, 2, *fields)
    assert [line["event"] for line in told] == [event] and WORDS not in str(told)


def test_an_error_is_logged_by_its_class(ours, desk, monkeypatch):
    def fails(*_):
        raise RuntimeError(WORDS)

    monkeypatch.setattr(desk, "order", fails)
    with capture_logs() as told:
        ours.hear("H", 2, (11, "a"), (55, 0), (54, 1))
        _Duty("fix_reports_wait", fails).turn()
    assert [(line["event"], line["error"]) for line in told] == [
        ("fix_desk_failed", "RuntimeError"), ("fix_reports_wait", "RuntimeError"),
    ]  # fmt: skip
    assert WORDS not in str(told) and not any("exc_info" in line for line in told)
