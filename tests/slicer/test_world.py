"""A parent on a real pool, worked by `shadowpool agent run` as a process that is killed twice on the way."""

import time

import pytest
from sqlmodel import Session, create_engine, select

from offchain.agent.desk import OrderState
from offchain.notes import BPS, Side, Terms
from offchain.slicer.parents import ParentState
from offchain.slicer.tables import ChildRow
from tests.agent.office import SECONDS, opened
from tests.world import anvil, build_world

pytestmark = pytest.mark.timeout(1_200)
ARRIVAL, LOTS, LEAST = 500, 20, 4


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with anvil() as url:
        found = build_world(
            url, tmp_path_factory.mktemp("world"), price=ARRIVAL, commit_blocks=200, reveal_blocks=80, settle_blocks=80
        )
        for name, amounts in (("ash", {"USD": 20_000}), ("birch", {"BTC": 50_000})):
            found.fund(name, **amounts)
            found.fund(name, **amounts)
        yield found


@pytest.fixture(scope="module")
def office(world, tmp_path_factory):
    with opened(world, tmp_path_factory.mktemp("office")) as found:
        yield found


def sell(world, epoch, lots, price):
    """What a counterparty sells against a child; to be revealed with `reveal`."""
    return world.wallet("birch").commit(
        0, epoch, Terms(Side.SELL, lots, price), world.traders["birch"].credential, carrier=world.accounts["carrier"]
    )


def fill(world, office, name, sold):
    """Reveal and settle; the child, filled."""
    epoch = sold.order.epoch
    office.until(name, OrderState.REVEALED)
    world.wallet("birch").reveal(sold, carrier=world.accounts["carrier"])
    assert world.settle(0, epoch).count == 2
    assert len(world.ledger.epochs[0, epoch].orders) == 2, "one of birch, one of the parent"
    filled = office.until(name, OrderState.FILLED)
    world.advance_tree()
    return filled


def until_done(client):
    deadline = time.monotonic() + SECONDS
    while (parent := client.parent("june")).state != ParentState.DONE:
        assert time.monotonic() < deadline, parent
        time.sleep(0.2)


def test_a_twap_goes_on_where_it_was_killed(world, office):
    epoch, client = world.open_epoch(), office.client
    with office.running("before_given", "commit") as process:
        office.wait(process)
        made = client.start_parent("june", 0, "buy", LOTS, 505, "twap", epochs=2, minimum=LEAST, jitter_bps=4_000)
        assert (made.start, made.end, made.arrival) == (epoch, epoch + 1, ARRIVAL)
        office.killed(process)
    engine = create_engine(f"sqlite:///{office.folder}/agent.sqlite3")
    with Session(engine) as session:
        drawn = session.exec(select(ChildRow)).one().lots
    engine.dispose()
    with office.running() as process:
        first = office.until("parent:june:1", OrderState.COMMITTED)
        assert (first.quantity, first.epoch) == (drawn, epoch) and LEAST <= drawn <= LOTS - LEAST
        sold = sell(world, epoch, drawn, 495)
        process.kill()
    world.go_to(world.market.windows(epoch).reveal)
    with office.running() as process:
        office.wait(process)
        one = fill(world, office, "parent:june:1", sold)
        assert (one.fill, one.fill_price) == (drawn, ARRIVAL)
        second = office.until("parent:june:2", OrderState.COMMITTED)
        assert (second.quantity, second.epoch) == (LOTS - drawn, epoch + 1)
        sold = sell(world, epoch + 1, LOTS - drawn, 502)
        world.go_to(world.market.windows(epoch + 1).reveal)
        two = fill(world, office, "parent:june:2", sold)
        assert two.fill == LOTS - drawn and 502 <= two.fill_price <= 505
        until_done(client)
        report = client.parent_report("june")
    notional = drawn * ARRIVAL + two.fill * two.fill_price
    assert (report.parent.filled, report.unfilled, report.notional) == (LOTS, 0, notional)
    assert report.average_price * LOTS + report.average_remainder == notional
    lost = notional - LOTS * ARRIVAL
    assert lost > 0 and report.slippage_bps == -(-lost * BPS // (LOTS * ARRIVAL))
    assert [child.fill for child in report.children] == [drawn, LOTS - drawn]
