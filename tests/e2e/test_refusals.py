"""Wrong inputs, each refused: real contracts and real proofs on a private chain.

Commits are attacked first, in one epoch; then a second epoch is revealed with every bad reveal
there is, attacked at its settlement, settled, and attacked at its print.
"""

from dataclasses import dataclass, replace

import pytest

from offchain import circuits
from offchain.admission import QuotaUsed, WindowClosed
from offchain.auditor import open_epoch
from offchain.babyjubjub import Point, add, in_subgroup, on_curve, torsion
from offchain.calls import Call, build_print, build_reveal
from offchain.chain import Reverted, as_address
from offchain.claims import Print
from offchain.contracts import artifact
from offchain.deployment import Deployment
from offchain.field import R
from offchain.holdings import PlacedOrder
from offchain.ledger import Ledger
from offchain.notes import Side, Terms
from offchain.streams import Reveal, reveal_message
from offchain.wallet import Wallet
from relayer.leader import Leader, NotLeader
from tests.world import World, anvil, build_world

pytestmark = pytest.mark.timeout(1200)

BUY, SELL = Terms(Side.BUY, 10, 500), Terms(Side.SELL, 10, 500)
PROOF = "statement: proof refused"
BELOW = "statement: word not below r"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with anvil() as url:
        made = build_world(url, tmp_path_factory.mktemp("refusals"))
        for name, symbol, notes in (
            ("ash", "USD", 5), ("birch", "BTC", 3), ("cedar", "USD", 3), ("dogwood", "USD", 5),
        ):  # fmt: skip
            for number in range(notes):
                made.wallet(name).deposit(made.asset(symbol), 10_000 + number)
        made.advance_tree()
        yield made


def refused(world: World, call: Call, reason: str, role: str = "carrier") -> None:
    """The contract refuses the call for this reason, and nothing is sent."""
    with pytest.raises(Reverted, match=reason):
        world.send(role, call)


def with_words(call: Call, **words) -> Call:
    """The call with words of its struct replaced."""
    place = next(i for i, arg in enumerate(call.args) if isinstance(arg, dict))
    return with_argument(call, place, call.args[place] | words)


def with_argument(call: Call, place: int, value) -> Call:
    return replace(call, args=(*call.args[:place], value, *call.args[place + 1 :]))


def words_of(call: Call) -> dict:
    return next(arg for arg in call.args if isinstance(arg, dict))


def elsewhere(wallet: Wallet, deployment: Deployment) -> Wallet:
    """The wallet, proving for another deployment than the one it sends to."""
    other = Wallet(wallet.chain, wallet.ledger, wallet.key, wallet.account)
    other.deployment = deployment
    return other


def credential(world: World, name: str):
    return world.traders[name].credential


# --- Commits and transfers ---


@dataclass(frozen=True)
class Built:
    """A valid commit that nobody has sent."""

    epoch: int
    placed: PlacedOrder
    call: Call


@pytest.fixture(scope="module")
def built(world) -> Built:
    epoch = world.open_epoch()
    placed, call = world.wallet("ash").build_commit(0, epoch, BUY, credential(world, "ash"))
    return Built(epoch, placed, call)


@pytest.fixture(scope="module")
def withdrawal(world) -> Call:
    """A valid withdrawal with a fee, that nobody has sent."""
    wallet, usd = world.wallet("cedar"), world.asset("USD")
    wallet.sync()
    [own] = [own for own in wallet.notes() if own.note.amount == 10_002]
    return wallet.build_transact(
        usd, [own], [], withdrawal=3_000, fee=20,
        account=int(wallet.account.address, 16), carrier=int(world.accounts["carrier"].address, 16),
    )  # fmt: skip


def simulate(world: World, call: Call, role: str = "carrier") -> None:
    """Raise as the contract would; nothing is sent."""
    world.chain.call(call.on(world.chain), sender=world.accounts[role].address)


def test_what_the_attacks_start_from_is_accepted(world, built, withdrawal):
    simulate(world, built.call)
    simulate(world, withdrawal)


def test_a_proof_of_another_chain_id_is_refused(world, built):
    there = elsewhere(world.wallet("ash"), replace(world.deployment, chain_id=1337))
    _, call = there.build_commit(0, built.epoch, BUY, credential(world, "ash"))
    refused(world, call, PROOF)


def test_a_proof_of_another_pool_is_refused(world, built):
    pools = world.deployment.contracts | {"Pool": world.accounts["stranger"].address}
    there = elsewhere(world.wallet("ash"), replace(world.deployment, contracts=pools))
    _, call = there.build_commit(0, built.epoch, BUY, credential(world, "ash"))
    refused(world, call, PROOF)


def test_a_proof_of_another_circuit_is_refused(world, built, withdrawal):
    call = with_argument(with_argument(built.call, 0, withdrawal.args[0]), 1, withdrawal.args[1])
    refused(world, call, PROOF)


# Words that nothing but the proof protects; a wrong one of the others is refused even earlier.
PROVEN_OF_COMMIT = ("nf0", "nf1", "change_cm", "quota_nullifier", "oc", "time")


def changed(name: str, value):
    return as_address(int(value, 16) + 1) if isinstance(value, str) else value + 1


@pytest.mark.parametrize("name", PROVEN_OF_COMMIT)
def test_a_changed_word_of_a_commit_is_refused(world, built, name):
    refused(world, with_words(built.call, **{name: words_of(built.call)[name] + 1}), PROOF)


def test_every_word_of_a_commit_is_protected(world, built):
    for name, value in words_of(built.call).items():
        refused(world, with_words(built.call, **{name: changed(name, value)}), ".")


def test_another_reveal_key_or_memo_of_a_commit_is_refused(world, built):
    refused(world, with_words(built.call, rk=world.accounts["stranger"].address), PROOF)
    for place in range(8):
        memo = list(built.call.args[3])
        memo[place] += 1
        refused(world, with_argument(built.call, 3, memo), PROOF)


def test_every_word_of_a_withdrawal_is_protected(world, withdrawal):
    for name, value in words_of(withdrawal).items():
        refused(world, with_words(withdrawal, **{name: changed(name, value)}), ".")
    for place in (3, 4):
        for index in range(8):
            memo = list(withdrawal.args[place])
            memo[index] += 1
            refused(world, with_argument(withdrawal, place, memo), PROOF)


def test_a_changed_digest_or_proof_is_refused(world, built):
    refused(world, with_argument(built.call, 1, built.call.args[1] + 1), PROOF)
    for place in range(8):
        proof = list(built.call.args[0])
        proof[place] += 1
        refused(world, with_argument(built.call, 0, proof), PROOF)


# An input that is a dummy names any root; the contract looks a root up before it weighs words.
PROVEN_WORDS = ("nf0", "nf1", "change_cm", "oc")


@pytest.mark.parametrize("name", PROVEN_WORDS)
def test_a_word_of_a_commit_not_below_r_is_refused(world, built, name):
    refused(world, with_words(built.call, **{name: words_of(built.call)[name] + R}), "not below r")


def test_no_second_spelling_of_any_word_is_taken(world, built, withdrawal):
    for call in (built.call, withdrawal):
        for name, value in words_of(call).items():
            if isinstance(value, int):
                refused(world, with_words(call, **{name: value + R}), ".")
        refused(world, with_argument(call, 1, call.args[1] + R), ".")


@pytest.mark.parametrize("name", ["account", "carrier", "withdrawal", "fee", "asset"])
def test_a_withdrawal_changed_in_flight_is_refused(world, withdrawal, name):
    other = {
        "account": world.traders["birch"].account.address,
        "carrier": world.traders["birch"].account.address,   # admitted, so only the proof stands in the way
        "withdrawal": words_of(withdrawal)["withdrawal"] + 1,
        "fee": words_of(withdrawal)["fee"] + 1,
        "asset": world.deployment.tokens["BTC"].address,
    }
    refused(world, with_words(withdrawal, **{name: other[name]}), PROOF)


def test_a_deposit_taken_by_another_sender_is_refused(world):
    wallet = world.wallet("ash")
    account = int(wallet.account.address, 16)
    call = wallet.build_transact(world.asset("USD"), [], [(77, wallet.address)], deposit=77, account=account)
    refused(world, call, "pool: not the depositor")


def test_a_deposit_of_a_token_that_takes_a_fee_is_refused(world):
    chain, deployer, wallet = world.chain, world.accounts["deployer"], world.wallet("ash")
    compiled = artifact("FeeToken")
    factory = chain.web3.eth.contract(abi=compiled.abi, bytecode=compiled.bytecode)
    sent = chain.submit(deployer, factory.constructor())
    chain.receipt(sent)
    token = chain.token(chain.created(sent))
    chain.send(deployer, token.functions.mint(wallet.account.address, 10_000))
    with pytest.raises(Reverted, match="pool: inexact transfer"):
        wallet.deposit(int(token.address, 16), 1_000)


def test_a_commit_for_another_window_is_refused(world, built):
    with pytest.raises(WindowClosed):
        world.wallet("ash").build_commit(0, built.epoch + 1, BUY, credential(world, "ash"))
    refused(world, with_words(built.call, epoch=built.epoch + 1), "market: window closed")


def test_one_commit_over_the_quota_is_refused(world, built):
    wallet, market = world.wallet("dogwood"), world.ledger.markets[0]
    for _ in range(market.quota):
        wallet.commit(0, built.epoch, BUY, credential(world, "dogwood"), carrier=world.accounts["carrier"])
    world.confirm()
    with pytest.raises(QuotaUsed):
        wallet.build_commit(0, built.epoch, BUY, credential(world, "dogwood"))
    # A wallet that lies to itself about the quota makes a proof that the market does not take.
    liar = world.restore("dogwood")
    liar.ledger.sync()
    liar.ledger.markets[0] = replace(market, quota=market.quota + 1)
    _, call = liar.build_commit(0, built.epoch, BUY, credential(world, "dogwood"))
    refused(world, call, PROOF)


def test_an_order_s_place_in_the_quota_is_used_once(world, built):
    wallet = world.wallet("birch")
    _, first = wallet.build_commit(0, built.epoch, SELL, credential(world, "birch"))
    wallet.commit(0, built.epoch, SELL, credential(world, "birch"), carrier=world.accounts["carrier"])
    refused(world, first, "market: order exists")


def test_a_reused_nullifier_is_refused(world, built):
    """A note paid away by a transfer cannot also pay for an order proved before."""
    wallet = world.wallet("ash")
    [spent] = [own for own in wallet.notes() if own.nullifier == words_of(built.call)["nf0"]]
    call = wallet.build_transact(world.asset("USD"), [spent], [(spent.note.amount, wallet.address)])
    world.send("carrier", call)
    refused(world, call, "pool: note spent")
    refused(world, built.call, "pool: note spent")


def test_a_commit_after_its_window_is_refused(world, built):
    """Here the first epoch ends: nothing of it is revealed."""
    wallet = world.wallet("cedar")
    _, late = wallet.build_commit(0, built.epoch, BUY, credential(world, "cedar"))
    world.go_to(world.market.windows(built.epoch).freeze)
    refused(world, late, "market: window closed")


# --- Reveals ---


@dataclass(frozen=True)
class Batch:
    """An epoch with six commits in its reveal window; names say what each does with its reveal."""

    epoch: int
    orders: dict[str, tuple[str, PlacedOrder]]

    def order(self, name: str) -> PlacedOrder:
        return self.orders[name][1]


PLAN = {
    "bid": ("ash", BUY),
    "shifted": ("ash", Terms(Side.BUY, 4, 500)),
    "ask": ("birch", SELL),
    "small point": ("birch", Terms(Side.SELL, 3, 500)),
    "copied": ("cedar", BUY),
    "random": ("dogwood", BUY),
}


@pytest.fixture(scope="module")
def batch(world) -> Batch:
    epoch = world.open_epoch()
    orders = {}
    for name, (trader, terms) in PLAN.items():
        carrier = world.accounts["carrier"]
        orders[name] = trader, world.wallet(trader).commit(0, epoch, terms, credential(world, trader), carrier=carrier)
    windows = world.market.windows(epoch)
    world.go_to(windows.reveal)
    world.ledger.sync()
    return Batch(epoch, orders)


def signed(world: World, trader: str, placed: PlacedOrder, reveal: Reveal, epoch: int, account=None) -> Call:
    """A reveal of any content, signed as the order's owner would, or by `account`."""
    record = world.ledger.epochs[0, epoch]
    place = (world.deployment.chain_id, world.deployment.pool, 0, epoch)
    message = reveal_message(*place, record.commit_chain, int(record.leader, 16), record.reveal_version, reveal)
    key = world.traders[trader].key
    signer = account or key.order_account(placed.order.market, placed.order.epoch, placed.index)
    return build_reveal(0, epoch, placed.quota_nullifier, reveal, signer.unsafe_sign_hash(message))


def honest(world: World, batch: Batch, name: str) -> tuple[Call, Reveal]:
    trader, placed = batch.orders[name]
    call = world.wallet(trader).build_reveal(placed)
    words = words_of(call)
    return call, Reveal(words["oc"], Point(*words["point"]), tuple(words["ciphertext"]))


def test_a_reveal_not_signed_by_its_order_s_key_is_refused(world, batch):
    trader, placed = batch.orders["bid"]
    call, reveal = honest(world, batch, "bid")
    forged = signed(world, trader, placed, reveal, batch.epoch, world.accounts["stranger"])
    refused(world, forged, "market: not this order's key")
    for words in ({"ciphertext": [w + 1 for w in reveal.ciphertext]}, {"oc": reveal.oc + 1}):
        refused(world, with_words(call, **words), "market: not this order's key")


def test_an_order_of_another_epoch_is_refused(world, batch):
    """One of the first epoch, which was never revealed, named as this epoch's."""
    wallet = world.wallet("dogwood")
    old = next(seen.placed for seen in wallet.orders() if seen.placed.order.epoch != batch.epoch)
    _, reveal = honest(world, batch, "random")
    call = signed(world, "dogwood", old, replace(reveal, oc=old.order.commitment), batch.epoch)
    refused(world, call, "market: not this order's key")
    refused(world, with_words(call, epoch=old.order.epoch), "market: window closed")


def test_a_point_off_the_curve_and_a_word_not_below_r_are_refused(world, batch):
    trader, placed = batch.orders["bid"]
    _, reveal = honest(world, batch, "bid")
    off = replace(reveal, point=Point(reveal.point.x, reveal.point.y + 1))
    refused(world, signed(world, trader, placed, off, batch.epoch), "market: not a curve point")
    large = replace(reveal, ciphertext=(reveal.ciphertext[0] + R, *reveal.ciphertext[1:]))
    refused(world, signed(world, trader, placed, large, batch.epoch), "not below r")


# --- The settlement of an epoch with every bad reveal ---


@dataclass(frozen=True)
class Revealed:
    """What the leader would send, and the slot of each reveal."""

    batch: Batch
    slots: dict[str, int]
    call: Call


@pytest.fixture(scope="module")
def revealed(world, batch, tmp_path_factory) -> Revealed:
    """All six revealed, two of them truly; the settlement proved, and not sent."""
    _, bid = honest(world, batch, "bid")
    _, shifted = honest(world, batch, "shifted")
    _, small = honest(world, batch, "small point")
    shift = torsion(8)
    moved = replace(shifted, point=add(shifted.point, shift))
    assert on_curve(moved.point) and not in_subgroup(moved.point)
    copied = replace(bid, oc=batch.order("copied").order.commitment)
    trader, placed = batch.orders["random"]
    calls = {
        "bid": honest(world, batch, "bid")[0],
        "shifted": signed(world, *batch.orders["shifted"], moved, batch.epoch),
        "ask": honest(world, batch, "ask")[0],
        "small point": signed(world, *batch.orders["small point"], replace(small, point=shift), batch.epoch),
        "copied": signed(world, *batch.orders["copied"], copied, batch.epoch),
        "random": world.wallet(trader).build_reveal(placed, opening=(R - 1, 1 << 200, R // 3, R // 7)),
    }
    for call in calls.values():
        world.send("carrier", call)
    return Revealed(batch, {name: slot for slot, name in enumerate(calls)}, proved(world, batch.epoch))


class Held(Exception):
    """A transaction that was about to be sent."""


def proved(world: World, epoch: int) -> Call:
    """The settlement that the leader proves, held back where it would be sent."""

    def hold(account, call, **_):
        raise Held(call)

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Held) as held:
        patch.setattr(world.chain, "send", hold)
        world.settle(0, epoch)
    return Call("Market", "settle", tuple(held.value.args[0].args))


def test_a_leader_that_is_not_is_refused(world, revealed, tmp_path):
    refused(world, revealed.call, "market: not the leader", role="stranger")
    stranger = world.accounts["stranger"]
    pretender = Leader(world.chain, Ledger(world.chain), stranger, world.relayer_notes, tmp_path, "a password")
    with pytest.raises(NotLeader):
        pretender.settle(0, revealed.batch.epoch)


def slots_of(call: Call) -> list[list[int]]:
    return [list(slot) for slot in call.args[3]]


def test_a_settlement_that_omits_a_reveal_is_refused(world, revealed):
    call = with_argument(revealed.call, 3, slots_of(revealed.call)[:-1])
    refused(world, call, "market: wrong number of reveals", role="relayer")


def test_a_settlement_that_adds_a_reveal_is_refused(world, revealed):
    slots = slots_of(revealed.call)
    refused(world, with_argument(revealed.call, 3, [*slots, slots[0]]), "market: wrong number", role="relayer")
    replaced = [slots[0], *slots[:-1]]
    refused(world, with_argument(revealed.call, 3, replaced), "market: other reveals", role="relayer")


@pytest.mark.parametrize("word", range(7), ids=["oc", "Ex", "Ey", "ct0", "ct1", "ct2", "ct3"])
def test_a_settlement_that_alters_a_reveal_is_refused(world, revealed, word):
    for slot in range(len(revealed.slots)):
        slots = slots_of(revealed.call)
        slots[slot][word] += 1
        refused(world, with_argument(revealed.call, 3, slots), "market: other reveals", role="relayer")


@pytest.mark.parametrize("word", range(7, 11), ids=["base note", "quote note", "receipt", "audit word"])
def test_a_changed_outcome_of_a_slot_is_refused(world, revealed, word):
    for slot in range(len(revealed.slots)):
        slots = slots_of(revealed.call)
        slots[slot][word] += 1
        refused(world, with_argument(revealed.call, 3, slots), PROOF, role="relayer")
        slots[slot][word] += R - 1
        refused(world, with_argument(revealed.call, 3, slots), BELOW, role="relayer")


SETTLED_WORDS = ("print_commitment", "treasury_pad", "leader_cm", "treasury_cm")


@pytest.mark.parametrize("name", SETTLED_WORDS)
def test_a_changed_word_of_a_settlement_is_refused(world, revealed, name):
    value = words_of(revealed.call)[name]
    refused(world, with_words(revealed.call, **{name: value + 1}), PROOF, role="relayer")
    refused(world, with_words(revealed.call, **{name: value + R}), BELOW, role="relayer")


def test_another_invalid_mask_audit_word_or_memo_is_refused(world, revealed):
    words = words_of(revealed.call)
    for bit in range(len(revealed.slots)):
        mask = words["invalid_mask"] ^ 1 << bit
        refused(world, with_words(revealed.call, invalid_mask=mask), PROOF, role="relayer")
    for name in ("audit", "audit_point"):
        for place in range(2):
            altered = list(words[name])
            altered[place] += 1
            refused(world, with_words(revealed.call, **{name: altered}), PROOF, role="relayer")
    for place in range(8):
        memo = list(revealed.call.args[4])
        memo[place] += 1
        refused(world, with_argument(revealed.call, 4, memo), PROOF, role="relayer")


# --- The batch settles in spite of all ---


@dataclass(frozen=True)
class Settled:
    batch: Batch
    slots: dict[str, int]
    print: Call


@pytest.fixture(scope="module")
def settled(world, revealed) -> Settled:
    world.send("relayer", revealed.call)
    world.confirm()
    epoch = revealed.batch.epoch
    view = open_epoch(world.ledger, world.auditor, 0, epoch)
    call = build_print(world.deployment, Print(view.price, view.volume, view.salt), 0, epoch)
    return Settled(revealed.batch, revealed.slots, call)


def invalid(world: World, settled: Settled) -> set[str]:
    settlement = world.ledger.epochs[0, settled.batch.epoch].settlement
    return {name for name, slot in settled.slots.items() if settlement.invalid(slot)}


def test_another_order_s_ciphertext_copied_opens_nothing(world, settled):
    assert "copied" in invalid(world, settled)
    assert "bid" not in invalid(world, settled)


def test_a_plaintext_of_random_words_does_not_stop_the_batch(world, settled):
    assert "random" in invalid(world, settled)
    view = open_epoch(world.ledger, world.auditor, 0, settled.batch.epoch)
    assert view.volume == 10 and view.orders[settled.slots["ask"]].fill == 10


def test_a_torsion_shifted_ephemeral_point_changes_nothing(world, settled):
    """The shared point is rsk·(8·E): a shift of small order vanishes, a small point is invalid."""
    assert invalid(world, settled) == {"copied", "random", "small point"}
    view = open_epoch(world.ledger, world.auditor, 0, settled.batch.epoch)
    assert view.orders[settled.slots["shifted"]].terms == PLAN["shifted"][1]


def test_a_settlement_is_taken_once(world, revealed, settled):
    refused(world, revealed.call, "market: already settled", role="relayer")


def test_an_order_that_was_settled_cannot_be_reclaimed(world, settled):
    trader, placed = settled.batch.orders["copied"]
    call = world.wallet(trader).build_reclaim(placed)
    simulate(world, call)
    slot = settled.slots["bid"] + 1
    refused(world, with_words(call, slot=slot), "market: no such order")
    bid = settled.batch.order("bid")
    words = {"quota_nullifier": bid.quota_nullifier, "oc": bid.order.commitment, "rk": bid.rk, "slot": slot}
    refused(world, with_words(call, **words), "market: order settled")


def test_an_early_print_is_refused(world, settled):
    due = world.ledger.epochs[0, settled.batch.epoch].settlement.block + world.market.deferral
    # A call is tried on the head itself.
    world.go_to(due - 1)
    refused(world, settled.print, "market: print deferred")
    world.mine(1)
    for place in (4, 5):
        other = with_argument(settled.print, place, settled.print.args[place] + 1)
        refused(world, other, PROOF)
    world.send("carrier", settled.print)
    refused(world, settled.print, "market: already printed")


def test_the_proof_of_every_statement_is_its_circuit_s_alone(world):
    """Each verifier on chain holds the key that was built, and no two hold the same."""
    ids = {}
    for name, entry in world.deployment.verifiers.items():
        verifier = world.chain.at("Verifier", entry.address)
        ids[name] = bytes(world.chain.call(verifier.functions.circuit_id()))
        assert ids[name] == circuits.load(name).id
    assert len(set(ids.values())) == len(ids)
