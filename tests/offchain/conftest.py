"""A deployed world on anvil, one a module."""

import pytest

from tests.world import anvil, build_world


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with anvil() as url:
        yield build_world(url, tmp_path_factory.mktemp("world"))
