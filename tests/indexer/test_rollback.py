"""Branches that the chain leaves: the tables follow to the byte, as deep as allowed, and no deeper."""

from types import SimpleNamespace

import pytest
from eth_account import Account
from sqlalchemy import select

from indexer import database, models
from indexer.follow import Follower
from offchain.chain import Chain
from offchain.ledger import Diverged
from tests.indexer.conftest import REFERENCE, new_branch
from tests.world import anvil, build_world

DEPTH = 40


@pytest.fixture
def pool(tmp_path):
    """A pool on a chain of its own: an anvil that reorganised deeply may forget the state of blocks."""
    with anvil() as url:
        yield SimpleNamespace(url=url, world=build_world(url, tmp_path, price=REFERENCE))


@pytest.fixture
def chain(pool):
    return new_branch(pool)


def admit(pool, count: int) -> None:
    """Blocks with an event each, unlike any before; by a client that knows no nonce of a branch that is gone."""
    chain = Chain(pool.url, pool.world.deployment, poll_seconds=0.01)
    for _ in range(count):
        call = chain.contract("Credentials").functions.admit_wallet(Account.create().address)
        chain.send(pool.world.accounts["issuer"], call)


def digest(engine) -> str:
    with engine.connect() as connection:
        return database.digest(connection)


def fresh(engines, chain: Chain) -> str:
    """The digest of a sync from the start."""
    follower = Follower(engines(), chain)
    follower.sync()
    follower.finish()
    follower.close()
    return digest(follower.engine)


@pytest.fixture
def follower(chain, engines):
    made = Follower(engines(), chain, depth=DEPTH, span=50)
    made.sync()
    made.finish()
    yield made
    made.close()


def test_reorganisations_leave_what_a_fresh_sync_makes(pool, chain, follower, engines):
    for depth in (1, 3, 17, DEPTH - 1):
        admit(pool, 2)
        follower.sync()
        before = digest(follower.engine)
        pool.world.reorganise(depth)
        admit(pool, 1)
        assert follower.sync() == chain.head() and digest(follower.engine) != before
    follower.finish()
    assert digest(follower.engine) == fresh(engines, chain)


def test_a_shorter_chain_is_followed_back(pool, chain, follower, engines):
    mark = chain.web3.provider.make_request("evm_snapshot", [])["result"]
    height = follower.block
    admit(pool, 5)
    follower.sync()
    pool.world.go_back(mark)
    assert follower.sync() == chain.head() == height
    assert digest(follower.engine) == fresh(engines, chain)


def test_the_settled_epoch_is_undone_and_done_again(story, engines):
    """Sixty blocks and more with every kind of proof go, and come back as they were."""
    deep = Follower(engines(), story.world.chain, depth=10**6)
    deep.sync()
    deep.finish()
    whole = digest(deep.engine)
    with deep.engine.connect() as connection:
        settled = connection.execute(select(models.Settlement.block)).scalar_one()
    deep._go_back(settled - 30)
    deep.sync()
    deep.finish()
    assert digest(deep.engine) == whole
    deep.close()


def test_deeper_than_allowed_stops(pool, chain, follower):
    admit(pool, 1)     # an empty block that is made again is the same
    pool.world.mine(DEPTH)
    follower.sync()
    pool.world.reorganise(DEPTH + 1)
    before = digest(follower.engine)
    with pytest.raises(Diverged, match="--depth"):
        follower.sync()
    assert digest(follower.engine) == before
    with follower.engine.connect() as connection:
        row = connection.execute(select(models.Sync.__table__)).one()
        assert row.state == models.SyncState.STOPPED and "--depth" in row.reason
        assert connection.execute(select(models.Divergence.reason)).scalars().all() == [row.reason]
