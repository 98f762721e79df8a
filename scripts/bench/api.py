"""How fast the API answers, and what schemathesis finds: `python -m scripts.bench.api` writes build/bench/api.json
and build/api/schemathesis.json; `… scan` writes build/bench/scan.json.

Answers are timed over HTTP on loopback, a mix of what the explorer asks, over the made-up chain of
scripts.bench.events. Wallets are timed by memos that are tried, none of them the wallet's: the dearest case.
"""

import json
import os
import resource
import secrets
import tempfile
import time
import warnings
from collections.abc import Callable
from itertools import cycle
from pathlib import Path
from random import Random
from statistics import quantiles
from typing import Any

import httpx
import schemathesis
import typer
from fastapi import FastAPI
from hypothesis import HealthCheck, given, seed
from hypothesis import settings as hypothesis_settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import positive_data_acceptance

from indexer import database
from indexer.api import Settings, create_app
from indexer.api.serve import beside
from indexer.follow import Follower
from offchain import babyjubjub
from offchain.chain import Chain
from offchain.keys import EncryptionKey
from offchain.paths import BUILD
from offchain.scan import candidates, head
from offchain.streams import seal_memo
from scripts import contracts as contract_build
from scripts.bench.events import Made
from scripts.bench.indexer import served

REPORT, CASES, SCAN = BUILD / "bench" / "api.json", BUILD / "api" / "schemathesis.json", BUILD / "bench" / "scan.json"
EVENTS = 50_000
REQUESTS = 2_000
EXAMPLES = 25
MEMOS = 20_000
SEALED = 500
UNBOUND = 1e9
BEYOND_SCHEMAS = {"cursor", "from", "to", "venue", "step"}
"""Parameters whose values must also fit each other, or what the API said before."""

app = typer.Typer(help=__doc__)


# --- Latency ---


def mix(client: httpx.Client, rng: Random) -> list[str]:
    """What the explorer asks, at places that there are."""
    epochs = client.get("/v1/epochs?limit=200").json()["items"]
    hashes = [one["hash"] for one in client.get("/v1/transactions?limit=200").json()["items"]]
    proofs = [one["tx"] for one in client.get("/v1/proofs?limit=200").json()["items"]]
    relayer = client.get("/v1/relayers").json()["items"][0]["relayer"]
    cursor = client.get("/v1/transactions?limit=50").json()["next"]
    fixed = [
        "/v1/status", "/v1/markets", "/v1/markets/0", "/v1/epochs?limit=50", "/v1/epochs?market=0&limit=25", "/v1/epochs?state=settled&limit=25",
        "/v1/prints?market=0&limit=200", "/v1/transactions?limit=50", f"/v1/transactions?limit=50&cursor={cursor}", "/v1/proofs?limit=50",
        "/v1/relayers", f"/v1/relayers/{relayer}", "/v1/credentials", "/v1/keys", "/v1/notes/summary", "/v1/search?q=12",
    ]  # fmt: skip
    places = [f"/v1/epochs/{one['market']}/{one['epoch']}" for one in epochs]
    places += [f"/v1/transactions/{hash}" for hash in hashes] + [f"/v1/proofs/{hash}" for hash in proofs]
    places += [f"/v1/search?q={hash}" for hash in hashes]
    return fixed * 2 + rng.sample(places, 2 * len(fixed))


def latency(address: str, requests: int) -> dict[str, float]:
    """Milliseconds of answers, one after the other, and a second's worth of them; each must be 200."""
    with httpx.Client(base_url=address, timeout=60) as client:
        paths = mix(client, Random(1))
        Random(2).shuffle(paths)
        for path in paths:
            client.get(path)
        taken, began = [], time.perf_counter()
        for path, _ in zip(cycle(paths), range(requests)):
            start = time.perf_counter()
            answer = client.get(path)
            taken.append(1_000 * (time.perf_counter() - start))
            assert answer.status_code == 200, f"{path}: {answer.text[:200]}"
        seconds = time.perf_counter() - began
    cuts = quantiles(taken, n=100)
    return {"p50_ms": round(cuts[49], 2), "p95_ms": round(cuts[94], 2), "p99_ms": round(cuts[98], 2), "requests_per_s": round(requests / seconds)}


# --- Schemathesis ---


def _beyond_schema(case: Case) -> bool:
    return bool(BEYOND_SCHEMAS & set(case.query or {}))


def schemathesis_run(
    app: FastAPI, examples: int = EXAMPLES, headers: dict[str, str] | None = None, beyond: Callable[[Case], bool] = _beyond_schema
) -> dict[str, Any]:
    """Every operation with inputs that its schema allows and that it does not; {"cases", "failures": [text]}.

    `headers` go with every request; `beyond` says whose acceptance no schema can tell.
    """
    schema, cases, failures = schemathesis.openapi.from_asgi("/openapi.json", app), 0, []
    for found in schema.get_all_operations():
        operation = found.ok()
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

            @seed(1)
            @hypothesis_settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))
            @given(case=operation.as_strategy(generation_mode=mode))
            def attempt(case):
                nonlocal cases
                cases += 1
                answer = case.call(headers=headers)
                # No schema can say which cursors the API gave out, or that a time comes before another; and 503 is told
                # of where there is no node to ask.
                left_out = {positive_data_acceptance: beyond(case), not_a_server_error: answer.status_code == 503}
                case.validate_response(answer, excluded_checks=[check for check, out in left_out.items() if out])

            try:
                with warnings.catch_warnings(action="ignore"):
                    attempt()
            except Unsatisfiable:   # it takes nothing that could be wrong
                continue
            except (Exception, BaseExceptionGroup) as error:    # whatever it is, it is what was looked for
                failures.append(f"{operation.method.upper()} {operation.path} ({mode.value}): {_told(error)}")
    return {"cases": cases, "failures": failures}


def _told(error: BaseException) -> str:
    inner = getattr(error, "exceptions", None)
    return " | ".join(map(_told, inner)) if inner else f"{type(error).__name__}: {str(error)[:1_000]}"


# --- Wallets ---


@app.command()
def scan(memos: int = MEMOS, out: Path = SCAN) -> None:
    """Notes a second that a wallet tries, of others' memos alone; also a second of processor time, which other load
    sways less."""
    mine, other = EncryptionKey.generate(), EncryptionKey.generate()
    plain = [1, 1, 1, 0, 0]
    made = [tuple(seal_memo(plain, other.public, secrets.randbelow(babyjubjub.L - 1) + 1)) for _ in range(SEALED)]
    given = [made[at % SEALED] for at in range(memos)]
    candidates([head(given[0])], mine)
    before, began = _cpu(), time.perf_counter()
    assert not any(candidates(map(head, given), mine)), "another's memo opened"
    seconds, cpu = time.perf_counter() - began, _cpu() - before
    found = {
        "memos": memos, "notes_per_s": round(memos / seconds), "notes_per_cpu_s": round(memos / cpu),
        "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1),
    }  # fmt: skip
    _write(out, found)


def _cpu() -> float:
    """Processor seconds of this process and of those that it ran."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def _write(path: Path, found: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found, indent=2) + "\n")
    print(f"{path.relative_to(BUILD.parent)}: {json.dumps(found)[:500]}")


@app.command()
def serve(events: int = EVENTS, requests: int = REQUESTS, examples: int = EXAMPLES) -> None:
    """Latency and schemathesis, over one database."""
    contract_build.build()
    made = Made(events)
    with tempfile.TemporaryDirectory(prefix="api-") as folder, served(made) as rpc:
        engine = database.open(f"sqlite:///{folder}/index.sqlite")
        follower = Follower(engine, Chain(rpc, made.deployment), proofs=False)
        follower.sync()
        follower.close()
        # The made-up deployment has no code that could be asked for, so the API gets no node.
        api = create_app(engine, made.deployment, Settings(reads_per_s=UNBOUND, burst=int(UNBOUND), key_file=Path(folder) / "key"))
        with beside(api, port=0) as address:
            timed = latency(address, requests)
        tried = schemathesis_run(api, examples)
        engine.dispose()
    _write(CASES, tried)
    counted = {"schemathesis_cases": tried["cases"], "failures": len(tried["failures"])}
    _write(REPORT, timed | counted | {"events": made.count, "cores": os.cpu_count(), "load": round(os.getloadavg()[0], 1)})
    if tried["failures"]:
        raise typer.Exit(1)


@app.callback(invoke_without_command=True)
def main(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        scan()
        serve()


if __name__ == "__main__":
    app()
