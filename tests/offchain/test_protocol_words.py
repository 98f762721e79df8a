"""Keys, notes, streams and statements: ranges, round trips and separation."""

import pytest
from eth_account import Account

from offchain import babyjubjub, keys, notes, statement, streams
from offchain.field import R, RangeError
from offchain.keys import EncryptionKey, ShieldedKey

POOL = "0x" + "11" * 20
OTHER_POOL = "0x" + "22" * 20
KEY = ShieldedKey(7)
TERMS = notes.Terms(notes.Side.SELL, 5, 9)


@pytest.fixture
def context():
    return streams.Context(31337, int(POOL, 16), 0, 3, 11, 100, 1, 1, 1)


def test_key_is_bound_to_chain_and_pool():
    seed = bytes(32)
    found = {keys.derive(seed, chain, pool).sk for chain in (1, 2) for pool in (POOL, OTHER_POOL)}
    assert len(found) == 4


def test_wallet_key_is_deterministic():
    account = Account.from_key(b"\1" * 32)
    assert keys.from_wallet(account, 1, POOL).sk == keys.from_wallet(account, 1, POOL).sk


class Signer:
    """A wallet that gives these signatures in turn."""

    def __init__(self, *signatures):
        self.left = list(signatures)

    def sign_message(self, _):
        return type("Signed", (), {"signature": self.left.pop(0)})


def test_a_key_is_the_signature_s_r_and_low_s():
    """v is 27 or 28 in one wallet, 0 or 1 in another, and s or n - s is the signer's choice."""
    signed = Account.from_key(b"\1" * 32).sign_message(keys.key_message(1, POOL)).signature
    r, s, v = signed[:32], int.from_bytes(signed[32:64], "big"), signed[64]
    high = (keys.SECP256K1_ORDER - s).to_bytes(32, "big")
    spellings = [r + word + bytes([v_]) for word in (signed[32:64], high) for v_ in (v, v - 27, 28 - v, 55 - v)]
    found = {keys.from_wallet(Signer(signed, spelling), 1, POOL).sk for spelling in spellings}
    assert found == {keys.derive(signed[:64], 1, POOL).sk}


@pytest.mark.parametrize("signature", [bytes([1]) * 64, bytes([1]) * 66, bytes(65), b"\xff" * 65])
def test_what_is_no_signature_makes_no_key(signature):
    with pytest.raises(ValueError, match="signature"):
        keys.from_wallet(Signer(signature, signature), 1, POOL)


def test_wallet_with_varying_signatures_is_refused():
    with pytest.raises(keys.KeyMaterialError, match="vary"):
        keys.from_wallet(Signer(bytes([1]) * 65, bytes([2]) * 65), 1, POOL)


def test_secrets_stay_out_of_repr():
    order = notes.Order(1, 2, TERMS, 3, 4, 5_555_555)
    shown = repr(KEY) + repr(EncryptionKey(99991)) + repr(order)
    assert "sk" not in shown and "99991" not in shown and "5555555" not in shown


@pytest.mark.parametrize("quantity, price", [(0, 1), (1, 0), (1 << 64, 1), (1, 1 << 64), (1.0, 1)])
def test_terms_out_of_range(quantity, price):
    with pytest.raises(RangeError):
        notes.Terms(notes.Side.BUY, quantity, price)


def test_terms_round_trip_at_the_extremes():
    for side in notes.Side:
        for edge in (1, (1 << 64) - 1):
            terms = notes.Terms(side, edge, edge)
            assert notes.Terms.from_word(terms.word) == terms


def test_lock_is_the_worst_case():
    assert notes.Terms(notes.Side.BUY, 10, 1_003).lock(lot=100, fee_bps=30) == 10_030 + 30
    assert notes.Terms(notes.Side.SELL, 10, 1_003).lock(lot=100, fee_bps=30) == 1_000


def test_nullifier_depends_on_position_and_key():
    note = notes.Note(1, 2, KEY.owner, 3)
    assert len({note.nullifier(KEY, 0), note.nullifier(KEY, 1), note.nullifier(ShieldedKey(8), 0)}) == 3


def test_reveal_opens_for_the_leader_alone():
    leader, order = EncryptionKey(12345), notes.Order(0, 3, TERMS, KEY.owner, 4, 55)
    oc, e = order.commitment, KEY.ephemeral("reveal", order.commitment)
    seed = streams.slot_seed(streams.shared_point(e, leader.public), 1, 2, 0, 3, oc)
    reveal = streams.seal_reveal(order.opening, oc, e, seed)
    shared = streams.shared_point(leader.scalar, reveal.point)
    assert streams.slot_seed(shared, 1, 2, 0, 3, oc) == seed
    assert streams.open_reveal(reveal.ciphertext, seed) == order.opening
    copied = streams.slot_seed(shared, 1, 2, 0, 3, oc + 1)
    assert notes.order_commitment(0, 3, streams.open_reveal(reveal.ciphertext, copied)) != oc


def test_torsion_gives_no_second_shared_point():
    leader = EncryptionKey(12345)
    point = babyjubjub.mul_base(77)
    shifted = babyjubjub.add(point, babyjubjub.torsion(8))
    assert shifted != point
    assert streams.shared_point(leader.scalar, point) == streams.shared_point(leader.scalar, shifted)


def test_receipt_round_trip_and_wrong_seed(context):
    word = streams.seal_receipt(7, 9, 42, context.word)
    assert streams.open_receipt(word, 42, context.word) == (7, 9)
    with pytest.raises(streams.DecryptionError):
        streams.open_receipt(word, 43, context.word)


def test_every_field_of_the_context_counts(context):
    fields = list(context.__dict__.items())
    words = {context.word}
    for name, value in fields:
        words.add(streams.Context(**{**dict(fields), name: value + 1}).word)
    assert len(words) == 1 + len(fields)


def test_treasury_pad_depends_on_the_outcome():
    shared = babyjubjub.B8
    assert streams.treasury_stream(shared, 1, 0) != streams.treasury_stream(shared, 1, 1)


def test_memo_round_trip_and_tampering():
    memo = streams.seal_memo([1, 2, 3, 4, 5], KEY.viewing.public, KEY.ephemeral("memo", 1))
    assert len(memo) == 8
    assert streams.open_memo(memo, KEY.viewing) == [1, 2, 3, 4, 5]
    with pytest.raises(streams.DecryptionError):
        streams.open_memo(memo, ShieldedKey(8).viewing)
    for index in range(len(memo)):
        altered = [word + (i == index) for i, word in enumerate(memo)]
        with pytest.raises(streams.DecryptionError):
            streams.open_memo(altered, KEY.viewing)


def test_statement_binds_chain_pool_circuit_and_words():
    def of(d=(1, 2, 3), circuit=bytes(32), chain=1, pool=2):
        return statement.statement(list(d), circuit, chain, pool)

    base = of()
    others = [of(d=(1, 2, 4)), of(circuit=b"\1" + bytes(31)), of(chain=2), of(pool=3)]
    assert all(other.challenge != base.challenge for other in others)
    assert base.evaluation == (base.challenge**2 + 2 * base.challenge + 3) % R


def test_statement_refuses_a_word_at_the_modulus():
    with pytest.raises(RangeError):
        statement.statement([R], bytes(32), 1, 2)
