"""Orders asked back near the freeze: what a block holds is not said to be too late while the ledger is behind it."""

import pytest

from offchain.agent.desk import OrderState, Ticket
from offchain.notes import Side
from tests.agent.sim import DEPTH, MARKET, USD, Bomb, Pool, life

FREEZE = MARKET.windows(0).freeze


@pytest.mark.parametrize("carried", [True, False], ids=["in a block", "in none"])
def test_a_cancel_just_before_the_freeze(tmp_path, carried):
    """Its block is the window's last. The ledger shows that a few blocks later: until then nothing is told of it."""
    pool = Pool((USD, 9_000))
    fault = lambda call: None if carried or call.function != "reclaim" else "dropped"  # noqa: E731
    with life(pool, f"sqlite:///{tmp_path}/agent.sqlite3", Bomb(), (fault,)) as agent:
        agent.round(pool.head)
        agent.place(Ticket("first", 0, Side.BUY, 10, 501))
        while pool.head < FREEZE + DEPTH + 2:
            agent.round(pool.head)
            agent.core.wait()
            if pool.head == FREEZE - 2:
                agent.cancel("first")
                agent.round(pool.head)
                agent.core.wait()
            pool.mine()
        [made] = pool.at(pool.head).orders.values()
        assert made.get("reclaimed") == (FREEZE - 1 if carried else None)
        told = [(event.order.state, event.order.code) for event in agent.events(0) if event.kind == "order"]
        if carried:
            assert told[-1] == (OrderState.CANCELLED, None) and not any(code for _, code in told)
        else:
            assert told[-1] == (OrderState.COMMITTED, "too_late") and not agent.book.entries["first"].cancelling
