"""How fast the indexer is: `python -m scripts.bench.indexer` writes build/bench/indexer.json.

A made-up chain of 200,000 events and more (scripts.bench.events) is served on loopback by a process of its
own, followed into SQLite and into Postgres from the start, and turned back by 64 blocks. Proofs are verified
beside the following, and are measured apart: how many a second, with every processor.
"""

import json
import multiprocessing
import os
import resource
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Annotated

import typer

from indexer import database
from indexer.follow import Follower
from indexer.verify import as_proof
from offchain import circuits, prover
from offchain.calls import build_register_key
from offchain.chain import Chain
from offchain.deployment import CircuitEntry, Deployment
from offchain.keys import EncryptionKey
from offchain.paths import BUILD
from scripts import circuits as circuit_build
from scripts import contracts as contract_build
from scripts import services
from scripts.bench.events import Made, address

REPORT = BUILD / "bench" / "indexer.json"
EVENTS = 200_000
UNDONE = 64
PROOFS = 100


class _Node(BaseHTTPRequestHandler):
    """Answers what the indexer asks, from texts made before."""

    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16
    disable_nagle_algorithm = True
    made: Made
    views: dict[str, str]
    head: int

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        many = isinstance(asked, list)
        answers = [f'{{"jsonrpc":"2.0","id":{one["id"]},"result":{self._answer(one)}}}' for one in (asked if many else [asked])]
        body = (f"[{','.join(answers)}]" if many else answers[0]).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _answer(self, one: dict) -> str:
        made, method, params = self.made, one["method"], one["params"]
        if method == "eth_getBlockByNumber":
            number = int(params[0], 16)
            return made.headers[number] if number <= _Node.head else "null"
        if method == "eth_getTransactionByHash":
            return made.transactions[params[0]]
        if method == "eth_getTransactionReceipt":
            return made.receipts[params[0]]
        if method == "eth_getLogs":
            span = range(int(params[0]["fromBlock"], 16), int(params[0]["toBlock"], 16) + 1)
            return f"[{','.join(log for number in span for log in made.logs[number])}]"
        if method == "eth_call":
            return json.dumps(self.views[params[0]["to"] + params[0]["data"][2:]])
        if method == "bench_head":
            _Node.head = params[0]
        return json.dumps({"eth_chainId": hex(made.deployment.chain_id)}.get(method, hex(_Node.head)))

    def log_message(self, *args) -> None:
        pass


@contextmanager
def served(made: Made):
    """The chain's address on loopback; its process ends with the context."""
    _Node.made, _Node.views, _Node.head = made, made.answers(), made.head
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Node)
    process = multiprocessing.get_context("fork").Process(target=server.serve_forever, daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        process.kill()
        process.join()
        server.server_close()


@dataclass(frozen=True)
class Measured:
    """Events a second of a sync from the start, and a second of processor time of the busier of its two processes,
    which is what an idle machine of two processors comes to; seconds that going back 64 blocks takes."""

    per_s: float
    per_cpu_s: float
    back_s: float


def backfill(made: Made, rpc: str, url: str) -> Measured:
    """Follow the chain into an empty database, and turn it back."""
    engine = database.open(url)
    chain = Chain(rpc, made.deployment)
    follower = Follower(engine, chain, proofs=False)
    try:
        began, worked, read = time.perf_counter(), time.process_time(), _children()
        follower.sync(progress=lambda at: print(f"\r  block {at.block} of {at.head}, {at.events_per_s:.0f}/s ", end="", flush=True))
        speed = made.count / (time.perf_counter() - began)
        pace = made.count / max(time.process_time() - worked, _children() - read)
        assert follower.block == made.head and follower.compared == made.head, "the chain was not taken in whole"
        follower.reader.node.call("bench_head", made.head - UNDONE)
        began = time.perf_counter()
        follower.sync()
        back = time.perf_counter() - began
        assert follower.block == made.head - UNDONE, "the blocks were not undone"
        follower.reader.node.call("bench_head", made.head)
    finally:
        follower.close()
        engine.dispose()
    print(f"\r{engine.dialect.name}: {speed:.0f} events a second, {UNDONE} blocks undone in {back:.3f} s")
    return Measured(speed, pace, back)


def _children() -> float:
    """Processor time, in seconds, of the processes that were begun here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def proofs_per_s() -> float:
    """Proofs verified a second, each by a process of the verifier, as many at once as there are processors."""
    circuit_build.build(["key"])
    key = circuits.load("key")
    here = Deployment(31337, 1, {"Pool": address("Pool"), "Relayers": address("Relayers")}, {
        "key": CircuitEntry(address("key"), "0x" + key.id.hex())
    }, {})  # fmt: skip
    account = address("relayer")
    call = build_register_key(here, EncryptionKey.generate(), account)
    words, digest, x, y = call.args
    publics = circuits.statement([x, y, int(account, 16)], key.id, here.chain_id, here.pool).publics
    proof = as_proof(tuple(words), tuple(publics))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        began = time.perf_counter()
        held = list(pool.map(lambda _: prover.verify(circuits.file("key", "vkey.json"), proof), range(PROOFS)))
    assert all(held), "a proof that was just made does not hold"
    return PROOFS / (time.perf_counter() - began)


def main(
    events: Annotated[int, typer.Option(min=1, help="Events of the chain, at least.")] = EVENTS,
    out: Annotated[Path, typer.Option(help="Where to write the figures.")] = REPORT,
) -> None:
    """Measure backfill and rollback on SQLite and Postgres."""
    contract_build.build()
    began = time.perf_counter()
    made = Made(events)
    print(f"{made.count} events in {made.head} blocks made in {time.perf_counter() - began:.0f} s")
    with tempfile.TemporaryDirectory(prefix="indexer-") as folder, served(made) as rpc:
        sqlite = backfill(made, rpc, f"sqlite:///{folder}/index.sqlite")
        with services.postgres(Path(folder) / "pg") as server:
            postgres = backfill(made, rpc, server.url)
    found = {
        "events": made.count,
        "events_per_s": round(sqlite.per_s),
        "events_per_cpu_s": round(sqlite.per_cpu_s),
        "rollback_64_s": round(sqlite.back_s, 3),
        "postgres_events_per_s": round(postgres.per_s),
        "postgres_events_per_cpu_s": round(postgres.per_cpu_s),
        "postgres_rollback_64_s": round(postgres.back_s, 3),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "proofs_per_s": round(proofs_per_s(), 1),
    }
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found))


if __name__ == "__main__":
    typer.run(main)
