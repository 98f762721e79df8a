"""The outbox on a real node: nothing lost, nothing made twice, whatever happens in between."""

import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import SimpleNamespace

import pytest
from eth_abi import encode
from eth_account import Account
from eth_utils import keccak, to_checksum_address

from offchain import contracts
from offchain import outbox as module
from offchain.chain import Chain, ChainError, Reverted
from offchain.outbox import BUMP_AFTER, SendState
from offchain.store import Busy, Send
from relayer.sender import Sender
from relayer.store import Store
from tests.relayer.databases import KINDS, database
from tests.world import account, anvil

DEPTH = 2


@pytest.fixture(scope="module", params=KINDS)
def url(request, tmp_path_factory):
    with database(request.param, tmp_path_factory.mktemp("database")) as found:
        yield found


@pytest.fixture(scope="module")
def node():
    """A chain on which only `mine` makes blocks, and a token that account 0 mints."""
    with anvil(options=("--no-mining",)) as rpc:
        chain = Chain(rpc, confirmations=DEPTH, poll_seconds=0.01)
        compiled = contracts.artifact("Token")
        factory = chain.web3.eth.contract(abi=compiled.abi, bytecode=compiled.bytecode)
        made = chain.submit(account(0), factory.constructor("Gold", "AU", 3))
        mine(chain)
        yield SimpleNamespace(chain=chain, token=chain.at("Token", chain.created(made)))


@pytest.fixture
def new(node, url):
    """(sender of a fresh account, its address); a call to `again` is the same after a death."""
    class New:
        chain, token = node.chain, node.token

        def __init__(self):
            self.account, self.senders = Account.create(), []
            rpc(node.chain, "anvil_setBalance", self.account.address, hex(10**20))
            self.sender = self.again()

        def again(self, chain=None):
            for one in self.senders:
                one.close()
                one.store.close()
            self.senders = [Sender(chain or node.chain, Store.open(url), self.account)]
            return self.senders[0]

        def approve(self, amount, who="0x" + "11" * 20):
            return node.token.functions.approve(who, amount)

        def approved(self, who="0x" + "11" * 20):
            return node.token.functions.allowance(self.account.address, who).call()

        def count(self):
            return node.chain.nonce(self.account.address, node.chain.head())

    made = New()
    yield made
    for one in made.senders:
        one.close()
        one.store.close()


def rpc(chain, method, *params):
    answer = chain.web3.provider.make_request(method, list(params))
    assert "error" not in answer, answer
    return answer["result"]


def mine(chain, blocks=1):
    for _ in range(blocks):     # anvil_mine of many puts the pool in the first
        rpc(chain, "evm_mine")
    return chain.head()


def state(sender, key):
    return sender.find(key).state


def test_a_transaction_counts_at_its_depth(new):
    sender = new.sender
    posted = sender.post("a", new.approve(7))
    assert (posted.state, posted.name) == (SendState.SENT, "approve")
    assert sender.pump() == [] and state(sender, "a") == SendState.SENT
    mine(new.chain)
    assert sender.pump() == [] and state(sender, "a") == SendState.MINED
    mine(new.chain, DEPTH)
    [ended] = sender.pump()
    assert (ended.key, ended.state, ended.ok, new.approved()) == ("a", SendState.DONE, True, 7)
    assert ended.gas_used > 21_000 and sender.find("a").block == new.chain.head() - DEPTH
    assert sender.open() == [] and sender.pump() == []


def test_a_key_is_sent_once_whoever_asks(new):
    with ThreadPoolExecutor(8) as pool:
        sent = list(pool.map(lambda _: new.sender.post("once", new.approve(1)), range(16)))
    assert len({send.id for send in sent}) == 1
    mine(new.chain, DEPTH + 1)
    new.sender.pump()
    assert new.sender.post("once", new.approve(1)).state == SendState.DONE and new.count() == 1


def test_many_at_once_share_no_nonce(new):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: new.sender.post(f"n{n}", new.approve(n)), range(24)))
    assert [send.nonce for send in new.sender.open()] == list(range(24))
    mine(new.chain, DEPTH + 1)
    assert len(new.sender.pump()) == 24 and new.count() == 24


def test_a_refused_call_is_not_kept(new):
    with pytest.raises(Reverted):
        new.sender.post("bad", new.token.functions.transfer("0x" + "11" * 20, 1))
    assert new.sender.find("bad") is None and new.count() == 0


def test_a_call_that_failed_is_sent_anew(new):
    """With its gas given it is not simulated: a transfer of what the account has not."""
    transfer = new.token.functions.transfer("0x" + "11" * 20, 5)
    new.sender.post("pay", transfer, gas=100_000)
    mine(new.chain, DEPTH + 1)
    [failed] = new.sender.pump()
    assert failed.state == SendState.FAILED and failed.reason
    submitted = new.chain.submit(account(0), new.token.functions.mint(new.account.address, 5))
    mine(new.chain)
    new.chain.receipt(submitted)
    again = new.sender.post("pay", transfer)
    assert again.attempts == 2 and again.id == failed.id
    mine(new.chain, DEPTH + 1)
    assert [send.state for send in new.sender.pump()] == [SendState.DONE]


OTHER = """
import os, signal, sys
from offchain.store import Busy, Store
store = Store.open(sys.argv[1])
try:
    store.lease(sys.argv[2])
except Busy:
    print("busy", flush=True)
sys.stdin.readline()
store.lease(sys.argv[2])
print("taken", flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_one_writer_a_key(new, url):
    with pytest.raises(Busy):
        Sender(new.chain, Store.open(url), new.account)
    name = f"{new.chain.chain_id}.{new.account.address}"
    with subprocess.Popen(
        [sys.executable, "-c", OTHER, url, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "busy\n"
        new.sender.close()
        print(file=other.stdin, flush=True)
        assert other.stdout.readline() == "taken\n"
    assert other.returncode == -signal.SIGKILL
    store, deadline = Store.open(url), time.monotonic() + 60
    while True:     # its death frees it, once a server has seen it
        with suppress(Busy):
            store.lease(name).close()
            break
        assert time.monotonic() < deadline, "the dead process still has it"
        time.sleep(0.02)
    store.close()
    new.again()


def test_what_was_signed_is_sent_by_the_next_process(new, monkeypatch):
    """Killed between signature and broadcast."""
    monkeypatch.setattr(type(new.chain), "broadcast", _refuse)
    assert new.sender.post("x", new.approve(3)).state == SendState.SIGNED
    monkeypatch.undo()
    after = new.again()
    signed = after.find("x")
    assert after.post("x", new.approve(3)).hashes == signed.hashes
    after.pump()
    assert state(after, "x") == SendState.SENT
    mine(new.chain, DEPTH + 1)
    assert [send.key for send in after.pump()] == ["x"] and new.approved() == 3 and new.count() == 1


def _refuse(*_):
    raise ChainError("no chain answers")


def test_what_was_broadcast_is_found_by_the_next_process(new):
    new.sender.post("y", new.approve(4))
    mine(new.chain, DEPTH + 1)      # mined while nobody watched
    assert [send.state for send in new.again().pump()] == [SendState.DONE] and new.count() == 1


def test_a_transaction_that_blocks_pass_by_offers_more(new):
    """The base fee rises above its first offer; the node takes the higher one in its place."""
    base = new.chain.web3.eth.get_block("latest")["baseFeePerGas"]
    rpc(new.chain, "anvil_setNextBlockBaseFeePerGas", hex(base))
    first = new.sender.post("slow", new.approve(9))
    offered = int(first.max_fee)
    for _ in range(BUMP_AFTER):
        rpc(new.chain, "anvil_setNextBlockBaseFeePerGas", hex(offered + 1))
        mine(new.chain)
        new.sender.pump()
    raised = new.sender.find("slow")
    assert int(raised.max_fee) >= offered * 9 // 8 and len(raised.hashes.split()) == 2
    rpc(new.chain, "anvil_setNextBlockBaseFeePerGas", hex(base))
    mine(new.chain, DEPTH + 1)
    assert [send.state for send in new.sender.pump()] == [SendState.DONE]
    assert new.count() == 1 and new.approved() == 9


def test_no_offer_above_the_cap(new, monkeypatch):
    new.sender.fee_cap = int(new.sender.post("capped", new.approve(9)).max_fee)
    offered = new.sender.fee_cap
    for _ in range(2 * BUMP_AFTER):
        rpc(new.chain, "anvil_setNextBlockBaseFeePerGas", hex(offered + 1))
        mine(new.chain)
        new.sender.pump()
    assert len(new.sender.find("capped").hashes.split()) == 1
    rpc(new.chain, "anvil_setNextBlockBaseFeePerGas", hex(10**9))
    mine(new.chain, DEPTH + 1)
    assert [send.state for send in new.sender.pump()] == [SendState.DONE]


def test_what_would_fail_now_gives_its_nonce_up(new):
    """Stuck, and refused meanwhile: an empty transaction takes its place, and what follows goes on."""
    minted = new.chain.submit(account(0), new.token.functions.mint(new.account.address, 5))
    mine(new.chain)
    new.chain.receipt(minted)
    spent = new.sender.post("spend", new.token.functions.transfer("0x" + "22" * 20, 5))
    new.sender.post("next", new.approve(6))
    rpc(new.chain, "anvil_dropAllTransactions")
    _burn(new)
    for _ in range(BUMP_AFTER):
        rpc(new.chain, "anvil_setNextBlockBaseFeePerGas", hex(int(spent.max_fee) + 1))
        mine(new.chain)
        new.sender.pump()
    assert new.sender.find("spend").hashes.split()[-1].startswith("-")
    rpc(new.chain, "anvil_setNextBlockBaseFeePerGas", hex(10**9))
    mine(new.chain, DEPTH + 1)
    new.sender.pump()
    mine(new.chain, DEPTH + 1)
    new.sender.pump()
    assert (state(new.sender, "spend"), state(new.sender, "next")) == (SendState.REPLACED, SendState.DONE)
    assert new.approved() == 6 and new.count() == 2


def _burn(new):
    """Take the account's tokens away, as another branch might: by its code being another."""
    balance = new.token.functions.balanceOf(new.account.address)
    assert balance.call() == 5
    for slot in range(12):
        for pair in ((new.account.address, slot), (slot, new.account.address)):
            key = _slot(*pair)
            old = rpc(new.chain, "eth_getStorageAt", new.token.address, key, "latest")
            if int(old, 16) == 5:
                rpc(new.chain, "anvil_setStorageAt", new.token.address, key, "0x" + "00" * 32)
                assert balance.call() == 0
                return
    raise AssertionError("no slot holds the balance")


def _slot(first, second):
    types = ["address" if isinstance(part, str) else "uint256" for part in (first, second)]
    return "0x" + keccak(encode(types, [first, second])).hex()


@pytest.mark.parametrize("depth", [1, DEPTH, DEPTH + 3], ids=["shallow", "at-depth", "deep"])
def test_what_falls_out_of_the_chain_is_sent_again(new, depth):
    """Also what had ended: a reorganisation deeper than the confirmations."""
    mine(new.chain)
    before = rpc(new.chain, "evm_snapshot")
    new.sender.post("r", new.approve(5))
    new.sender.post("s", new.approve(6))
    mine(new.chain, depth)
    new.sender.pump()
    assert new.approved() == 6
    rpc(new.chain, "evm_revert", before)
    mine(new.chain, depth + 1)
    assert new.approved() == 0
    new.sender.pump()
    mine(new.chain, DEPTH + 1)
    new.sender.pump()
    mine(new.chain, DEPTH + 1)
    new.sender.pump()
    assert [state(new.sender, key) for key in "rs"] == [SendState.DONE] * 2
    assert (new.approved(), new.count()) == (6, 2)


def test_what_no_node_takes_grows_no_dearer_and_no_longer(new):
    """Without coin: it waits as it was signed, and is made once there is some."""
    rpc(new.chain, "anvil_setBalance", new.account.address, "0x0")
    first = new.sender.post("poor", new.approve(7), gas=100_000)
    assert first.state == SendState.SIGNED
    for _ in range(4 * BUMP_AFTER):
        mine(new.chain)
        new.sender.pump()
    waits = new.sender.find("poor")
    assert (waits.state, waits.hashes, waits.max_fee) == (SendState.SIGNED, first.hashes, first.max_fee)
    rpc(new.chain, "anvil_setBalance", new.account.address, hex(10**18))
    new.sender.pump()
    mine(new.chain, DEPTH + 1)
    assert [send.state for send in new.sender.pump()] == [SendState.DONE] and new.approved() == 7


def test_a_nonce_that_another_program_took(new):
    """Its transaction can never be mined: it gets another nonce, and is made once."""
    new.sender.post("mine", new.approve(2))
    rpc(new.chain, "anvil_dropAllTransactions")
    tx = {"to": "0x" + "33" * 20, "value": 1, "gas": 21_000, "nonce": 0, "chainId": new.chain.chain_id}
    signed = new.account.sign_transaction(tx | new.chain.fees())
    new.chain.broadcast(signed.raw_transaction)
    mine(new.chain, DEPTH + 1)
    new.sender.pump()
    assert new.sender.find("mine").nonce == 1
    mine(new.chain, DEPTH + 1)
    assert [send.state for send in new.sender.pump()] == [SendState.DONE] and new.count() == 2


def test_an_emptied_one_whose_nonce_another_program_took_ends_and_may_be_posted_again(new):
    """It is not told as done: what it was to do never ran."""
    other = "0x" + "33" * 20
    new.sender.post("would fail", new.approve(2))
    send = new.sender.find("would fail")
    with new.sender._lock:
        new.sender._sign(send, new.sender._nothing(), new.sender._offer(), new.chain.head(), empty=True)
    rpc(new.chain, "anvil_dropAllTransactions")
    tx = {"to": other, "value": 1, "gas": 21_000, "nonce": 0, "chainId": new.chain.chain_id}
    new.chain.broadcast(new.account.sign_transaction(tx | new.chain.fees()).raw_transaction)
    mine(new.chain, DEPTH + 1)
    assert [send.state for send in new.sender.pump()] == [SendState.REPLACED] and not new.sender.open()
    again = new.sender.post("would fail", new.approve(2))
    assert (again.nonce, again.attempts) == (1, 2)
    mine(new.chain, DEPTH + 1)
    assert [send.state for send in new.sender.pump()] == [SendState.DONE] and new.approved() == 2


def test_a_gap_of_nonces_is_filled(new):
    """Another program's transaction was in the node's pool, and is dropped."""
    tx = {"to": "0x" + "33" * 20, "value": 1, "gas": 21_000, "nonce": 0, "chainId": new.chain.chain_id}
    new.chain.broadcast(new.account.sign_transaction(tx | new.chain.fees()).raw_transaction)
    assert new.sender.post("late", new.approve(8)).nonce == 1
    rpc(new.chain, "anvil_dropAllTransactions")
    for _ in range(2 * BUMP_AFTER):
        mine(new.chain)
        new.sender.pump()
    mine(new.chain, DEPTH + 1)
    new.sender.pump()
    assert state(new.sender, "late") == SendState.DONE and new.approved() == 8 and new.count() == 2


def test_the_database_shows_nothing_of_what_is_sent(new, url):
    who = to_checksum_address("0x" + "5e" * 20)
    posted = new.sender.post("quiet", new.approve(123456789, who))
    assert bytes.fromhex("5e" * 20) not in posted.sealed
    with new.sender.store.session() as session:
        row = session.get(Send, posted.id).model_dump()
    assert not any("5e" * 20 in str(value) or "123456789" in str(value) for value in row.values())
    new.again()     # as another process, with the same key
    mine(new.chain, DEPTH + 1)
    assert [send.key for send in new.senders[0].pump()] == ["quiet"]


def test_ended_transactions_are_forgotten_in_time(new, monkeypatch):
    monkeypatch.setattr(module, "WATCHED", 5)
    new.sender.post("old", new.approve(1))
    mine(new.chain, 10)
    new.sender.pump()
    new.sender.pump()
    assert new.sender.find("old").sealed is None and state(new.sender, "old") == SendState.DONE
