"""The access log: whatever is done to a row shows, and the database refuses most of it."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import DBAPIError

from indexer.access_log import MAX_TEXT, START, AccessLog, LogBroken
from indexer.audit.anchors import Anchor, verify
from indexer.database import DatabaseError

ROWS = 6
UNGUARD = {
    "sqlite": ["DROP TRIGGER access_log_update", "DROP TRIGGER access_log_delete"],
    "postgresql": ["ALTER TABLE access_log DISABLE TRIGGER access_log_kept"],
}


@pytest.fixture
def url(urls):
    return urls()


@pytest.fixture
def log(url):
    log = AccessLog(url)
    for number in range(1, ROWS + 1):
        log.append("auditor", "0xA1", "audit epoch", f"0/{number}", "everything holds")
    yield log
    log.close()


def run(url: str, *statements: str) -> None:
    """As somebody who owns the database."""
    engine = create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()


def tamper(url: str, *statements: str) -> None:
    run(url, *UNGUARD[create_engine(url).dialect.name], *statements)


def test_rows_are_numbered_linked_and_kept(log, url):
    entries = list(log.entries())
    assert [entry.number for entry in entries] == list(range(1, ROWS + 1))
    before = START
    for entry in entries:
        assert entry.link == entry.expected(before) != before
        before = entry.link
    assert log.head() == (ROWS, before) and log.verify()[ROWS] == before
    again = AccessLog(url)
    assert again.append("public", "", "read", "/v1/status", "200").number == ROWS + 1
    assert len(again.verify()) == ROWS + 2 and [e.number for e in log.entries(after=ROWS)] == [ROWS + 1]
    again.close()


def test_strange_texts_stand_as_they_were_kept(log):
    entry = log.append("member", "a\0b\ud800" + "é" * MAX_TEXT, 'q"', "\n", "refused: \u202e")
    assert list(log.entries())[-1] == entry and len(entry.subject) == MAX_TEXT
    log.verify()


def test_many_writers_make_one_chain(log):
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda n: log.append("member", str(n), "read", "/v1/me", "200"), range(40)))
    assert sorted(entry.number for entry in made) == list(range(ROWS + 1, ROWS + 41))
    assert len(log.verify()) == ROWS + 41


@pytest.mark.parametrize("statement", ["UPDATE access_log SET outcome = 'refused'", "DELETE FROM access_log WHERE number = 3"])
def test_the_database_refuses_to_change_or_delete(log, url, statement):
    with pytest.raises(DBAPIError, match="only added to"):
        run(url, statement)
    log.verify()


@pytest.mark.parametrize("column", ["time", "role", "subject", "action", "resource", "outcome", "link"])
def test_one_changed_value_is_found(log, url, column):
    value = "time + 1" if column == "time" else f"'{'ab' * 32}'"
    tamper(url, f"UPDATE access_log SET {column} = {value} WHERE number = 3")
    with pytest.raises(LogBroken, match="row 3 does not follow"):
        log.verify()


def test_a_deleted_row_is_found(log, url):
    tamper(url, "DELETE FROM access_log WHERE number = 3")
    with pytest.raises(LogBroken, match="row 3 is missing"):
        log.verify()
    tamper_again = "UPDATE access_log SET number = number - 1 WHERE number = {}"
    run(url, *(tamper_again.format(number) for number in range(4, ROWS + 1)))
    with pytest.raises(LogBroken, match="row 3 does not follow"):
        log.verify()


def test_an_inserted_row_is_found(log, url):
    moved = [f"UPDATE access_log SET number = {number + 1} WHERE number = {number}" for number in range(ROWS, 2, -1)]
    tamper(url, *moved, "INSERT INTO access_log SELECT 3, time, role, subject, action, 'planted', outcome, link FROM access_log WHERE number = 2")
    with pytest.raises(LogBroken, match="row 3 does not follow"):
        log.verify()


def test_what_was_anchored_cannot_be_cut_off_or_written_anew(log, url):
    links = log.verify()
    stated = [Anchor("0xA1", count, links[count], block, "0xt") for count, block in ((2, 10), (5, 20))]
    assert verify(log, stated) == 5
    tamper(url, f"DELETE FROM access_log WHERE number = {ROWS}")
    assert verify(log, stated) == 5, "beyond the last anchor nothing shows, and the command says so"
    run(url, f"DELETE FROM access_log WHERE number = {ROWS - 1}")
    with pytest.raises(LogBroken, match="block 20 .* says 5: rows were cut off"):
        verify(log, stated)
    log.append("auditor", "0xA1", "audit epoch", "0/5", "written anew")
    log.verify()
    with pytest.raises(LogBroken, match="row 5 is not the one of its anchor in block 20"):
        verify(log, stated)


def test_a_place_that_is_none_says_so(tmp_path):
    for place in ("mysql://x", "nonsense", f"sqlite:///{tmp_path}/no/such/folder.sqlite"):
        with pytest.raises(DatabaseError):
            AccessLog(place)
