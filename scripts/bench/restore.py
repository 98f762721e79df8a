"""How fast a wallet is restored: `python -m scripts.bench.restore` writes build/bench/restore.json.

From a key and a node alone: every event of a made-up chain (scripts.bench.events, served on loopback by a process of
its own) is read and taken in, every root recomputed, and every memo tried; none is the wallet's, which is the
dearest case. Notes are those that stand on the chain at the end.
"""

import json
import os
import secrets
import time
from pathlib import Path

import typer

from offchain.chain import Chain
from offchain.field import R
from offchain.holdings import Holdings
from offchain.keys import ShieldedKey
from offchain.ledger import Ledger
from offchain.paths import BUILD
from scripts import contracts as contract_build
from scripts.bench.events import Made
from scripts.bench.indexer import served

REPORT = BUILD / "bench" / "restore.json"
EVENTS = 20_000

app = typer.Typer(help=__doc__)


@app.command()
def run(events: int = EVENTS, out: Path = REPORT) -> None:
    """Restore a wallet that owns nothing on a busy chain."""
    contract_build.build()
    made = Made(events)
    with served(made) as rpc:
        began = time.perf_counter()
        ledger = Ledger(Chain(rpc, made.deployment), depth=0)   # this node answers for its head alone
        ledger.sync()
        followed = time.perf_counter()
        holdings = Holdings(ledger, ShieldedKey(secrets.randbelow(R - 1) + 1))
        holdings.refresh()
        ended = time.perf_counter()
    assert not holdings.notes and not holdings.orders, "another's note opened"
    found = {
        "notes": len(ledger.leaves), "memos": len(ledger.memos), "events": made.count,
        "notes_per_s": round(len(ledger.leaves) / (ended - began)),
        "follow_s": round(followed - began, 2), "scan_s": round(ended - followed, 2),
        "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1),
    }  # fmt: skip
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(found, indent=2) + "\n")
    print(f"{out}: {json.dumps(found)}")


if __name__ == "__main__":
    app()
