"""One chain and one deployment a session; every test starts from the same block of it."""

import pytest

from scripts import contracts
from tests.contracts.chain import Chain
from tests.contracts.world import World


@pytest.fixture(scope="session")
def chain():
    contracts.build()
    chain = Chain()
    yield chain
    chain.stop()


@pytest.fixture(scope="session")
def deployed(chain):
    return World(chain)


@pytest.fixture
def world(deployed):
    terms = dict(deployed.terms)
    deployed.restart()
    with deployed.chain.undone():
        yield deployed
    deployed.terms = terms
