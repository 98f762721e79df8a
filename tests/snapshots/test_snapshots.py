"""Constraints, keys and contract sizes are as committed, or the change was meant: then
`python -m scripts.snapshot --write`. (Gas: tests/contracts/test_gas.py.)"""

import pytest

from scripts import circuits as circuit_build
from scripts import snapshot

pytestmark = pytest.mark.timeout(1200)


@pytest.mark.parametrize("name", snapshot.MEASURES)
def test_nothing_moved(name):
    moved = snapshot.differences(snapshot.committed(name), snapshot.MEASURES[name]())
    assert not moved, "if this was meant: python -m scripts.snapshot --write"


def test_every_circuit_has_its_constraint_system_and_key_in_a_snapshot():
    circuits = set(circuit_build.names())
    assert snapshot.committed("constraints").keys() == snapshot.committed("verification_keys").keys() == circuits


def test_a_difference_names_what_moved_and_both_values():
    old, new = {"a": 1, "gone": 2, "same": 3}, {"a": 4, "new": 5, "same": 3}
    assert snapshot.differences(old, new) == ["a: 1 → 4", "gone: 2 → absent", "new: absent → 5"]


def test_a_key_s_id_follows_its_constraint_system(tmp_path, monkeypatch):
    """The set-up is not asked again for what it made, but for anything else it is."""
    monkeypatch.setattr(snapshot, "KEYS", tmp_path)
    circuit_build.build(["print", "key"])
    first = snapshot._seeded_id("print")
    assert snapshot._seeded_id("print") == first == snapshot.committed("verification_keys")["print"]
    (tmp_path / "key.json").write_text((tmp_path / "print.json").read_text())
    assert snapshot._seeded_id("key") == snapshot.committed("verification_keys")["key"] != first
