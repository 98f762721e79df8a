"""One run of the demonstration on a proof-of-authority network, kept for every test that reads it."""

import warnings
from types import SimpleNamespace

import pytest

from offchain.paths import ROOT
from scripts import contracts as contract_build
from scripts import circuits as circuit_build
from scripts.demo import terms
from scripts.demo.narration import Narrator
from scripts.demo.run import play, started_network
from scripts.demo.world import new_world
from scripts.orders import DEFAULT_FILE, read
from scripts.orders.make import make, milliseconds

EVENTS = ROOT.parent / "shared" / "data" / "bitstamp-btcusd-orders-2015-05-01.csv.xz"
# Two epochs of the file: six orders, then two.
ROWS = 8


@pytest.fixture(scope="session")
def order_file(tmp_path_factory):
    """Orders of the exchange's first minute on that day; the default file where there are no data."""
    if not EVENTS.is_file():
        warnings.warn(f"no order events at {EVENTS}: the end-to-end run takes the default file", stacklevel=1)
        return DEFAULT_FILE
    start, end = milliseconds("2015-05-01T00:00:00"), milliseconds("2015-05-01T00:01:00")
    lines, _ = make(EVENTS, start, end, 6, ROWS)
    path = tmp_path_factory.mktemp("orders") / "orders.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="session")
def run(order_file, tmp_path_factory):
    """(world, rows) after the whole demonstration, its network still up."""
    circuit_build.build()
    contract_build.build()
    # A path of a Unix socket must be short, and pytest's are not.
    folder = tmp_path_factory.mktemp("e2e")
    (folder / "world").mkdir()
    rows = read(order_file)
    world = new_world(folder / "world", 5, Narrator())
    world.report.orders.file, world.report.orders.rows = str(order_file), len(rows)
    with started_network(folder / "n", world, 5) as rpc:
        with pytest.MonkeyPatch.context() as patch:
            # How busy the machine will be is not known when windows are chosen: other tests come and go.
            patch.setattr(terms, "pace", lambda usual=terms.pace: max(2, usual()))
            play(world, rpc, rows)
        world.report.write(folder / "report.json")
        yield SimpleNamespace(world=world, rows=rows, rpc=rpc, report=folder / "report.json", folder=folder)
