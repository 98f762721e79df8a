"""The relayer's database, of both kinds: exact, refusing what it is not about, and free of wallets."""

import subprocess
import sys
from dataclasses import replace

import pytest
from sqlalchemy.exc import DBAPIError
from sqlmodel import select, text

from offchain import store as module
from offchain.chain import Event
from offchain.deployment import Deployment
from offchain.paths import ROOT
from offchain.store import Busy, EventRow, FileLease, Meta, StoreError, Tip
from relayer import store as own
from relayer.store import Journal, Store, Task
from scripts.services import postgres
from tests.relayer.databases import KINDS, database

DEPLOYMENT = Deployment(31337, 1, {"Pool": "0x" + "11" * 20}, {}, {})
WALLET = "0x" + "5E" * 20


@pytest.fixture(scope="module", params=KINDS)
def url(request, tmp_path_factory):
    with database(request.param, tmp_path_factory.mktemp("database")) as found:
        yield found


@pytest.fixture
def store(url):
    found = Store.open(url, DEPLOYMENT)
    with found.session() as session:
        for table in (Task, EventRow, Tip, own.Timing):
            for row in session.exec(select(table)):
                session.delete(row)
    yield found
    found.close()


def event(name, block, contract="Pool", index=0, **args):
    return Event(contract, name, args, block, block.to_bytes(32, "big"), index, "0x" + f"{block:064x}")


def test_what_is_watched_is_found_without_reading_what_is_not(store):
    """A carrier's outbox keeps a row for everything that it ever sent."""
    query = "SELECT id FROM send WHERE sender = 'x' AND sealed IS NOT NULL AND block < 7"
    with store.session() as session:
        if store.engine.dialect.name == "sqlite":
            (plan,) = session.exec(text(f"EXPLAIN QUERY PLAN {query}")).all()
            assert "send_watched" in plan[3]
        else:
            session.exec(text("SET LOCAL enable_seqscan = off"))
            plan = " ".join(row[0] for row in session.exec(text(f"EXPLAIN {query}")))
            assert "send_watched" in plan


def test_another_schema_or_deployment_is_refused(store, url):
    with pytest.raises(StoreError, match="of deployment 31337:0x11.*, not 31888"):
        Store.open(url, replace(DEPLOYMENT, chain_id=31888))
    with store.session() as session:
        session.get(Meta, "schema").value = "0"
    with pytest.raises(StoreError, match="of schema 0, not 1"):
        Store.open(url)
    with store.session() as session:
        session.get(Meta, "schema").value = module.SCHEMA
    Store.open(url).close()


@pytest.mark.parametrize(
    "bad,words",
    [
        ("nonsense", "no database URL"), ("mysql://x/y", "no database of kind mysql"), ("sqlite://", "must outlive"),
        ("sqlite:////nowhere/at/all.db", "there is no folder"),
        ("postgresql+psycopg://me:hunter2@127.0.0.1/x", "holds a password"),
        ("postgresql+psycopg://127.0.0.1:1/x", "does not answer"),
    ],
)  # fmt: skip
def test_what_is_no_database_is_refused(bad, words):
    with pytest.raises(StoreError, match=words) as refused:
        Store.open(bad)
    assert "hunter2" not in str(refused.value)


def test_events_come_back_as_they_were(store):
    journal, big = Journal(store), (1 << 256) - 1
    taken = [
        event("Appended", 5, position=(1 << 37) + 3, leaves=[big, 0]),
        event("Settled", 5, "Market", 1, market=0, epoch=1, print_commitment=big, audit_point=[1, 2], memo=[big] * 8),
        event("EpochOpened", 7, "Market", market=0, epoch=1, leader=WALLET, commit_chain=bytes(range(32))),
    ]
    journal.extend(taken[:2], 6, b"\6" * 32)
    journal.extend(taken[2:], 7, b"\7" * 32)
    assert journal.load() == (taken, {6: b"\6" * 32, 7: b"\7" * 32})
    journal.cut(6)
    assert journal.load() == (taken[:2], {6: b"\6" * 32})
    journal.cut(-1)
    assert journal.load() == ([], {})


def test_no_wallet_of_a_trader_is_kept(store):
    journal = Journal(store)
    memos = {"memo0": [1] * 8, "memo1": [2] * 8}
    transacted = event(
        "Transacted", 5, position=2, asset=WALLET, deposit=1, withdrawal=0, fee=0,
        account=WALLET, carrier=WALLET, **memos,
    )
    journal.extend([transacted, event("WalletSet", 5, "Credentials", 1, wallet=WALLET, admitted=True)], 5, bytes(32))
    [kept], _ = journal.load()
    assert kept.args == {"position": 2, **memos}
    with store.session() as session:
        assert not any(WALLET in row.model_dump_json() for row in session.exec(select(EventRow)))


def test_old_hashes_without_events_are_forgotten(store, monkeypatch):
    monkeypatch.setattr(module, "TIPS_KEPT", 10)
    journal = Journal(store)
    for block in range(1, 31):
        journal.extend([], block, bytes(32))
    assert sorted(journal.load()[1]) == list(range(20, 31))


def test_a_task_is_one_row(store):
    task = store.keep_task(Task(stage="settle", market=0, epoch=(1 << 62)), state="running", attempts=1)
    store.keep_task(task, state="done", block=9)
    found = store.task("settle", 0, 1 << 62)
    assert (found.id, found.state, found.attempts, found.block) == (task.id, "done", 1, 9)
    assert store.task("settle", 1, 1 << 62) is None
    assert [one.id for one in store.tasks("done")] == [task.id] and store.tasks("failed") == []
    with pytest.raises(Exception, match="(?i)unique"):
        store.keep_task(Task(stage="settle", market=0, epoch=1 << 62), state="running")


def test_an_error_undoes_its_transaction(store):
    with pytest.raises(RuntimeError), store.session() as session:
        session.add(Task(stage="print", market=0, epoch=1, state="running"))
        session.flush()
        raise RuntimeError
    assert store.task("print", 0, 1) is None


def test_the_last_proving_times_are_kept(store, monkeypatch):
    monkeypatch.setattr(own, "TIMINGS_KEPT", 3)
    for seconds in (1.5, 2.5, 3.5, 4.5):
        store.took("settle_8", seconds, 7)
    store.took("print", 0.25, 7)
    assert store.timings("settle_8") == [4.5, 3.5, 2.5] and store.timings("key") == []


SECOND = """
import sys
from pathlib import Path
from offchain.store import FileLease
lease = FileLease(Path(sys.argv[1]))
print("taken", flush=True)
sys.stdin.readline()
"""


def test_a_lock_file_that_was_deleted_keeps_nobody_apart_and_is_made_anew(tmp_path):
    """Somebody tidied up: the lease is taken again before the next signature, or another has it by now."""
    file = tmp_path / "somebody.lock"
    lease = FileLease(file)
    file.unlink()
    lease.hold()
    assert file.exists()
    file.unlink()
    command = [sys.executable, "-c", SECOND, file]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "taken\n"
        with pytest.raises(Busy):
            lease.hold()
        other.stdin.close()
    lease.hold()
    lease.close()


def test_a_database_that_died_is_used_again(tmp_path):
    """Killed and started again: the store answers, and the lease is taken anew before anything is signed."""
    with postgres(tmp_path / "postgres") as server:
        store = Store.open(server.url, DEPLOYMENT)
        lease = store.lease("somebody")
        server.kill()
        with pytest.raises(DBAPIError):
            store.tasks()
        with pytest.raises(StoreError, match="does not answer"):
            lease.hold()
        server.start()
        assert store.tasks() == []
        lease.hold()
        other = Store.open(server.url)
        with pytest.raises(Busy):
            other.lease("somebody")
        lease.close()
        other.lease("somebody").close()
        other.close()
        store.close()
