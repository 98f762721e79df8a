"""What a walk leaves behind for `make figures`, and for its own next time."""

import json

import pytest

from tests.properties import walk as walks
from tests.properties.walk import Walk, summarise


@pytest.fixture
def summary(tmp_path):
    """Summarise a walk; what then stands in the file."""

    def summarised(steps: int, *broken: tuple[str, str]) -> tuple[int, int]:
        summarise(Walk(steps=steps, broken=list(broken)), tmp_path / "summary.json")
        read = json.loads((tmp_path / "summary.json").read_text())
        return read["steps"], read["violations"]

    return summarised


def test_a_longer_walk_of_the_same_sources_stays(summary, monkeypatch):
    assert summary(10) == (10, 0)
    assert summary(1000) == (1000, 0)
    assert summary(10) == (1000, 0)
    monkeypatch.setattr(walks, "_source_hash", lambda: "contracts that have changed since")
    assert summary(10) == (10, 0)


def test_a_violation_is_never_left_out(summary):
    assert summary(1000) == (1000, 0)
    assert summary(7, ("P6", "a note too many")) == (7, 1)


def test_a_long_walk_is_taken_up_where_it_stopped(tmp_path):
    kept, told = tmp_path / "walk.json", []
    walks.walk(20, kept)
    again = walks.walk(50, kept, told.append)
    assert (again.seeds, again.steps, len(told)) == (2, 50, 1)
    kept.write_text(json.dumps(json.loads(kept.read_text()) | {"source": "others"}))
    assert walks.walk(30, kept).seeds == 1
