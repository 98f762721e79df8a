"""Tests side by side: `make test` gives each worker whole files, the longest first."""

import sys

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers
from xdist.scheduler import LoadFileScheduling

# How long an example takes is the machine's load. Every run tries the same ones: it says the same of the same tree.
settings.register_profile("loaded", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("loaded")
# Else it tries the numbers that stand in whatever modules are loaded by then, which other tests decide.
providers._get_local_constants = lambda: providers._local_constants

TOGETHER = {
    # One demonstration of minutes, which all of these read; and what ape compiles, which it keeps in one place.
    "demonstration": (
        "e2e/test_audit.py", "e2e/test_cli.py", "e2e/test_demo.py", "e2e/test_disclosure.py", "e2e/test_recipes.py",
        "network/test_ape.py",
    ),
    # What one compiled, the other reads.
    "ablation": ("ablation/",),
    # One chain on which much has happened.
    "indexer": ("indexer/",),
}  # fmt: skip
"""Files, or folders, that one worker runs."""

LONGEST = ("ablation", "demonstration", "indexer")
"""Groups that are begun first, so that none is left alone at the end."""


def group(nodeid: str) -> str:
    """The group of a test, or its file."""
    file = nodeid.partition("::")[0]
    found = (name for name, paths in TOGETHER.items() if file.removeprefix("tests/").startswith(paths))
    return next(found, file)


class ByGroup(LoadFileScheduling):
    """Groups in the order of collection."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    if config.getvalue("dist") != "loadfile":
        return None
    config.option.loadscopereorder = False      # xdist's own order: the most tests first, whatever they take
    return ByGroup(config, log)


def pytest_collection_modifyitems(items):
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(group(item.nodeid), len(places)))


RECURSION = sys.getrecursionlimit()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup():
    """Python's own limit: some libraries, once imported, raise it beyond what the stack bears."""
    sys.setrecursionlimit(RECURSION)
