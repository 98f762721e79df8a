"""Killed at random places, backfilling and live: what is there in the end is what a fresh sync makes."""

import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from random import Random

import pytest
from eth_account import Account

from indexer.follow import Follower
from offchain.chain import Chain
from offchain.paths import ROOT
from tests.indexer.conftest import new_branch
from tests.indexer.taken import block, whole

pytestmark = pytest.mark.timeout(1800)

KILLS = 3
PATIENCE = 300
PUSHED = "pushed by WebSocket"


CHILD = """
import sys
from pathlib import Path
from indexer import database
from indexer.follow import Follower
from indexer.live import follow, websocket_url
from offchain.chain import Chain
from offchain.deployment import Deployment

url, rpc, file, once = sys.argv[1:]
follower = Follower(database.open(url), Chain(rpc, Deployment.load(Path(file))), span=3)
follow(follower, websocket_url(rpc), lambda text: print(text, flush=True), bool(int(once)))
"""


@contextmanager
def running(story, url: str, tmp_path, once: bool = False):
    """Following in a process of its own, three blocks at a time."""
    file = tmp_path / "deployment.json"
    story.world.deployment.save(file)
    log = (tmp_path / "log").open("ab")
    command = [sys.executable, "-c", CHILD, url, story.url, file, str(int(once))]
    process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        log.close()


def reach(process, engine, target: int, tmp_path) -> None:
    """Wait until the process took the target in."""
    deadline = time.monotonic() + PATIENCE
    while block(engine) < target:
        assert process.poll() is None and time.monotonic() < deadline, (tmp_path / "log").read_text()
        time.sleep(0.002)


def subscribed(process, tmp_path) -> None:
    """Wait until new blocks are pushed to the process."""
    deadline = time.monotonic() + PATIENCE
    while PUSHED not in (tmp_path / "log").read_text():
        assert process.poll() is None and time.monotonic() < deadline, (tmp_path / "log").read_text()
        time.sleep(0.02)


def fresh(engines, chain) -> str:
    follower = Follower(engines(), chain)
    follower.sync()
    follower.finish()
    follower.close()
    return whole(follower.engine)


def test_killed_during_backfill_and_live(story, urls, engines, tmp_path):
    rng, url = Random(1), urls()
    engine = engines(url)
    chain = new_branch(story)
    start, head = story.world.deployment.start_block, chain.head()
    for target in sorted(rng.sample(range(start, head), KILLS)):
        with running(story, url, tmp_path) as process:
            reach(process, engine, target, tmp_path)
            process.send_signal(signal.SIGKILL)
    with running(story, url, tmp_path) as process:
        reach(process, engine, head, tmp_path)
        subscribed(process, tmp_path)
        live(story, chain, engine, process, tmp_path)
        process.send_signal(signal.SIGKILL)
    story.world.reorganise(4)
    with running(story, url, tmp_path, once=True) as process:
        assert process.wait(PATIENCE) == 0, (tmp_path / "log").read_text()
    assert block(engine) == chain.head()
    assert whole(engine) == fresh(engines, chain)


def live(story, chain: Chain, engine, process, tmp_path) -> None:
    """Blocks come one by one, and are there at once."""
    for _ in range(5):
        call = chain.contract("Credentials").functions.admit_wallet(Account.create().address)
        chain.send(story.world.accounts["issuer"], call)
        reach(process, engine, chain.head(), tmp_path)
