"""Parents whose chain takes back what had ended, or brings it back: on a desk double, and on the real agent over a pool in
memory."""

import pytest

from offchain.agent.desk import OrderState
from offchain.notes import Side, Terms
from offchain.slicer.parents import Action, ParentState, Strategy
from offchain.slicer.slicer import Slicer
from tests.agent.sim import USD, Bomb, Pool, life

LAST = 260
UNFILLED = (OrderState.RETURNED, OrderState.FAILED)


def test_a_fill_that_the_chain_takes_back_is_worked_again(bench):
    bench.begin(quantity=100, epochs=3, jitter_bps=0, strategy=Strategy.SHORTFALL, urgency_bps=1_000_000)
    bench.slicer.tick()
    (first,) = bench.placed()
    bench.desk.fill(first.client_id, first.quantity, 505)
    bench.next_epoch()
    bench.slicer.tick()
    bench.fill()
    bench.slicer.tick()
    assert bench.slicer.parent("p1").filled == 100 and bench.slicer.parent("p1").state == ParentState.DONE
    bench.desk.change(first.client_id, state=OrderState.REVEALED, fill=None, fill_price=None)
    bench.restart()
    bench.slicer.tick()
    parent = bench.slicer.parent("p1")
    assert (parent.filled, parent.open) == (100 - first.quantity, first.quantity)
    assert parent.state == ParentState.RUNNING
    bench.desk.give_back(first.client_id)
    bench.next_epoch()
    bench.slicer.tick()
    assert [order.quantity for order in bench.desk.snapshot().orders] == [first.quantity]
    bench.fill()
    bench.slicer.tick()
    assert bench.slicer.parent("p1").filled == 100 and bench.slicer.parent("p1").state == ParentState.DONE


def test_another_fill_of_the_same_child_counts_instead(bench):
    bench.begin(epochs=1)
    bench.slicer.tick()
    bench.fill(price=505)
    bench.slicer.tick()
    bench.desk.fill("parent:p1:1", 400, 506)
    bench.slicer.tick()
    report = bench.slicer.report("p1")
    assert (report.parent.filled, report.notional, report.unfilled) == (400, 400 * 506, 600)


def test_a_child_that_the_chain_brings_back_takes_the_place_of_others(bench):
    """Its lots had gone to the next child, which comes back; what is frozen by then cannot."""
    bench.begin(quantity=100, epochs=2, jitter_bps=0)
    bench.slicer.tick()
    bench.desk.fail("parent:p1:1")
    bench.next_epoch()
    bench.slicer.tick()
    assert bench.desk.order("parent:p1:2").quantity == 100
    bench.desk.change("parent:p1:1", state=OrderState.REVEALED)
    bench.slicer.tick()
    assert bench.desk.order("parent:p1:2").state == OrderState.CANCELLED
    assert bench.slicer.parent("p1").open == 50
    bench.desk.fill("parent:p1:1", 50, 505)
    bench.slicer.tick()
    assert bench.slicer.parent("p1").filled == 50


def test_no_more_is_placed_than_is_left_when_too_much_was_filled(bench):
    bench.begin(quantity=100, epochs=3, jitter_bps=0)
    bench.slicer.tick()
    bench.desk.give_back("parent:p1:1")
    bench.next_epoch(2)
    bench.slicer.tick()
    bench.fill()
    bench.desk.fill("parent:p1:1", 33, 505)
    bench.slicer.tick()
    report = bench.slicer.report("p1")
    assert (report.parent.filled, report.unfilled, report.parent.state) == (133, 0, ParentState.DONE)


def test_a_cancelled_child_that_the_chain_brings_back_is_cancelled_again(bench):
    bench.begin()
    bench.slicer.tick()
    bench.slicer.steer("p1", Action.CANCEL)
    bench.desk.change("parent:p1:1", state=OrderState.COMMITTED)
    bench.slicer.tick()
    assert bench.desk.order("parent:p1:1").state == OrderState.CANCELLED


def work(pool, agent, slicer, over):
    """Round after round, until it is so."""
    while not over():
        assert pool.head < LAST, (slicer.report("p1"), agent.status())
        agent.round(pool.head)
        agent.core.wait()
        slicer.tick()
        pool.mine()


@pytest.mark.parametrize("lost", ["reveal", "all"])
def test_a_fill_that_a_deep_reorganisation_takes_back_is_worked_again(tmp_path, lost):
    """The reveal is gone, and the child comes to nothing; or its commit too, and it never was."""
    pool = Pool(*[(USD, 9_000)] * 6)
    with life(pool, f"sqlite:///{tmp_path}/agent.sqlite3", Bomb()) as agent:
        agent.round(pool.head)
        slicer = Slicer(agent, agent.book.engine, lambda market, first: {}, lambda below: below // 2)
        slicer.begin(
            id="p1", market=0, side=Side.BUY, quantity=12, price=501, strategy=Strategy.TWAP, epochs=5, jitter_bps=0
        )
        work(pool, agent, slicer, lambda: slicer.parent("p1").filled)
        first = slicer.report("p1").children[0]
        assert first.fill == first.quantity and first.state == OrderState.FILLED
        epoch_of = {order["word"]: order["epoch"] for order in pool.at(pool.head).orders.values()}
        pool.taken = [
            one for one in pool.taken
            if epoch_of[one[2].args[0]["word"]] != first.epoch or lost == "reveal" and one[2].function == "commit"
        ]  # fmt: skip
        pool._states = {}
        work(pool, agent, slicer, lambda: agent.order(first.client_id).state in UNFILLED)
        slicer.tick()
        assert slicer.report("p1").children[0].fill is None
        work(pool, agent, slicer, lambda: slicer.parent("p1").state == ParentState.DONE)
        parent, final = slicer.parent("p1"), pool.at(pool.head).orders.values()
        settled = [Terms.from_word(order["terms"]).quantity for order in final if "filled" in order]
        assert parent.filled == 12 == sum(settled)
