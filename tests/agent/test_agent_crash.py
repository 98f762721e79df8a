"""Whoever kills the agent at whichever step, and whatever carriers do: every ticket is one order, and no bond is lost."""

import os
import random
import threading
from collections import Counter

import pytest

from offchain.agent.desk import MovementState, OrderState, Ticket, TicketRefused
from offchain.notes import Side
from tests.agent.sim import BTC, DEPTH, USD, Bomb, Died, Pool, SimChain, day, days, life
from tests.relayer.databases import database

LAST = 190
SECONDS = 120
PRICES = {"first": 501, "second": 502, "third": 503}
"""The price tells on the pool whose commit it is."""


def tickets(head):
    """What clients ask by block: two orders for one epoch's quota, one more, and the second one back."""
    asked = [("first", 103), ("second", 103), ("third", 106)]
    return [Ticket(name, 0, Side.BUY, 10, PRICES[name]) for name, block in asked if head >= block]


def story(pool, url, bombs, faults=(lambda call: None,), cancel=112):
    """The whole of it; a process that dies is followed by another. The desk's last view, and its events."""
    bombs = iter([*bombs, Bomb()])
    bomb = next(bombs)
    over = False
    while not over:
        try:
            with life(pool, url, bomb, faults) as agent:
                while not over and not bomb.dead:
                    over = pool.head >= LAST or len(agent.orders()) == 3 and all(one.ended for one in agent.orders())
                    agent.round(pool.head)
                    for ticket in tickets(pool.head):
                        agent.place(ticket)     # again and again, as a client that heard no answer
                    if pool.head >= 104:
                        agent.withdraw("out", BTC, 2_000, "0x" + "77" * 20)
                    if pool.head == cancel:
                        ask_back(agent, "second")
                    agent.core.wait()
                    pool.mine()
        except Died:
            pool.mine()
        if bomb.dead:
            bomb = next(bombs)
    with life(pool, url, Bomb(), faults) as agent:
        agent.round(pool.head)
        agent.core.wait()
        agent.round(pool.head)
        [out] = agent.movements()
        left = sum(note[1] for n, note in enumerate(pool.at(pool.head).notes) if note[0] == BTC and not pool.spent(n))
        assert (out.state == MovementState.DONE) == (left % 5_000 == 3_000), (out, left)
        return {order.client_id: order for order in agent.orders()}, agent.events(0, 10_000), agent.status()


def ask_back(agent, name):
    try:
        agent.cancel(name)
    except TicketRefused as refused:
        assert refused.code == "too_late"


def holds(pool, orders, events, status):
    """Every ticket is one order at most, its end is what the pool says, and all was revealed."""
    final = pool.at(pool.head).orders.values()
    for name, price in PRICES.items():
        mine = [order for order in final if order["terms"] >> 65 == price]
        assert len(mine) <= 1, (name, mine)
        live = [order for order in mine if not order.get("cancelled")]
        assert all("filled" in order for order in live), (name, live)
        if live:
            assert (orders[name].state, orders[name].fill) == (OrderState.FILLED, 10)
        else:
            assert orders[name].state in (OrderState.CANCELLED, OrderState.FAILED)
    assert not any(order.get("forfeit") for order in final)
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert not [event for event in events if "unexplained" in event.data] and not status.problems
    assert set(orders) == set(PRICES), "no order that nobody asked for"
    assert len([call for _, _, call in pool.taken if call.function == "transact"]) <= 1, "a withdrawal made twice"


def fresh():
    return Pool(*[(USD, 9_000)] * 4, (BTC, 5_000))


def url(folder):
    return f"sqlite:///{folder}/agent.sqlite3"


def test_without_a_death(tmp_path):
    pool = fresh()
    orders, events, status = story(pool, url(tmp_path), [])
    holds(pool, orders, events, status)
    assert orders["first"].state == orders["third"].state == OrderState.FILLED
    assert orders["second"].state == OrderState.CANCELLED
    assert orders["third"].epoch > orders["first"].epoch, "a key has two places an epoch"
    assert [call.args[0]["change"] for _, _, call in pool.taken if call.function == "transact"] == [[BTC, 3_000]]


def test_a_death_at_any_step(tmp_path):
    """One run counts the steps; then one dies at each of them, and half of those once more a little later.

    Every third step, and all where SHADOWPOOL_EVERY_STEP is set.
    """
    (tmp_path / "counted").mkdir()
    counting = Bomb()
    story(fresh(), url(tmp_path / "counted"), [counting])
    total = counting.count
    assert total > 40, "the story is too short to tell anything"
    for step in range(1, total + 1, 1 if "SHADOWPOOL_EVERY_STEP" in os.environ else 3):
        folder = tmp_path / str(step)
        folder.mkdir()
        pool = fresh()
        again = [Bomb(step // 2 + 3)] if step % 2 else []
        found = story(pool, url(folder), [Bomb(step), *again])
        holds(pool, *found)
        assert found[0]["first"].state == OrderState.FILLED, step


def test_postgresql_keeps_it_as_well(tmp_path):
    pool = fresh()
    with database("postgres", tmp_path) as found:
        holds(pool, *story(pool, found, [Bomb(20), Bomb(30)]))


def faulty(seed, name):
    """A carrier that is down, loses, delays, drops or denies what it took, as chance has it: the same in every run, whose
    threads take turns as they like. Of a reveal it does so twice, for nobody saves a bond from carriers that never end."""
    asked = Counter()

    def fault(call):
        what = call.function, call.args[0]["word"]
        asked[what] += 1
        chance = random.Random(f"{seed} {name} {what} {asked[what]}")
        tired = call.function == "reveal" and asked[what] > 2
        return None if tired else chance.choice((None, "down", "lost", "dropped", "late", "liar"))

    return fault


@pytest.mark.parametrize("seed", range(12))
def test_carriers_that_fail_lie_and_forget(tmp_path, seed):
    """Two of them, and deaths besides."""
    chance = random.Random(seed)
    faults = [faulty(seed, name) for name in ("one", "other")]
    bombs = [Bomb(chance.randrange(5, 60)) for _ in range(3)]
    pool = fresh()
    holds(pool, *story(pool, url(tmp_path), bombs, faults, cancel=chance.randrange(104, 124)))


@pytest.mark.parametrize("fault", ["down", "dropped", "liar"])
def test_one_honest_carrier_is_enough(tmp_path, fault):
    pool = fresh()
    orders, *rest = story(pool, url(tmp_path), [], (lambda call: fault, lambda call: None))
    holds(pool, orders, *rest)
    assert orders["first"].state == orders["third"].state == OrderState.FILLED


def test_a_commit_that_all_deny_to_have_is_not_made_twice(tmp_path):
    """Both say that the contract refuses it, and send it blocks later, when others of the same ticket are on their way."""
    for delay_only in ("commit", "reveal"):
        pool = fresh()
        (folder := tmp_path / delay_only).mkdir()

        def liar(call, kind=delay_only):
            return "liar" if call.function == kind else None

        holds(pool, *story(pool, url(folder), [], (liar, liar)))


def test_a_bond_in_danger_is_told(tmp_path):
    """No carrier takes the reveal: an event says so before the window ends, and another when the bond is lost."""
    pool, shut = fresh(), lambda call: "down" if call.function == "reveal" else None
    with life(pool, url(tmp_path), Bomb(), (shut,)) as agent:
        agent.round(pool.head)
        agent.place(Ticket("first", 0, Side.BUY, 10, 501))
        while pool.head < 150:
            day(agent, pool)
        told = [event.data["problem"] for event in agent.events(0) if "problem" in event.data]
        assert "taken by no carrier" in told.pop(0)
        assert "first is not revealed, and block 133 ends its window" in told[0] and "does not answer" in told[0]
        assert "its bond is lost" in told[1]
        order = agent.order("first")
        assert (order.state, order.code, order.forfeited) == (OrderState.RETURNED, "unrevealed", 250)


@pytest.mark.parametrize("how", ["cancel", "kill"])
def test_what_is_taken_back_while_it_is_proven_is_never_sent(tmp_path, monkeypatch, how):
    pool = fresh()
    with life(pool, url(tmp_path), Bomb()) as agent:
        agent.round(pool.head)
        agent.place(Ticket("first", 0, Side.BUY, 10, 501))
        prove = agent.purse.commit

        def proved(*order):
            built = prove(*order)
            agent.cancel("first") if how == "cancel" else agent.kill(True, "drill")
            return built

        monkeypatch.setattr(agent.purse, "commit", proved)
        while pool.head < 110:
            day(agent, pool)
        assert agent.order("first").state == OrderState.CANCELLED and not pool.at(pool.head).orders
        assert not agent.purse.held


def test_the_kill_switch_lets_go_what_was_not_sent(tmp_path):
    pool = fresh()
    with life(pool, url(tmp_path), Bomb()) as agent:
        agent.round(pool.head)
        agent.place(Ticket("first", 0, Side.BUY, 10, 501))
        agent.round(pool.head)
        agent.core.wait()
        agent.place(Ticket("second", 0, Side.BUY, 10, 502))
        agent.kill(True, "drill")
        assert agent.order("second").state == OrderState.CANCELLED and agent.order("second").code == "killed"
        with pytest.raises(TicketRefused, match="drill"):
            agent.place(Ticket("third", 0, Side.BUY, 10, 503))
    with life(pool, url(tmp_path), Bomb()) as agent:
        assert agent.status().killed
        while pool.head < 150:
            day(agent, pool)
        assert agent.order("first").state == OrderState.FILLED, "what is on chain is brought to its end"
        agent.kill(False, "over")
        with pytest.raises(TicketRefused, match="drill"):
            agent.place(Ticket("third", 0, Side.BUY, 10, 503))     # the same ticket has the same answer
        agent.place(Ticket("fourth", 0, Side.BUY, 10, 503))


def test_a_ticket_that_cannot_be_paid_fails_and_one_too_late_is_refused(tmp_path):
    pool = fresh()
    with life(pool, url(tmp_path), Bomb()) as agent:
        agent.round(pool.head)
        agent.place(Ticket("poor", 0, Side.SELL, 10, 501))
        agent.round(pool.head)
        agent.core.wait()
        assert (agent.order("poor").state, agent.order("poor").code) == (OrderState.FAILED, "funds")
        while pool.head < 117:
            pool.mine()
        agent.round(pool.head)
        with pytest.raises(TicketRefused, match="the first to be made is 1") as late:
            agent.place(Ticket("late", 0, Side.BUY, 10, 501, epoch=0))
        assert late.value.code == "closed"


def test_a_commit_that_a_reorganisation_took_back_is_made_again(tmp_path):
    """Deeper than what counts as final: the ticket is one again, and its order is made in the same place."""
    pool = fresh()
    with life(pool, url(tmp_path), Bomb()) as agent:
        agent.round(pool.head)
        agent.place(Ticket("first", 0, Side.BUY, 10, 501))
        while agent.order("first").state != OrderState.COMMITTED:
            day(agent, pool)
        word = agent.order("first").quota_nullifier
        pool.taken, pool._states = [], {}
        agent.round(pool.head)
        assert agent.order("first").state == OrderState.ACCEPTED
        while agent.order("first").state != OrderState.COMMITTED:
            day(agent, pool)
        assert agent.order("first").quota_nullifier == word and len(pool.at(pool.head).orders) == 1


def test_a_reveal_is_made_anew_where_a_reorganisation_changed_the_frozen_set(tmp_path):
    """What was signed for the set as it froze first, no contract takes any more."""
    pool, drops = fresh(), [True]
    fault = lambda call: "dropped" if drops[0] and call.function == "reveal" else None  # noqa: E731
    with life(pool, url(tmp_path), Bomb(), (fault,)) as agent:
        agent.round(pool.head)
        agent.place(Ticket("first", 0, Side.BUY, 10, 501))
        days(agent, pool, 125)
        first = [key for key in agent.book.parcels if key.startswith("reveal:")]
        assert len(first) == 1
        pool.frozen, drops[0] = b"\x02" * 32, False
        days(agent, pool, 127)
        assert agent.book.parcel(first[0]).state == "lost" and "reorganisation" in agent.book.parcel(first[0]).reason
        days(agent, pool, 145)
        order = agent.order("first")
        assert (order.state, order.fill) == (OrderState.FILLED, 10) and order.reveal_tx and not agent.status().problems


def test_an_order_that_fails_stops_no_other(tmp_path, monkeypatch):
    """The first cannot be revealed, for a reason that nobody foresaw: the second is, and the first once that is mended."""
    pool = fresh()
    with life(pool, url(tmp_path), Bomb()) as agent:
        agent.round(pool.head)
        for name in ("first", "second"):
            agent.place(Ticket(name, 0, Side.BUY, 10, PRICES[name]))
        days(agent, pool, 112)
        broken, reveal = agent.order("first").quota_nullifier, agent.purse.reveal

        def fails(placed):
            if placed.quota_nullifier == broken:
                raise LookupError("its key is gone")
            return reveal(placed)

        with monkeypatch.context() as patched:
            patched.setattr(agent.purse, "reveal", fails)
            days(agent, pool, 127)
        assert (agent.order("first").state, agent.order("second").state) == (OrderState.COMMITTED, OrderState.REVEALED)
        assert any(problem.endswith(": LookupError") for problem in agent.status().problems)
        days(agent, pool, 145)
        assert {agent.order(name).state for name in ("first", "second")} == {OrderState.FILLED}


@pytest.mark.parametrize("how", ["goes on", "kill switch", "process"])
def test_between_two_epochs(tmp_path, how):
    """No block takes the commit in its window. The next epoch is tried: by a new process as well, never under the kill
    switch, and once."""
    pool, drops = fresh(), [True]
    faults = (lambda call: "dropped" if drops[0] and call.function == "commit" else None,)
    with life(pool, url(tmp_path), Bomb(), faults) as agent:
        agent.round(pool.head)
        agent.place(Ticket("first", 0, Side.BUY, 10, 501))
        days(agent, pool, 118)
        assert agent.order("first").epoch == 0 and agent.book.entries["first"].index is not None
        if how == "kill switch":
            agent.kill(True, "drill")
            assert agent.order("first").state == OrderState.ACCEPTED, "a carrier may have it: it is not said to be cancelled"
        days(agent, pool, 118 if how == "process" else 121)
        drops[0] = False
        if how != "process":
            days(agent, pool, 190)
            ended = agent.order("first")
    if how == "process":
        while pool.head < 124:
            pool.mine()
        with life(pool, url(tmp_path), Bomb(), faults) as agent:
            days(agent, pool, 190)
            ended = agent.order("first")
    made = list(pool.at(pool.head).orders.values())
    if how == "kill switch":
        assert (ended.state, ended.code) == (OrderState.CANCELLED, "killed") and not made
    else:
        assert ended.state == OrderState.FILLED and [order["epoch"] for order in made] == [ended.epoch] == [1]


@pytest.mark.parametrize("depth, state", [(10, OrderState.FILLED), (11, OrderState.FAILED)])
def test_windows_shorter_than_the_confirmations(tmp_path, monkeypatch, depth, state):
    """Freeze and reveal window are 13 blocks: frozen 11 deep, and two to be included, no order could be revealed in time."""
    pool = fresh()
    monkeypatch.setattr(SimChain, "confirmations", depth)
    with life(pool, url(tmp_path), Bomb()) as agent:
        agent.round(pool.head)
        agent.place(Ticket("first", 0, Side.BUY, 10, 501))
        days(agent, pool, 170)
        order = agent.order("first")
        assert order.state == state and bool(pool.at(pool.head).orders) == (state == OrderState.FILLED)
        assert state == OrderState.FILLED or order.code == "closed" and "windows close before" in order.reason


def test_orders_and_movements_share_no_name(tmp_path):
    pool = fresh()
    with life(pool, url(tmp_path), Bomb()) as agent:
        agent.round(pool.head)
        agent.place(Ticket("one", 0, Side.BUY, 10, 501))
        agent.withdraw("two", BTC, 2_000, "0x" + "77" * 20)
        with pytest.raises(TicketRefused, match="one is an order's") as refused:
            agent.withdraw("one", BTC, 2_000, "0x" + "77" * 20)
        assert refused.value.code == "duplicate_id"
        with pytest.raises(TicketRefused, match="two is a movement's") as refused:
            agent.place(Ticket("two", 0, Side.BUY, 10, 501))
        assert refused.value.code == "duplicate_id" and "two" not in agent.book.entries
        for name in ("auto:12", "chain:12", "fix:OMS:1", "parent:june:1"):
            with pytest.raises(TicketRefused, match="must not begin with"):
                agent.consolidate(name, BTC)


def test_a_movement_that_lands_while_it_is_tried_again_is_done(tmp_path, monkeypatch):
    """The only carrier refused it, and sends it while another attempt is proven: it is done, once, and every unit told."""
    pool, lies = fresh(), [True]
    with life(pool, url(tmp_path), Bomb(), (lambda call: "liar" if lies else "down",)) as agent:
        agent.round(pool.head)
        transact = agent.purse.transact

        def until_it_landed(*asked, **public):
            if not lies:
                while not pool.taken or pool.head < pool.taken[0][0] + DEPTH:
                    pool.mine()
                agent.round(pool.head)
            return transact(*asked, **public)

        monkeypatch.setattr(agent.purse, "transact", until_it_landed)
        agent.withdraw("out", BTC, 2_000, "0x" + "77" * 20)
        agent.round(pool.head)
        agent.core.wait()
        lies.clear()
        days(agent, pool, pool.head + 12)
        assert [one.state for one in agent.movements()] == [MovementState.DONE] and not agent.purse.held
        told = [event.data for event in agent.events(0) if event.kind == "balance"]
        assert [data["state"] for data in told if "state" in data] == ["sent", "done"]
        assert not any("unexplained" in data for data in told) and not agent.status().problems


def ends_now(agent, monkeypatch, hold, then=lambda: None):
    """What is `hold`-ed in a duty ends just when the next round asks who is at work; `then` follows."""
    at_work = agent.core.at_work

    def asked():
        monkeypatch.setattr(agent.core, "at_work", at_work)
        hold.set()
        agent.core.wait()
        then()
        return at_work()

    monkeypatch.setattr(agent.core, "at_work", asked)


def held(monkeypatch, purse, name):
    """The purse's calls of a kind are built, and then wait."""
    build, hold = getattr(purse, name), threading.Event()

    def waits(*asked, **public):
        built = build(*asked, **public)
        assert hold.wait(SECONDS)
        return built

    monkeypatch.setattr(purse, name, waits)
    return hold


@pytest.mark.parametrize("how", ["closed", "kill switch"])
def test_a_commit_handed_over_while_a_round_looks_is_not_ended(tmp_path, monkeypatch, how):
    """Its proof ends after the round began: too late for another one, or the kill switch comes just then."""
    pool = fresh()
    with life(pool, url(tmp_path), Bomb()) as agent:
        agent.round(pool.head)
        agent.place(Ticket("first", 0, Side.BUY, 10, 501, epoch=0))
        hold = held(monkeypatch, agent.purse, "commit")
        agent.round(pool.head)
        while pool.head < 118:
            pool.mine()
        ends_now(agent, monkeypatch, hold, lambda: agent.kill(True, "drill") if how != "closed" else None)
        agent.round(pool.head)
        assert agent.order("first").state == OrderState.ACCEPTED and agent.purse.held["first"]
        assert list(agent.book.parcels) == ["commit:first:1"]
        days(agent, pool, 145)
        assert agent.order("first").state == OrderState.FILLED


def test_a_movement_sent_while_a_round_looks_is_not_made_again(tmp_path, monkeypatch):
    pool = fresh()
    with life(pool, url(tmp_path), Bomb()) as agent:
        agent.round(pool.head)
        agent.withdraw("out", BTC, 2_000, "0x" + "77" * 20)
        hold = held(monkeypatch, agent.purse, "transact")
        agent.round(pool.head)
        ends_now(agent, monkeypatch, hold)
        agent.round(pool.head)
        agent.core.wait()
        assert list(agent.book.parcels) == ["move:out:1"] and agent.book.transfers["out"].attempts == 1
        with pytest.raises(RuntimeError, match="a deposit is made once"):
            agent._moves._deposit(agent.book.transfers["out"], int(BTC, 16), pool.head)
        days(agent, pool, pool.head + 6)
        assert [one.state for one in agent.movements()] == [MovementState.DONE]


@pytest.mark.parametrize("lost", [("commit", "reveal"), ("reveal",)], ids=["all of it", "its reveal"])
def test_an_end_that_a_reorganisation_took_back_is_booked_no_more(tmp_path, lost):
    """Deeper than what counts as final, after the order was filled: what it then comes to is booked in its place."""
    pool = fresh()
    with life(pool, url(tmp_path), Bomb()) as agent:
        agent.round(pool.head)
        agent.place(Ticket("first", 0, Side.BUY, 10, 501))
        days(agent, pool, 140)
        assert agent.order("first").state == OrderState.FILLED and agent.book.entries["first"].booked
        pool.taken, pool._states = [one for one in pool.taken if one[2].function not in lost], {}
        agent.round(pool.head)
        assert not agent.book.entries["first"].booked
        days(agent, pool, 190)
        order = agent.order("first")
        if "commit" in lost:
            assert (order.state, order.fill) == (OrderState.FILLED, 10)
        else:
            assert (order.state, order.forfeited) == (OrderState.RETURNED, 250)
        assert agent.book.entries["first"].booked
        told = [event.data for event in agent.events(0) if "unexplained" in event.data]
        assert not told and not agent.status().problems


def test_the_fee_booked_is_that_of_the_attempt_that_landed(tmp_path, monkeypatch):
    """The first attempt pays 7 and is refused, the second pays 9, and then the first is sent after all."""
    pool, fees = fresh(), [7, 9]
    with life(pool, url(tmp_path), Bomb(), (lambda call: "liar" if len(fees) == 1 else "down",)) as agent:
        agent.round(pool.head)
        transact, moves = agent.purse.transact, agent._moves

        def pays(asset, inputs, fee=0, carrier=0, withdrawal=0, **public):
            return transact(asset, inputs, withdrawal + fee, **public)

        monkeypatch.setattr(agent.purse, "transact", pays)
        monkeypatch.setattr(moves, "_fee", lambda route, asset: fees.pop(0))
        monkeypatch.setattr(moves, "_payee", lambda route: 1)
        agent.withdraw("out", BTC, 2_000, "0x" + "77" * 20)
        days(agent, pool, pool.head + 12)
        assert [one.state for one in agent.movements()] == [MovementState.DONE]
        assert agent.book.transfers["out"].fee == 7 and not fees
        told = [event.data for event in agent.events(0) if "unexplained" in event.data]
        assert not told and not agent.status().problems
