"""Runs the migrations in the transaction of whoever opens the database (indexer.database)."""

from alembic import context

import indexer.liquidity.tables  # noqa: F401  (declares tables too)
from indexer.models import Model

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Model.metadata,
    transaction_per_migration=False,
    user_module_prefix="models.",
)
context.run_migrations()
