"""An auditor works out every fill of the run with real orders again, from the chain and its own key."""

import pytest

from scripts.bench.audit import rederive, summary, write
from tests.e2e.conftest import EVENTS

pytestmark = pytest.mark.timeout(1800)


def test_every_fill_is_rederived(run, tmp_path):
    world = run.world
    found = rederive(world.chain, world.auditor, tmp_path)
    result = summary(found, EVENTS.name, 0)
    assert result["problems"] == [] and result["mismatches"] == 0
    own = {
        (order.placed.order.commitment, order.fill, order.price)
        for who in world.institutions.values() if who.wallet
        for order in who.wallet.orders() if order.fill is not None
    }  # fmt: skip
    assert {(line.opened.oc, line.rederived, line.price) for one in found.examined for line in one.lines if line.why is None} == own
    if EVENTS.is_file():
        write(result)
