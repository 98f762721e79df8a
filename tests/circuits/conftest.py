"""The circuits under test are those of build/circuits: made here where missing or out of date."""

import pytest

from scripts.circuits import build
from tests.circuits.world import CIRCUITS


@pytest.fixture(scope="session", autouse=True)
def built():
    build(list(CIRCUITS))
