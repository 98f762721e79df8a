"""One fault of `make faults` on a validator of its own: the leader dies with its settlement signed, not sent."""

import json
import tempfile
from pathlib import Path

import pytest

from scripts import circuits as circuit_build
from scripts import contracts as contract_build
from scripts.deploy import CIRCUITS
from scripts.faults.run import run


@pytest.mark.timeout(1200)
def test_a_leader_killed_between_signing_and_sending(tmp_path):
    circuit_build.build([*CIRCUITS, "settle_8"])
    contract_build.build()
    with tempfile.TemporaryDirectory() as short:    # sockets' paths are short, and pytest's are not
        # Windows of a busy machine: what the site would make them follows how busy it is at the start alone.
        windows = {"commit_blocks": 32, "reveal_blocks": 24, "settle_blocks": 96}
        (outcome,) = run(["leader-at-signed"], Path(short), tmp_path / "faults.json", 1, epochs=1, **windows)
    assert outcome.survived and outcome.error is None
    assert outcome.orders.settled + outcome.orders.reclaimed > 0 and outcome.orders.lost == 0
    written = json.loads((tmp_path / "faults.json").read_text())
    assert (written["injected"], written["survived"]) == (1, 1)
