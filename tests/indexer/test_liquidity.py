"""The job of the windows: after any lateness, death and reorganisation they are what the prints make."""

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, event, select, update
from sqlalchemy.exc import SQLAlchemyError

from indexer import models
from indexer.follow import Follower
from indexer.liquidity.stream import LATENESS, Stream, Taken, _exclusive
from indexer.liquidity.tables import PRINTS, STREAM, WINDOWS
from offchain.chain import Chain
from scripts.bench.events import Made
from scripts.bench.indexer import UNDONE, served
from tests.indexer.printed import Mined, forget, put
from tests.indexer.taken import until_waited_for

WINDOW = 300
NOON = 1_700_000_100    # a multiple of 300


class Died(Exception):
    """A process's end, as far as its transaction goes."""


@pytest.fixture
def engine(engines):
    return engines()


def rows(engine, table) -> list[dict]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(select(table).order_by(*table.primary_key)).mappings()]


def found(engine) -> dict[tuple[int, int], dict]:
    """Windows by (market, start)."""
    return {(row.pop("market"), row.pop("start")): row for row in rows(engine, WINDOWS)}


# --- The rule, case by case ---


def test_a_window_holds_what_its_prints_say(engine):
    big = 2**64 - 1
    put(engine, Mined(1, "a", NOON, ((0, 0, 500, 3), (1, 0, big, 2**127))), Mined(2, "b", NOON + 299, ((0, 1, 700, 1),)))
    put(engine, Mined(3, "c", NOON + 300, ((0, 2, 600, 2), (0, 3, 0, 0), (0, 4, 400, 5))))
    assert Stream(engine).run() == Taken(3, 6, 0, 0)
    common = {"late": 0}
    assert found(engine) == {
        (0, NOON): common | {"prints": 2, "volume": 4, "notional": 2_200, "open": 500, "high": 700, "low": 500, "close": 700},
        (0, NOON + 300): common | {"prints": 3, "volume": 7, "notional": 3_200, "open": 600, "high": 600, "low": 400, "close": 400},
        (1, NOON): common | {"prints": 1, "volume": 2**127, "notional": big << 127} | dict.fromkeys(("open", "high", "low", "close"), big),
    }


def test_prints_of_nothing_are_counted_and_have_no_price(engine):
    put(engine, Mined(1, "a", NOON, ((0, 0, 0, 0),)))
    Stream(engine).run()
    none = dict.fromkeys(("open", "high", "low", "close"))
    assert found(engine) == {(0, NOON): none | {"prints": 1, "volume": 0, "notional": 0, "late": 0}}


def test_a_run_with_nothing_new_changes_nothing(engine):
    put(engine, Mined(1, "a", NOON, ((0, 0, 500, 3),)))
    assert Stream(engine).run().prints == 1
    before = [rows(engine, table) for table in (STREAM, PRINTS, WINDOWS)]
    assert Stream(engine).run() == Taken()
    assert [rows(engine, table) for table in (STREAM, PRINTS, WINDOWS)] == before


@pytest.mark.parametrize(("seconds", "late"), [(0, 1), (1, 0)])
def test_a_print_is_late_from_the_second_that_its_window_is_final(engine, seconds, late):
    """The clock goes back; the watermark does not."""
    put(engine, Mined(1, "a", NOON + WINDOW + LATENESS - seconds), Mined(2, "b", NOON, ((0, 0, 500, 3),)))
    assert Stream(engine).run().late == late == found(engine)[0, NOON]["late"]
    assert rows(engine, STREAM)[0]["watermark"] == NOON + WINDOW - seconds


def test_a_deep_reorganisation_corrects_a_final_window_and_counts_it(engine):
    put(engine, Mined(1, "a", NOON, ((0, 0, 500, 3),)), Mined(2, "b", NOON + 10, ((0, 1, 600, 1),)), Mined(3, "c", NOON + 10_000))
    Stream(engine).run()
    forget(engine, 1)
    put(engine, Mined(2, "B", NOON + 20, ((0, 1, 800, 2),)))
    assert Stream(engine).run() == Taken(1, 1, 1, 1)
    window = found(engine)[0, NOON]
    assert (window["prints"], window["volume"], window["close"], window["late"]) == (2, 5, 800, 1)
    assert rows(engine, STREAM)[0]["watermark"] == NOON + 10_000 - LATENESS


def test_a_window_whose_prints_are_all_gone_is_gone(engine):
    put(engine, Mined(1, "a", NOON), Mined(2, "b", NOON + 10, ((0, 1, 600, 1),)))
    Stream(engine).run()
    forget(engine, 0)
    put(engine, Mined(1, "A", NOON))
    assert Stream(engine).run() == Taken(1, 0, 0, 1)
    assert found(engine) == {} and rows(engine, PRINTS) == []


def test_a_second_job_waits_or_is_refused(engine):
    """On SQLite the writer's place is taken; on Postgres the one that comes second sees what the first commits."""
    put(engine, Mined(1, "a", NOON, ((0, 0, 500, 3),)))
    if engine.dialect.name == "sqlite":
        with engine.connect() as other, other.begin():
            other.execute(update(STREAM).values(id=1))
            second = engine.connect()
            second.exec_driver_sql("PRAGMA busy_timeout=50")
            with second, pytest.raises(SQLAlchemyError, match="locked"):
                second.execute(update(STREAM).values(id=1))
        return
    first = Stream(engine)
    with ThreadPoolExecutor(1) as pool:
        with _exclusive(engine) as other:
            taken, second = first._batch(other), pool.submit(Stream(engine).run)
            until_waited_for(other, second)
        assert taken.prints == 1 and second.result() == Taken()


# --- Anything that may happen ---

PRINT = st.tuples(st.integers(0, 1), st.integers(1, 2**64 - 1), st.integers(0, 2**128 - 1))
BLOCK = st.tuples(st.integers(-900, 1_200), st.lists(PRINT, max_size=3))
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("mine"), st.lists(BLOCK, min_size=1, max_size=5)),
        st.tuples(st.just("back"), st.integers(1, 6)),
        st.tuples(st.just("run"), st.integers(1, 4)),
        st.tuples(st.just("die"), st.tuples(st.integers(1, 4), st.integers(1, 25))),
    ),
    max_size=14,
)


class Told:
    """The same by plain means: what was read so far, the watermark, and for each print whether it was late."""

    def __init__(self) -> None:
        self.read: list[Mined] = []
        self.watermark = 0
        self.late: dict[tuple[int, int], bool] = {}

    def tell(self, chain: list[Mined]) -> None:
        shared = 0
        while shared < min(len(chain), len(self.read)) and chain[shared] == self.read[shared]:
            shared += 1
        for gone in self.read[shared:]:
            for market, epoch, *_ in gone.prints:
                del self.late[market, epoch]
        for block in chain[shared:]:
            end = block.timestamp - block.timestamp % WINDOW + WINDOW
            for market, epoch, *_ in block.prints:
                self.late[market, epoch] = end <= self.watermark
            self.watermark = max(self.watermark, block.timestamp - LATENESS)
        self.read = list(chain)


def batch(chain: list[Mined], late: dict[tuple[int, int], bool]) -> dict[tuple[int, int], dict]:
    """Every window from all prints at once."""
    of_window = defaultdict(list)
    for block in chain:
        for market, epoch, price, volume in block.prints:
            of_window[market, block.timestamp // WINDOW * WINDOW].append((price, volume, late[market, epoch]))
    made = {}
    for key, prints in of_window.items():
        prices = [price for price, volume, _ in prints if volume > 0] or [None]
        made[key] = {
            "prints": len(prints), "volume": sum(p[1] for p in prints), "notional": sum(p[0] * p[1] for p in prints),
            "open": prices[0], "high": max(prices), "low": min(prices), "close": prices[-1], "late": sum(p[2] for p in prints),
        }  # fmt: skip
    return made


class Play:
    """A chain that somebody mines and reorganises, and the job beside it."""

    def __init__(self, engine):
        self.engine, self.chain, self.told, self.made = engine, [], Told(), 0
        with engine.begin() as connection:
            for table in (PRINTS, WINDOWS, models.Block.__table__, models.Print.__table__):
                connection.execute(delete(table))
            connection.execute(update(STREAM).values(block=-1, hash=None, watermark=0))

    def mine(self, blocks) -> None:
        added = []
        for seconds, prints in blocks:
            self.made += 1
            count = [sum(one[0] == market for block in self.chain for one in block.prints) for market in (0, 1)]
            named = []
            for market, price, volume in prints:
                named.append((market, count[market], price if volume else 0, volume))
                count[market] += 1
            before = self.chain[-1].timestamp if self.chain else NOON
            added.append(Mined(len(self.chain), f"h{self.made}", before + seconds, tuple(named)))
            self.chain.append(added[-1])
        put(self.engine, *added)

    def back(self, blocks: int) -> None:
        del self.chain[-blocks:]
        forget(self.engine, len(self.chain) - 1)

    def run(self, span: int) -> None:
        Stream(self.engine, span=span).run()
        self.told.tell(self.chain)
        assert found(self.engine) == batch(self.chain, self.told.late)
        assert rows(self.engine, STREAM)[0]["watermark"] == self.told.watermark

    def die(self, how) -> None:
        """Run, and die before some statement; what was committed until then stands."""
        span, left = how
        before = rows(self.engine, STREAM)

        def count(*args) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                raise Died

        event.listen(self.engine, "before_cursor_execute", count)
        try:
            Stream(self.engine, span=span).run()
        except Died:
            pass
        finally:
            event.remove(self.engine, "before_cursor_execute", count)
        after = rows(self.engine, STREAM)
        if after != before:
            self.told.tell(self.chain[: after[0]["block"] + 1])
            assert found(self.engine) == batch(self.told.read, self.told.late)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(steps=STEPS)
def test_whatever_happens_the_windows_are_what_the_prints_make(engine, steps):
    play = Play(engine)
    for name, how in steps:
        getattr(play, name)(how)
    play.run(3)


# --- Beside the indexer ---


def test_behind_a_follower_that_goes_back(engines):
    """The benchmark's chain with its prints, followed; undone and followed again, nothing but lateness may differ."""
    made = Made(1_500)
    with served(made) as url:
        follower = Follower(engines(), Chain(url, made.deployment), proofs=False)
        stream = Stream(follower.engine)
        follower.sync()
        assert stream.run().prints == len(rows(follower.engine, models.Print.__table__)) > 5
        whole = found(follower.engine)
        assert sum(row["prints"] for row in whole.values()) == len(rows(follower.engine, models.Print.__table__))
        follower._go_back(follower.block - UNDONE)
        undone = stream.run().undone
        assert undone > 0 and sum(row["prints"] for row in found(follower.engine).values()) == len(rows(follower.engine, PRINTS))
        follower.sync()
        assert stream.run().prints == undone
        assert {key: row | {"late": 0} for key, row in found(follower.engine).items()} == whole
        follower.close()


def test_the_windows_are_no_facts_of_the_chain():
    """A rollback deletes facts by block; the windows follow by their own job."""
    assert not {table.name for table in models.CHAIN_TABLES} & {PRINTS.name, WINDOWS.name, STREAM.name}
    assert {table.name for table in (PRINTS, WINDOWS, STREAM)} <= set(models.Model.metadata.tables)
