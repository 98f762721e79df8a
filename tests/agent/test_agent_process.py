"""`shadowpool agent run` as a process: traded through over HTTP, killed where it hurts, alone with its key, ended politely."""

import signal

import pytest

from offchain.agent.desk import OrderState
from offchain.agent_client import AgentClient, AgentError
from offchain.notes import Side, Terms
from tests.agent.office import PASSWORD, SECONDS, opened
from tests.world import anvil, build_world

pytestmark = pytest.mark.timeout(1_200)
LIMIT = 5_050_505_050
"""Longer than whatever number a log has by chance: of a port, or of a second's parts."""


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with anvil() as url:
        found = build_world(url, tmp_path_factory.mktemp("world"), commit_blocks=100, reveal_blocks=80)
        found.fund("ash", USD=6 * 10**10)
        found.fund("birch", BTC=50_000)
        yield found


@pytest.fixture(scope="module")
def office(world, tmp_path_factory):
    with opened(world, tmp_path_factory.mktemp("office")) as found:
        yield found


def test_an_order_outlives_four_deaths(world, office):
    epoch = world.open_epoch()
    client = office.client
    with office.running("before_given", "commit") as process:
        office.wait(process)
        placed = client.place("one", 0, Side.BUY, 10, LIMIT, epoch)
        assert (placed.state, placed.source, placed.account) == (OrderState.ACCEPTED, "rest", "test")
        office.killed(process)
    with office.running("before_broadcast", "commit") as process:
        office.killed(process)
    with office.running("after_given", "commit") as process:
        office.killed(process)
    with office.running() as process:
        assert client.place("one", 0, Side.BUY, 10, LIMIT, epoch).client_id == "one"
        office.until("one", OrderState.COMMITTED)
        sell = world.wallet("birch").commit(
            0, epoch, Terms(Side.SELL, 10, 495), world.traders["birch"].credential, carrier=world.accounts["carrier"]
        )
        process.kill()
    world.go_to(world.market.windows(epoch).reveal)
    with office.running("before_given", "reveal") as process:
        office.killed(process)
    with office.running() as process:
        office.until("one", OrderState.REVEALED)
        world.wallet("birch").reveal(sell, carrier=world.accounts["carrier"])
        assert world.settle(0, epoch).count == 2
        filled = office.until("one", OrderState.FILLED)
        assert (filled.fill, filled.fill_price) == (10, 500) and filled.commit_tx and filled.reveal_tx
        assert len(world.ledger.epochs[0, epoch].orders) == 2, "one of birch, one of ash"
        assert not office.seen().problems

        second = office.start()
        assert second.wait(SECONDS) == 1 and "another process" in office.log.read_text(), office.log.read_text()

        process.send_signal(signal.SIGTERM)
        assert process.wait(SECONDS) == 0
    told = "".join(log.read_text() for log in office.folder.glob("*.log"))
    assert "agent stopped" in told
    with pytest.raises(AgentError, match="no agent answers"):
        AgentClient(office.url, "sp_" + "0" * 16 + "_" + "0" * 43, patience=0.0).status()
    assert PASSWORD not in told and str(LIMIT) not in told
