"""Proving processes of this machine, and what every prover checks of an answer."""

import base64
import json
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from offchain import circuits, prover
from offchain.paths import ROOT
from offchain.prover import ProverError
from offchain.witness import WitnessError
from relayer.proving import Closed, Late, LocalProver, ProvingError, open_prover
from relayer.proving.job import Job, answer, checked
from relayer.proving.local import _Process
from relayer.proving.sealing import (
    Unreadable,
    WorkerKey,
    new_content_key,
    open_job,
    open_result,
    read_workers,
    seal_job,
    seal_result,
)
from tests.circuits.world import CHAIN_ID, POOL, honest

IDS = "0123456789abcdef" * 2


@pytest.fixture(scope="module")
def job() -> Job:
    return Job("print", *honest("print").assemble(), CHAIN_ID, POOL, None)


@pytest.fixture(scope="module")
def good(job) -> dict:
    """An honest answer."""
    return json.loads(answer(job.encode()))


@pytest.fixture(scope="module")
def local():
    with LocalProver(processes=2) as local:
        yield local


def prove(by, job: Job, deadline: float | None = None):
    return by.prove(job.circuit, job.d, job.inputs, job.chain_id, job.pool, deadline)


def children() -> set[int]:
    """The proving processes of every thread: the kernel lists each one's own."""
    found = set()
    for task in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):
            found |= {int(child) for child in (task / "children").read_text().split() if proves(child)}
    return found


def proves(pid: str) -> bool:
    """Not so before it has become another program than this one."""
    with suppress(FileNotFoundError, ProcessLookupError):
        return b"relayer.proving.process" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def test_the_process_pool_proves_what_was_asked(local, job):
    proven = prove(local, job)
    assert proven.statement == job.statement()
    assert prover.verify(circuits.file("print", "vkey.json"), proven.proof)


def test_many_threads_ask_at_once(local, job):
    found, threads = [], []
    for _ in range(4):
        threads.append(threading.Thread(target=lambda: found.append(prove(local, job).statement)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    assert found == [job.statement()] * 4


def test_no_witness_is_told_as_in_process(local, job):
    wrong = replace(job, d=[*job.d[:-1], job.d[-1] ^ 1])
    with pytest.raises(WitnessError):
        prove(local, wrong)
    with pytest.raises(WitnessError):
        circuits.prove(wrong.circuit, wrong.d, wrong.inputs, CHAIN_ID, POOL)


def outcome(by, job: Job):
    """The proof, or why there is none."""
    try:
        return prove(by, job)
    except ProvingError as error:
        return error


@contextmanager
def stalled(local: LocalProver, job: Job):
    """While a thread asks for a proof of a process that was stopped before: its pid, and a list of what came of it."""
    before, found = children(), []
    prove(local, job)
    stopped = born(before)
    os.kill(stopped, signal.SIGSTOP)
    asking = threading.Thread(target=lambda: found.append(outcome(local, job)))
    asking.start()
    try:
        until(lambda: len(local._idle) < len(local._all))
        yield stopped, found
    finally:
        with suppress(ProcessLookupError):      # it was killed
            os.kill(stopped, signal.SIGCONT)
        asking.join()


def test_a_killed_process_is_replaced_and_its_proof_made_again(job):
    before = children()
    with LocalProver() as local:
        with stalled(local, job) as (first, found):
            os.kill(first, signal.SIGKILL)
        assert found[0].statement == job.statement() and born(before) != first
    assert children() <= before


def test_a_process_that_dies_twice_is_an_error(job, monkeypatch):
    ask = _Process.ask

    def killed(process, line):
        process._running().kill()
        return ask(process, line)

    with LocalProver() as local:
        with monkeypatch.context() as patch, pytest.raises(ProvingError, match="died 2 times"):
            patch.setattr(_Process, "ask", killed)
            prove(local, job)
        assert prove(local, job).statement == job.statement()


def born(before: set[int]) -> int:
    """The one child that is not of before."""
    deadline = time.monotonic() + 60
    while not (new := children() - before) and time.monotonic() < deadline:
        time.sleep(0.01)
    (child,) = new
    return child


def test_a_deadline_that_is_over_is_late_before_anything_is_done(local, job):
    with pytest.raises(Late):
        prove(local, job, time.time() - 1)
    assert prove(local, job, time.time() + 600).statement == job.statement()


def waits_in_vain(local: LocalProver, job: Job, monkeypatch) -> None:
    """For a process, until the deadline: half a second away, however long this takes by the clock."""
    monkeypatch.setattr("relayer.proving.job.time", SimpleNamespace(time=lambda: 1_000.0))
    with pytest.raises(Late, match="waited for a process"):
        prove(local, job, 1_000.5)


def test_waiting_for_a_busy_process_ends_at_the_deadline(job, monkeypatch):
    with LocalProver() as local, stalled(local, job):
        waits_in_vain(local, job, monkeypatch)


def test_only_the_proof_of_the_statement_that_was_asked_for_is_taken(job, good):
    def changed(**parts) -> bytes:
        return json.dumps({"made": good["made"] | parts}).encode()

    assert checked(changed(), job).statement == job.statement()
    other = json.loads(answer(replace(job, pool=POOL + 1).encode()))["made"]
    with pytest.raises(ProvingError, match="states something else"):
        checked(json.dumps({"made": other}).encode(), job)
    with pytest.raises(ProvingError, match="does not verify"):
        checked(changed(proof=other["proof"]), job)


UNREADABLE = {
    "nothing": b"", "empty": b"{}", "list": b"[]", "number": b"7", "bare": b'{"made": 1}', "hollow": b'{"made": {}}',
    "deep": b"[" * 100_000, "no text": b"\xff",
}  # fmt: skip


@pytest.mark.parametrize("line", UNREADABLE.values(), ids=UNREADABLE)
def test_an_answer_that_cannot_be_read_is_refused(line, job):
    with pytest.raises(ProvingError, match="cannot be read"):
        checked(line, job)


@pytest.mark.parametrize("change", [{"circuit": "../print"}, {"circuit": 7}, {"d": {}}, {"inputs": []}, {"pool": "1"},
                                    {"deadline": "soon"}, {"more": 1}, {"chain_id": True}])  # fmt: skip
def test_a_request_of_another_form_is_refused(change, job):
    reply = json.loads(answer(json.dumps(json.loads(job.encode()) | change).encode()))
    assert reply == {"failed": "ValueError"}


def test_an_answer_names_a_strange_error_by_class_alone(job):
    inputs = json.dumps(json.loads(job.encode()) | {"d": ["secret-word"]})
    assert "secret-word" not in answer(inputs.encode()).decode()


def test_only_a_listed_worker_opens_a_job_and_only_under_its_own_name():
    listed, stranger, key = WorkerKey.from_seed(1), WorkerKey.from_seed(2), new_content_key()
    sealed = seal_job(b"inputs", IDS, key, (WorkerKey.from_seed(3).public, listed.public))
    assert open_job(sealed, IDS, listed) == (b"inputs", key)
    for worker, id in ((stranger, IDS), (listed, IDS[::-1])):
        with pytest.raises(Unreadable):
            open_job(sealed, id, worker)
    result = seal_result(b"proof", IDS, key)
    assert open_result(result, IDS, key) == b"proof" and result != seal_result(b"proof", IDS, key)
    for content, id in ((result, IDS[::-1]), (result[:-1] + bytes([result[-1] ^ 1]), IDS), (b"", IDS)):
        with pytest.raises(Unreadable):
            open_result(content, id, key)


def test_a_job_sent_back_is_no_result():
    worker, key = WorkerKey.from_seed(1), new_content_key()
    box = json.loads(seal_job(b"inputs", IDS, key, (worker.public,)))
    with pytest.raises(Unreadable):
        open_result(base64.b64decode(box["job"]), IDS, key)


@pytest.mark.parametrize("text", ["", "# nobody\n", "zz\n", "01" * 31 + "\n", "00" * 32 + "\n"])
def test_a_list_without_good_keys_is_refused(text, tmp_path):
    (tmp_path / "workers").write_text(text)
    with pytest.raises(ProvingError):
        read_workers(tmp_path / "workers")


def test_settings_that_cannot_work_are_refused(tmp_path):
    with pytest.raises(ProvingError, match="1 to 64 processes"):
        open_prover(processes=0)
    with pytest.raises(ProvingError, match="public keys"):
        open_prover("redis://127.0.0.1:1/0")
    (tmp_path / "workers").write_text(WorkerKey.from_seed(1).public + "  the first\n")
    for url in ("http://127.0.0.1/0", "rediss://127.0.0.1/0", "redis:///0", "redis://:secret@127.0.0.1/0"):
        with pytest.raises(ProvingError) as refused:
            open_prover(url, tmp_path / "workers")
        assert "secret" not in str(refused.value)
    with pytest.raises(ProverError):
        LocalProver(65)


def test_closing_ends_those_that_wait(job):
    before, local = children(), LocalProver()
    with stalled(local, job) as (_, found):
        waiting = threading.Thread(target=lambda: found.append(outcome(local, job)))
        waiting.start()
        until(lambda: local._waiting)
        local.close()
        waiting.join()
    assert [type(one) for one in found] == [Closed, Closed] and children() <= before


def test_the_earliest_deadline_goes_first(job, monkeypatch):
    """Whoever came first; and one that has none goes last."""
    order, ask, now = [], _Process.ask, time.time()

    def noted(process, line):
        order.append(json.loads(line)["deadline"])
        return ask(process, line)

    monkeypatch.setattr(_Process, "ask", noted)
    with LocalProver() as local:
        with stalled(local, job):
            ends = (None, now + 900, now + 600)
            asking = [threading.Thread(target=prove, args=(local, job, end)) for end in ends]
            for one in asking:
                one.start()
            until(lambda: len(local._waiting) == 3)
        for one in asking:
            one.join()
    first, second = None, None      # the process's first proof, and that for which it was stopped
    assert order == [first, second, now + 600, now + 900, None]


def until(what) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)


def test_a_process_that_hangs_is_ended(job, monkeypatch):
    """And counts as one that died: the next, which is given its time, makes the proof."""
    before, found, patience = children(), [], iter([0.2])
    timer = lambda seconds, kill: threading.Timer(next(patience, seconds), kill)     # noqa: E731
    with LocalProver() as local:
        prove(local, job)
        hung = born(before)
        os.kill(hung, signal.SIGSTOP)
        monkeypatch.setattr("relayer.proving.local.Timer", timer)
        asking = threading.Thread(target=lambda: found.append(prove(local, job)))
        asking.start()
        asking.join()
        assert not proves(str(hung)) and born(before) != hung
    assert found[0].statement == job.statement()


def test_a_process_whose_relayer_was_killed_ends_without_a_word(job):
    """Its answer has no reader any more."""
    command = [sys.executable, "-m", "relayer.proving.process"]
    reader, writer = os.pipe()
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=writer, stderr=subprocess.PIPE
    ) as process:
        os.close(writer)
        os.close(reader)
        _, told = process.communicate(job.encode() + b"\n", timeout=120)
        assert (process.returncode, told) == (0, b"")


def test_large_circuits_take_turns_for_memory(job, monkeypatch):
    monkeypatch.setattr("relayer.proving.job.SIZES", {"large": 1 << 40})
    with LocalProver(processes=2, large=1) as local, stalled(local, job):
        waits_in_vain(local, job, monkeypatch)
