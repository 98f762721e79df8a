"""Order files: what is accepted, what is refused and how, and making them from events."""

import lzma
from collections import Counter
from decimal import Decimal

import pytest
from typer.testing import CliRunner

from offchain.notes import Side, Terms
from scripts.orders import DEFAULT_FILE, FIRST_BATCH, HEADER, INSTITUTIONS, MAX_ROWS, BadOrders, batches, read
from scripts.orders.__main__ import app
from scripts.orders.make import BadEvents, make, milliseconds, quote_per_lot

HEAD = ",".join(HEADER)
EVENTS = "id,timestamp,exchange.timestamp,price,volume,action,direction\n"


def order_file(tmp_path, *rows: str, head: str = HEAD):
    path = tmp_path / "orders.csv"
    path.write_text("\n".join([head, *rows]) + "\n")
    return path


def event_file(tmp_path, *rows: str):
    path = tmp_path / "events.csv.xz"
    path.write_bytes(lzma.compress((EVENTS + "\n".join(rows) + "\n").encode()))
    return path


# --- Reading ---


def test_a_good_file_is_read_in_order(tmp_path):
    rows = read(order_file(tmp_path, "alder,buy,12,2361000", "", "fir,sell,18446744073709551615,1"))
    assert [(row.line, row.trader) for row in rows] == [(2, "alder"), (4, "fir")]
    assert rows[0].terms == Terms(Side.BUY, 12, 2_361_000)
    assert rows[1].terms == Terms(Side.SELL, 2**64 - 1, 1)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("nobody,buy,1,1", "trader 'nobody'"),
        ("alder,hold,1,1", "side 'hold'"),
        ("alder,Buy,1,1", "side 'Buy'"),
        ("alder,buy,0,1", "quantity 0 is outside"),
        ("alder,buy,18446744073709551616,1", "quantity 18446744073709551616 is outside"),
        ("alder,buy,1,0", "limit_price 0 is outside"),
        ("alder,buy,1.5,1", "quantity '1.5' is not a plain integer"),
        ("alder,buy,-1,1", "quantity '-1' is not a plain integer"),
        ("alder,buy,1e3,1", "quantity '1e3' is not a plain integer"),
        ("alder,buy, 1,1", "quantity ' 1' is not a plain integer"),
        ("alder,buy,١,1", "quantity '١' is not a plain integer"),
        ("alder,buy,1", "3 cells where 4 are needed"),
        ("alder,buy,1,1,1", "5 cells where 4 are needed"),
        ("alder,buy,18446744073709551615,18446744073709551615", "more than the demonstration can fund"),
        ('alder,buy,1,"1', "is not CSV"),
    ],
)
def test_a_bad_row_is_refused_by_line(tmp_path, row, reason):
    with pytest.raises(BadOrders) as refused:
        read(order_file(tmp_path, "alder,buy,1,1", row))
    [(line, why)] = refused.value.problems
    assert line >= 3 and reason in why
    assert f"line {line}: " in str(refused.value)


def test_every_bad_row_is_named_at_once_and_every_fault_of_a_row(tmp_path):
    with pytest.raises(BadOrders) as refused:
        read(order_file(tmp_path, "x,buy,1,1", "alder,buy,1,1", "y,z,0,0"))
    assert [line for line, _ in refused.value.problems] == [2, 4]
    reason = refused.value.problems[1][1]
    assert all(part in reason for part in ("trader 'y'", "side 'z'", "quantity 0", "limit_price 0"))


def test_files_that_are_no_order_file_are_refused(tmp_path):
    binary = tmp_path / "binary.csv"
    binary.write_bytes(HEAD.encode() + b"\n\xff\xfe")
    for path, reason in [
        (order_file(tmp_path, "alder,buy,1,1", head="trader,side"), "the header must be"),
        (binary, "is not UTF-8"),
        (tmp_path / "absent.csv", "cannot be read"),
    ]:
        with pytest.raises(BadOrders, match=reason):
            read(path)
    with pytest.raises(BadOrders, match="no order"):
        read(order_file(tmp_path))


def test_the_cap_names_the_first_row_too_many(tmp_path):
    full = ["alder,buy,1,1"] * MAX_ROWS
    assert len(read(order_file(tmp_path, *full))) == MAX_ROWS
    with pytest.raises(BadOrders) as refused:
        read(order_file(tmp_path, *full, "alder,buy,1,1"))
    assert refused.value.problems[0][0] == MAX_ROWS + 2


def test_rows_are_dealt_to_epochs_in_order(tmp_path):
    rows = read(order_file(tmp_path, *["alder,buy,1,1"] * (FIRST_BATCH + 9)))
    assert [len(batch) for batch in batches(rows)] == [FIRST_BATCH, 8, 1]
    assert [row for batch in batches(rows) for row in batch] == rows


def test_the_default_file_crosses_with_a_rationed_margin():
    terms = [row.terms for row in read(DEFAULT_FILE)]
    price = 2_361_000
    bids = [t for t in terms if t.side == Side.BUY]
    offered = sum(t.quantity for t in terms if t.side == Side.SELL and t.price <= price)
    better = sum(t.quantity for t in bids if t.price > price)
    margin = [t.quantity for t in bids if t.price == price]
    assert len(terms) == FIRST_BATCH and len(margin) == 2
    assert better < offered < better + sum(margin)


# --- Making ---


@pytest.mark.parametrize(
    ("price", "units"),
    [("236.47", 2_364_700), ("0.0001", 1), ("350", 3_500_000), ("0.00001", None), ("0", None),
     ("-1", None), ("NaN", None), ("Infinity", None), ("x", None), ("1" * 25, None)],
)  # fmt: skip
def test_prices_convert_exactly(price, units):
    assert quote_per_lot(price) == units
    if units:
        assert Decimal(price) * 10**6 / 100 == units


def test_made_files_take_created_orders_of_the_span_and_say_what_they_skip(tmp_path):
    source = event_file(
        tmp_path,
        "6,1000,1000,236.47,200000000,created,bid",
        "7,1001,1000,236.46,100999999,created,ask",
        "7,1002,1000,236.46,50000000,changed,ask",
        "8,1003,1000,236.46,999999,created,ask",
        "9,1004,1000,2.36,100000000,created,bid",
        "10,1005,1000,236.00,1000000,created,bid",
        "11,2000,2000,236.00,1000000,created,bid",
    )
    lines, skipped = make(source, 1000, 2000, 3, 3)
    assert lines == [HEAD, "alder,buy,200,2364700", "birch,sell,100,2364600", "birch,buy,1,2360000"]
    assert skipped == Counter({"less than a lot": 1, "price far from the rest": 1})


def test_a_span_too_thin_or_a_wrong_count_is_refused(tmp_path):
    source = event_file(tmp_path, "6,1000,1000,236.47,200000000,created,bid")
    with pytest.raises(BadEvents, match="holds 1 orders"):
        make(source, 0, 2000, 6, 2)
    with pytest.raises(BadEvents, match="holds 0 orders"):
        make(source, 2000, 3000, 6, 1)
    with pytest.raises(BadEvents, match="institutions"):
        make(source, 0, 2000, len(INSTITUTIONS) + 1, 1)
    with pytest.raises(BadEvents, match="rows"):
        make(source, 0, 2000, 6, MAX_ROWS + 1)
    (tmp_path / "no.csv").write_text("a,b\n1,2\n")
    with pytest.raises(BadEvents, match="lacks columns"):
        make(tmp_path / "no.csv", 0, 1, 6, 1)


def test_times_are_utc():
    assert milliseconds("2015-05-01T00:00:00") == 1_430_438_400_000
    assert milliseconds("2015-05-01T02:00:00+02:00") == 1_430_438_400_000
    assert milliseconds("1430438400000") == 1_430_438_400_000
    with pytest.raises(BadEvents):
        milliseconds("yesterday")


def test_the_command_makes_a_file_that_reads_back(tmp_path):
    source = event_file(tmp_path, *[f"{i},{1000 + i},1000,236.47,200000000,created,bid" for i in range(9)])
    out = tmp_path / "made" / "orders.csv"
    options = ["make", "--from", str(source), "--out", str(out), "--start", "0", "--end", "9999", "--rows", "8"]
    done = CliRunner().invoke(app, options)
    assert done.exit_code == 0, done.output
    assert [row.trader for row in read(out)] == [INSTITUTIONS[i % 6] for i in range(8)]
    refused = CliRunner().invoke(app, [*options[:-1], "10"])
    assert refused.exit_code == 1 and "widen it" in refused.output
