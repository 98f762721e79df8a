"""/v1/liquidity as the explorer asks it, and the commands beside it."""

import csv
import io
import json
from decimal import Decimal

import pytest
from fastapi.testclient import TestClient
from pyarrow import parquet

from indexer import models
from indexer.api.app import create_app
from indexer.importers import finra
from indexer.liquidity.stream import Stream
from indexer.liquidity.windows import DAY, WEEK
from scripts.cli import main
from tests.indexer.printed import BTC, USD, Mined, deployment, open_market, put

MONDAY = 1_699_833_600
URL = "/v1/liquidity"
BIG = 2**64 - 1


@pytest.fixture
def url(urls):
    return urls()


@pytest.fixture
def engine(engines, url, tmp_path):
    engine = engines(url)
    open_market(engine, 0)
    put(engine, Mined(1, "0xa", MONDAY + 10, ((0, 0, BIG, 3), (0, 1, 2, 1))), Mined(2, "0xb", MONDAY + DAY, ((0, 2, 7, 5),)))
    put(engine, *(Mined(3 + n, f"0x{n}", MONDAY + DAY + 300 * (n + 1), ((0, 3 + n, 5, 1),)) for n in range(5)))
    with engine.begin() as connection:
        sync = {"chain_id": 31337, "pool": "0x", "start_block": 1, "block": 7, "head": 7, "compared": 7, "state": "live", "reason": None}
        connection.execute(models.Sync.__table__.insert().values(id=1, **sync))
    Stream(engine).run()
    (tmp_path / "weeks.csv").write_text(f"{finra.HEADER}\nUBSA,2023-11-13,70\nCODA,2023-11-13,30\n")
    return engine


@pytest.fixture
def client(engine, tmp_path):
    finra.import_file(engine, tmp_path / "weeks.csv")
    return TestClient(create_app(engine, deployment()))


def get(client, path: str, **query):
    answer = client.get(URL + path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


FIRST = {
    "market": "0", "venue": "shadowpool", "start": MONDAY, "end": MONDAY + 300, "prints": 2, "volume": "4",
    "notional": str(3 * BIG + 2), "open": str(BIG), "high": str(BIG), "low": "2", "close": "2",
    "vwap": str((3 * BIG + 2) // 4), "late": 0, "final": True,
}  # fmt: skip
REPORTED = {
    "market": "shares", "venue": "CODA", "start": MONDAY, "end": MONDAY + WEEK, "prints": None, "volume": "30", "notional": None,
    "open": None, "high": None, "low": None, "close": None, "vwap": None, "late": 0, "final": True,
}  # fmt: skip


def test_venues_and_markets(client):
    venues = get(client, "/venues")
    assert venues["block"] == 7 and venues["next"] is None and venues["items"][:2] == [
        {"venue": "shadowpool", "name": "Shadowpool", "source": "prints", "first": MONDAY, "last": MONDAY + DAY + 1_500, "markets": ["0"]},
        {"venue": "CODA", "name": "CODA", "source": "finra", "first": MONDAY, "last": MONDAY, "markets": ["shares"]},
    ]  # fmt: skip
    base, quote = ({"address": token.address, "symbol": name, "decimals": token.decimals} for token, name in ((BTC, "BTC"), (USD, "USD")))
    assert get(client, "/markets")["items"] == [
        {"market": "0", "label": "BTC/USD", "base": base, "quote": quote, "lot": "100000", "source": "prints"},
        {"market": "shares", "label": "All shares", "base": None, "quote": None, "lot": None, "source": "finra"},
    ]


def test_windows(client):
    assert get(client, "/windows", market="0", venue="shadowpool")["items"][0] == FIRST
    assert get(client, "/windows", venue="CODA", step=WEEK)["items"] == [REPORTED]
    day = get(client, "/windows", market="0", step=DAY, **{"from": MONDAY + DAY + 5})["items"]
    assert [(one["start"], one["prints"], one["volume"], one["final"]) for one in day] == [(MONDAY + DAY, 6, "10", False)]


def test_pages_join_to_the_whole(client):
    for query in ({}, {"step": WEEK}):
        whole, found, cursor = get(client, "/windows", limit=2_000, **query), [], None
        while True:
            page = get(client, "/windows", limit=2, **query, **({"cursor": cursor} if cursor else {}))
            found += page["items"]
            if not (cursor := page["next"]):
                break
            assert len(page["items"]) == 2
        assert found == whole["items"] and len(found) > 2 and whole["next"] is None


def test_compare_and_heatmap(client):
    def share(venue, name, source, volume, notional, prints, bps):
        numbers = {"volume": volume, "notional": notional, "prints": prints, "share_bps": bps, "weeks": 1}
        return {"venue": venue, "name": name, "source": source} | numbers

    assert get(client, "/compare")["items"] == [
        share("shadowpool", "Shadowpool", "prints", "14", str(3 * BIG + 2 + 35 + 25), 8, 10_000),
        share("UBSA", "UBSA", "finra", "70", None, None, 7_000),
        share("CODA", "CODA", "finra", "30", None, None, 3_000),
    ]
    heat = get(client, "/heatmap", market="0", venue="shadowpool")
    assert (heat["rows"], heat["columns"], len(heat["cells"]), len(heat["cells"][0])) == (7, 24, 7, 24)
    assert heat["cells"][0][0] == {"prints": 2, "volume": "4"} and heat["cells"][1][0] == {"prints": 6, "volume": "10"}


def test_answers_move_with_the_job(client, engine):
    """What is kept between requests is of one state of the windows, not of the chain alone."""
    get(client, "/compare")
    put(engine, Mined(8, "0x99", MONDAY + DAY + 2_000, ((0, 99, 1, 1),)))
    get(client, "/compare")
    Stream(engine).run()
    assert get(client, "/compare")["items"][0]["volume"] == "15"


def test_files(client, engine):
    wanted = {"market": "0", "venue": "shadowpool"}
    text, table = (client.get(f"{URL}/windows.{kind}", params=wanted) for kind in ("csv", "parquet"))
    shown = get(client, "/windows", limit=2_000, **wanted)["items"]
    plain = [{name: "" if value is None else str(value).lower() if name == "final" else str(value) for name, value in one.items()} for one in shown]
    assert list(csv.DictReader(io.StringIO(text.text))) == plain
    rows = parquet.read_table(io.BytesIO(table.content)).to_pylist()
    assert len(rows) == len(shown) and rows[0]["notional"] == Decimal(3 * BIG + 2)
    for answer, kind in ((text, "csv"), (table, "parquet")):
        assert answer.headers["content-disposition"] == f'attachment; filename="windows.{kind}"'
        again = client.get(f"{URL}/windows.{kind}", params=wanted, headers={"If-None-Match": answer.headers["etag"]})
        assert again.status_code == 304 and not again.content
    put(engine, Mined(8, "0x99", MONDAY + DAY + 2_000))
    Stream(engine).run()
    fresh = client.get(f"{URL}/windows.csv", params=wanted, headers={"If-None-Match": text.headers["etag"]})
    assert fresh.status_code == 200 and fresh.headers["etag"] != text.headers["etag"]


REFUSED = (
    ("/windows", {"step": 301}), ("/windows", {"venue": "UBSA"}), ("/windows", {"from": 2, "to": 1}), ("/windows", {"from": -1}),
    ("/windows", {"limit": 2_001}), ("/windows", {"limit": 0}), ("/windows", {"cursor": "x"}), ("/windows", {"market": "a\0"}),
    ("/windows", {"to": 1 << 63}), ("/windows.csv", {"venue": "UBSA"}), ("/windows.parquet", {"step": 0}),
    ("/heatmap", {"venue": "UBSA"}), ("/compare", {"from": 2, "to": 1}),
)  # fmt: skip


def test_what_cannot_be_asked_for_is_a_problem(client):
    for path, query in REFUSED:
        answer = client.get(URL + path, params=query)
        assert answer.status_code == 422 and answer.headers["content-type"] == "application/problem+json", (path, query)
        assert answer.json()["detail"]


def test_etags(client):
    answer = client.get(URL + "/windows")
    assert client.get(URL + "/windows", headers={"If-None-Match": answer.headers["etag"]}).status_code == 304


def test_commands(engine, url, tmp_path, capsys):
    def run(*arguments: str) -> dict:
        with pytest.raises(SystemExit) as ended:
            main(["indexer", *arguments, "--database", url, "--json"])
        assert ended.value.code == 0
        return json.loads(capsys.readouterr().out)

    assert run("import-finra", str(tmp_path / "weeks.csv")) == {"rows": 2, "added": 2, "unchanged": 0, "replaced": 0}
    assert run("liquidity", "update") == {"blocks": 0, "prints": 0, "late": 0, "undone": 0}
    made = tmp_path / "out.csv"
    assert run("liquidity", "export", str(made), "--step", str(WEEK), "--to", str(MONDAY))["windows"] == 3
    assert made.read_text().startswith("market,venue,start,") and made.stat().st_mode & 0o777 == 0o644
    bad = tmp_path / "out.xls"
    with pytest.raises(SystemExit) as ended:
        main(["indexer", "liquidity", "export", str(bad), "--database", url])
    assert ended.value.code == 1 and "*.parquet" in capsys.readouterr().err and not bad.exists()
