"""An auditor works out every fill of a run with an exchange's real orders again: `python -m scripts.bench.audit`.

The demonstration is played on a network of its own with the first orders of the recorded day; then its chain is
followed into an index, proofs and roots and all, and every settled epoch is opened with the auditor's key and held
to its clearing, fees, notes and proof. build/audit/summary.json says how many fills, and how many did not fit.
"""

import json
import shutil
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from indexer import database
from indexer.audit.period import Audit, audit, period
from indexer.audit.record import Index, Record
from indexer.follow import Follower
from offchain.chain import Chain
from offchain.deployment import write_atomically
from offchain.keys import EncryptionKey
from offchain.paths import BUILD, ROOT
from scripts.demo.narration import Narrator
from scripts.demo.run import play, started_network
from scripts.demo.world import new_world
from scripts.orders import read
from scripts.orders.make import make, milliseconds

EVENTS = ROOT.parent / "shared" / "data" / "bitstamp-btcusd-orders-2015-05-01.csv.xz"
BEGIN, END = "2015-05-01T00:00:00", "2015-05-01T01:00:00"
ROWS = 30
"""Four epochs: six orders, then eight each."""

OUTPUT = BUILD / "audit" / "summary.json"


def rederive(chain: Chain, key: EncryptionKey, folder: Path) -> Audit:
    """Follow a chain to its head into a fresh index in `folder`, and audit all of it."""
    engine = database.open(f"sqlite:///{folder / 'index.sqlite'}")
    try:
        follower = Follower(engine, chain)
        try:
            follower.sync()
            follower.finish()
        finally:
            follower.close()
        index = Index(engine, chain.deployment)
        whole = period(index, None, None, chain.confirmations)
        return audit(Record(index, whole.last), [key], whole)
    finally:
        engine.dispose()


def summary(found: Audit, orders: str, seconds: float) -> dict:
    """What OUTPUT holds of an audit of a run with orders from a file."""
    lines = [line for one in found.examined for line in one.lines if line.why is None]
    mismatches = [line for line in lines if line.opened.fill != line.rederived]
    return {
        "orders": orders,
        "epochs": len(found.examined),
        "fills_rederived": len(lines),
        "filled": sum(line.rederived > 0 for line in lines),
        "lots": sum(one.volume for one in found.examined),
        "mismatches": len(mismatches),
        "problems": found.problems,
        "seconds": round(seconds, 3),
    }


def write(found: dict) -> None:
    write_atomically(OUTPUT, json.dumps(found, indent=1) + "\n")


def main(
    events: Annotated[Path, typer.Option(help="The exchange's order events.", show_default="../shared/data")] = EVENTS,
    rows: Annotated[int, typer.Option(help="How many of its orders.")] = ROWS,
    validators: Annotated[int, typer.Option(help="1 or 5.")] = 1,
) -> None:
    """Play, audit, and write build/audit/summary.json; 1 if anything does not fit."""
    with TemporaryDirectory(prefix="shadowpool-audit-") as place:
        folder = Path(place)
        lines, _ = make(events, milliseconds(BEGIN), milliseconds(END), 6, rows)
        file = folder / "orders.csv"
        file.write_text("\n".join(lines) + "\n")
        orders = read(file)
        (folder / "world").mkdir()
        world = new_world(folder / "world", validators, Narrator())
        world.report.orders.file, world.report.orders.rows = events.name, len(orders)
        with started_network(folder / "n", world, validators) as rpc:
            play(world, rpc, orders)
            began = time.monotonic()
            found = rederive(world.chain, world.auditor, folder)
            result = summary(found, events.name, time.monotonic() - began)
        shutil.rmtree(folder / "n", ignore_errors=True)
    write(result)
    typer.echo(json.dumps(result, indent=1))
    if result["mismatches"] or result["problems"]:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
