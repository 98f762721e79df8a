"""The process that reads ahead: it gives what the reader gives, its errors too, and outlives nobody."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from indexer import database, follow
from indexer.ahead import Ahead
from indexer.follow import Follower
from indexer.node import Node
from indexer.reading import Reader
from offchain.chain import Chain, ChainError
from offchain.ledger import Reorganised
from offchain.paths import ROOT
from scripts.bench.events import Made
from scripts.bench.indexer import served

PATIENCE = 120
PARENT = """
import sys, time
from pathlib import Path
from indexer.ahead import Ahead
from offchain.deployment import Deployment

if __name__ == "__main__":
    ahead = Ahead(sys.argv[1], Deployment.load(Path(sys.argv[2])))
    ahead.ask(1, 50, None)
    ahead.read(1, 50, None)
    print(ahead._process.pid, flush=True)
    time.sleep(1_000)
"""


@pytest.fixture(scope="module")
def made():
    return Made(500)


@pytest.fixture(scope="module")
def rpc(made):
    with served(made) as url:
        yield url


@pytest.fixture
def ahead(made, rpc):
    one = Ahead(rpc, made.deployment)
    yield one
    one.close()


def test_reads_what_the_reader_does(made, rpc, ahead):
    assert ahead.read(1, 50, made.hashes[0]) is None
    ahead.ask(1, 50, made.hashes[0])
    assert ahead.read(1, 50, made.hashes[0]) == Reader(Node(rpc), made.deployment).read(1, 50, made.hashes[0])
    ahead.ask(2, 50, made.hashes[0])
    with pytest.raises(Reorganised, match="block 2"):
        ahead.read(2, 50, made.hashes[0])
    ahead._process.kill()
    ahead._process.join()
    with pytest.raises(ChainError, match="died"):
        ahead.ask(1, 50, made.hashes[0])
    assert ahead.read(1, 50, made.hashes[0]) is None


def test_tables_are_the_same(made, rpc, tmp_path, monkeypatch):
    found = set()
    for long in (1, made.head):
        monkeypatch.setattr(follow, "LONG", long)
        one = Follower(database.open(f"sqlite:///{tmp_path}/{long}.sqlite"), Chain(rpc, made.deployment), proofs=False, span=40)
        hold, one.comparison.hold = one.comparison.hold, lambda *where: None    # the node knows the last views alone
        one.sync()
        one.comparison.hold = hold
        assert one.confirm() > 0 and one._ahead._process is None
        with one.engine.connect() as connection:
            found.add(database.digest(connection))
        one.close()
        one.engine.dispose()
    assert len(found) == 1


def test_it_ends_with_a_follower_that_is_killed(made, rpc, tmp_path):
    made.deployment.save(tmp_path / "deployment.json")
    command = [sys.executable, "-c", PARENT, rpc, tmp_path / "deployment.json"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        reading = int(parent.stdout.readline())
        assert alive(reading)
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE
    while alive(reading):
        assert time.monotonic() < deadline, "it reads for nobody"
        time.sleep(0.01)


def alive(process: int) -> bool:
    """Whether it runs; one that ended and was not waited for does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False
