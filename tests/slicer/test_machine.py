"""Whatever is filled, refused, given back, cancelled, killed or reorganised: no child is placed beyond its parent."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy.pool import StaticPool
from sqlmodel import SQLModel, create_engine

from offchain.agent.desk import OrderState, TicketRefused
from offchain.notes import Side
from offchain.slicer.parents import Action, ParentState, Strategy
from offchain.slicer.tables import TABLES
from scripts.services import postgres
from tests.slicer.conftest import FIRST, Bench

TUNING = {
    Strategy.TWAP: {}, Strategy.PARTICIPATION: {"rate_bps": 2_500}, Strategy.SHORTFALL: {"urgency_bps": 700},
}  # fmt: skip

ENDS = (OrderState.FILLED, OrderState.RETURNED, OrderState.CANCELLED)


class Killed(BaseException):
    """The process dies here."""


class Slicing(RuleBasedStateMachine):
    def __init__(self, engine=None):
        super().__init__()
        # In memory, for speed: what dies here is the slicer, whose every transaction ends or does not.
        memory = {"connect_args": {"check_same_thread": False}, "poolclass": StaticPool}
        self.engine = engine or create_engine("sqlite://", **memory)
        SQLModel.metadata.drop_all(self.engine, tables=TABLES)
        self.bench, self.refuse, self.drawn, self.wrong = Bench(self.engine), False, {}, []
        self.bench.desk.checks.append(self._check)
        self.bench.tape.update({epoch: 400 for epoch in range(FIRST)})

    def teardown(self):
        if self.engine.url.database is None:
            self.engine.dispose()

    def _check(self, ticket, snapshot):
        if sum(self._worked()) + ticket.quantity > self.terms["quantity"]:
            self.wrong.append(ticket)
        if self.refuse:
            raise TicketRefused("notional", "too much: ask for less")

    @initialize(
        strategy=st.sampled_from(Strategy), side=st.sampled_from(Side), quantity=st.integers(1, 3_000),
        epochs=st.integers(1, 12), jitter=st.integers(0, 5_000), least=st.integers(1, 200), seed=st.integers(0, 1 << 32),
    )  # fmt: skip
    def begin(self, strategy, side, quantity, epochs, jitter, least, seed):
        self.bench.rng.seed(seed)
        self.terms = dict(
            quantity=quantity, epochs=epochs, minimum=min(least, quantity), strategy=strategy, side=side,
            jitter_bps=jitter, **TUNING[strategy],
        )  # fmt: skip
        self.bench.begin(**self.terms)

    @rule()
    def tick(self):
        self.bench.slicer.tick()

    @rule(volume=st.integers(0, 1_000))
    def pass_epoch(self, volume):
        self.bench.tape[self.bench.desk.market_views[0].epoch] = volume
        self.bench.next_epoch()

    @rule(refuse=st.booleans())
    def turn_refusals(self, refuse):
        self.refuse = refuse

    @rule(data=st.data())
    @precondition(lambda self: self.bench.desk.snapshot().orders)
    def end_an_order(self, data):
        order = data.draw(st.sampled_from(self.bench.desk.snapshot().orders))
        how = data.draw(st.sampled_from(["fill", "fail", "give_back", "reveal"]))
        if how == "fill":
            self.bench.desk.fill(order.client_id, data.draw(st.integers(0, order.quantity)), order.price)
        else:
            getattr(self.bench.desk, how)(order.client_id)

    @rule(action=st.sampled_from([Action.PAUSE, Action.RESUME]))
    def steer(self, action):
        if self.bench.slicer.parent("p1").state in (ParentState.RUNNING, ParentState.PAUSED):
            self.bench.slicer.steer("p1", action)

    @precondition(lambda self: self.bench.slicer.parent("p1").state != ParentState.DONE)
    @rule(really=st.integers(0, 7))
    def cancel(self, really):
        if really == 7:
            self.bench.slicer.steer("p1", Action.CANCEL)

    @rule(at=st.integers(0, 3))
    def die(self, at):
        """Killed before or after one of the next steps that last, then begun again."""
        slicer, desk = self.bench.slicer, self.bench.desk
        owner, name, after = (slicer, "_write", at == 1) if at < 2 else (desk, "place", at == 3)
        real = getattr(owner, name)

        def dying(*given):
            if after:
                real(*given)
            raise Killed

        setattr(owner, name, dying)
        try:
            slicer.tick()
        except (Killed, TicketRefused):
            pass
        finally:
            delattr(owner, name)
        self.bench.restart()
        assert self.bench.begin(**self.terms).id == "p1"

    def _orders(self):
        return self.bench.desk.orders(limit=10_000)

    def _worked(self):
        """(filled, open) lots, as the desk has them."""
        filled = sum(order.fill for order in self._orders() if order.state == OrderState.FILLED)
        return filled, sum(order.quantity for order in self._orders() if not order.ended)

    @invariant()
    def no_more_than_asked(self):
        parent = self.bench.slicer.parent("p1")
        assert sum(self._worked()) <= parent.quantity
        assert parent.filled + parent.open <= parent.quantity
        assert parent.filled <= self._worked()[0]

    @invariant()
    def it_holds(self):
        parent, orders = self.bench.slicer.parent("p1"), self._orders()
        assert not self.wrong
        assert len({order.epoch for order in orders}) == len(orders)
        for order in orders:
            assert (order.price, order.side) == (parent.price, parent.side)
            assert parent.minimum <= order.quantity and parent.start <= order.epoch <= parent.end
        for child in self.bench.slicer.report("p1").children:
            assert self.drawn.setdefault(child.n, child.quantity) == child.quantity, "a child was drawn again"
        if parent.state == ParentState.DONE:
            assert parent.open == 0


class Reorganised(Slicing):
    """The chain takes back what had ended, or brings it back: the parent is what the desk says then."""

    @rule(data=st.data(), state=st.sampled_from([OrderState.COMMITTED, OrderState.REVEALED, *ENDS]))
    def reorganise(self, data, state):
        ended = [order for order in self._orders() if order.ended and order.state != OrderState.REFUSED]
        if ended:
            order = data.draw(st.sampled_from(ended))
            fill = data.draw(st.integers(0, order.quantity)) if state == OrderState.FILLED else None
            self.bench.desk.change(order.client_id, state=state, fill=fill, fill_price=fill and order.price)

    @invariant()
    def no_more_than_asked(self):
        self.bench.slicer.tick()
        parent, (filled, opened) = self.bench.slicer.parent("p1"), self._worked()
        assert (parent.filled, parent.open) == (filled, opened)
        freed = [order for order in self._orders() if order.state in (OrderState.ACCEPTED, OrderState.COMMITTED)]
        if filled + opened > parent.quantity or parent.state == ParentState.CANCELLED:
            assert not freed, "what is too much is taken back as long as it can be"
        over = parent.quantity - filled < parent.minimum or self.bench.desk.market_views[0].epoch > parent.end
        if parent.state in (ParentState.RUNNING, ParentState.DONE):
            assert (parent.state == ParentState.DONE) == (over and not opened)


TestSlicing, TestReorganised = Slicing.TestCase, Reorganised.TestCase
TestSlicing.settings = TestReorganised.settings = settings(max_examples=30, stateful_step_count=40)


def test_postgresql_keeps_it_as_well(tmp_path):
    with postgres(tmp_path / "pg") as server:
        engine = create_engine(server.url)
        for machine in (Slicing, Reorganised):
            few = settings(max_examples=4, stateful_step_count=30)
            run_state_machine_as_test(lambda machine=machine: machine(engine), settings=few)
        engine.dispose()
