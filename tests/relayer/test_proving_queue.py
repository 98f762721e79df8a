"""Proofs through Redis with real workers: taken over, refused, hidden, and made in spite of lost servers."""

import base64
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from offchain import keystore
from offchain.paths import ROOT
from offchain.witness import WitnessError
from relayer.proving import Closed, Late, ProvingError, open_prover
from relayer.proving.broker import LEASE_SECONDS, PASSWORD_VARIABLE, PRIORITIES, Broker, priority
from relayer.proving.job import Job, answer
from relayer.proving.queue import QueueProver
from relayer.proving.sealing import WorkerKey, open_job, seal_result
from relayer.proving.worker import work
from scripts.services import redis
from scripts.services.redis import RedisServer
from tests.circuits.batch import BUY, SELL, Batch
from tests.circuits.world import CHAIN_ID, POOL, honest

SEEDS = (11, 22)
KEYS = tuple(WorkerKey.from_seed(seed) for seed in SEEDS)
LISTED = tuple(key.public for key in KEYS)
STRANGER = WorkerKey.from_seed(33)
PASSWORD = "worker's"
PATIENCE = 300


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> Iterator[RedisServer]:
    with redis(tmp_path_factory.mktemp("redis") / "server") as server:
        yield server


@pytest.fixture(scope="module")
def key_files(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("keys")
    for seed in SEEDS:
        keystore.save(folder / str(seed), keystore.Kind.SEED, seed, PASSWORD)
    return [folder / str(seed) for seed in SEEDS]


@pytest.fixture
def broker(server, monkeypatch) -> Broker:
    """Of a Redis that is empty. A lease of this process ends only when it is ended, however late it is to renew it."""
    monkeypatch.setattr("relayer.proving.broker.LEASE_SECONDS", PATIENCE)
    if server.pid is None:
        server.start()
    server.client().flushall()
    return Broker(server.url, server.password)


@pytest.fixture(scope="module")
def small() -> Job:
    return Job("print", *honest("print").assemble(), CHAIN_ID, POOL, None)


@pytest.fixture(scope="module")
def settlement() -> Job:
    batch = Batch(5).add(BUY, 10, 105).add(SELL, 7, 100).add(SELL, 8, 100)
    return Job("settle_8", *batch.settle(8).assemble(), CHAIN_ID, batch.place.pool, None)


@contextmanager
def worker(server: RedisServer, key: Path) -> Iterator[subprocess.Popen]:
    """The command, as an operator runs it."""
    secrets = {PASSWORD_VARIABLE: server.password, keystore.PASSWORD_VARIABLE: PASSWORD}
    command = [sys.executable, "-m", "scripts.cli", "worker", "run", "--redis", server.url, "--key", str(key)]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | secrets, stderr=subprocess.PIPE)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


class Asking(threading.Thread):
    """A `prove` in the background; `result` waits for the proof, or raises what it raised."""

    def __init__(self, prover: QueueProver, job: Job, deadline: float | None = None):
        super().__init__(daemon=True)
        self.prover, self.job, self.deadline, self.found = prover, job, deadline, None
        self.start()

    def run(self) -> None:
        job = self.job
        try:
            self.found = self.prover.prove(job.circuit, job.d, job.inputs, job.chain_id, job.pool, self.deadline)
        except Exception as error:
            self.found = error

    def result(self):
        self.join(PATIENCE)
        assert self.found is not None, "no proof came"
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


def until(what: Callable[[], object]) -> object:
    """The first true answer."""
    end = time.monotonic() + PATIENCE
    while not (found := what()):
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)
    return found


def waiting(broker: Broker) -> list[str]:
    """Ids of the jobs that are put up."""
    return [key.decode().rpartition(":")[2] for key in broker.redis.keys("shadowpool:job:*")]


def posted(broker: Broker) -> str:
    """The id of the one job that is put up and whose message is queued."""
    until(lambda: broker.redis.keys("shadowpool.prove.*"))
    (id,) = until(lambda: waiting(broker))
    return id


def opened(broker: Broker, id: str) -> tuple[bytes, bytes]:
    """The job and its content key, once the asker has thrown away what was forged."""
    return open_job(until(lambda: broker.take(id)), id, KEYS[0])


def test_a_worker_killed_in_mid_proof_is_replaced(server, broker, settlement, key_files):
    with ExitStack() as stack, worker(server, key_files[0]) as first:
        asking = Asking(QueueProver(broker, LISTED), settlement)
        id = until(lambda: waiting(broker))[0]
        until(lambda: broker.leased(id))
        first.kill()
        first.wait()
        left = broker.redis.ttl(f"shadowpool:lease:{id}")
        assert asking.is_alive() and not broker.redis.exists(f"shadowpool:done:{id}")
        assert left in (-2, *range(LEASE_SECONDS + 1))      # it ends by itself, if it has not yet
        stack.enter_context(worker(server, key_files[1]))
        assert asking.result().statement == settlement.statement()
        until(lambda: not broker.redis.keys("shadowpool:*"))


def test_a_job_whose_worker_is_gone_is_posted_again(broker, small):
    """By its asker, who saw that a worker was at it: what that one had fetched, nobody gives back."""
    seen, leased = threading.Event(), broker.leased
    broker.leased = lambda id: leased(id) and not seen.set()
    asking = Asking(QueueProver(broker, LISTED), small)
    id = posted(broker)
    broker.redis.delete(*broker.redis.keys("shadowpool.prove.*"))
    with broker.lease(id):
        assert seen.wait(PATIENCE)
    assert posted(broker) == id and work(broker, KEYS[0], id) == "answered"
    assert asking.result().statement == small.statement()


def test_redis_killed_and_restarted_empty_loses_no_proof(server, broker, small, key_files):
    prover = QueueProver(broker, LISTED)
    queued = Asking(prover, small)
    posted(broker)
    server.kill()
    unseen = Asking(prover, small)
    server.restart()
    with worker(server, key_files[0]):
        assert queued.result().statement == unseen.result().statement == small.statement()
        server.kill()
        server.restart()
        assert Asking(prover, small).result().statement == small.statement()


def test_a_worker_ends_at_a_signal_and_tells_no_secret(server, broker, small, key_files):
    with worker(server, key_files[0]) as running:
        assert Asking(QueueProver(broker, LISTED), small).result().statement == small.statement()
        running.send_signal(signal.SIGTERM)
        _, told = running.communicate(timeout=PATIENCE)
        lines = [json.loads(line) for line in told.splitlines() if line.startswith(b"{")]
        assert ("job", "answered") in [(line["event"], line.get("result")) for line in lines]
        secrets = [server.password, PASSWORD, *(str(word) for word in words(small.inputs) if word >> 64)]
        assert not [secret for secret in secrets if secret.encode() in told]


def words(value) -> list[int]:
    if isinstance(value, int):
        return [value]
    items = value.values() if isinstance(value, dict) else value
    return [word for item in items for word in words(item)]


def dump(broker: Broker) -> bytes:
    """Every key and value of the broker, and what Redis would write to disk of them, uncompressed."""
    read = {b"string": broker.redis.get, b"hash": broker.redis.hgetall, b"set": broker.redis.smembers,
            b"list": lambda key: broker.redis.lrange(key, 0, -1),
            b"zset": lambda key: broker.redis.zrange(key, 0, -1)}  # fmt: skip
    parts = []
    for key in broker.redis.keys("*"):
        parts += [key, repr(read[broker.redis.type(key)](key)).encode(), broker.redis.dump(key)]
    text = b"\n".join(parts)
    boxes = [part for part in text.replace(b'\\"', b'"').split(b'"') if len(part) > 40]
    return text + b"".join(decoded(part) for part in boxes)


def decoded(part: bytes) -> bytes:
    """What base64 hides, messages of Celery in their envelopes among it."""
    try:
        return base64.b64decode(part, validate=True)
    except ValueError:
        return b""


def spellings(word: int) -> list[bytes]:
    """A word in every encoding that something of ours or of Celery's uses."""
    raw = word.to_bytes(32, "big")
    texts = [str(word), f"{word:x}", f"{word:X}", raw.hex()]
    inner = [base64.b64encode(bytes(offset) + raw)[4:-4] for offset in range(3)]
    return [raw, raw[::-1], *(text.encode() for text in texts), *inner]


def test_no_word_of_a_job_or_its_proof_is_readable_in_the_broker(broker, settlement):
    canary = base64.b64encode(json.dumps({"inputs": settlement.inputs}).encode())
    secret = [word for word in words(settlement.inputs) + settlement.d if word >> 64]
    assert len(secret) > 50 and any(one in decoded(canary) for word in secret for one in spellings(word))

    prover = QueueProver(broker, LISTED)
    asking = Asking(prover, settlement)
    id = posted(broker)
    queued = dump(broker)
    job, content_key = opened(broker, id)
    made = answer(job)
    with broker.lease(id):
        held = dump(broker)
        broker.redis.rpush("elsewhere", seal_result(made, id, content_key))
    held += dump(broker)
    assert len(queued) > 10_000 and id.encode() in held
    proof = [int(word) for word in json.loads(made)["made"]["proof"]["pi_a"][:2]]
    for word in secret + proof:
        for spelt in spellings(word):
            assert spelt not in queued and spelt not in held
    broker.deliver(id, seal_result(made, id, content_key))
    assert asking.result().statement == settlement.statement()


def test_an_unlisted_worker_cannot_read_and_its_hands_leave_the_job_to_others(broker, small):
    asking = Asking(QueueProver(broker, LISTED), small)
    id = posted(broker)
    broker.redis.delete(*broker.redis.keys("shadowpool.prove.*"))   # it took the message
    assert work(broker, STRANGER, id) == "sealed_for_others"
    assert posted(broker) == id
    assert work(broker, KEYS[1], id) == "answered"
    assert asking.result().statement == small.statement()


def test_a_wrong_result_is_refused_and_another_worker_asked(broker, small):
    """A listed worker's proof of something else, and bytes of one that is not."""
    asking = Asking(QueueProver(broker, LISTED), small)
    id = posted(broker)
    broker.deliver(id, b"forged")
    _, content_key = opened(broker, id)
    other = Job(small.circuit, small.d, small.inputs, CHAIN_ID, POOL + 1, None)
    broker.deliver(id, seal_result(answer(other.encode()), id, content_key))
    again = until(lambda: [one for one in waiting(broker) if one != id])[0]
    assert work(broker, KEYS[0], again) == "answered"
    assert asking.result().statement == small.statement()


def test_workers_that_only_fail_are_an_error_in_the_end(broker, small):
    asking = Asking(QueueProver(broker, LISTED), small)
    done: set[str] = set()
    while asking.is_alive():
        for id in set(waiting(broker)) - done:
            _, content_key = opened(broker, id)
            broker.deliver(id, seal_result(b'{"failed": "MemoryError"}', id, content_key))
            done.add(id)
    with pytest.raises(ProvingError, match="MemoryError"):
        asking.result()
    assert len(done) == 3


def test_no_witness_is_told(broker, small):
    wrong = Job(small.circuit, [*small.d[:-1], small.d[-1] ^ 1], small.inputs, CHAIN_ID, POOL, None)
    asking = Asking(QueueProver(broker, LISTED), wrong)
    while asking.is_alive():
        for id in waiting(broker):
            work(broker, KEYS[0], id)
    with pytest.raises(WitnessError):
        asking.result()


def test_two_workers_never_do_the_same_job_and_a_done_one_is_done(broker, small):
    asking = Asking(QueueProver(broker, LISTED), small)
    id = posted(broker)
    with broker.lease(id) as held:
        assert held and work(broker, KEYS[1], id) == "taken"
    assert work(broker, KEYS[0], id) == "answered"
    assert asking.result().statement == small.statement()
    assert work(broker, KEYS[1], id) == "unawaited"


def test_a_job_whose_result_nobody_fetched_yet_is_done(broker):
    broker.put("one", b"sealed")
    assert broker.take("one") == b"sealed"
    broker.deliver("one", b"result")
    assert broker.take("one") is None and broker.result("one", 0) == b"result"


def test_a_job_ends_with_its_deadline(broker, small, monkeypatch):
    now = [1_000.0]
    monkeypatch.setattr("relayer.proving.job.time", SimpleNamespace(time=lambda: now[0]))
    asking = Asking(QueueProver(broker, LISTED), small, now[0] + 1)
    id = posted(broker)
    now[0] += 2
    with pytest.raises(Late):
        asking.result()
    assert work(broker, KEYS[0], id) == "unawaited"


NO_JOBS = {
    "nothing": b"", "empty": b"{}", "no wraps": b'{"wraps": [], "job": ""}', "hollow": b'{"wraps": ["AA=="], "job": "AA=="}',
    "deep": b"[" * 100_000, "large": b"x" * ((1 << 24) + 1),
}  # fmt: skip


@pytest.mark.parametrize("sealed", NO_JOBS.values(), ids=NO_JOBS)
def test_a_worker_refuses_what_is_no_job(broker, sealed):
    broker.put("ab", sealed)
    assert work(broker, KEYS[0], "ab") != "answered"


def test_without_redis_or_workers_the_relayer_proves_itself(server, broker, small, tmp_path):
    listed = tmp_path / "workers"
    listed.write_text("".join(f"{key}  # worker\n" for key in LISTED))
    with open_prover(server.url, listed, server.password, patience=0.5) as prover:
        assert Asking(prover, small).result().statement == small.statement()
        server.kill()
        assert Asking(prover, small).result().statement == small.statement()


def test_without_redis_and_alone_it_waits_until_the_deadline(server, broker, small):
    server.kill()
    with pytest.raises(Late):
        Asking(QueueProver(broker, LISTED), small, time.time() + 1).result()


def test_closing_ends_those_that_wait(server, small):
    if server.pid is None:
        server.start()
    prover = QueueProver(Broker(server.url, server.password), LISTED)
    asking = Asking(prover, small)
    posted(prover.broker)
    prover.close()
    with pytest.raises(Closed):
        asking.result()


def test_a_wrong_password_is_no_way_in(server, small):
    if server.pid is None:
        server.start()
    with pytest.raises(ProvingError, match=PASSWORD_VARIABLE) as refused:
        Asking(QueueProver(Broker(server.url, "a-guess"), LISTED), small).result()
    assert "a-guess" not in str(refused.value)


def test_the_nearest_deadline_goes_first():
    assert [priority(seconds) for seconds in (1, 59, 60, 599, 600, None)] == [0, 0, 3, 3, 6, 9]
    assert list(PRIORITIES) == sorted(PRIORITIES)
