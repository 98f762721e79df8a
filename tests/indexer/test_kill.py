"""Killed at random places, backfilling and live: what is there in the end is what a fresh sync makes."""

import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from random import Random

import pytest
from eth_account import Account
from sqlalchemy import select

from indexer import database, models
from indexer.follow import Follower
from offchain.chain import Chain
from offchain.paths import ROOT
from tests.indexer.conftest import new_branch

KILLS = 4
PATIENCE = 120


@contextmanager
def running(story, url: str, tmp_path, *options: str):
    """`shadowpool indexer run` in a process of its own."""
    file = tmp_path / "deployment.json"
    story.world.deployment.save(file)
    command = [sys.executable, "-m", "scripts.cli", "--rpc", story.url, "--deployment", file, "indexer", "run", "--span", "3"]
    log = (tmp_path / "log").open("ab")
    environment = os.environ | {"SHADOWPOOL_INDEX": url}
    process = subprocess.Popen([*command, *options], cwd=ROOT, env=environment, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        log.close()


def block(engine) -> int:
    with engine.connect() as connection:
        return connection.execute(select(models.Sync.block)).scalar() or 0


def reach(process, engine, target: int, tmp_path) -> None:
    """Wait until the process took the target in."""
    deadline = time.monotonic() + PATIENCE
    while block(engine) < target:
        assert process.poll() is None and time.monotonic() < deadline, (tmp_path / "log").read_text()
        time.sleep(0.002)


def whole(engine) -> str:
    with engine.connect() as connection:
        return database.digest(connection)


def fresh(engines, chain) -> str:
    follower = Follower(engines(), chain)
    follower.sync()
    follower.finish()
    follower.close()
    return whole(follower.engine)


@pytest.mark.parametrize("seed", [1])
def test_killed_during_backfill_and_live(story, urls, engines, tmp_path, seed):
    rng, url = Random(seed), urls()
    engine = engines(url)
    with new_branch(story) as chain:
        start, head = story.world.deployment.start_block, chain.head()
        for target in sorted(rng.sample(range(start, head), KILLS)):
            with running(story, url, tmp_path) as process:
                reach(process, engine, target, tmp_path)
                process.send_signal(signal.SIGKILL)
        with running(story, url, tmp_path) as process:
            reach(process, engine, head, tmp_path)
            live(story, chain, engine, process, tmp_path)
            process.send_signal(signal.SIGKILL)
        chain.web3.provider.make_request("anvil_reorg", [4, []])
        with running(story, url, tmp_path, "--once") as process:
            assert process.wait(PATIENCE) == 0, (tmp_path / "log").read_text()
        assert block(engine) == chain.head()
        assert whole(engine) == fresh(engines, chain)
    assert "pushed by WebSocket" in (tmp_path / "log").read_text()


def live(story, chain: Chain, engine, process, tmp_path) -> None:
    """Blocks come one by one, and are there at once."""
    for _ in range(5):
        call = chain.contract("Credentials").functions.admit_wallet(Account.create().address)
        chain.send(story.world.accounts["issuer"], call)
        reach(process, engine, chain.head(), tmp_path)
