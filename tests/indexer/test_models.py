"""The indexer's tables are its own, whatever else the process has loaded."""

import subprocess
import sys

import pytest

from offchain.paths import ROOT

TABLES = "from indexer.models import CHAIN_TABLES, Model; print([table.name for table in CHAIN_TABLES], len(Model.metadata.tables))"


def tables(*before: str) -> str:
    code = "; ".join([*(f"import {module}" for module in before), TABLES])
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("others", [["relayer.store"], ["offchain.agent.book", "offchain.gateway.tables", "offchain.fix.store"]])
def test_services_beside_it_add_none(others):
    assert tables(*others) == tables()
