"""`--steps N` sets the length of the walk. A long one is kept in build/soak and taken up again; what
came of one that is no shorter than `make test`'s stands in build/properties/summary.json."""

import pytest

from offchain.paths import BUILD
from scripts import contracts
from tests.properties.walk import Walk, summarise, walk

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
        done = walk(steps)
    else:
        with request.config.pluginmanager.get_plugin("capturemanager").global_and_fixture_disabled():
            done = walk(steps, BUILD / "soak" / "walk.json", lambda line: print(line, flush=True))
    if steps >= STEPS:
        summarise(done, BUILD / "properties" / "summary.json")
    return done
