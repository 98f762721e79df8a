"""Whatever is filled, refused, given back, cancelled or killed, a parent is never overfilled and no limit is passed."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from sqlalchemy.pool import StaticPool
from sqlmodel import create_engine

from offchain.agent.desk import OrderState, TicketRefused
from offchain.notes import Side
from offchain.slicer.parents import ParentState, Strategy
from tests.slicer.conftest import FIRST, Bench

TUNING = {
    Strategy.TWAP: {}, Strategy.PARTICIPATION: {"rate_bps": 2_500}, Strategy.SHORTFALL: {"urgency_bps": 700},
}  # fmt: skip


class Killed(BaseException):
    """The process dies here."""


class Slicing(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        # In memory, for speed: what dies here is the slicer, whose every transaction ends or does not.
        self.engine = create_engine("sqlite://", connect_args={"check_same_thread": False}, poolclass=StaticPool)
        self.bench, self.refuse, self.drawn = Bench(self.engine), False, {}
        self.bench.desk.checks.append(self._check)
        self.bench.tape.update({epoch: 400 for epoch in range(FIRST)})

    def teardown(self):
        self.engine.dispose()

    def _check(self, ticket, snapshot):
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

    @rule(action=st.sampled_from(["pause", "resume"]))
    def steer(self, action):
        if self.bench.slicer.parent("p1").state in (ParentState.RUNNING, ParentState.PAUSED):
            getattr(self.bench.slicer, action)("p1")

    @precondition(lambda self: self.bench.slicer.parent("p1").state != ParentState.DONE)
    @rule(really=st.integers(0, 7))
    def cancel(self, really):
        if really == 7:
            self.bench.slicer.cancel("p1")

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

    @invariant()
    def it_holds(self):
        parent = self.bench.slicer.parent("p1")
        orders = self.bench.desk.orders(limit=10_000)
        filled = sum(order.fill for order in orders if order.state == OrderState.FILLED)
        assert filled + sum(order.quantity for order in orders if not order.ended) <= parent.quantity
        assert parent.filled + parent.open <= parent.quantity
        assert parent.filled <= sum(order.fill or 0 for order in orders)
        assert len({order.epoch for order in orders}) == len(orders)
        for order in orders:
            assert (order.price, order.side) == (parent.price, parent.side)
            assert parent.minimum <= order.quantity and parent.start <= order.epoch <= parent.end
        for child in self.bench.slicer.report("p1").children:
            assert self.drawn.setdefault(child.n, child.quantity) == child.quantity, "a child was drawn again"
        if parent.state == ParentState.DONE:
            assert parent.open == 0


TestSlicing = Slicing.TestCase
TestSlicing.settings = settings(max_examples=30, stateful_step_count=40)
