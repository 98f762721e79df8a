"""Runs the migrations in the transaction of whoever opens the database (indexer.database)."""

from alembic import context
from sqlmodel import SQLModel

import indexer.liquidity.tables  # noqa: F401
import indexer.models  # noqa: F401  (both declare the tables)

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    transaction_per_migration=False,
    user_module_prefix="models.",
)
context.run_migrations()
