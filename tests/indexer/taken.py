"""What a database has taken in, and who waits for it."""

import time
from concurrent.futures import Future

from sqlalchemy import Connection, select

from indexer import database, models


def block(engine) -> int:
    with engine.connect() as connection:
        return connection.execute(select(models.Sync.block)).scalar() or 0


def whole(engine) -> str:
    with engine.connect() as connection:
        return database.digest(connection)


def until_waited_for(connection: Connection, job: Future) -> None:
    """Until somebody waits for a lock of Postgres: `job`, which must not come to its end instead."""
    deadline = time.monotonic() + 60
    while not connection.exec_driver_sql("SELECT count(*) FROM pg_locks WHERE NOT granted").scalar():
        assert not job.done() and time.monotonic() < deadline, "it did not wait"
        time.sleep(0.01)
