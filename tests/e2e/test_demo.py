"""The demonstration's run, held to every promise that a chain can show (protocol §1).

It trades a file made from an exchange's order events; `play` itself raises where a step does
not come out as promised, and these tests check the outcome again from the chain.
"""

import json
from itertools import chain as flatten

import httpx
import pytest

from offchain.auditor import open_epoch
from offchain.holdings import Holdings
from offchain.notes import Side
from offchain.records import EpochState
from offchain.wallet import Fate
from scripts.demo import conservation, views
from scripts.demo.explorer import explorer
from scripts.demo.steps_trade import MISBEHAVING
from scripts.demo.world import EXPIRED, WITHOUT_CREDENTIAL
from tests.e2e.conftest import EVENTS

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def ledger(run):
    """The chain as anyone reads it."""
    return views.public_ledger(run.world)


@pytest.fixture(scope="module")
def settled(run):
    return [figures for figures in run.world.report.epochs if figures.state == "settled"]


@pytest.fixture(scope="module")
def first(ledger, settled):
    """The record of the first epoch that settled."""
    return ledger.epochs[settled[0].market, settled[0].epoch]


@pytest.fixture(scope="module")
def statuses(run):
    """Every institution's orders, read with its own key."""
    return {who.name: who.wallet.orders() for who in run.world.members()}


def owners(run) -> dict[int, str]:
    return {who.key.owner: name for name, who in run.world.institutions.items()}


def test_the_orders_are_an_exchange_s(run):
    if not EVENTS.is_file():
        pytest.skip(f"no order events at {EVENTS}: the run took the default file")
    assert len(run.rows) == 8
    assert {row.terms.side for row in run.rows} == {Side.BUY, Side.SELL}


def test_the_report_is_complete(run):
    report = json.loads(run.report.read_text())
    rows = len(run.rows)
    assert report["validators"] == 5 and report["conserved"] is True
    expected = {"rows": rows, "committed": rows + 2, "revealed": rows + 1, "settled": rows, "unrevealed": 1, "invalid": 1}
    assert {key: report["orders"][key] for key in expected} == expected
    states = [epoch["state"] for epoch in report["epochs"]]
    assert states[-1] == "failed" and set(states[:-1]) == {"settled"}
    for epoch in report["epochs"][:-1]:
        assert int(epoch["price"]) >= 0 and int(epoch["volume"]) >= 0
        assert epoch["gas_settle"] > 0 and epoch["prove_seconds"] > 0
    assert {"deposit", "commit", "reveal", "settle", "advance", "withdraw", "reclaim", "print", "fail"} <= {
        step["name"] for step in report["steps"]
    }
    for name in ("transact", "commit", "reclaim", "advance", "settle_8", "print"):
        assert report["circuits"][name]["constraints"] > 0 and report["circuits"][name]["zkey_bytes"] > 0


def test_a_commit_costs_no_more_than_its_aim(run):
    assert 0 < run.world.report.gas()["commit"] <= 400_000


def secret_words(run) -> dict[str, int]:
    """What must never stand on chain in the clear."""
    words = {}
    for who in run.world.institutions.values():
        words[f"{who.name}'s owner word"] = who.key.owner
        words[f"{who.name}'s key"] = who.key.sk
        for placed in who.wallet.holdings.orders:
            words[f"{who.name}'s terms"] = placed.order.terms.word
            words[f"{who.name}'s salt"] = placed.order.salt
    return words


def test_p1_and_p2_no_order_or_owner_ever_stands_in_a_transaction_or_a_log(run):
    web3, start = run.world.chain.web3, run.world.chain.deployment.start_block
    seen = bytearray()
    for number in range(start, run.world.chain.head() + 1):
        seen += b"".join(bytes(tx["input"]) for tx in web3.eth.get_block(number, True)["transactions"])
    for log in web3.eth.get_logs({"fromBlock": start, "toBlock": "latest"}):
        seen += bytes(log["data"]) + b"".join(map(bytes, log["topics"]))
    words = secret_words(run)
    assert len(seen) > 100_000 and len(words) > 20
    assert [name for name, word in words.items() if word.to_bytes(32, "big") in seen] == []


def test_p1_no_trader_s_wallet_sends_its_orders(run, first):
    web3 = run.world.chain.web3
    wallets = {who.account.address for who in run.world.institutions.values()}
    market = run.world.chain.contract("Market")
    commits = market.events.Committed.get_logs(from_block=run.world.chain.deployment.start_block)
    senders = {web3.eth.get_transaction(log["transactionHash"])["from"] for log in commits}
    assert len(commits) == len(run.rows) + 4 and not senders & wallets


def test_p1_deposits_tell_nothing_of_the_orders(run):
    """Every member's are the same round sums of both tokens, whatever it trades."""
    pool = run.world.chain.contract("Pool").address
    made = {who.name: [] for who in run.world.members()}
    names = {who.account.address: who.name for who in run.world.members()}
    for symbol, token in run.world.chain.deployment.tokens.items():
        transfers = run.world.chain.token(token.address).events.Transfer
        for log in transfers.get_logs(from_block=run.world.chain.deployment.start_block):
            sender, receiver, amount = log["args"].values()
            if receiver == pool and sender in names:
                made[names[sender]].append((symbol, amount))
    first, *others = map(sorted, made.values())
    assert {symbol for symbol, _ in first} == {"BTC", "USD"} and all(other == first for other in others)
    assert all(str(amount).strip("0") == "2" for _, amount in first)


def test_p3_no_order_without_a_current_credential_is_on_chain(run, ledger):
    for name in (WITHOUT_CREDENTIAL, EXPIRED):
        key = run.world.institutions[name].key
        held = Holdings(ledger, key)
        held.refresh()
        assert held.orders == []
    assert run.world.institutions[WITHOUT_CREDENTIAL].wallet.balances() == {}


def test_p4_every_reveal_entered_or_shown_not_to_open_its_commitment(first):
    settlement = first.settlement
    assert settlement.count == len(first.reveals) == 7
    assert settlement.invalid_mask.bit_count() == 1


def test_p5_the_price_has_the_largest_volume_and_no_fill_breaks_its_order(run, settled, statuses):
    for figures in settled:
        found = [
            seen
            for seen in flatten.from_iterable(statuses.values())
            if seen.fate == Fate.FILLED and seen.placed.order.epoch == figures.epoch
        ]
        orders = [(seen.placed.order.terms, seen.fill) for seen in found]
        terms = [one for one, _ in orders]

        def volume(price, terms=terms):
            wanted = sum(t.quantity for t in terms if t.side == Side.BUY and t.price >= price)
            offered = sum(t.quantity for t in terms if t.side == Side.SELL and t.price <= price)
            return min(wanted, offered)

        assert figures.volume == max(map(volume, {t.price for t in terms}))
        for side in Side:
            assert sum(fill for one, fill in orders if one.side == side) == figures.volume
        for one, fill in orders:
            better = one.price > figures.price if one.side == Side.BUY else one.price < figures.price
            worse = one.price < figures.price if one.side == Side.BUY else one.price > figures.price
            assert fill <= one.quantity
            if figures.volume:
                assert not better or fill == one.quantity
                assert not worse or fill == 0


def test_the_exchange_s_orders_traded(settled):
    assert sum(figures.volume for figures in settled) > 0


def test_p6_every_token_is_conserved(run):
    balances = conservation.balances(run.world)
    assert {balance.symbol for balance in balances} == {"BTC", "USD", "STAKE"}
    for balance in balances:
        assert balance.total == balance.balance == balance.notes + balance.locked
        assert balance.locked == 0
    assert all(balance.notes > 0 for balance in balances if balance.symbol != "STAKE")


def test_p7_the_auditor_reads_the_file_back(run, ledger, settled):
    names, read = owners(run), []
    for figures in settled:
        view = open_epoch(ledger, run.world.auditor, figures.market, figures.epoch)
        assert (view.price, view.volume) == (figures.price, figures.volume)
        for order in view.orders:
            if order.valid:
                read.append((names[order.owner], order.terms))
                held = run.world.institutions[names[order.owner]].credential
                assert order.credential_id == held.id
    assert sorted(read, key=str) == sorted(((row.trader, row.terms) for row in run.rows), key=str)


def test_p9_the_treasury_holds_the_bonds_of_the_bad_orders(run, ledger, statuses):
    forfeits = [seen.forfeited for seen in flatten.from_iterable(statuses.values()) if seen.forfeited]
    terms = ledger.markets[0]
    bonds = [row.terms.bond(terms.lot, terms.fee_bps, terms.bond_bps) for row in MISBEHAVING]
    assert sorted(forfeits) == sorted(bonds)
    treasury = Holdings(ledger, run.world.treasury_notes, run.world.treasury)
    treasury.refresh()
    amounts = [own.note.amount for own in treasury.notes]
    assert all(bond in amounts for bond in bonds)


def test_p10_the_silent_leader_lost_stake_and_every_order_came_back_whole(run, statuses):
    chain, failed = run.world.chain, run.world.report.epochs[-1]
    market = chain.contract("Market").functions
    assert chain.call(market.state(failed.market, failed.epoch)) == EpochState.FAILED
    record = chain.call(market.epochs(failed.market, failed.epoch))
    assert record.slashed
    slashes = chain.contract("Relayers").events.Slashed.get_logs(from_block=chain.deployment.start_block)
    assert [log["args"]["relayer"] for log in slashes] == [record.leader]
    orders = [seen for seen in flatten.from_iterable(statuses.values()) if seen.placed.order.epoch == failed.epoch]
    assert len(orders) == 2
    assert all(seen.fate == Fate.RECLAIMED and seen.forfeited == 0 for seen in orders)


def test_p11_no_nullifier_was_spent_twice(run):
    chain = run.world.chain
    logs = chain.contract("Pool").events.Spent.get_logs(from_block=chain.deployment.start_block)
    spent = [word for log in logs for word in log["args"]["nullifiers"]]
    assert len(spent) == len(set(spent)) > 2 * len(run.rows)


def test_p12_no_print_before_the_deferral(run, ledger, settled):
    chain = run.world.chain
    logs = chain.contract("Market").events.Printed.get_logs(from_block=chain.deployment.start_block)
    printed = {(log["args"]["market"], log["args"]["epoch"]): log for log in logs}
    assert len(printed) == len(settled)
    for figures in settled:
        log = printed[figures.market, figures.epoch]
        settlement = ledger.epochs[figures.market, figures.epoch].settlement
        assert log["blockNumber"] >= settlement.block + ledger.markets[figures.market].deferral
        assert (log["args"]["price"], log["args"]["volume"]) == (figures.price, figures.volume)


def test_p8_an_institution_whose_credential_has_expired_still_leaves(run):
    who, token = run.world.institutions[EXPIRED], run.world.chain.deployment.tokens["USD"]
    held = sum(own.note.amount for own in who.wallet.notes())
    who.wallet.withdraw(token.word, held, who.account.address)
    balance = run.world.chain.token(token.word).functions.balanceOf(who.account.address)
    assert run.world.chain.call(balance) == held > 0


def test_the_explorer_shows_the_run_with_every_proof_verified_again(run):
    ledger = run.world.ledger
    with explorer(run.world, run.folder / "index") as shown, httpx.Client(base_url=shown.address, timeout=60) as client:
        status = client.get("/v1/status").json()
        proofs = client.get("/v1/proofs", params={"limit": 200}).json()["items"]
        page = client.get("/")
    assert status["counts"]["epochs"] == len(ledger.epochs) and status["divergence"] is None
    assert status["counts"]["settled"] == sum(1 for epoch in ledger.epochs.values() if epoch.settlement) > 0
    assert {proof["circuit"] for proof in proofs} >= {"transact", "commit", "settle_8", "reclaim", "advance", "print"}
    assert all(proof["verified"] for proof in proofs)
    assert page.status_code == 200 and "<title>" in page.text
