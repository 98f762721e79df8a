"""An acceptor on a free port of the loopback, a desk in memory behind it, and peers that call it."""

import json
import os
from pathlib import Path

import pytest

from offchain.fix.acceptor import Acceptor
from offchain.fix.settings import Counterparty, Settings, hash_password
from offchain.store import Store
from tests.agent.desk_double import DeskDouble
from tests.fix import peer
from tests.fix.peer import PASSWORD, Peer

RESYNC = ("test_resync.py", "test_resend.py", "test_timers.py")
"""Every test of these files is a case of two sides that lost step, or of one that fell silent."""

QUICKFIX = ("test_quickfix.py",)

COUNTS = "SHADOWPOOL_FIX_COUNTS"
"""Where `scripts.bench.fix` wants what is counted."""

passed: set[str] = set()


def settings(**changes) -> Settings:
    hashed = hash_password(PASSWORD)
    both = (Counterparty("DESK", hashed), Counterparty("OTHER", hashed))
    return Settings(**{"counterparties": both, "port": 0, "logout_timeout": 20, "send_timeout": 60, "max_skew": 600} | changes)


@pytest.fixture
def engine(tmp_path):
    store = Store.open(f"sqlite:///{tmp_path / 'agent.sqlite3'}")
    yield store.engine
    store.close()


@pytest.fixture
def desk() -> DeskDouble:
    return DeskDouble()


@pytest.fixture
def acceptors(desk, engine):
    """Starts acceptors, each of which takes up where the one before it stopped."""
    running = []

    def start(**changes) -> Acceptor:
        while running:
            running.pop().stop()
        acceptor = Acceptor(changes.pop("desk", desk), settings(**changes), engine)
        acceptor.start()
        running.append(acceptor)
        return acceptor

    yield start
    for acceptor in running:
        acceptor.stop()


@pytest.fixture
def acceptor(acceptors) -> Acceptor:
    return acceptors()


@pytest.fixture
def peers(acceptor):
    """Makes peers of the acceptor."""
    made = []

    def make(name: str = "DESK", **how) -> Peer:
        made.append(Peer(acceptor.port, name, **how))
        return made[-1]

    yield make
    for one in made:
        one.drop()


@pytest.fixture
def desk_peer(peers) -> Peer:
    """Logged on."""
    return peers().enter()


def pytest_runtest_logreport(report) -> None:
    if report.when == "call" and report.passed:
        passed.add(report.nodeid)


def pytest_sessionfinish() -> None:
    if COUNTS in os.environ:
        kinds = {"resync_cases": RESYNC, "quickfix_cases": QUICKFIX}
        counts = {kind: sum(_file(nodeid) in files for nodeid in passed) for kind, files in kinds.items()}
        counts["deaths"] = sum("::test_a_death_" in nodeid for nodeid in passed)
        counts |= {"messages": peer.counted["messages"], "tests": len(passed)}
        Path(os.environ[COUNTS]).write_text(json.dumps(counts))


def _file(nodeid: str) -> str:
    return nodeid.partition("::")[0].rpartition("/")[2]
