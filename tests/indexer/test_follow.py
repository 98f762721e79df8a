"""Following a real pool with real proofs: what the tables say, and what stops it."""

import json

import pytest
from sqlalchemy import select

from indexer import database, models
from indexer.follow import Follower
from offchain.ledger import Ledger
from offchain.merkle import zeros


@pytest.fixture
def follower(story, engines):
    """Follows the story into an empty database."""
    made = Follower(engines(), story.world.chain)
    yield made
    made.close()


def rows(engine, model, **where):
    table = model.__table__
    found = select(table).order_by(*table.primary_key)
    for name, value in where.items():
        found = found.where(table.c[name] == value)
    with engine.connect() as connection:
        return connection.execute(found).all()


def test_tables_say_what_the_ledger_does(story, follower):
    world, engine = story.world, follower.engine
    assert follower.sync() == world.chain.head()
    follower.finish()
    ledger = Ledger(world.chain, depth=0)
    ledger.sync()
    assert {row.position: row.commitment for row in rows(engine, models.Note)} == ledger.leaves
    assert {row.nullifier for row in rows(engine, models.Nullifier)} == ledger.spent
    assert [row.root for row in rows(engine, models.Root)][-1] == ledger.trees[0].root
    assert {(m.position, m.words) for m in ledger.memos} <= {(m.position, m.words) for m in rows(engine, models.Memo)}
    for (market, epoch), record in ledger.epochs.items():
        orders = rows(engine, models.Order, market=market, epoch=epoch)
        assert [(o.oc, o.rk, o.quota_nullifier) for o in sorted(orders, key=lambda o: o.place)] == [
            (o.oc, o.rk, o.quota_nullifier) for o in record.orders
        ]
        assert len(rows(engine, models.Reveal, market=market, epoch=epoch)) == len(record.reveals)
        assert [(p.price, p.volume) for p in rows(engine, models.Print, market=market, epoch=epoch)] == [record.printed] * bool(record.printed)
        assert [s.position for s in rows(engine, models.Settlement, epoch=epoch)] == (
            [record.settlement.position] if record.settlement else []
        )
    assert {row.outcome for row in rows(engine, models.ProposalEnd)} == {"executed"}
    assert len(rows(engine, models.Failure)) == 1 and len(rows(engine, models.Print)) == 1
    assert [row.cancelled for row in rows(engine, models.Reclaim)].count(True) == 1


def test_every_proof_is_verified_again(story, follower):
    follower.sync()
    follower.finish()
    proofs = rows(follower.engine, models.Proof)
    assert {row.status for row in proofs} == {models.ProofStatus.VERIFIED}
    assert {row.circuit for row in proofs} == {"transact", "commit", "reclaim", "advance", "print", "key", "settle_8"}


def test_events_are_kept_exactly(story, follower):
    follower.sync()
    events = rows(follower.engine, models.Event)
    ours = [e for e in events if e.contract not in ("Governor", "Oracle")]
    theirs = story.world.chain.events(story.world.deployment.start_block, follower.block)
    assert [(e.block, e.log_index, e.tx, e.contract, e.name) for e in ours] == [
        (e.block, e.index, e.tx, e.contract, e.name) for e in theirs
    ]
    big = next(json.loads(row.args) for row in ours if row.name == "Advanced")
    assert int(big["root"]) > 2**200 and big["root"] == str(int(big["root"])) and int(big["root"]) not in zeros(32)


def test_opened_at_this_schema_or_refused(engines, urls):
    url = urls()
    engine = engines(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'later'")
    with pytest.raises(database.DatabaseError, match="later version"):
        database.open(url)
