"""The made-up chain of the benchmark: taken in whole, compared with its contracts, the same in both databases."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from indexer import database
from indexer.follow import Follower
from offchain.chain import Chain
from offchain.state import Diverged
from scripts.bench.events import Made
from scripts.bench.indexer import UNDONE, backfill, served
from tests.indexer.conftest import new_database
from tests.indexer.taken import until_waited_for


@pytest.fixture(scope="module")
def made():
    return Made(1_500)


@pytest.fixture(scope="module")
def rpc(made):
    with served(made) as url:
        yield url


def follower(made, rpc, url: str, **options) -> Follower:
    return Follower(database.open(url), Chain(rpc, made.deployment), proofs=False, **options)


def digest(one: Follower) -> str:
    with one.engine.connect() as connection:
        return database.digest(connection)


def test_measured(made, rpc, urls):
    found = backfill(made, rpc, urls())
    assert min(found.per_s, found.per_cpu_s, found.back_s) > 0


def test_undone_and_done_again_in_any_spans(made, rpc, urls):
    whole, parts = follower(made, rpc, urls()), follower(made, rpc, urls(), span=7)
    whole.sync()
    hold, parts.comparison.hold = parts.comparison.hold, lambda *where: None    # the node knows the last views alone
    parts.sync(made.head // 2)
    parts.reader.node.call("bench_head", made.head - UNDONE)
    whole._go_back(whole._ancestor())
    assert whole.block == parts.sync() == made.head - UNDONE
    parts.reader.node.call("bench_head", made.head)
    assert digest(whole) == digest(parts)
    for one in (whole, parts):
        assert one.sync() == made.head
    parts.comparison.hold = hold
    assert digest(whole) == digest(parts) and whole.confirm() == parts.confirm() > 0
    for one in (whole, parts):
        one.close()
        one.engine.dispose()


def test_sqlite_and_postgres_hold_the_same(made, rpc, tmp_path, postgres):
    found = set()
    for url in (f"sqlite:///{tmp_path}/index.sqlite", new_database(postgres)):
        one = follower(made, rpc, url)
        one.sync()
        found.add(digest(one))
        one.close()
        one.engine.dispose()
    assert len(found) == 1


def test_what_a_killed_follower_sent_last_is_waited_for(made, rpc, postgres):
    """Its commit may be under way on Postgres when the next one begins."""
    url = new_database(postgres)
    killed = follower(made, rpc, url)
    killed.sync()
    with ThreadPoolExecutor(1) as pool:
        with killed.engine.begin() as last:
            database.forget(last, made.head - UNDONE)
            killed._mark(last, made.head - UNDONE)
            beside = pool.submit(follower, made, rpc, url)
            until_waited_for(last, beside)
        found = beside.result()
    assert found.block == made.head - UNDONE and found.sync() == made.head
    for one in (killed, found):
        one.close()
        one.engine.dispose()


def test_another_answer_of_a_contract_stops_it(made, rpc, tmp_path):
    one = follower(made, rpc, f"sqlite:///{tmp_path}/index.sqlite")
    one.sync()
    with one.engine.connect() as connection:
        epoch = one.interpreter.memory.epoch(connection, 0, 1)
    epoch.reveal_chain = bytes(32)
    with pytest.raises(Diverged, match="reveal_chain of epoch 1"):
        one.confirm()
    one.close()
    one.engine.dispose()
