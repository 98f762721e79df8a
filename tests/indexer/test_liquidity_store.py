"""Longer windows, venues beside each other, the week's hours, and files: exact, and the same in both databases."""

import csv
import io
from decimal import Decimal

import pyarrow
import pytest
from pyarrow import parquet

from indexer import database
from indexer.importers import finra
from indexer.liquidity import export, store
from indexer.liquidity.stream import LATENESS, Stream
from indexer.liquidity.windows import DAY, HOUR, WEEK, WINDOW, floor
from tests.indexer.printed import Mined, open_market, put

MONDAY = 1_699_833_600    # 2023-11-13 00:00 UTC
BIG = 2**64 - 1


@pytest.fixture
def engine(engines, tmp_path):
    """Two markets over two weeks, and two venues over three."""
    engine = engines()
    open_market(engine, 0)
    open_market(engine, 10)
    put(
        engine,
        Mined(1, "a", MONDAY + 10, ((0, 0, 500, 3), (10, 0, BIG, 2))),
        Mined(2, "b", MONDAY + 299, ((0, 1, 800, 1),)),
        Mined(3, "c", MONDAY + 600, ((0, 2, 0, 0),)),
        Mined(4, "d", MONDAY + HOUR + 5, ((0, 3, 100, 7),)),
        Mined(5, "e", MONDAY + WEEK - 1, ((0, 4, 900, 2),)),
        Mined(6, "f", MONDAY + WEEK, ((0, 5, 400, 1),)),
    )
    Stream(engine).run()
    file = tmp_path / "weeks.csv"
    file.write_text(f"{finra.HEADER}\nUBSA,2023-11-13,70\nCODA,2023-11-13,29\nCODA,2023-11-20,0\nUBSA,2023-11-06,{2**62}\n")
    finra.import_file(engine, file)
    return engine


def windows(engine, *after, **query) -> list[store.Window]:
    with database.snapshot(engine) as connection:
        return list(store.windows(connection, store.Query(**query), *after))


def facts(one: store.Window) -> tuple:
    return one.start - MONDAY, one.prints, one.volume, one.notional, one.open, one.high, one.low, one.close, one.vwap, one.final


def test_five_minutes(engine):
    found = windows(engine, market="0")
    assert [facts(one) for one in found] == [
        (0, 2, 4, 2_300, 500, 800, 500, 800, 575, True),
        (600, 1, 0, 0, None, None, None, None, None, True),
        (3_600, 1, 7, 700, 100, 100, 100, 100, 100, True),
        (WEEK - 300, 1, 2, 1_800, 900, 900, 900, 900, 900, False),
        (WEEK, 1, 1, 400, 400, 400, 400, 400, 400, False),
    ]
    assert {one.venue for one in found} == {"shadowpool"} and all(one.end - one.start == WINDOW for one in found)


def test_longer_windows_are_made_of_them(engine):
    """3000 / 11 and 4800 / 13 are rounded down."""
    for step, parts in (
        (HOUR, [(0, 3, 4, 2_300, 500, 800, 500, 800, 575, True), (HOUR, 1, 7, 700, 100, 100, 100, 100, 100, True)]),
        (DAY, [(0, 4, 11, 3_000, 500, 800, 100, 100, 272, True)]),
        (WEEK, [(0, 5, 13, 4_800, 500, 900, 100, 900, 369, False), (WEEK, 1, 1, 400, 400, 400, 400, 400, 400, False)]),
    ):
        assert [facts(one) for one in windows(engine, market="0", venue="shadowpool", step=step)][: len(parts)] == parts


def test_exact_beyond_64_bits(engine):
    [one] = windows(engine, market="10")
    assert (one.volume, one.notional, one.vwap) == (2, 2 * BIG, BIG)


def test_a_window_is_final_when_the_watermark_reached_its_end(engine):
    put(engine, Mined(7, "g", MONDAY + WEEK + LATENESS))
    Stream(engine).run()
    assert [one.final for one in windows(engine, market="0")] == [True, True, True, True, False]
    assert [one.final for one in windows(engine, market="0", step=WEEK)] == [True, False]


def test_weeks_of_all_venues_in_one_order(engine):
    found = windows(engine, step=WEEK)
    assert [(one.start - MONDAY, one.venue, one.market, one.volume) for one in found] == [
        (-WEEK, "UBSA", "shares", 2**62),
        (0, "CODA", "shares", 29), (0, "UBSA", "shares", 70), (0, "shadowpool", "0", 13), (0, "shadowpool", "10", 2),
        (WEEK, "CODA", "shares", 0), (WEEK, "shadowpool", "0", 1),
    ]  # fmt: skip
    reported = found[0]
    assert (reported.prints, reported.notional, reported.vwap, reported.close, reported.final) == (None, None, None, None, True)


def test_from_any_window_on(engine):
    for query in ({}, {"step": WEEK}, {"step": DAY, "market": "0"}, {"step": WEEK, "venue": "UBSA"}):
        whole = windows(engine, **query)
        assert len(whole) > 1
        for place, one in enumerate(whole):
            assert windows(engine, one.key, **query) == whole[place + 1 :]


def test_windows_that_overlap_a_time(engine):
    for first, last, starts in (
        (MONDAY + 299, MONDAY + 299, [0]), (MONDAY + 300, MONDAY + 599, []), (MONDAY + 300, MONDAY + 600, [600]),
        (None, MONDAY + 600, [0, 600]), (MONDAY + WEEK - 300, None, [WEEK - 300, WEEK]),
    ):  # fmt: skip
        assert [one.start - MONDAY for one in windows(engine, market="0", first=first, last=last)] == starts


def test_a_longer_window_is_whole_if_any_of_it_is_asked_for(engine):
    [one] = windows(engine, market="0", step=DAY, first=MONDAY + 4_000, last=MONDAY + 4_000)
    assert one.prints == 4


def test_no_windows_of_what_is_not_there(engine):
    for market in ("1", "00", "shares", "x", "9" * 40):
        assert windows(engine, market=market) == []
    assert windows(engine, venue="NONE", step=WEEK) == []


@pytest.mark.parametrize(("query", "said"), [
    ({"step": 301}, "300, 3600, 86400, 604800"), ({"first": 2, "last": 1}, "swap"), ({"venue": "UBSA", "step": DAY}, "604800"),
])  # fmt: skip
def test_what_cannot_be_asked_for(query, said):
    with pytest.raises(store.QueryError, match=said):
        store.Query(**query)


def test_weeks_begin_on_mondays():
    assert floor(MONDAY + WEEK - 1, WEEK) == MONDAY == floor(MONDAY, WEEK) and floor(0, WEEK) == -3 * DAY
    assert [floor(3_601, step) for step in (WINDOW, HOUR, DAY)] == [3_600, 3_600, 0]


# --- Venues ---


def test_venues(engine):
    with database.snapshot(engine) as connection:
        found = [(one.venue, one.source, one.first, one.last, one.markets) for one in store.venues(connection)]
    assert found == [
        ("shadowpool", "prints", MONDAY, MONDAY + WEEK, ("0", "10")),
        ("CODA", "finra", MONDAY, MONDAY + WEEK, ("shares",)),
        ("UBSA", "finra", MONDAY - WEEK, MONDAY, ("shares",)),
    ]


def compare(engine, *times) -> list[tuple]:
    with database.snapshot(engine) as connection:
        found = store.compare(connection, *times)
    return [(one.venue.venue, one.volume, one.notional, one.prints, one.weeks, one.share_bps) for one in found]


def test_shares_are_of_the_same_source_and_rounded_down(engine):
    assert compare(engine, MONDAY, MONDAY + WEEK - 1) == [
        ("shadowpool", 15, 4_800 + 2 * BIG, 6, 1, 10_000), ("UBSA", 70, None, None, 1, 7_070), ("CODA", 29, None, None, 1, 2_929),
    ]  # fmt: skip
    assert [row[:2] + row[4:] for row in compare(engine)] == [
        ("shadowpool", 16, 2, 10_000), ("UBSA", 2**62 + 70, 2, 9_999), ("CODA", 29, 2, 0),
    ]  # fmt: skip
    assert compare(engine, MONDAY + WEEK, None) == [("shadowpool", 1, 400, 1, 1, 10_000), ("CODA", 0, None, None, 1, 0)]
    assert compare(engine, 0, 1) == []


def test_no_sum_of_different_quotes(engine):
    open_market(engine, 11, quote="0x" + "44" * 20)
    assert compare(engine)[0][2] is not None
    put(engine, Mined(7, "g", MONDAY + WEEK + 1, ((11, 0, 5, 5),)))
    Stream(engine).run()
    assert compare(engine)[0][1:3] == (21, None)


def test_hours_of_the_week(engine):
    with database.snapshot(engine) as connection:
        cells = store.heatmap(connection, store.Query(market="0"))
        with pytest.raises(store.QueryError, match="weeks"):
            store.heatmap(connection, store.Query(venue="UBSA", step=WEEK))
    assert [len(row) for row in cells] == [24] * 7
    traded = {(day, hour): (cell.prints, cell.volume) for day, row in enumerate(cells) for hour, cell in enumerate(row) if cell.prints}
    assert traded == {(0, 0): (4, 5), (0, 1): (1, 7), (6, 23): (1, 2)}


def test_the_revision_changes_with_what_is_answered(engine, tmp_path):
    def revision() -> tuple:
        with database.snapshot(engine) as connection:
            return store.revision(connection)

    seen = [revision(), revision()]
    assert seen[0] == seen[1]
    put(engine, Mined(7, "g", MONDAY + WEEK + 1))
    Stream(engine).run()
    seen.append(revision())
    (tmp_path / "more.csv").write_text(f"{finra.HEADER}\nUBSA,2023-11-20,5\n")
    finra.import_file(engine, tmp_path / "more.csv")
    seen.append(revision())
    open_market(engine, 12)
    seen.append(revision())
    assert len(set(seen)) == 4


# --- Files ---


def test_files_hold_every_number_exactly(engine, monkeypatch):
    monkeypatch.setattr(export, "BATCH", 2)
    for query in ({}, {"step": WEEK}, {"market": "77"}):
        _hold(engine, query)


def _hold(engine, query: dict) -> None:
    whole, text, table = windows(engine, **query), io.BytesIO(), io.BytesIO()
    assert export.write_csv(iter(whole), text) == export.write_parquet(iter(whole), table) == len(whole)
    lines = list(csv.reader(io.StringIO(text.getvalue().decode())))
    names = list(export.COLUMNS)
    assert lines[0] == names and lines[1:] == [
        ["" if (value := getattr(one, name)) is None else str(value).lower() if name == "final" else str(value) for name in names]
        for one in whole
    ]
    read = parquet.read_table(table)
    assert read.schema.equals(export.SCHEMA, check_metadata=True)
    assert read.to_pylist() == [
        {name: Decimal(value) if kind == pyarrow.decimal128(38) and (value := getattr(one, name)) is not None else getattr(one, name)
         for name, kind in export.COLUMNS.items()}
        for one in whole
    ]  # fmt: skip


def test_what_parquet_has_no_room_for_is_refused(engine):
    put(engine, Mined(7, "g", MONDAY + WEEK + 1, ((0, 6, BIG, 10**37),)))
    Stream(engine).run()
    with pytest.raises(export.ExportError, match="notional .* export CSV"):
        export.write_parquet(windows(engine), io.BytesIO())
    assert export.write_csv(windows(engine), io.BytesIO()) == 6
