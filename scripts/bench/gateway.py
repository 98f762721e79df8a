"""How many orders an agent's gateway takes: `python -m scripts.bench.gateway run` writes build/bench/gateway.json.

A real agent on a chain of its own (anvil), its database a file, every pre-trade check set, one round done and no more:
what is timed is the way from POST /v1/orders to the promise on disk. Those who ask are another process's threads, each
with a connection that it keeps; round after round they all place, and then take their orders back, which is not timed:
so that as many are open as a busy desk has.
"""

import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles
from typing import Annotated
from urllib.parse import urlsplit

import typer

from offchain.agent.config import AgentConfig
from offchain.agent.run import assembled
from offchain.gateway.app import create
from offchain.gateway.controls import Controls
from offchain.gateway.keys import Keys
from offchain.gateway.pretrade import Limits
from offchain.gateway.serve import serving
from offchain.gateway.settings import Settings
from offchain.paths import BUILD, ROOT
from scripts.bench.world import World, anvil, build_world

OUTPUT = BUILD / "bench" / "gateway.json"
ROUNDS, CLIENTS, OPEN = 10, 4, 100
PRICE = 500
FAST = 10**6
SEALING_KEY = bytes(32)
NO_PASSWORD = ""
HUGE = str(10**30)

app = typer.Typer(help=__doc__)


# --- Those who ask ---


class Trader:
    """One connection that places orders, and takes them back."""

    def __init__(self, address: str, key: str, name: str):
        self._link = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._name, self._count, self._open = name, 0, []

    def place(self, orders: int) -> list[float]:
        """Seconds of each of so many orders."""
        return [self._place() for _ in range(orders)]

    def _place(self) -> float:
        self._count += 1
        id, side = f"{self._name}-{self._count}", ("buy", "sell")[self._count % 2]
        body = {"client_id": id, "market": 0, "side": side, "quantity": "4", "price": str(PRICE)}
        began = time.perf_counter()
        self._ask("POST", "/v1/orders", body, 201)
        self._open.append(id)
        return time.perf_counter() - began

    def cancel(self) -> None:
        while self._open:
            self._ask("DELETE", f"/v1/orders/{self._open.pop()}", None, 202)

    def _ask(self, method: str, path: str, body: dict | None, status: int) -> None:
        self._link.request(method, path, None if body is None else json.dumps(body), self._headers)
        answer = self._link.getresponse()
        said = answer.read()
        assert answer.status == status, f"{method} {path}: {answer.status} {said[:300]!r}"


@app.command(hidden=True)
def client(address: str, rounds: int, clients: int) -> None:
    """Place orders with the key on standard input; as JSON on standard output, their seconds, and those of all rounds."""
    key, taken, seconds = sys.stdin.readline().strip(), [], 0.0
    traders = [Trader(address, key, f"t{number}") for number in range(clients)]
    with ThreadPoolExecutor(clients) as pool:
        for number in range(rounds + 1):
            began = time.perf_counter()
            found = list(pool.map(lambda trader: trader.place(OPEN // clients), traders))
            if number > 0:      # the first warms up
                seconds += time.perf_counter() - began
                taken += [one for each in found for one in each]
            list(pool.map(Trader.cancel, traders))
    print(json.dumps([taken, seconds]))


# --- The agent ---


@contextmanager
def idle(world: World, folder: Path) -> Iterator[tuple[str, str, Controls]]:
    """(address, key, controls) of an agent's gateway, whose agent does nothing but what is asked of it."""
    trader, account = world.traders["ash"], folder / "account.json"
    trader.credential.save(folder / "credential.json")
    config = AgentConfig(
        key=folder / "none", deployment=folder / "none", credentials=(folder / "credential.json",), in_my_name=True,
        account=account, store=f"sqlite:///{folder}/agent.sqlite3",
    )  # fmt: skip
    with assembled(config, world.chain, trader.key, trader.account, NO_PASSWORD) as agent:
        agent.round(world.chain.head())
        engine = agent.book.engine
        controls = Controls(agent, engine, limits(agent.markets()[0].base, agent.markets()[0].quote))
        with serving(create(agent, Settings(SEALING_KEY), engine, controls=controls), port=0) as address:
            yield address, Keys(engine).new("bench", ["read", "trade"], per_second=FAST, burst=FAST), controls


def limits(base: str, quote: str) -> Limits:
    """One of every kind, so wide that all orders pass."""
    of_market = {"order_quantity": HUGE, "order_notional": HUGE, "open_notional": HUGE, "band_bps": 5_000}
    given = {"markets": {"0": of_market}, "open_notional": {quote: HUGE}, "position": {base: HUGE, quote: HUGE}}
    return Limits.model_validate(given | {"orders_per_minute": FAST})


@app.command()
def run(
    rounds: Annotated[int, typer.Option(help=f"Rounds that are timed, of {OPEN} orders.")] = ROUNDS,
    clients: Annotated[int, typer.Option(help="Connections.")] = CLIENTS,
    out: Path = OUTPUT,
) -> None:
    """Orders a second, and milliseconds of one."""
    with anvil() as rpc, tempfile.TemporaryDirectory(prefix="gateway-") as name:
        folder = Path(name)
        os.environ["XDG_STATE_HOME"] = name     # of this process, where the agent locks its key
        with idle(build_world(rpc, folder, price=PRICE), folder) as (address, key, controls):
            found = measured(address, key, rounds, clients)
            found["decisions"] = controls.decisions.verify()[0]
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(found, indent=2) + "\n")
    print(f"{out}: {json.dumps(found)}")


def measured(address: str, key: str, rounds: int, clients: int) -> dict[str, int | float]:
    command = [sys.executable, "-m", "scripts.bench.gateway", "client", address, str(rounds), str(clients)]
    done = subprocess.run(command, input=key + "\n", stdout=subprocess.PIPE, text=True, check=True, cwd=ROOT)
    taken, seconds = json.loads(done.stdout)
    cuts = quantiles([1_000 * one for one in taken], n=100)
    return {
        "orders_per_s": round(len(taken) / seconds, 1), "p50_ms": round(cuts[49], 2), "p95_ms": round(cuts[94], 2),
        "p99_ms": round(cuts[98], 2), "orders": len(taken), "clients": clients, "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
    }  # fmt: skip


if __name__ == "__main__":
    app()
