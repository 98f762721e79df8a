"""Movements that nobody takes: they say why, and go on by another carrier where that is safe."""

from dataclasses import replace
from itertools import count
from types import SimpleNamespace

import httpx
import pytest

from offchain.agent.core import Settings
from offchain.agent.courier import REFUSALS, ServiceRoute
from offchain.agent.desk import MovementState
from offchain.agent.moves import Moves
from offchain.carrier import CarrierClient, CarrierError
from offchain.chain import Reverted, as_address
from tests.agent.sim import BTC, DEPLOYMENT, Bomb, Pool, SimChain, life, rounds

FEE = 7


def url(folder):
    return f"sqlite:///{folder}/agent.sqlite3"


def withdrawn(agent):
    agent.withdraw("out", BTC, 2_000, "0x" + "77" * 20)


def out(agent):
    [found] = agent.movements()
    return found


@pytest.fixture
def paid_by_fee(monkeypatch):
    """Every carrier takes FEE; the first attempt is made by the last one."""

    def prepare(agent):
        moves, routes, transact = agent._moves, agent.core.courier.routes, agent.purse.transact

        def pays(asset, inputs, fee=0, carrier=0, withdrawal=0, **public):
            return transact(asset, inputs, withdrawal + fee, **public)

        monkeypatch.setattr(agent.purse, "transact", pays)
        monkeypatch.setattr(moves, "_route", lambda transfer: routes[-1])
        monkeypatch.setattr(moves, "_fee", lambda route, asset: FEE)
        monkeypatch.setattr(moves, "_payee", lambda route: 1)

    return prepare


@pytest.mark.parametrize("sends", [False, True], ids=["never sent", "sent after all"])
def test_a_carrier_that_is_taken_out_holds_no_withdrawal(tmp_path, paid_by_fee, sends):
    """It alone is paid by what was proven: it is made anew for another one, and lands once, whoever sends it."""
    pool = Pool((BTC, 5_000))
    with life(pool, url(tmp_path), Bomb(), (lambda call: None, lambda call: "down")) as agent:
        paid_by_fee(agent)
        rounds(agent, pool)
        withdrawn(agent)
        rounds(agent, pool, 2)
        [(key, parcel)] = agent.book.parcels.items()
        assert parcel.only == "route 1" and parcel.words
        if sends:
            pool.keep(agent.book.call(parcel), 1)
    with life(pool, url(tmp_path), Bomb()) as agent:
        paid_by_fee(agent)
        rounds(agent, pool)
        stranded = agent.book.parcel(key)
        assert (stranded.state, stranded.reason) == ("refused", "the carrier route 1 is not configured any more")
        rounds(agent, pool, 10)
        assert out(agent).state == MovementState.DONE and not agent.book.parcels and not agent.purse.held
        assert len(pool.taken) == 1 and agent.book.transfers["out"].fee == FEE
        told = [event.data for event in agent.events(0) if "unexplained" in event.data]
        assert not told and not agent.status().problems


def test_a_deposit_whose_account_is_gone_is_told_and_kept(tmp_path, paid_by_fee):
    """It spends nothing, so another could land beside it: it stays, says why, and goes on once the account is back."""
    pool = Pool((BTC, 5_000))
    with life(pool, url(tmp_path), Bomb(), (lambda call: None, lambda call: "down")) as agent:
        paid_by_fee(agent)
        rounds(agent, pool)
        withdrawn(agent)
        rounds(agent, pool, 2)
        [parcel] = agent.book.parcels.values()
        agent.book.write(replace(parcel, words=()))      # as a deposit's
    with life(pool, url(tmp_path), Bomb()) as agent:
        rounds(agent, pool, 2)
        why = "the carrier route 1 is not configured any more"
        assert agent.book.parcels[parcel.key].state == "open" and not pool.taken
        assert (out(agent).state, out(agent).reason) == (MovementState.SENT, why)
        assert any("taken by no carrier" in problem and why in problem for problem in agent.status().problems)
    with life(pool, url(tmp_path), Bomb(), (lambda call: None, lambda call: None)) as agent:
        rounds(agent, pool, 10)
        assert (out(agent).state, out(agent).reason) == (MovementState.DONE, None) and not agent.status().problems


def test_a_deposit_waits_for_none_of_another_account(tmp_path, monkeypatch):
    """The first was given to an account that is changed then: it stays, and the new account's go their way in turn."""
    old, new, most = as_address(0x0A), as_address(0x0B), 10**6
    token = SimpleNamespace(functions=SimpleNamespace(allowance=lambda *_: most, balanceOf=lambda *_: most))
    monkeypatch.setattr(SimChain, "token", lambda chain, asset: token, raising=False)
    monkeypatch.setattr(SimChain, "call", lambda chain, figure: figure, raising=False)
    monkeypatch.setattr("offchain.agent.agent.unix_ms", count(1).__next__)      # which was asked for first
    pool = Pool((BTC, 5_000))
    with life(pool, url(tmp_path), Bomb(), own=old) as agent:
        rounds(agent, pool)
        agent.deposit("one", BTC, 300)
        monkeypatch.setattr(agent.core.courier.own, "fault", lambda call: "down")
        rounds(agent, pool)
        agent.deposit("two", BTC, 400)
        rounds(agent, pool)
        [parcel] = agent.book.parcels.values()
        assert parcel.only == old
        assert agent.book.transfers["two"].movement.reason == "waits for a deposit before it"
    with life(pool, url(tmp_path), Bomb(), own=new) as agent:
        rounds(agent, pool, 8)
        states = {one.key: one.state for one in agent.movements()}
        assert states == {"one": MovementState.SENT, "two": MovementState.DONE}
    with life(pool, url(tmp_path), Bomb(), own=old) as agent:
        rounds(agent, pool, 8)
        assert {one.state for one in agent.movements()} == {MovementState.DONE} and not agent.book.parcels
        assert sum(one.available for one in agent.balances()) == 5_700


def test_a_movement_that_nobody_takes_says_why(tmp_path):
    """One is down and may have it, the other refuses it: it is not made anew, and is done once it is taken."""
    pool, refuses = Pool((BTC, 5_000)), [True]

    def refusing(call):
        if refuses:
            raise Reverted("call", "no such root")

    with life(pool, url(tmp_path), Bomb(), (lambda call: "down", refusing)) as agent:
        rounds(agent, pool)
        withdrawn(agent)
        rounds(agent, pool, 4)
        assert out(agent).state == MovementState.SENT and list(agent.book.parcels) == ["move:out:1"]
        assert "no such root" in out(agent).reason or "does not answer" in out(agent).reason
        refuses.clear()
        rounds(agent, pool, 2)
        assert out(agent).reason is None
        rounds(agent, pool, 6)
        assert (out(agent).state, out(agent).reason) == (MovementState.DONE, None)


# --- What a carrier's service asks ---


def test_a_carrier_that_asks_more_and_is_paid_elsewhere_is_heard(monkeypatch):
    """Its fee and its account are read for each attempt: what was proven for the old ones it would refuse for ever."""
    told = {"carrier": as_address(1), "chain_id": DEPLOYMENT.chain_id, "pool": DEPLOYMENT.contracts["Pool"]}
    fees = {as_address(int(BTC, 16)): "7"}
    monkeypatch.setattr(CarrierClient, "_once", lambda *asked: (200, told | {"fees": fees}, 1.0))
    settings = Settings(max_fees={int(BTC, 16): 9})
    moves = Moves(SimpleNamespace(book=None, purse=None, settings=settings))
    route = ServiceRoute(SimpleNamespace(deployment=DEPLOYMENT), "https://carrier.example")
    assert (moves._fee(route, int(BTC, 16)), moves._payee(route)) == (7, 1)
    told["carrier"], fees[as_address(int(BTC, 16))] = as_address(2), "9"
    assert (moves._fee(route, int(BTC, 16)), moves._payee(route)) == (9, 2)
    told["chain_id"] += 1
    with pytest.raises(CarrierError, match="another pool or chain"):
        moves._fee(route, int(BTC, 16))
    assert moves._payee(route) == 2


@pytest.mark.parametrize("kind, held", [("withdrawal", (2_007,)), ("join", (4, 4))])
def test_a_fee_that_the_notes_do_not_cover_ends_it_and_frees_them(tmp_path, paid_by_fee, monkeypatch, kind, held):
    """The first attempt pays 7 and is refused; the carrier then asks 9, more than the notes of every attempt hold."""
    pool, fees = Pool(*((BTC, amount) for amount in held)), [7, 9]

    def refuses(call):
        raise Reverted("call", "the fee is too low")

    with life(pool, url(tmp_path), Bomb(), (refuses,)) as agent:
        paid_by_fee(agent)
        monkeypatch.setattr(agent._moves, "_fee", lambda route, asset: fees.pop(0) if len(fees) > 1 else fees[0])
        rounds(agent, pool)
        withdrawn(agent) if kind == "withdrawal" else agent.consolidate("out", BTC)
        rounds(agent, pool, 6)
        assert (out(agent).state, agent.book.transfers["out"].attempts) == (MovementState.FAILED, 1)
        assert "do not cover the carrier's fee of 9 units" in out(agent).reason
        assert not agent.purse.held and not agent.status().problems


@pytest.mark.parametrize("answers", [True, False])
def test_a_carrier_that_does_not_tell_its_fee_has_the_patience_of_one_that_takes_nothing(
    tmp_path, paid_by_fee, monkeypatch, answers
):
    """It is the only one: its silence is no attempt, and is told meanwhile."""
    pool, silent = Pool((BTC, 5_000)), [True]
    told = {"carrier": as_address(1), "chain_id": DEPLOYMENT.chain_id, "pool": DEPLOYMENT.contracts["Pool"]}
    told["fees"] = {as_address(int(BTC, 16)): str(FEE)}

    def asked(*_):
        if silent:
            raise httpx.ConnectError("refused")
        return 200, told, 1.0

    monkeypatch.setattr(CarrierClient, "_once", asked)
    service = ServiceRoute(SimpleNamespace(deployment=DEPLOYMENT), "https://carrier.example")
    with life(pool, url(tmp_path), Bomb(), max_fees={int(BTC, 16): FEE}) as agent:
        paid_by_fee(agent)
        monkeypatch.setattr(agent._moves, "_fee", lambda route, asset: Moves._fee(agent._moves, service, asset))
        rounds(agent, pool)
        withdrawn(agent)
        rounds(agent, pool, REFUSALS - 1)
        assert (out(agent).state, agent.book.transfers["out"].attempts) == (MovementState.ACCEPTED, 0)
        assert "does not answer" in out(agent).reason
        if answers:
            silent.clear()
        rounds(agent, pool, 8)
        ended = (MovementState.DONE, None) if answers else (MovementState.FAILED, out(agent).reason)
        assert (out(agent).state, out(agent).reason) == ended and not agent.purse.held
        assert answers or "does not answer" in out(agent).reason
