"""Tables in CSV that people hand in: every bad line is named, every good one read as it stands."""

import csv
import io
from random import Random

import pytest
from eth_account import Account

from offchain.notes import Side
from scripts.cli import issuer
from scripts.cli.common import CommandError
from scripts.orders import make as events
from scripts.orders import parse
from tests.fuzz.mutate import Held, data, survey

ADDRESS = Account.from_key(b"\1" * 32).address


@pytest.fixture
def file(monkeypatch) -> Held:
    """A file that the readers open although it is not on the disk."""
    monkeypatch.setattr(parse, "Path", lambda path: path)
    monkeypatch.setattr(events, "Path", lambda path: path)
    monkeypatch.setattr(events, "open", lambda path, *args, **options: path.open(*args, **options), raising=False)
    return Held("held")


def cells(raw: bytes) -> list[list[str]]:
    """The file's rows by the plain rules of CSV, blank ones left out."""
    return [row for row in csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline="")) if row]


def test_orders(file):
    good = b"trader,side,quantity,limit_price\nalder,buy,120,2365000\nbirch,sell,80,2358000\n\n"
    good += b"cedar,buy,7,18446744073709551615\n"

    def one(rng: Random) -> bool:
        file.data = data(rng, good)
        try:
            rows = parse.read(file)
        except parse.BadOrders as refusal:
            assert refusal.problems and all(line >= 0 and reason for line, reason in refusal.problems)
            return False
        header, *told = cells(file.data)
        sides = {Side.BUY: "buy", Side.SELL: "sell"}
        assert tuple(header) == parse.HEADER and len(rows) == len(told)
        for row, (trader, side, quantity, price) in zip(rows, told, strict=True):
            assert (row.trader, sides[row.terms.side]) == (trader, side)
            assert (row.terms.quantity, row.terms.price) == (int(quantity), int(price))
        return True

    survey("orders", one)


def test_order_events(file):
    good = b"id,timestamp,exchange.timestamp,price,volume,action,direction\n"
    for i in range(1, 8):
        action, direction = b"created" if i % 3 else b"deleted", b"bid" if i % 2 else b"ask"
        good += b"%d,%d,%d,236.%02d,%d,%s,%s\n" % (i, 1000 + i, i, i, 3_000_000 + i, action, direction)

    def one(rng: Random) -> bool:
        file.data = data(rng, good)
        try:
            lines, _ = events.make(file, 0, 10**6, 6, 3)
        except events.BadEvents:
            return False
        file.data = "\n".join(lines).encode()
        assert len(parse.read(file)) == 3
        return True

    survey("order_events", one)


def test_moments():
    good = (b"2015-05-01T00:00:00", b"2015-05-01T00:00:00+02:00", b"1430438400000", b"0001-01-01T00:00:00+14:00")

    def one(rng: Random) -> bool:
        text = data(rng, rng.choice(good)).decode(errors="replace")
        try:
            found = events.milliseconds(text)
        except events.BadEvents:
            return False
        assert isinstance(found, int)
        return True

    survey("moments", one)


def test_admissions():
    """The batch file of `shadowpool issuer batch`."""
    good = "name,owner,wallet,jurisdiction,tier,expiry\n" + "".join(
        f"bank {i},{10**9 + i},{ADDRESS},{i},2,1800000000\n" for i in range(3)
    )
    file = Held("held")

    def one(rng: Random) -> bool:
        file.data = data(rng, good.encode())
        try:
            rows = issuer._rows(file)
        except CommandError:
            return False
        for row, told in zip(rows, cells(file.data)[1:], strict=True):
            kinds = [type(cell) for cell in row.values()]
            assert list(row.values()) == [kind(cell) for kind, cell in zip(kinds, told, strict=True)]
        return True

    survey("admissions", one)
