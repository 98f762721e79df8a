"""A feeder's prices: exact units, recorded feeds, gaps, spikes and clocks that differ; and what it sends."""

import json
import lzma
import random
from collections.abc import Iterable
from fractions import Fraction
from itertools import count

import pytest
from hypothesis import given, strategies as st
from typer.testing import CliRunner

from offchain import keystore
from offchain.chain import ChainError
from offchain.feeder import Feeder, Outcome, Policy, push
from offchain.feeds import Feed, FeedError, Replay, Tick, Unit, Window, decimal, read_csv, read_orders
from offchain.field import RangeError
from offchain.paths import ROOT
from scripts.cli import feeder as command
from scripts.cli.app import app
from scripts.cli.common import CommandError
from scripts.cli.feeder import FeederConfig
from tests.world import anvil, build_world

RECORDED = ROOT.parent / "shared" / "data" / "bitstamp-btcusd-orders-2015-05-01.csv.xz"
BTC_USD = Unit(base_decimals=8, quote_decimals=6, lot=10**6)
ORDERS = "id,timestamp,exchange.timestamp,price,volume,action,direction\n"


def ticks(*rows: tuple[float, float]) -> list[Tick]:
    return [Tick(Fraction(time), Fraction(str(price))) for time, price in rows]


# --- Units ---


@pytest.mark.parametrize("text, price", [
    ("236.47", 2_364_700), ("0.0001", 1), ("1", 10_000), ("1844674407370955.1615", 2**64 - 1), ("236.47001", 2_364_700),
])  # fmt: skip
def test_prices_of_decimal_text_are_exact(text, price):
    assert BTC_USD.price(decimal(text, "price")) == price


@given(st.integers(1, 2**64 - 1), st.integers(0, 18), st.integers(0, 18))
def test_every_price_has_a_text_that_gives_it_back(price, base, quote):
    exact = Fraction(price * 10**base, 10**quote)
    assert Unit(base, quote, 1).price(exact) == price == Unit(base, quote, 1).price(exact + Fraction(10**base, 10 ** (quote + 1)))


@pytest.mark.parametrize("text", ["0", "0.00009", "1844674407370955.1616"])
def test_prices_out_of_range_are_refused(text):
    with pytest.raises(RangeError, match="price"):
        BTC_USD.price(decimal(text, "price"))


@pytest.mark.parametrize("text", ["", "-1", "+1", "1e3", "1.", ".5", "nan", "1,5", " 1", "1" * 21, "٣"])
def test_other_text_is_no_decimal(text):
    with pytest.raises(FeedError, match="no plain decimal"):
        decimal(text, "price")


@pytest.mark.parametrize("unit", [(-1, 6, 1), (8, 37, 1), (8, 6, 0), (8, 6, 2**64)])
def test_units_are_checked(unit):
    with pytest.raises(RangeError):
        Unit(*unit)


# --- Recorded feeds ---


def test_a_table_of_time_and_price(tmp_path):
    (tmp_path / "a.csv").write_text("time,price,note\n10,5\n10.5,6.25,x\n")
    assert list(read_csv(tmp_path / "a.csv")) == ticks((10, 5), (10.5, 6.25))


@pytest.mark.parametrize("text, problem", [
    ("time\n1\n", "lacks columns"), ("time,price\n1,x\n", ":2: price 'x'"), ("time,price\n1,5\n,6\n", ":3: time ''"),
    ("time,price\n1,0\n", "not positive"), ("time,price\n1\n", "price None"),
])  # fmt: skip
def test_a_bad_table_says_where(tmp_path, text, problem):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(FeedError, match=problem):
        list(read_csv(tmp_path / "a.csv"))


def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "torn.csv.xz").write_bytes(lzma.compress(b"time,price\n1,5\n")[:20])
    (tmp_path / "binary.csv").write_bytes(b"time,price\n\xff\xfe\n")
    for name in ("none.csv", "torn.csv.xz", "binary.csv"):
        with pytest.raises(FeedError, match="cannot be read"):
            list(read_csv(tmp_path / name))


def events(tmp_path, *lines: str):
    path = tmp_path / "orders.csv"
    path.write_text(ORDERS + "".join(line + "\n" for line in lines))
    return [(float(tick.time), tick.price) for tick in read_orders(path)]


def test_an_order_file_gives_the_middle_of_its_book(tmp_path):
    assert events(
        tmp_path,
        "1,1000,0,99,5,created,bid", "2,2000,0,102,5,created,ask",       # 99 | 102
        "3,3000,0,100.5,5,created,bid", "3,4000,0,100.5,2,changed,bid",  # 100.5 | 102
        "2,5000,0,102,0,deleted,ask",                                    # no ask
        "4,6000,0,100,5,created,ask",                                    # crossed
        "3,7000,0,100.5,0,deleted,bid", "9,8000,0,1,0,deleted,ask",      # 99 | 100
        "4,9000,0,101,5,changed,ask",                                    # 99 | 101
    ) == [(2, 100.5), (3, 101.25), (4, 101.25), (7, 99.5), (8, 99.5), (9, 100)]  # fmt: skip


def test_a_book_is_that_of_a_slow_one(tmp_path):
    rng, standing, lines, expected = random.Random(3), {}, [], []
    for time in range(400):
        order = rng.randrange(12)
        if order in standing and rng.random() < 0.6:
            side, price = standing.pop(order)
            lines.append(f"{order},{time},0,{price},0,deleted,{side}")
        else:
            side = standing[order][0] if order in standing else rng.choice(("bid", "ask"))
            standing[order] = side, rng.randrange(90, 103) if side == "bid" else rng.randrange(98, 111)
            lines.append(f"{order},{time},0,{standing[order][1]},1,created,{side}")
        bids, asks = ([p for s, p in standing.values() if s == side] for side in ("bid", "ask"))
        if bids and asks and max(bids) < min(asks):
            expected.append((time / 1000, Fraction(max(bids) + min(asks), 2)))
    assert events(tmp_path, *lines) == expected and len(expected) > 100


@pytest.mark.parametrize("line", ["1,1,0,5,1,moved,bid", "1,1,0,5,1,created,both"])
def test_an_unknown_event_is_refused(tmp_path, line):
    with pytest.raises(FeedError, match=":2: .* is no event of an order"):
        events(tmp_path, line)


def test_a_replay_keeps_distances_and_gives_each_tick_once():
    feed = Replay(iter(ticks((100, 1), (110, 2), (130, 3))), begin=Fraction(1_000), speed=10)
    assert feed.poll(Fraction(999)) == []
    assert feed.poll(Fraction(1_001)) == ticks((1_000, 1), (1_001, 2)) and not feed.over
    assert feed.poll(Fraction(1_002)) == [] != feed.poll(Fraction(1_003))
    assert feed.over and feed.poll(Fraction(10**9)) == []


@pytest.mark.skipif(not RECORDED.is_file(), reason=f"NOT TESTED: the recorded feed {RECORDED.name} is not in ../shared/data")
def test_the_recorded_hours_of_bitstamp():
    """Median windows over the whole record stay near the market; single ticks stray further."""
    feed, window = Replay(read_orders(RECORDED), Fraction(0)), Window(30, 3)
    prices, now = [], 0
    while not feed.over:
        now += 15
        assert window.add(feed.poll(Fraction(now)), Fraction(now)) == 0
        if (seen := window.seen(Fraction(now))) is not None:
            assert now - 30 < seen.time <= now
            prices.append(BTC_USD.price(seen.price))
    assert len(prices) > 0.99 * now / 15 > 600
    assert 2_340_000 < min(prices) < max(prices) < 2_380_000
    assert all(abs(a - b) * 100 < a for a, b in zip(prices, prices[1:], strict=False)), "no jump of 1 % in 15 s"


# --- Windows: gaps and spikes ---


def test_a_gap_empties_the_window():
    window = Window(30, 2)
    window.add(ticks((0, 100), (10, 101), (20, 102)), Fraction(20))
    assert window.seen(Fraction(29)) == ticks((20, 101))[0]
    assert window.seen(Fraction(30)).price == 101, "one has left, and the lower of two remains"
    assert window.seen(Fraction(40)) is None
    window.add(ticks((41, 105)), Fraction(41))
    assert window.seen(Fraction(41)).price == 102
    assert window.seen(Fraction(50)) is None, "20 has gone: one is too few"
    window.add(ticks((51, 106)), Fraction(51))
    assert window.seen(Fraction(51)).price == 105


@pytest.mark.parametrize("spike", [0.0001, 10**12])
def test_a_spike_moves_nothing_until_it_is_half_of_the_window(spike):
    window = Window(30, 3)
    window.add(ticks(*((second, 100) for second in range(10))), Fraction(9))
    for second in range(10, 19):
        window.add(ticks((second, spike)), Fraction(second))
        assert window.seen(Fraction(second)).price == 100
    window.add(ticks((19, spike), (20, spike)), Fraction(20))
    assert window.seen(Fraction(20)).price == Fraction(str(spike)), "it lasts: it is the market"


def test_ticks_of_the_future_and_of_the_past_are_refused():
    window = Window(30, 1)
    assert window.add(ticks((10, 100), (12, 999), (9, 999), (11, 101)), Fraction(11)) == 2
    assert window.seen(Fraction(11)) == ticks((11, 100))[0]


@pytest.mark.parametrize("changes", [
    {"window": 0}, {"least_ticks": 0}, {"max_age": 0}, {"max_skew": 31}, {"heartbeat": 0}, {"move_bps": 10_001},
])  # fmt: skip
def test_policies_are_checked(changes):
    with pytest.raises(RangeError):
        Policy(**changes)


# --- What a feeder sends ---


class Live(Feed):
    """A venue that shows what the test says."""

    def __init__(self):
        self.waiting: list[Tick] = []
        self.broken = False

    def show(self, *rows: tuple[float, float]) -> None:
        self.waiting += ticks(*rows)

    def poll(self, now: Fraction) -> Iterable[Tick]:
        if self.broken:
            raise FeedError("the venue closed the connection")
        found, self.waiting = self.waiting, []
        return found


@pytest.fixture(scope="module")
def deployed(tmp_path_factory):
    """Blocks are a second apart, however long they take."""
    with anvil() as url:
        world = build_world(url, tmp_path_factory.mktemp("feeds"))
        world.chain.web3.provider.make_request("anvil_setBlockTimestampInterval", [1])
        yield world


@pytest.fixture
def sent(deployed):
    """A feeder whose clock is the chain's, moved by `feeder.move`; what it reported."""
    chain, reports = deployed.chain, []
    oracle, rpc = chain.contract("Oracle"), chain.web3.provider.make_request
    clock = {"now": chain.timestamp(chain.head()) + 100}

    def move(seconds: int, blocks: bool = True) -> int:
        clock["now"] += seconds
        if blocks:
            rpc("evm_setNextBlockTimestamp", [clock["now"]])
            rpc("evm_mine", [])
        return clock["now"]

    feeder = Feeder(
        chain, oracle, Live(), BTC_USD, deployed.accounts["feeder"], deployed.accounts["carrier"],
        Policy(window=30, least_ticks=2, max_age=20, max_skew=15, heartbeat=60, move_bps=20),
        clock=lambda: clock["now"], report=lambda outcome, facts: reports.append((outcome, facts)),
    )  # fmt: skip
    feeder.move, feeder.reports = move, reports
    move(0)
    return feeder


def latest(feeder) -> int:
    return feeder.chain.call(feeder.oracle.functions.latest())[0]


def shown(feeder, price: float, seconds: int = 2) -> Outcome:
    """Two ticks of a price, a moment later."""
    now = feeder.move(seconds)
    feeder.feed.show((now - 1, price), (now, price))
    return feeder.step()


def test_a_feeder_sends_what_moved_or_is_due(sent):
    assert shown(sent, 236.47) == Outcome.SENT and latest(sent) == 2_364_700
    price, time = sent.chain.call(sent.oracle.functions.observation(sent.signer.address))
    assert (price, time) == (2_364_700, sent.clock())
    assert sent.step() == Outcome.UNMOVED, "the same tick is never sent twice"
    assert shown(sent, 236.94, 30) == Outcome.UNMOVED, "19.9 basis points"
    assert shown(sent, 236.95, 31) == Outcome.SENT and latest(sent) == 2_369_500, "20.2"
    assert shown(sent, 236.95, 59) == Outcome.UNMOVED
    assert shown(sent, 236.95, 1) == Outcome.SENT, "a minute has passed"
    assert {"price", "time", "block"} <= sent.reports[-1][1].keys()


def test_a_gap_in_the_feed_is_silence(sent):
    assert sent.step() == Outcome.NO_PRICE
    assert shown(sent, 240) == Outcome.SENT
    sent.move(21)
    assert sent.step() == Outcome.STALE
    sent.move(10)
    assert sent.step() == Outcome.NO_PRICE
    assert shown(sent, 250) == Outcome.SENT and latest(sent) == 2_500_000


def test_a_spike_is_not_sent(sent):
    assert shown(sent, 240) == Outcome.SENT
    sent.feed.show((sent.move(1), 9_999))
    assert sent.step() == Outcome.UNMOVED and latest(sent) == 2_400_000


@pytest.mark.parametrize("skew", [16, -16])
def test_a_clock_that_differs_from_the_chain_s_is_silence(sent, skew):
    """Ahead of the chain or behind it: whichever of the two is wrong."""
    now = sent.move(skew, blocks=False)
    sent.feed.show((now - 1, 300), (now, 300))
    assert sent.step() == Outcome.SKEWED
    assert sent.reports[-1][1] == {"skew_seconds": skew} and latest(sent) != 3_000_000


def test_a_venue_whose_clock_is_ahead_is_not_believed(sent):
    now = sent.move(5)
    sent.feed.show((now + 1, 300), (now + 2, 300))
    assert sent.step() == Outcome.NO_PRICE and sent.reports[-1][1] == {"refused_ticks": 2}


def test_a_price_out_of_range_is_not_sent(sent):
    for price in ("0.00001", 10**18):
        assert shown(sent, price, 40) == Outcome.OUT_OF_RANGE


def test_what_another_carried_is_done(sent, monkeypatch):
    """Anyone may carry an observation: between the look and the sending somebody did."""
    now = sent.move(2)
    sent.feed.show((now - 1, 260), (now, 260))
    real = sent._send

    def overtaken(price, seen, facts):
        facts["stage"] = "overtaken"
        monkeypatch.setattr(sent.chain, "call", lambda function, *args: [1, 0])
        return real(price, seen, facts)

    push(sent.chain, sent.signer, sent.carrier, 2_600_000)
    monkeypatch.setattr(sent, "_send", overtaken)
    assert sent.step() == Outcome.CARRIED


def test_failures_are_reported_and_the_next_step_signs_afresh(sent, monkeypatch):
    sent.feed.broken = True
    assert sent.step() == Outcome.FEED_FAILED and "closed the connection" in sent.reports[-1][1]["error"]
    sent.feed.broken = False
    with monkeypatch.context() as silent:
        silent.setattr(sent.chain, "send", lambda *args, **named: (_ for _ in ()).throw(ChainError("no chain answers")))
        assert shown(sent, 270) == Outcome.CHAIN_FAILED
    assert shown(sent, 280, 40) == Outcome.SENT and latest(sent) == 2_800_000


def test_the_service_waits_longer_after_each_failure(sent):
    waits, outcomes = [], iter([*["feed"] * 7, "fine", "end"])

    def stop(seconds: float) -> bool:
        waits.append(seconds)
        state = next(outcomes)
        sent.feed.broken = state == "feed"
        return state == "end"

    sent.run(stop, poll_seconds=1)
    assert waits == [1, 2, 4, 8, 16, 30, 30, 30, 1]


def test_a_feeder_that_the_oracle_does_not_know_or_that_would_go_stale_is_refused(deployed):
    given = deployed.chain, deployed.chain.contract("Oracle"), Live(), BTC_USD
    stranger, feeder = deployed.accounts["stranger"], deployed.accounts["feeder"]
    with pytest.raises(FeedError, match="is no feeder of the oracle"):
        Feeder(*given, stranger, stranger)
    with pytest.raises(FeedError, match="exceed the 3600 s"):
        Feeder(*given, feeder, feeder, Policy(heartbeat=3_600))


# --- The command ---

CONFIG = """
market = 0
signer = "feeder.json"
carrier = "carrier.json"
[feed]
kind = "csv"
path = "prices.csv"
speed = 15
[policy]
window = 2
least_ticks = 2
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "feeder.toml").write_text(CONFIG)
    return tmp_path


def test_the_command_replays_a_record_and_says_what_the_oracle_holds(deployed, folder, monkeypatch):
    for name in ("feeder", "carrier"):
        keystore.save(folder / f"{name}.json", keystore.Kind.ACCOUNT, int.from_bytes(deployed.accounts[name].key), "a password")
    prices = [311.25] * 60 + [322.5] * 60
    rows = "".join(f"{second},{price}\n" for second, price in enumerate(prices, 1_430_438_404))
    (folder / "prices.csv").write_text("time,price\n" + rows)
    deployed.deployment.save(folder / "deployment.json")
    monkeypatch.setenv("SHADOWPOOL_PASSWORD", "a password")
    now, looks = deployed.chain.timestamp(deployed.chain.head()), count()
    monkeypatch.setattr(command, "clock", lambda: now + next(looks) / 10)
    root = ["--rpc", deployed.chain.rpc_url, "--deployment", str(folder / "deployment.json"), "feeder"]

    done = CliRunner().invoke(app, [*root, "run", "--config", str(folder / "feeder.toml"), "--poll-seconds", "0.01"])
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert any(" sent, price 3112, " in line for line in lines) and any(" sent, price 3225, " in line for line in lines), lines
    assert lines[-1] == "the record has ended" and "password" not in done.output

    seen = json.loads(CliRunner().invoke(app, [*root, "status", "--json"]).output)
    assert (seen["price"], seen["halted"], seen["agree"]) == (3_225, "no", "1 of 1, quorum 1")
    assert seen[deployed.accounts["feeder"].address].startswith("3225, ")


@pytest.mark.parametrize("old, new, problem", [
    ("market = 0", "market = -1", "market is outside its range"), ("market = 0", "market = true", "market must be of type int"),
    ("market = 0", "", "lacks market"), ("speed = 15", "speed = 0", "feed.speed"), ("window = 2", "window = 0", "window"),
    ("least_ticks", "fewest", "no key policy.fewest"), ('"csv"', '"live"', "one of csv, orders"), ("[feed]", "[feed", "TOML"),
])  # fmt: skip
def test_a_wrong_configuration_is_named(folder, old, new, problem):
    file = folder / "feeder.toml"
    file.write_text(CONFIG.replace(old, new, 1))
    with pytest.raises(CommandError, match=problem) as refused:
        FeederConfig.load(file)
    assert str(file) in str(refused.value)
