"""What a database has taken in."""

from sqlalchemy import select

from indexer import database, models


def block(engine) -> int:
    with engine.connect() as connection:
        return connection.execute(select(models.Sync.block)).scalar() or 0


def whole(engine) -> str:
    with engine.connect() as connection:
        return database.digest(connection)
