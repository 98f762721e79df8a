"""FINRA's weeks: taken in exactly, whole, as often as one likes; every wrong line is named."""

import csv
import io
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select

from indexer.importers import finra
from indexer.importers.finra import FinraError, Imported, import_file
from indexer.liquidity.tables import ATS_IMPORTS, ATS_WEEKS
from offchain.paths import ROOT

FILE = ROOT.parent / "shared" / "data" / "finra-ats-weekly-volume.csv"
WEEK = "2023-11-13"
START = 1_699_833_600


@pytest.fixture
def engine(engines):
    return engines()


@pytest.fixture
def write(tmp_path):
    """Makes a file of rows under the header."""

    def make(*rows: str):
        path = tmp_path / "weeks.csv"
        path.write_text("".join(f"{line}\n" for line in (finra.HEADER, *rows)))
        return path

    return make


def read(*rows: str, header: str = finra.HEADER):
    text = "".join(f"{line}\n" for line in (header, *rows))
    return finra.read(io.BytesIO(text.encode()), "weeks.csv")


def held(engine) -> dict[tuple[int, str], int]:
    with engine.connect() as connection:
        return {(row.start, row.venue): row.shares for row in connection.execute(select(ATS_WEEKS))}


def imports(engine) -> int:
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(ATS_IMPORTS)).scalar_one()


def test_taken_in_once_however_often(engine, write):
    path = write(f"UBSA,{WEEK},{2**63 - 1}", f"CODA,{WEEK},0")
    assert import_file(engine, path) == Imported(2, 2, 0, 0)
    assert import_file(engine, path) == Imported(2, 0, 2, 0)
    assert held(engine) == {(START, "UBSA"): 2**63 - 1, (START, "CODA"): 0} and imports(engine) == 1


def test_a_correction_is_refused_unless_meant(engine, write):
    import_file(engine, write(f"UBSA,{WEEK},5", f"CODA,{WEEK},6"))
    path = write(f"CODA,{WEEK},6", "CODA,2023-11-20,1", f"UBSA,{WEEK},7")
    with pytest.raises(FinraError, match="line 4: UBSA has 5 shares in that week, and the file says 7 .*--replace"):
        import_file(engine, path)
    assert held(engine) == {(START, "UBSA"): 5, (START, "CODA"): 6}
    assert import_file(engine, path, replace=True) == Imported(3, 1, 1, 1)
    assert held(engine) == {(START, "UBSA"): 7, (START, "CODA"): 6, (START + 604_800, "CODA"): 1}


@pytest.mark.parametrize(("row", "said"), [
    ("", "is not MPID"), ("UBSA", "is not MPID"), (f"ubsa,{WEEK},1", "is not MPID"), (f"UBS,{WEEK},1", "is not MPID"),
    (f"UBSAX,{WEEK},1", "is not MPID"), (f"UBSA,{WEEK},-1", "is not MPID"), (f"UBSA,{WEEK},1.5", "is not MPID"),
    (f"UBSA,{WEEK},01", "is not MPID"), (f"UBSA,{WEEK},", "is not MPID"), (f"UBSA,{WEEK},1,", "is not MPID"),
    (f"UBSA,{WEEK}, 1", "is not MPID"), (f'"UBSA",{WEEK},1', "is not MPID"), (f"UBSA,{WEEK},1e3", "is not MPID"),
    (f"UBSA,{WEEK},{10**19}", "is not MPID"), (f"UBSA,{WEEK},{2**63}", "shares"), ("UBSA,20231113,1", "is not MPID"),
    ("UBSA,2023-02-30,1", "is no date"), ("UBSA,2023-11-14,1", "is a Tuesday"), ("UBSA,MONDAY,1", "has not begun"),
    ("UBSA,1969-12-29,1", "before 1970"), (f"CODA,{WEEK},2", "CODA in that week stands in line 2"), ("UBSÄ,2023-11-13,1", "not ASCII"),
])  # fmt: skip
def test_a_wrong_line_is_named(row, said):
    """MONDAY is the one after the next: no test's name depends on the day."""
    today = datetime.now(UTC).date()
    row = row.replace("MONDAY", str(today + timedelta(days=14 - today.weekday())))
    with pytest.raises(FinraError, match=f"^weeks.csv, line 4: .*{said}"):
        read(f"CODA,{WEEK},1", f"BIDS,{WEEK},1", row)


def test_of_a_wrong_file_nothing_is_taken_in(engine, write):
    with pytest.raises(FinraError, match="weeks.csv, line 3"):
        import_file(engine, write(f"CODA,{WEEK},1", "CODA"))
    assert held(engine) == {} and imports(engine) == 0


@pytest.mark.parametrize("header", ["", "MPID,weekStartDate", "weekStartDate,MPID,shares", "\ufeffMPID,weekStartDate,shares"])
def test_another_header_is_refused(header):
    with pytest.raises(FinraError, match="^weeks.csv, line 1: "):
        read(f"UBSA,{WEEK},1", header=header)


def test_a_file_without_rows_is_refused():
    with pytest.raises(FinraError, match="line 1: there is no row"):
        read()
    with pytest.raises(FinraError, match="line 1: the header is ''"):
        finra.read(io.BytesIO(), "weeks.csv")


def test_lines_may_end_as_on_windows():
    text = f"{finra.HEADER}\r\nUBSA,{WEEK},5".encode()
    assert finra.read(io.BytesIO(text), "weeks.csv") == {(START, "UBSA"): (5, 2)}


@pytest.mark.skipif(not FILE.is_file(), reason=f"NOT TESTED: {FILE.name} is not in ../shared/data")
def test_the_published_file(engine):
    with FILE.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert import_file(engine, FILE) == Imported(len(rows), len(rows), 0, 0)
    sums: Counter[str] = Counter()
    for row in rows:
        sums[row["MPID"]] += int(row["shares"])
    found: Counter[str] = Counter()
    for (_, venue), shares in held(engine).items():
        found[venue] += shares
    assert found == sums and len(found) > 20
    assert import_file(engine, FILE) == Imported(len(rows), 0, len(rows), 0)
