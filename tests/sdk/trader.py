"""A trader in Node on the SDK's build, led by a test."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from offchain import circuits
from offchain.paths import BUILD, ROOT
from tests.world import CONFIRMATIONS, World


class Refusal(Exception):
    """The trader in Node was refused; (name of the error, its text)."""


class NodeTrader:
    """`ash` as `frontend/e2e/trader.mjs` plays it."""

    def __init__(self, process: subprocess.Popen):
        self._process = process

    def __call__(self, action: str, *given):
        self._process.stdin.write(json.dumps([action, *given]) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise Refusal(answer["error"], answer["says"])
        return answer["done"]


@contextmanager
def node_trader(
    world: World, url: str, folder: Path, indexer: str | None = None, journal: Path | None = None
) -> Iterator[NodeTrader]:
    """`indexer` is where it reads the chain from, its node's logs without; `journal` where it keeps what it read."""
    ash = world.traders["ash"]
    ash.credential.save(folder / "credential.json")
    plan = {
        "sdk": str(BUILD / "sdk"),
        "circuits": str(circuits.FOLDER),
        "rpc": url,
        "deployment": asdict(world.deployment),
        "credential": (folder / "credential.json").read_text(),
        "address": ash.account.address,
        "carrier": world.accounts["carrier"].address,
        "depth": CONFIRMATIONS,
        "indexer": indexer,
        "journal": journal and str(journal),
    }
    (folder / "plan.json").write_text(json.dumps(plan))
    command = ["node", ROOT / "frontend" / "e2e" / "trader.mjs", folder / "plan.json"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield NodeTrader(process)
    finally:
        process.stdin.close()
        process.stdout.close()
        process.kill()
        process.wait()
