"""The machine notices contracts with one thing wrong. `make soak` tries them all."""

import pytest

from tests.properties.conftest import STEPS
from tests.properties.machine import Diverged, Machine
from tests.properties.mutants import MUTANTS, QUICK

WORLDS, EPISODE = 30, 1000


def noticed(name: str) -> str | None:
    for seed in range(WORLDS):
        try:
            Machine(seed, MUTANTS[name]).run(EPISODE)
        except Diverged as error:
            return str(error)
    return None


@pytest.mark.parametrize("name", QUICK)
def test_a_wrong_contract_is_noticed(name):
    assert noticed(name), f"{name}: not noticed in {WORLDS * EPISODE} steps"


def test_every_wrong_contract_is_noticed(steps):
    """All of them on a long walk; on a short one the quick ones above are the sample."""
    names = [name for name in MUTANTS if name not in QUICK] if steps > STEPS else []
    missed = [name for name in names if not noticed(name)]
    assert missed == []
