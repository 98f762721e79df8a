"""The indexer's tables are its own, whatever else the process has loaded."""

import subprocess
import sys

import pytest
from sqlalchemy.exc import IntegrityError

from indexer import database, models
from offchain.paths import ROOT

TABLES = "from indexer.models import CHAIN_TABLES, Model; print([table.name for table in CHAIN_TABLES], len(Model.metadata.tables))"


def tables(*before: str) -> str:
    code = "; ".join([*(f"import {module}" for module in before), TABLES])
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("others", [["relayer.store"], ["offchain.agent.book", "offchain.gateway.tables", "offchain.fix.store"]])
def test_services_beside_it_add_none(others):
    assert tables(*others) == tables()


def test_a_fact_that_comes_twice_is_told_alike_by_both_databases(engines):
    """Postgres takes rows past SQLAlchemy, whose error it must be nevertheless: it stops the follower with a reason."""
    table = models.Nullifier.__table__
    row = {"block": 1, "log_index": 0, "nullifier": 5, "place": 0}
    with pytest.raises(IntegrityError), engines().begin() as connection:
        database.insert(connection, {table: [row]})
        database.insert(connection, {table: [row | {"block": 2}]})
