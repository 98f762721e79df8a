"""No secret, no plaintext order and no trader's address in what the real service leaves behind.

The service of the world's relayer carries, settles and prints an epoch each with SQLite and its
own proofs, and with PostgreSQL, Redis and a proving worker. Logs, metrics, traces, database and
broker are searched before the print, and, for what the print does not publish, after it.
"""

import base64
import json
import os
import sqlite3
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from random import Random

import psycopg
import pytest

from offchain.carrier import CarrierClient, CarrierError
from offchain.chain import ChainError
from offchain.notes import Side, Terms
from offchain.paths import ROOT
from scripts.ports import kept_port
from scripts.services import postgres, redis
from tests.relayer import sinks
from tests.relayer.canaries import Canary, scan
from tests.relayer.processes import configure, password, running, until
from tests.world import CONFIRMATIONS, anvil, build_world

pytestmark = pytest.mark.timeout(900)
PRICE = 4_801_337
# (side, lots, limit) by trader; no number is in both, for the first print is in what the second service reads, and
# none is a port, for Redis tells those of its clients.
ALONE = {"ash": (Side.BUY, 72_361, 4_873_391), "birch": (Side.SELL, 81_657, 4_811_213)}
SPREAD = {"ash": (Side.BUY, 71_157, 4_883_717), "birch": (Side.SELL, 80_623, 4_820_831)}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Two notes a trader, one for each service."""
    with anvil() as url:
        made = build_world(url, tmp_path_factory.mktemp("world"), price=PRICE, settle_blocks=4_000, deferral=250)
        for _ in range(2):
            made.fund("ash", USD=4 * 10**11)
            made.fund("birch", BTC=2 * 10**8)
        yield made


@dataclass
class Left:
    """A service's epoch, and all that it left: `public` is what its print publishes."""

    canaries: list[Canary]
    public: set[int]
    before: dict[str, bytes]
    after: dict[str, bytes]


def standing_secrets(world) -> list[Canary]:
    """Keys, passwords and addresses; the same whatever is traded."""
    found = [
        Canary("the keystores' password", password(world)),
        Canary("the relayer's EVM key", int.from_bytes(world.accounts["relayer"].key, "big")),
        Canary("the relayer's shielded key", world.relayer_notes.sk),
        Canary("the treasury's key", world.treasury.scalar),
        Canary("the auditor's key", world.auditor.scalar),
    ]
    for name, trader in world.traders.items():
        found += [
            Canary(f"{name}'s EVM key", int.from_bytes(trader.account.key, "big")),
            Canary(f"{name}'s shielded key", trader.key.sk),
            Canary(f"{name}'s address", int(trader.account.address, 16)),
            Canary(f"{name}'s owner word", trader.key.owner),
        ]
    keys = [public for (_, _), public in sorted(world.ledger.reveal_keys.items()) if public in world.leader.keys]
    assert keys
    return found + [Canary(f"reveal key {n}", world.leader.keys.load(key).scalar) for n, key in enumerate(keys)]


def traded_secrets(world, epoch: int, placed, terms) -> list[Canary]:
    """Terms, fills and the print of an epoch, and the salt that opens its commitment."""
    settled = world.leader._settlement(0, epoch)
    found = [Canary("the print's salt", settled.print_salt), Canary("the price", settled.clearing.price)]
    found.append(Canary("the volume", settled.clearing.volume))
    for name, (_, order) in placed.items():
        found += [
            Canary(f"{name}'s quantity", terms[name][1]),
            Canary(f"{name}'s limit", terms[name][2]),
            Canary(f"{name}'s salt", order.order.salt),
        ]
    fills = [fill for fill in settled.clearing.fills if fill]
    assert fills
    return found + [Canary(f"fill {n}", fill) for n, fill in enumerate(fills)]


def trade(world, client: CarrierClient, terms, settle_down):
    """An order of each trader, committed and revealed through the service's carrier: (epoch, placed by name).

    `settle_down` waits until what was carried has ended: an order's next is carried only then.
    """
    world.ledger.sync()
    epoch, placed = world.open_epoch(), {}
    for name, words in terms.items():
        wallet, credential = world.wallet(name), world.traders[name].credential
        placed[name] = wallet, wallet.commit(0, epoch, Terms(*words), credential, carrier=client)
    settle_down()
    world.go_to(max(world.chain.head(), world.market.windows(epoch).reveal + CONFIRMATIONS))
    world.ledger.sync()
    for wallet, order in placed.values():
        wallet.reveal(order, carrier=client)
    world.go_to(max(world.chain.head(), world.market.windows(epoch).settle))
    world.confirm()
    return epoch, placed


def served(world, folder, terms, spans: list[bytes], stored, endpoint: str, variables: dict, **settings) -> Left:
    """Run the service through an epoch; `stored()` gives its database and broker as bytes."""
    variables = {"SHADOWPOOL_PASSWORD": password(world)} | variables
    scrapes: list[bytes] = []

    def left() -> dict[str, bytes]:
        logs = (folder / "out.txt").read_bytes() + (folder / "err.txt").read_bytes()
        return {"log": logs, "metrics": b"".join(scrapes), "traces": b"".join(spans), **stored()}

    def looked() -> bool:
        """Scrape, and mine a block once the service has looked at the last: none passes it by."""
        scrapes.append(sinks.scraped(metrics))
        seen = sinks.sample(scrapes[-1], "head_block") >= world.chain.head()
        if seen:
            world.mine(1)
        return seen

    def says(text: bytes) -> bool:
        return looked() and text in scrapes[-1]

    def settle_down() -> None:
        """Until the service has looked at a block since, and nothing that it sent is on its way."""
        until(lambda: looked() and sinks.sample(scrapes[-1], "sends_in_flight") == 0, process=process)

    def answers() -> CarrierClient | None:
        try:
            return CarrierClient(f"http://127.0.0.1:{carrier}", world.deployment)
        except (CarrierError, ChainError):
            return None

    with ExitStack() as stack:
        metrics, carrier = stack.enter_context(kept_port()), stack.enter_context(kept_port())
        file = configure(
            world, folder, metrics_listen=f"127.0.0.1:{metrics}", carrier_listen=f"127.0.0.1:{carrier}",
            tracing_endpoint=endpoint, **settings,
        )  # fmt: skip
        process = stack.enter_context(running(folder, "relayer", "run", "--config", file, **variables))
        epoch, placed = trade(world, until(answers, process=process), terms, settle_down)
        epochs = world.chain.contract("Market").functions.epochs(0, epoch)
        until(lambda: says(b'settles_total{result="settled"} 1.0'), process=process)
        until(lambda: b"settle" in b"".join(spans), process=process)    # they are sent now and then
        world.ledger.sync()
        canaries = standing_secrets(world) + traded_secrets(world, epoch, placed, terms)
        before = left()
        assert not world.chain.call(epochs).printed, "the print came before anybody looked"
        world.go_to(max(world.chain.head(), world.chain.call(epochs).settled_block + world.market.deferral))
        until(lambda: says(b'tasks_total{result="done",stage="print"} 1.0'), process=process)
    printed = world.chain.call(epochs)
    return Left(canaries, {printed.price, printed.volume}, before, left())


@pytest.fixture(scope="module")
def alone(world, tmp_path_factory):
    """With SQLite, and proofs of its own."""
    folder = tmp_path_factory.mktemp("alone")
    with sinks.collector() as (endpoint, spans):
        base = "relayer.sqlite3"
        return served(world, folder, ALONE, spans, lambda: {"database": sinks.files(folder, base)}, endpoint, {})


@pytest.fixture(scope="module")
def spread(world, tmp_path_factory):
    """With PostgreSQL, Redis and a worker; ends with both servers still there: (what it left, the servers)."""
    folder = tmp_path_factory.mktemp("spread")
    with ExitStack() as stack:
        endpoint, spans = stack.enter_context(sinks.collector())
        broker, base = stack.enter_context(redis(folder / "redis")), stack.enter_context(postgres(folder / "postgres"))
        heard = stack.enter_context(sinks.listening(broker))
        words = {"SHADOWPOOL_PASSWORD": password(world), "SHADOWPOOL_REDIS_PASSWORD": broker.password}
        worker, key = folder / "worker", folder / "worker.json"
        keys = [sys.executable, "-m", "scripts.cli", "worker", "keys", "--key", key]
        made = subprocess.run(keys, cwd=ROOT, env=os.environ | words, check=True, capture_output=True, text=True)
        (folder / "workers.txt").write_text(made.stdout)
        stack.enter_context(running(worker, "worker", "run", "--redis", broker.url, "--key", key, **words))

        def stored() -> dict[str, bytes]:
            told = (worker / "out.txt").read_bytes() + (worker / "err.txt").read_bytes()
            kept = sinks.held(broker) + sinks.commands(heard)
            return {"database": sinks.dumped(base), "broker": kept, "the worker's log": told}

        left = served(
            world, folder, SPREAD, spans, stored, endpoint, words, database=base.url, redis=broker.url,
            proof_workers=str(folder / "workers.txt"), proof_patience=600,
        )  # fmt: skip
        left.canaries.append(Canary("the password of Redis", broker.password))
        yield left, base, broker, heard


def unprinted(left: Left) -> list[Canary]:
    return [canary for canary in left.canaries if canary.secret not in left.public]


def test_with_sqlite_and_its_own_proofs_nothing_is_left(alone):
    assert all(alone.before.values()) and all(alone.after.values())
    assert scan(alone.canaries, alone.before) == []
    assert scan(unprinted(alone), alone.after) == [] and len(unprinted(alone)) > 25


def test_with_postgres_redis_and_a_worker_nothing_is_left(spread):
    left, *_ = spread
    assert all(content for name, content in left.after.items() if name != "the worker's log")
    assert scan(left.canaries, left.before) == []
    assert scan(unprinted(left), left.after) == []
    assert b"settle_8" in left.after["traces"] and b"PUSH" in left.after["broker"]


def test_what_the_print_publishes_is_found_afterwards(alone):
    """So that a scan of the database does see numbers in it."""
    shown = [canary for canary in alone.canaries if canary.name in ("the price", "the volume")]
    found = {line.split(" as ")[0] for line in scan(shown, alone.after)}
    assert found >= {"database holds the price", "database holds the volume"}


def test_logs_metrics_and_traces_do_tell_of_the_epoch(alone):
    events = {json.loads(line)["event"] for line in alone.after["log"].splitlines() if line.startswith(b"{")}
    assert {"service started", "posted", "task done", "send ended"} <= events
    assert b"dropped" not in alone.after["log"] and b"shadowpool_relayer_head_block" in alone.after["metrics"]
    assert b"settle" in alone.after["traces"] and b"prove" in alone.after["traces"]


# --- The scanner finds what is planted ---


def test_every_canary_is_found_in_every_encoding(alone):
    """Each in the middle of what a sink really holds."""
    sink = alone.before["log"][:20_000]
    for canary in alone.canaries:
        for kind, form in canary.forms():
            middle = len(sink) // 2
            planted = sink[:middle] + b'"' + form + b'"' + sink[middle:]
            assert kind in canary.found(planted), (canary.name, kind)


def test_base64_of_a_longer_text_is_seen_through(alone):
    for canary in alone.canaries:
        for before in range(3):
            plain = b"x" * before + str(canary.secret).encode() + b"yz"
            assert canary.found(base64.b64encode(plain)), canary.name


def test_a_leak_into_sqlite_is_found(alone, tmp_path):
    for canary in alone.canaries:
        file = tmp_path / "leak.sqlite3"
        file.unlink(missing_ok=True)
        with sqlite3.connect(file) as base:
            base.execute("CREATE TABLE leak (said TEXT)")
            base.execute("INSERT INTO leak VALUES (?)", (f"at {canary.secret} it was",))
        base.close()
        assert scan([canary], {"database": file.read_bytes()}), canary.name


def test_a_leak_into_postgres_and_redis_is_found(spread):
    left, base, broker, heard = spread
    with psycopg.connect(base.conninfo) as link, broker.client() as client:
        link.execute("CREATE TABLE leak (said TEXT, raw BYTEA)")
        for canary in left.canaries:
            said = str(canary.secret)
            link.execute("INSERT INTO leak VALUES (%s, %s)", (f"at {said}", said.encode()))
            client.set(f"leak {canary.name}", base64.b64encode(f'{{"said": {said}}}'.encode()))
    assert {line.split(" holds ")[1].split(" as ")[0] for line in scan(left.canaries, {"it": sinks.dumped(base)})} == {
        canary.name for canary in left.canaries
    }
    kept = sinks.held(broker)
    assert all(canary.found(kept) for canary in left.canaries)
    until(lambda: all(canary.found(sinks.commands(heard)) for canary in left.canaries))     # heard a little later


def test_chance_is_not_taken_for_a_leak(alone):
    """The same canaries, on as much noise, the same in every run: text of numbers and hexadecimal words, and bytes."""
    rng = Random(1)
    noise = rng.randbytes(1 << 18).hex().encode() + b" ".join(str(rng.getrandbits(250)).encode() for _ in range(2_000))
    assert scan(alone.canaries, {"noise": noise + rng.randbytes(1 << 18)}) == []
