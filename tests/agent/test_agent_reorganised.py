"""An order that was given back, and whose commit a reorganisation deeper than what counts as final then removes."""

import pytest

from offchain.agent.desk import OrderState, Ticket
from offchain.notes import Side
from tests.agent.sim import USD, Bomb, Pool, days, life


@pytest.mark.parametrize("lost", [("commit", "reclaim"), ("reclaim",)], ids=["all of it", "its reclaim"])
def test_a_forfeit_that_a_reorganisation_took_back_is_none(tmp_path, lost):
    """It is no order again, and its bond never was lost; where its commit stands, it is given back again."""
    pool, shut = Pool((USD, 9_000), (USD, 9_000)), lambda call: "down" if call.function == "reveal" else None
    with life(pool, f"sqlite:///{tmp_path}/agent.sqlite3", Bomb(), (shut,)) as agent:
        agent.round(pool.head)
        agent.place(Ticket("first", 0, Side.BUY, 10, 501))
        days(agent, pool, 150)
        assert (agent.order("first").state, agent.order("first").forfeited) == (OrderState.RETURNED, 250)
        pool.taken, pool._states = [one for one in pool.taken if one[2].function not in lost], {}
        days(agent, pool, 190)
        order = agent.order("first")
        if "commit" in lost:
            assert (order.state, order.code, order.forfeited) == (OrderState.FAILED, "reorganised", None)
            assert not pool.at(pool.head).orders, "its owner has gone on: nobody asks for another"
        else:
            assert (order.state, order.forfeited) == (OrderState.RETURNED, 250)
        assert agent.book.entries["first"].booked and not agent.status().problems
        assert not [event.data for event in agent.events(0) if "unexplained" in event.data]
