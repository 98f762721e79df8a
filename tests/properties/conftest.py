"""`--steps N` sets the length of the walk. A long one is kept in build/soak and taken up again."""

import pytest

from offchain.paths import BUILD
from scripts import contracts
from tests.properties.walk import Walk, walk

STEPS = 10_000


def pytest_addoption(parser):
    parser.addoption("--steps", type=int, default=STEPS, help="random steps of the property tests")


@pytest.fixture(scope="session")
def steps(request) -> int:
    return request.config.getoption("--steps", default=STEPS)


@pytest.fixture(scope="session")
def walked(steps, request) -> Walk:
    """Every promise is checked at every step of one walk; each test then asks for its own."""
    contracts.build()
    if steps <= STEPS:
        return walk(steps)
    with request.config.pluginmanager.get_plugin("capturemanager").global_and_fixture_disabled():
        return walk(steps, BUILD / "soak" / "walk.json", lambda line: print(line, flush=True))
