"""Parents worked on a desk double: schedules, steering, restarts, reports."""

import threading
import time

import pytest

from offchain.agent.desk import OrderState, TicketRefused
from offchain.notes import Side
from offchain.records import MarketTerms
from offchain.slicer.parents import Action, ParentRefused, ParentState, Strategy, UnknownParent
from offchain.slicer.tape import ledger_tape
from tests.slicer.conftest import FIRST


def worked(bench, epochs: int, share=(1, 1)) -> list[int]:
    """Tick through epochs, each filled by a share before the next begins; the children's lots."""
    for _ in range(epochs):
        bench.slicer.tick()
        bench.fill(share)
        bench.next_epoch()
    bench.slicer.tick()
    return [child.quantity for child in bench.slicer.report("p1").children]


def test_a_twap_is_one_child_an_epoch_about_equal_and_exact_in_sum(bench):
    bench.begin()
    lots = worked(bench, 10)
    assert len(lots) == 10 and sum(lots) == 1_000 and len(set(lots)) > 3
    assert all(60 <= one <= 160 for one in lots)
    parent = bench.slicer.parent("p1")
    assert (parent.state, parent.filled, parent.open) == (ParentState.DONE, 1_000, 0)
    assert [order.client_id for order in bench.placed()] == [f"parent:p1:{n}" for n in range(1, 11)]
    assert [order.epoch for order in bench.placed()] == list(range(FIRST, FIRST + 10))
    terms = {(order.side, order.price, order.source, order.account) for order in bench.placed()}
    assert terms == {(Side.BUY, 510, "slicer", "p1")}


def test_a_shortfall_begins_with_more(bench):
    bench.begin(strategy=Strategy.SHORTFALL, urgency_bps=5_000, jitter_bps=0)
    lots = worked(bench, 10)
    assert sum(lots) == 1_000 and lots[0] > 400 and lots == sorted(lots, reverse=True)


def test_participation_follows_the_prints(bench):
    bench.tape.update({epoch: 200 for epoch in range(FIRST)})
    bench.begin(strategy=Strategy.PARTICIPATION, rate_bps=1_000, jitter_bps=0)
    for volume in (200, 200, 400, 0):
        bench.slicer.tick()
        bench.fill()
        bench.tape[bench.desk.market_views[0].epoch] = volume
        bench.next_epoch()
    bench.slicer.tick()
    lots = {child.epoch: child.quantity for child in bench.slicer.report("p1").children}
    assert lots[FIRST] == lots[FIRST + 1] == lots[FIRST + 2] == 20
    assert lots[FIRST + 3] in (43, 44), "a tenth of 800 printed and of the mean of 233 1/3 expected, less the 60 it has"
    report, own = bench.slicer.report("p1"), 60 + lots[FIRST + 3]
    assert (report.market_volume, report.printed_fill) == (800, own)
    assert report.participation_bps == own * 10_000 // 800


def test_what_is_not_filled_goes_back_to_the_schedule(bench):
    bench.begin(jitter_bps=0)
    lots = worked(bench, 10, share=(1, 2))
    assert lots[0] == 100 and lots[-1] > 2 * lots[0]
    report = bench.slicer.report("p1")
    assert report.parent.filled + report.unfilled == 1_000 and report.parent.state == ParentState.DONE
    assert sum(child.fill for child in report.children) == report.parent.filled


def test_what_is_open_counts_as_filled(bench):
    bench.begin(jitter_bps=0)
    for _ in range(10):
        bench.slicer.tick()
        bench.next_epoch()
    assert sum(order.quantity for order in bench.placed()) == 1_000
    assert bench.slicer.parent("p1").open == 1_000
    bench.slicer.tick()
    assert bench.slicer.parent("p1").state == ParentState.RUNNING, "it waits for its children"
    bench.fill()
    bench.slicer.tick()
    assert bench.slicer.parent("p1").state == ParentState.DONE


def test_a_draw_outlives_a_restart(bench):
    bench.begin()
    place, seen = bench.desk.place, []

    def dying(ticket):
        seen.append(ticket.quantity)
        if len(seen) == 1:
            raise ConnectionError("killed before the desk had it")
        placed = place(ticket)
        if len(seen) == 2:
            raise ConnectionError("killed after the desk had it")
        return placed

    bench.desk.place = dying
    for _ in range(4):
        bench.slicer.tick()
        bench.restart()
    assert len(seen) == 2 and len(set(seen)) == 1, "the third life hears of it from the desk"
    assert [order.quantity for order in bench.placed()] == seen[:1]
    assert bench.slicer.parent("p1").open == seen[0]


def test_a_paused_parent_places_nothing_and_goes_on_when_resumed(bench):
    bench.begin(jitter_bps=0)
    bench.slicer.tick()
    assert [bench.slicer.steer("p1", Action.PAUSE).state for _ in range(2)] == [ParentState.PAUSED] * 2
    bench.next_epoch(4)
    bench.slicer.tick()
    assert len(bench.placed()) == 1 and bench.slicer.parent("p1").open == 100
    bench.restart()
    bench.slicer.steer("p1", Action.RESUME)
    bench.slicer.tick()
    assert [order.quantity for order in bench.placed()] == [100, 150], "900 over the six epochs left"


def test_a_cancel_takes_back_what_is_not_frozen_and_follows_the_rest(bench):
    bench.begin(jitter_bps=0)
    bench.slicer.tick()
    bench.desk.commit("parent:p1:1")
    bench.desk.reveal("parent:p1:1")
    bench.next_epoch()
    bench.slicer.tick()
    parent = bench.slicer.steer("p1", Action.CANCEL)
    assert (parent.state, parent.open) == (ParentState.CANCELLED, 100)
    assert bench.desk.order("parent:p1:2").state == OrderState.CANCELLED
    bench.desk.fill("parent:p1:1", 60, 500)
    bench.next_epoch()
    bench.slicer.tick()
    report = bench.slicer.report("p1")
    assert (report.parent.filled, report.parent.open, report.unfilled) == (60, 0, 940)
    assert len(report.children) == 2
    with pytest.raises(ParentRefused, match="cancelled"):
        bench.slicer.steer("p1", Action.RESUME)


def test_a_child_that_was_drawn_but_not_placed_is_never_sent_once_its_parent_stops(bench):
    bench.begin()

    def dead(ticket):
        raise ConnectionError("the agent dies here")

    place, bench.desk.place = bench.desk.place, dead
    bench.slicer.tick()
    bench.desk.place = place
    bench.slicer.steer("p1", Action.PAUSE)
    bench.slicer.tick()
    assert bench.placed() == [] and bench.slicer.parent("p1").open == 0


def test_a_cancel_outlives_a_death_before_its_children_were_taken_back(bench):
    bench.begin()
    bench.slicer.tick()
    bench.desk.commit("parent:p1:1")

    def dead(*_):
        raise ConnectionError("the agent dies here")

    cancel, bench.desk.cancel = bench.desk.cancel, dead
    with pytest.raises(ConnectionError):
        bench.slicer.steer("p1", Action.CANCEL)
    bench.desk.cancel = cancel
    bench.restart()
    bench.slicer.tick()
    assert bench.desk.order("parent:p1:1").state == OrderState.CANCELLED
    assert bench.slicer.parent("p1").open == 0


def test_a_refusal_is_told_and_its_lots_go_back(bench):
    def never(ticket, snapshot):
        raise TicketRefused("fat_finger", "the price is too far from the last print: ask nearer")

    bench.desk.checks.append(never)
    bench.begin()
    bench.slicer.tick()
    parent = bench.slicer.parent("p1")
    assert parent.open == 0 and parent.reason == "fat_finger: the price is too far from the last print: ask nearer"
    bench.slicer.tick()
    assert len(bench.slicer.report("p1").children) == 1, "one try an epoch"
    bench.desk.checks.clear()
    bench.next_epoch()
    bench.slicer.tick()
    assert len(bench.placed()) == 1


def test_no_child_is_below_the_minimum(bench):
    bench.begin(quantity=100, epochs=20, minimum=10)
    lots = worked(bench, 20)
    assert sum(lots) == 100 and min(lots) >= 10


def test_a_rest_below_the_minimum_is_left_unfilled(bench):
    bench.begin(quantity=100, minimum=40, epochs=2, jitter_bps=0)
    bench.slicer.tick()
    bench.desk.fill("parent:p1:1", 45, 500)
    bench.next_epoch()
    bench.slicer.tick()
    bench.desk.fill("parent:p1:2", 30, 500)
    bench.next_epoch()
    bench.slicer.tick()
    report = bench.slicer.report("p1")
    assert (report.parent.state, report.unfilled) == (ParentState.DONE, 25)


def test_a_parent_is_done_as_soon_as_nothing_more_can_be_placed(bench):
    bench.begin(quantity=100, minimum=50, epochs=9, jitter_bps=0, strategy=Strategy.SHORTFALL, urgency_bps=1_000_000)
    for fill in (20, 40):
        bench.slicer.tick()
        (order,) = bench.desk.snapshot().orders
        bench.desk.fill(order.client_id, fill, 500)
        epoch = bench.next_epoch()
    bench.slicer.tick()
    parent = bench.slicer.parent("p1")
    assert parent.state == ParentState.DONE and parent.filled == 60 and epoch < parent.end


def test_the_report_is_exact_against_arrival(bench):
    bench.begin(quantity=300, epochs=2, jitter_bps=0)
    bench.slicer.tick()
    bench.desk.fill("parent:p1:1", 150, 505)
    bench.next_epoch()
    bench.desk.set_market(0, reference=999)
    bench.slicer.tick()
    bench.desk.fill("parent:p1:2", 101, 498)
    bench.next_epoch()
    bench.slicer.tick()
    report, notional = bench.slicer.report("p1"), 150 * 505 + 101 * 498
    assert report.parent.arrival == 500 and report.notional == notional
    assert report.average_price * 251 + report.average_remainder == notional and report.average_remainder < 251
    assert report.slippage_bps == 44, "548 over 125500 is 43.7 bps, rounded against us"
    assert report.unfilled == 49


def test_a_sale_below_arrival_is_a_loss_and_above_it_a_gain(bench):
    for id, price, bps in (("low", 495, 100), ("high", 510, -200)):
        bench.begin(id=id, side=Side.SELL, epochs=1, price=400)
        bench.slicer.tick()
        bench.desk.fill(f"parent:{id}:1", 1_000, price)
        bench.slicer.tick()
        assert bench.slicer.report(id).slippage_bps == bps


def test_arrival_is_the_first_reference_there_is(bench):
    bench.desk.set_market(0, reference=None)
    assert bench.begin().arrival is None
    bench.desk.set_market(0, reference=503)
    bench.slicer.tick()
    bench.desk.set_market(0, reference=600)
    bench.slicer.tick()
    assert bench.slicer.parent("p1").arrival == 503


def test_the_same_id_is_the_same_parent(bench):
    first = bench.begin()
    bench.next_epoch()
    assert bench.begin() == first, "an epoch later too, since no start was named"
    with pytest.raises(ParentRefused) as refused:
        bench.begin(quantity=999)
    assert refused.value.code == "duplicate_id"


@pytest.mark.parametrize("changes,code", [
    ({"id": "a b"}, "bad_parent"),
    ({"id": ".."}, "bad_parent"),
    ({"market": 7}, "unknown_market"),
    ({"quantity": 0}, "bad_parent"),
    ({"quantity": 1 << 64}, "bad_parent"),
    ({"quantity": 10.0}, "bad_parent"),
    ({"price": 0}, "bad_parent"),
    ({"epochs": 0}, "bad_parent"),
    ({"epochs": 4_097}, "bad_parent"),
    ({"start": FIRST - 1}, "closed"),
    ({"minimum": 1_001}, "bad_parent"),
    ({"jitter_bps": 5_001}, "bad_parent"),
    ({"rate_bps": 100}, "bad_parent"),
    ({"strategy": Strategy.PARTICIPATION}, "bad_parent"),
    ({"strategy": Strategy.SHORTFALL, "urgency_bps": 0}, "bad_parent"),
])  # fmt: skip
def test_a_parent_out_of_range_is_refused(bench, changes, code):
    with pytest.raises(ParentRefused) as refused:
        bench.begin(**changes)
    assert refused.value.code == code
    assert bench.slicer.parents() == []


def test_the_markets_smallest_order_is_the_smallest_child(bench):
    bench.desk.set_market(0, min_quantity=25)
    assert bench.begin().minimum == 25
    with pytest.raises(ParentRefused, match="25 lots"):
        bench.begin(id="p2", minimum=24)


def test_an_unknown_parent_is_said_to_be(bench):
    with pytest.raises(UnknownParent):
        bench.slicer.steer("nobody", Action.CANCEL)


def test_the_trouble_of_one_parent_holds_up_no_other(bench):
    bench.begin(id="bad")
    bench.begin(id="good")
    place = bench.desk.place

    def choosy(ticket):
        if ticket.account == "bad":
            raise ConnectionError("no")
        return place(ticket)

    bench.desk.place = choosy
    bench.slicer.tick()
    assert [order.account for order in bench.placed()] == ["good"]


def test_a_thread_of_its_own_works_by_the_desks_events(bench):
    bench.begin(epochs=1)
    reached = threading.Event()
    place = bench.desk.place

    def placing(ticket):
        placed = place(ticket)
        reached.set()
        return placed

    bench.desk.place = placing
    bench.slicer.start()
    try:
        assert reached.wait(60)
        bench.fill()
        deadline = time.monotonic() + 60
        while bench.slicer.parent("p1").state != ParentState.DONE:
            assert time.monotonic() < deadline, bench.slicer.parent("p1")
            time.sleep(0.02)
    finally:
        bench.slicer.stop()


def test_the_tape_of_a_ledger_tells_prints_and_epochs_that_ended_without():
    import types

    terms = MarketTerms(
        "", "", 1, 1, 0, 0, 0, 0, start_block=100, commit_blocks=10, freeze_blocks=2, reveal_blocks=4, settle_blocks=4,
        capacity=8, quota=2, split_bps=0, deferral=5, source="", max_age=0, collar_bps=0,
    )  # fmt: skip
    record = lambda settled, printed: types.SimpleNamespace(settlement=settled, printed=printed)
    ledger = types.SimpleNamespace(
        lock=threading.RLock(), markets={0: terms}, block=145,
        epochs={(0, 1): record(object(), (500, 70)), (0, 2): record(object(), None), (0, 3): record(None, None)},
    )  # fmt: skip
    assert ledger_tape(ledger)(0, 0) == {0: 0, 1: 70}
    ledger.block = 150
    assert ledger_tape(ledger)(0, 1) == {1: 70, 3: 0}, "3 ended unsettled; 2 will print"
    ledger.block = 99
    assert ledger_tape(ledger)(0, 0) == {}
