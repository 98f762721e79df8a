"""The process that reads ahead: it gives what the reader gives, its errors too, and outlives nobody.

Far behind, follower and reader are killed at random instants: the tables end as an undisturbed follower's.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest

from indexer import database, follow
from indexer.ahead import Ahead
from indexer.follow import Follower
from indexer.live import follow as follow_on
from indexer.node import Node
from indexer.reading import Reader
from offchain.chain import Chain, ChainError
from offchain.ledger import Reorganised
from offchain.paths import ROOT
from scripts.bench.events import Made
from scripts.bench.indexer import served
from tests.indexer.taken import block, whole

PATIENCE = 300
DEATHS = 6
SPAN = 5
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


# --- Far behind ---


def test_killed_at_random_far_behind(urls, engines):
    """Of every two deaths one is the follower's, and one its reader's alone, which it has to get over by itself."""
    made, rng = Made(2_500), Random(7)
    with served(made) as rpc:
        url, undisturbed = urls(), Follower(engines(), Chain(rpc, made.deployment), proofs=False)
        undisturbed.sync()
        engine, deaths = engines(url), sorted(rng.sample(range(2, made.head - 10 * SPAN), DEATHS))
        process, limit = None, multiprocessing.Value("q", 0, lock=False)    # who is killed would keep a lock
        try:
            for number, target in enumerate(deaths):
                limit.value = target + 10 * SPAN
                if process is None:
                    process = following(rpc, made, url, limit)
                reach(engine, process, target)
                time.sleep(rng.uniform(0, 0.03))    # a random instant
                assert block(engine) < made.head, "it was not behind any more"
                if number % 2:
                    os.kill(reader_of(process), signal.SIGKILL)
                else:
                    process.kill()
                    process.join()
                    process = None
            limit.value = made.head
            process.join(PATIENCE)
            assert process.exitcode == 0
        finally:
            if process is not None:
                process.kill()
                process.join()
        assert whole(engine) == whole(undisturbed.engine)
        again = Follower(engine, Chain(rpc, made.deployment), proofs=False)
        assert again.block == made.head and again.confirm() == undisturbed.confirm() > 0
        for one in (undisturbed, again):
            one.close()


def following(rpc: str, made: Made, url: str, limit) -> multiprocessing.Process:
    """A process that follows to the head, a few blocks a transaction, with a reader beside it; beyond block `limit`, a
    shared number, only once that is raised."""
    process = multiprocessing.get_context("fork").Process(target=_follow, args=(rpc, made.deployment, url, limit))
    process.start()
    return process


def _follow(rpc: str, deployment, url: str, limit) -> None:
    follow.LONG = 1
    one = Follower(database.open(url), Chain(rpc, deployment), proofs=False, span=SPAN)
    one.comparison.hold = lambda *where: None   # the node knows the last views alone
    take = one._take

    def held(found, *where) -> None:
        while found.last["block"] > limit.value:
            time.sleep(0.002)
        take(found, *where)

    one._take = held
    follow_on(one, None, lambda text: None, once=True)


def reach(engine, process, target: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while block(engine) < target:
        assert process.is_alive() and time.monotonic() < deadline
        time.sleep(0.002)


def reader_of(process) -> int:
    """The process beside a follower, once there is one."""
    deadline = time.monotonic() + PATIENCE
    while not (found := [child for child in children(process.pid) if is_reader(child)]):
        assert process.is_alive() and time.monotonic() < deadline
        time.sleep(0.002)
    return found[-1]


def children(process: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def is_reader(process: int) -> bool:
    """Python has a process of its own beside those that it spawns."""
    try:
        return b"spawn_main" in Path(f"/proc/{process}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False
