"""circuits/settle.circom with the relayer's settlements: honest ones prove, no other one does."""

import random
from dataclasses import replace
from functools import cache

import pytest

from offchain import circuits, prover, snarkjs, streams
from offchain.babyjubjub import L
from offchain.field import R, to_field
from offchain.keys import EncryptionKey
from offchain.notes import Payment
from offchain.statement import statement
from offchain.witness import WitnessError
from relayer import settlement as relayer
from relayer.settlement import Settlement, Slot
from scripts.circuits import build
from tests.circuits.batch import BUY, COMMIT_CHAIN, SELL, Batch

NAME = "settle_8"
HEAD, SLOT = 34, 11
CHAIN_ID, POOL = 31337, 0x9001


@pytest.fixture(scope="module", autouse=True)
def built() -> None:
    build([NAME])


def witness(d: list[int], inputs: dict) -> bytes:
    return circuits.witness(NAME, statement(d, circuits.load(NAME).id, CHAIN_ID, POOL), inputs)


def proves(settlement: Settlement) -> None:
    witness(*settlement.assemble())


def refused(d: list[int], inputs: dict, by: str) -> None:
    """The witness fails, and in the template that is meant to stop it."""
    with pytest.raises(WitnessError, match=rf"Error in template {by}_\d+"):
        witness(d, inputs)


def stated(d: list[int], **words: int) -> list[int]:
    """The statement with `w<index>` replaced."""
    changed = {int(name[1:]): word % R for name, word in words.items()}
    return [changed.get(i, word) for i, word in enumerate(d)]


@cache
def honest() -> Settlement:
    """Rationed sellers, a whole buyer, an order that misses and two invalid reveals; one slot absent."""
    batch = Batch(1).add(BUY, 10, 105).add(SELL, 7, 100).add_random_words().add(SELL, 8, 100)
    return batch.add(BUY, 3, 90).add_other_order().add(SELL, 2, 99).settle()


# --- Every batch has a proof ---


def full() -> Batch:
    batch = Batch(2)
    for k in range(8):
        batch.add(k % 2, 3 + k, 100 + 5 * (-1) ** k)
    return batch


def ties_on_both_sides(buyers: int) -> Batch:
    batch = Batch(3)
    for k in range(8):
        batch.add(BUY if k < buyers else SELL, 5 + 2 * k, 100)
    return batch


def largest() -> Batch:
    """Every number at its end: the largest quantity, price, and fee that an amount can take."""
    most = 2**64 - 1
    batch = Batch(4, reference=most, lot=most, fee_bps=0, split_bps=10_000)
    return batch.add(BUY, most, most).add(SELL, most, most).add(SELL, most, 1).add(BUY, 1, 1)


BATCHES = {
    "full": full,
    "one buyer": lambda: Batch(5).add(BUY, 4, 100),
    "one seller": lambda: Batch(5).add(SELL, 4, 100),
    "all invalid": lambda: Batch(6).add_random_words().add_other_order().add_vanishing(2).add_random_words(),
    "one invalid": lambda: Batch(7).add_random_words(),
    "random words": lambda: Batch(8).add(BUY, 4, 110).add_random_words().add(SELL, 4, 90),
    "copied ciphertext": lambda: Batch(9).add(BUY, 4, 110).add_copied(0).add(SELL, 4, 90),
    "another order": lambda: Batch(10).add(BUY, 4, 110).add_other_order().add(SELL, 4, 90),
    "another epoch's order": lambda: Batch(11).add(BUY, 4, 110).add_order_of_another_epoch(),
    "torsion": lambda: Batch(12).add_twisted(BUY, 4, 110, 8).add_twisted(SELL, 3, 95, 4).add_twisted(SELL, 2, 90, 2),
    "vanishing": lambda: Batch(13).add(BUY, 4, 110).add_vanishing(1).add_vanishing(2).add_vanishing(4).add_vanishing(8),
    "no cross": lambda: Batch(14).add(BUY, 4, 99).add(SELL, 4, 101),
    "outside the collar": lambda: Batch(15, reference=50, collar_bps=300).add(BUY, 4, 110).add(SELL, 4, 90),
    "ties, buyers rationed": lambda: ties_on_both_sides(6),
    "ties, sellers rationed": lambda: ties_on_both_sides(3),
    "no fee": lambda: Batch(16, fee_bps=0).add(BUY, 4, 110).add(SELL, 4, 90),
    "highest fee": lambda: Batch(17, fee_bps=10_000).add(BUY, 4, 110).add(SELL, 4, 90),
    "largest numbers": largest,
}
VALID = {"full": 8, "torsion": 3, "vanishing": 1, "all invalid": 0, "copied ciphertext": 2, "another epoch's order": 1}


@pytest.mark.parametrize("name", BATCHES)
def test_p10_every_batch_has_a_proof(name):
    batch = BATCHES[name]()
    settlement = batch.settle()
    proves(settlement)
    valid = [not settlement.invalid_mask >> k & 1 for k in range(len(batch.orders))]
    assert valid == [order is not None for order in batch.orders]
    assert sum(valid) == VALID.get(name, sum(valid))


def test_p10_random_batches_have_proofs():
    rng = random.Random(99)
    for seed in range(20):
        batch = Batch(1000 + seed, reference=rng.randint(1, 12), collar_bps=rng.choice([0, 2000, 10_000]))
        for _ in range(rng.randint(1, 8)):
            add = rng.choice([batch.add] * 6 + [batch.add_twisted, batch.add_random_words, batch.add_other_order])
            order = rng.choice([BUY, SELL]), rng.randint(1, 2 ** rng.choice([3, 64]) - 1), rng.randint(1, 12)
            add(*(order if add == batch.add else (*order, 8) if add == batch.add_twisted else ()))
        settlement = batch.settle()
        proves(settlement)
        bought, sold = (
            sum(fill for order, fill in zip(batch.orders, settlement.clearing.fills) if order and order.terms.side == side)
            for side in (BUY, SELL)
        )
        assert bought == sold == settlement.clearing.volume


# --- A leader that departs from the protocol, consistently, in one place ---


def dishonest(monkeypatch, name: str, change) -> Settlement:
    """The settlement of a leader whose function `name` gives change(what the honest one gives)."""
    batch = Batch(1).add(BUY, 10, 105).add(SELL, 7, 100).add_random_words().add(SELL, 8, 100)
    batch.add(BUY, 3, 90).add_other_order().add(SELL, 2, 99)
    true = getattr(relayer, name)
    calls = iter(range(1000))
    monkeypatch.setattr(relayer, name, lambda *a: change(next(calls), true(*a), a))
    return batch.settle()


def in_call(k: int, change):
    """Change the k-th result only."""
    return lambda call, result, args: change(result) if call == k else result


def reopened(call: int, slot: Slot, args: tuple) -> Slot:
    """Slot 5 with the order under its ciphertext, which is not the one that it committed."""
    context, key, reveal = args
    shared = streams.shared_point(key.scalar, reveal.point)
    seed = streams.slot_seed(shared, context.chain_id, context.pool, context.market, context.epoch, reveal.oc)
    return Slot(seed, streams.open_reveal(reveal.ciphertext, seed)) if call == 5 else slot


def paid(base: int, quote: int, fee: int):
    return in_call(0, lambda p: Payment(p.base + base, p.quote + quote, p.fee + fee))


def shifted(field: str, by: int = 1):
    return lambda call, result, args: replace(result, **{field: getattr(result, field) + by})


def moved(a: int, b: int):
    """Shift a pair that a function gives, as long as it stays in the field."""
    return lambda call, result, args: ((result[0] + a) % R, (result[1] + b) % R)


DISHONEST = {
    "E3: a valid order is marked invalid": ("open_slot", in_call(0, lambda slot: replace(slot, opening=None))),
    "E3: a reveal of another order is entered": ("open_slot", reopened),
    "E3: the seed is another": ("open_slot", in_call(0, lambda slot: replace(slot, seed=slot.seed + 1))),
    "E5: another price": ("clear", shifted("clamped")),
    "E5: more volume": ("clear", shifted("volume")),
    "E5: a friend's place in the margin": (
        "clear",
        lambda call, result, args: replace(result, fills=(10, 4, 0, 4, 0, 0, 2)),
    ),
    "E5: another offset source": (
        "leader_secrets",
        lambda call, result, args: replace(result, offset_source=result.offset_source ^ 2**127),
    ),
    "E6: a unit of base too many": ("pay", paid(1, 0, 0)),
    "E6: a unit of quote too many": ("pay", paid(0, 1, 0)),
    "E6: fee taken from the trader": ("pay", paid(0, -1, 1)),
    "E6: another blinding": ("output_blindings", moved(1, 0)),
    "E6: another blinding of the quote": ("output_blindings", moved(0, 1)),
    "E7: a receipt that says more": ("seal_receipt", in_call(1, lambda word: word + 1)),
    "E7: a receipt of an unfilled order with a price": ("seal_receipt", in_call(4, lambda word: word + (100 << 64))),
    "E8: the leader takes more": ("split", moved(1, -1)),
    "E8: another blinding of the leader's note": ("leader_secrets", shifted("blinding")),
    "E9: the treasury gets less": ("split", moved(0, -1)),
    "E9: a note that the treasury cannot open": ("treasury_stream", moved(1, 0)),
    "E9: an amount that the treasury cannot read": ("treasury_stream", moved(0, 1)),
    "E10: another print": ("print_commitment", in_call(0, lambda word: word ^ 1)),
    "E10: a print without trades": ("clear", shifted("price")),
    "E10: another salt": ("leader_secrets", shifted("print_salt")),
    "E11: another audit key": ("leader_secrets", shifted("audit_scalar")),
    "E11: the header for nobody": ("audit_pads", lambda call, pads, args: [pads[0] + 1, *pads[1:]]),
    "E11: a seed for nobody": ("audit_pads", lambda call, pads, args: [*pads[:-1], pads[-1] ^ 1]),
}


@pytest.mark.parametrize("departure", DISHONEST)
def test_p4_p5_p6_p7_a_dishonest_settlement_has_no_proof(monkeypatch, departure):
    settlement = dishonest(monkeypatch, *DISHONEST[departure])
    d, inputs = settlement.assemble()
    true_d, true_inputs = honest().assemble()
    # The leader may say in its witness what its own clearing says, or the truth.
    assert d != true_d
    refused(d, inputs | {name: true_inputs[name] for name in ("lo", "hi", "offset")}, "Statement")
    if any(inputs[name] != true_inputs[name] for name in ("lo", "hi", "offset")):
        refused(d, inputs, "(Statement|AtMost|Ration)")


def test_the_honest_settlement_has_a_proof():
    proves(honest())
    assert honest().clearing.fills[0] == 10 and honest().invalid_mask == 0b100100


# --- One word or signal at a time ---


@pytest.mark.parametrize("count, present", [(0, [0] * 8), (6, None), (8, None), (9, [1] * 8), (7, [1] * 6 + [0, 1]),
                                            (7, [1] * 5 + [2, 0, 0]), (7, [1] * 8)])  # fmt: skip
def test_e1_count_alone_decides_who_is_present(count, present):
    d, inputs = honest().assemble()
    signals = inputs | {"count": count} | ({"present": present} if present else {})
    refused(stated(d, w23=count), signals, "Present")


def test_e1_an_absent_slot_cannot_be_entered_nor_a_present_one_left_out():
    d, inputs = honest().assemble()
    for count in (6, 8):
        present = [1] * count + [0] * (8 - count)
        refused(stated(d, w23=count), inputs | {"count": count, "present": present}, "Statement")


def test_e2_the_reveal_key_is_the_registered_one():
    batch = Batch(1).add(BUY, 1, 100)
    registered = batch.key.public
    batch.key = EncryptionKey(batch.key.scalar - 1)     # the leader proves under another
    d, inputs = batch.settle().assemble()
    refused(stated(d, w9=registered.x, w10=registered.y), inputs, "Statement")


def test_e2_the_key_has_one_scalar():
    batch = Batch(1)
    batch.key = EncryptionKey(5)
    settlement = batch.add(BUY, 1, 100).settle()
    proves(settlement)
    d, inputs = settlement.assemble()
    refused(d, inputs | {"rsk": 5 + L}, "AtMost")       # 5 + l has 251 bits too


@pytest.mark.parametrize("mask", [0, 0b100, 0b100101, 0b1100100, 0b10100100])
def test_e4_the_mask_is_not_the_leaders_choice(mask):
    d, inputs = honest().assemble()
    refused(stated(d, w24=mask), inputs, "Statement")


@pytest.mark.parametrize("signal", ["lo", "hi"])
@pytest.mark.parametrize("by", [-1, 1])
def test_e5_the_ends_of_the_interval_have_one_witness(signal, by):
    d, inputs = honest().assemble()
    refused(d, inputs | {signal: inputs[signal] + by}, "AtMost")


@pytest.mark.parametrize("by", [-1, 1])
def test_e5_the_offset_has_one_witness(by):
    d, inputs = honest().assemble()
    refused(d, inputs | {"offset": inputs["offset"] + by}, "Ration")


WORDS = [*range(HEAD), *range(HEAD, HEAD + SLOT), *range(HEAD + 7 * SLOT, HEAD + 8 * SLOT)]


@pytest.mark.parametrize("word", WORDS)
def test_e12_no_word_of_the_statement_can_be_another(word):
    d, inputs = honest().assemble()
    refused(stated(d, **{f"w{word}": d[word] + 1}), inputs, "Statement")


PRIVATE = ("rsk", "present", "lo", "hi", "offset")


def bumped(value: int | list) -> int | list:
    return [bumped(value[0]), *value[1:]] if isinstance(value, list) else value + 1


@pytest.mark.parametrize("name", [name for name in honest().inputs() if name not in PRIVATE])
def test_e12_no_signal_can_differ_from_its_word(name):
    """The other direction: the leader keeps the chain's words and proves about its own."""
    d, inputs = honest().assemble()
    refused(d, inputs | {name: bumped(inputs[name])}, "(Statement|AtMost|Ration|Present)")


# --- Reveals are those of the chain ---


def chain_of(settlement: Settlement) -> int:
    """The word that the contract finds when it hashes the reveals of the calldata."""
    chain = COMMIT_CHAIN
    for words in settlement.slots:
        chain = streams.keccak_words(chain, *words[:7])
    return to_field(chain)


def omits(reveals):
    return reveals[:-1]


def adds(reveals):
    return [*reveals, replace(reveals[0], oc=reveals[0].oc + 1)]


def alters(reveals):
    return [replace(reveals[0], ciphertext=(1, 2, 3, 4)), *reveals[1:]]


def swaps(reveals):
    return [reveals[1], reveals[0], *reveals[2:]]


@pytest.mark.parametrize("change", [omits, adds, alters, swaps])
def test_p4_a_settlement_of_other_reveals_has_another_chain(change):
    """Its own proof states another chain; the true chain's word or words make no proof."""
    batch = Batch(21).add(BUY, 4, 110).add(SELL, 4, 90).add(SELL, 3, 95)
    true = batch.settle()
    batch.reveals = list(change(batch.reveals))
    other = batch.settle()
    proves(other)
    assert chain_of(true) == true.words()[4]
    assert chain_of(other) == other.words()[4] != true.words()[4]

    d, inputs = other.assemble()
    refused(stated(d, w4=true.words()[4]), inputs, "Statement")
    refused(true.words(), inputs, "(Statement|Present)")


# --- The real thing ---


def test_p11_a_real_proof_verified_by_both_verifiers():
    settlement = full().settle()
    d, inputs = settlement.assemble()
    proven = circuits.prove(NAME, d, inputs, CHAIN_ID, POOL)
    assert list(proven.proof.publics) == statement(d, circuits.load(NAME).id, CHAIN_ID, POOL).publics
    key = circuits.file(NAME, "vkey.json")
    assert prover.verify(key, proven.proof) and snarkjs.verify(key, proven.proof)

    # The same proof for another chain or pool has another challenge, and holds for neither.
    for chain_id, pool in ((CHAIN_ID + 1, POOL), (CHAIN_ID, POOL + 1)):
        elsewhere = statement(d, circuits.load(NAME).id, chain_id, pool)
        assert elsewhere.challenge != proven.statement.challenge
        assert not prover.verify(key, replace(proven.proof, publics=tuple(elsewhere.publics)))
