"""What faults are made with: the gate before a node, a disk that fills, the list of cases, the audit of a row."""

import errno
import re
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from offchain.chain import Chain, ChainError
from offchain.paths import ROOT
from scripts.deploy import TEST_TOKENS
from scripts.faults import disk
from scripts.faults.audit import Count
from scripts.faults.cases import CASES, Strike
from scripts.faults.gate import Gate, selector, selector_of
from scripts.faults.run import COLUMNS, Outcome
from scripts.load.plan import CAPACITY, COMMIT_BLOCKS, Plan
from scripts.load.report import percentile
from tests.world import account, anvil

PATIENCE = 300
"""Seconds for what takes one or two, a process's start among it, where other tests leave the machine nothing else."""

STRUCK = Strike(7, 100, 112, "east, proving", "started again")


@pytest.fixture(scope="module")
def node():
    """(address of a chain, a token on it, its owner)."""
    with anvil() as url:
        chain, owner = Chain(url), account(0)
        token = _token(chain, owner)
        yield SimpleNamespace(url=url, chain=chain, owner=owner, token=token)


def _token(chain, owner):
    from offchain import contracts
    from scripts import contracts as build

    build.build()
    compiled = contracts.artifact("Token")
    made = chain.web3.eth.contract(abi=compiled.abi, bytecode=compiled.bytecode)
    pending = chain.submit(owner, made.constructor("Test", "T", TEST_TOKENS["USD"]))
    chain.receipt(pending)
    return chain.at("Token", chain.created(pending))


@pytest.fixture
def gate(node):
    passing = Gate(node.url)
    yield passing
    passing.close()


def signed(node, function):
    """A mint or an approval, signed; its raw bytes and hash."""
    call = node.token.functions[function](node.owner.address, 5)
    params = {"from": node.owner.address, "gas": 200_000, "chainId": node.chain.chain_id} | node.chain.fees()
    nonce = node.chain.web3.eth.get_transaction_count(node.owner.address)
    made = node.owner.sign_transaction(call.build_transaction(params | {"nonce": nonce}))
    return made.raw_transaction, made.hash.to_0x_hex()


def _mined(node, tx):
    """Where a transaction stands: the node mines what it took in its own time."""
    deadline = time.monotonic() + PATIENCE
    while not (found := node.chain.inclusions([tx])):
        assert time.monotonic() < deadline, "it was never mined"
        time.sleep(0.05)
    return found[tx]


def test_a_gate_passes_calls_batches_and_other_transactions(node, gate):
    through = Chain(gate.url)
    assert through.head() == node.chain.head() and through.inclusions(["0x" + "11" * 32]) == {}
    hold = gate.hold(selector(node.token, "mint"), delivered=False)
    raw, tx = signed(node, "approve")
    through.broadcast(raw)
    assert _mined(node, tx).ok and not hold.reached.is_set()


@pytest.mark.parametrize("delivered", [False, True])
def test_a_gate_stops_at_one_transaction(node, gate, delivered):
    hold = gate.hold(selector(node.token, "mint"), delivered)
    raw, tx = signed(node, "mint")
    assert selector_of(raw.to_0x_hex()) == selector(node.token, "mint")
    asking = subprocess.Popen([sys.executable, "-c", SEND, gate.url, raw.to_0x_hex()], cwd=ROOT)
    assert hold.reached.wait(PATIENCE)
    if delivered:
        _mined(node, tx)
    assert asking.poll() is None and bool(node.chain.inclusions([tx])) == delivered
    asking.kill()
    asking.wait()
    gate.open()
    assert bool(node.chain.inclusions([tx])) == delivered and Chain(gate.url).head() == node.chain.head()


SEND = """
import sys
from offchain.chain import Chain
Chain(sys.argv[1]).broadcast(bytes.fromhex(sys.argv[2][2:]))
"""


def test_what_is_held_is_never_answered_and_a_dead_node_is_no_answer(node, gate):
    assert selector_of("0x01" + "00" * 40) == b""
    hold = gate.hold(selector(node.token, "mint"), delivered=False)
    raw, tx = signed(node, "mint")
    asked = [sys.executable, "-c", SEND, gate.url, raw.to_0x_hex()]
    asking = subprocess.Popen(asked, cwd=ROOT, stderr=subprocess.DEVNULL)
    assert hold.reached.wait(PATIENCE)
    gate.open()
    assert asking.wait(PATIENCE) != 0 and not node.chain.inclusions([tx])
    nowhere = Gate("http://127.0.0.1:9")
    with pytest.raises((ChainError, OSError)):
        Chain(nowhere.url)
    nowhere.close()


WRITE = "import sys; sys.stdin.readline(); open(sys.argv[1], 'wb').write(bytes(10_000))"


def _written(folder, small, full):
    """How a process of its own fares that writes there."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITE, str(folder / "data")], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )  # fmt: skip
    small.fill(writer.pid) if full else small.empty(writer.pid)
    return writer.communicate("now\n", timeout=PATIENCE)[1], writer.returncode


@pytest.mark.parametrize("may_mount", [True, False])
def test_a_full_disk_refuses_and_an_emptied_one_does_not(tmp_path, monkeypatch, may_mount):
    if not may_mount:
        monkeypatch.setattr(disk.os, "geteuid", lambda: 1000)
    with disk.small_disk(tmp_path / "small") as small:
        said, code = _written(small.folder, small, full=True)
        number = {"ENOSPC": errno.ENOSPC, "EFBIG": errno.EFBIG}[small.refusal]
        assert code == 1 and f"[Errno {number}]" in said
        assert _written(small.folder, small, full=False) == ("", 0)
    assert not (tmp_path / "small").is_mount()


def test_the_runbook_names_exactly_the_cases_that_there_are():
    text = (ROOT / "docs" / "operate.md").read_text()
    exercised = " ".join(re.findall(r"`make faults` cases? (.*)", text))
    named = set(re.findall(r"`([a-z<>-]+)`", exercised))
    stages = {name for name in CASES if name.startswith("leader-at-")}
    assert named == {"leader-at-<stage>", *CASES.keys() - stages} and len(stages) == 6


def test_an_outcome_is_survived_only_if_nothing_is_wrong():
    good = Outcome("redis", 1.0, STRUCK, Count(4, 1, 0), conserved=True)
    assert good.survived and good.row() == (
        "redis", "block 100, epoch 7: east, proving", "started again", 12, 4, 1, 0, "yes", "yes",
    )  # fmt: skip
    assert len(good.row()) == len(COLUMNS)
    for bad in (
        Outcome("redis", 1.0, STRUCK, Count(4, 1, 1), conserved=True),
        Outcome("redis", 1.0, STRUCK, Count(4, 1, 0), conserved=False),
        Outcome("redis", 1.0, None, Count(4), conserved=True, error="no head"),
    ):
        assert not bad.survived and bad.row()[-1] == "NO" and len(bad.row()) == len(COLUMNS)


def test_a_load_of_ten_thousand_an_hour_fits_into_its_epochs():
    plan = Plan()
    assert plan.per_epoch <= CAPACITY and plan.orders * 3_600 >= 10_000 * plan.epochs * COMMIT_BLOCKS
    assert plan.epochs * COMMIT_BLOCKS >= 600
    for wrong in ({"rate": 20_000}, {"duration": 10}, {"duration": 3_600}, {"validators": 3}):
        with pytest.raises(ValueError):
            Plan(**wrong)


def test_percentiles_are_nearest_ranks():
    values = [float(n) for n in range(1, 101)]
    assert [percentile(values, p) for p in (50, 95, 99)] == [50, 95, 99]
    assert percentile([7.0], 99) == 7 and percentile([1.0, 9.0], 50) == 1
