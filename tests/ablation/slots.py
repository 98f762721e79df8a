"""circuits/lib/settle_slot.circom and settle_leader.circom."""

from functools import cache

from offchain import streams
from offchain.babyjubjub import B8, L, Point, mul_base
from offchain.field import R
from offchain.notes import fee, order_commitment
from offchain.poseidon import hash as H
from tests.ablation.curves import aliased, are_signs, scalar_of, shared, signs_of, vanishes
from tests.ablation.harness import Subject, cut
from tests.ablation.notes import hinted
from tests.circuits.batch import BUY, SELL, Batch

# --- A reveal ---


@cache
def _batch() -> Batch:
    return Batch(31).add(BUY, 5, 100).add_other_order().add_vanishing(4)


def _reveal(slot: int = 0, **changes) -> dict:
    batch = _batch()
    reveal, at = batch.reveals[slot], batch.place
    words = {"reveal_signs": signs_of(batch.key.scalar), "present": 1, "chain_id": at.chain_id, "pool": at.pool}
    words |= {"market": at.market, "epoch": at.epoch, "oc": reveal.oc, "point": list(reveal.point)}
    return words | {"ciphertext": list(reveal.ciphertext)} | changes


def _seed(s) -> int:
    secret = shared(scalar_of(s.reveal_signs), s.point)
    return streams.slot_seed(secret, s.chain_id, s.pool, s.market, s.epoch, s.oc)


def _opened(s) -> tuple[int, ...]:
    return streams.open_reveal(tuple(s.ciphertext), _seed(s))


def _valid(s) -> int:
    opens = order_commitment(s.market, s.epoch, _opened(s)) == s.oc
    return int(s.present and not vanishes(s.point) and opens)


# --- What a slot gets back ---


def _slot(**changes) -> dict:
    words = {"valid": 1, "side": 0, "quantity": 40, "limit": 1000, "owner": 7, "salt": 8, "fill": 30, "price": 900}
    return words | {"context": 9, "base": 11, "quote": 22, "lot": 1000, "fee_bps": 25} | changes


def _traded_fee(s) -> int:
    return fee(s.fill * s.price, s.fee_bps)


def _quote_of_buyer(s) -> int:
    notional = s.quantity * s.limit
    return notional + fee(notional, s.fee_bps) - s.fill * s.price - _traded_fee(s)


def _leaves(s) -> list[int]:
    """The two output notes, over the amounts that the circuit has; 0 where not valid."""
    blindings = streams.output_blindings(s.salt, s.context)
    amounts = (s.base, s.base_amount), (s.quote, s.quote_amount)
    return [s.valid * H("note", *asset, s.owner, blinding) for asset, blinding in zip(amounts, blindings)]


def _words(**changes) -> dict:
    return {"present": 1, "seed": 5, "context": 6, "fill": 30, "price": 900, "pad": 7} | changes


def _receipt(s) -> int:
    return s.present * streams.seal_receipt(s.fill, s.price if s.fill else 0, s.seed, s.context)


# --- The leader ---


def _secrets(s) -> streams.LeaderSecrets:
    return streams.leader_secrets(s.rsk, s.context)


def _small_offset() -> dict:
    """A context for which the offset's source, as a hash, has a second spelling of 254 bits."""
    context = next(c for c in range(1000) if _stream(c)[2] + R < 2**254)
    return {"rsk": 12345, "context": context}


def _stream(context: int) -> list[int]:
    return streams.squeeze("leader", [12345, context], 4)


_RSK = {"rsk": 12345, "context": 6}
_ALIASED = _small_offset()
_BOOLEAN = "present[k] * (1 - present[k]) === 0;"
_OPENS = "signal opens <== IsEqual()([reopened, oc]);"
_QUOTE = "signal quote_amount <== traded - fee + (1 - side) * (notional + notional_fee - 2 * traded);"
_BASE = "signal base_amount <== lots * lot;"

SUBJECTS = (
    Subject(
        "LeaderSecrets", "()", lambda: _RSK,
        {
            "E1": lambda s: s.rsk < L and s.reveal_key == list(mul_base(s.rsk)),
            "E2": lambda s: s.audit_point == list(mul_base(_secrets(s).audit_scalar)),
            "E3": lambda s: are_signs(s.reveal_signs, s.rsk) and are_signs(s.audit_signs, _secrets(s).audit_scalar),
            "E4": lambda s: (s.print_salt, s.blinding) == (_secrets(s).print_salt, _secrets(s).blinding),
            "E5": lambda s: s.offset_source == _secrets(s).offset_source,
        },
        (
            cut("E1", "any reveal key is the leader's", ("reveal_key <== FixedMul(251)(reveal_bits);", "reveal_key <-- [0, 1];")),
            cut("E1", "the leader opens under another key than the registered one",
                ("signal reveal_bits[251] <== ScalarBits()(rsk);", hinted("reveal_bits", 251, "(77 >> i) & 1"))),
            cut("E1", "a key has two scalars, and each other secrets", ("ScalarBits", "AtMost(251)(in, SUBGROUP_ORDER() - 1);", ""),
                rsk=12345 + L),
            cut("E2", "any audit point", ("audit_point <== FixedMul(250)(audit_bits);", "audit_point <-- [0, 1];")),
            cut("E2", "the audit scalar is the leader's choice",
                ("signal audit_bits[250] <== Low250()(stream[0]);", hinted("audit_bits", 250, "(77 >> i) & 1"))),
            cut("E3", "reveals are opened under another scalar",
                ("reveal_signs <== LadderSigns()(rsk);", "for (var i = 0; i < 251; i++) reveal_signs[i] <-- 1;")),
            cut("E3", "the auditor's words are under another",
                ("audit_signs <== LadderSigns()(a);", "for (var i = 0; i < 251; i++) audit_signs[i] <-- 1;")),
            cut("E4", "the print salt is the leader's choice", ("print_salt <== stream[1];", "print_salt <-- 7;")),
            cut("E4", "the blinding is", ("blinding <== stream[3];", "blinding <-- 7;")),
            cut("E4", "all of its secrets are", ("signal stream[4] <== Squeeze(TAG_LEADER(), 2, 4, 4)([rsk, context]);",
                hinted("stream", 4, "i"))),
            cut("E5", "the offset is the leader's choice", ("offset_source <== low;", "offset_source <-- 7;")),
            cut("E5", "the leader has a second offset",
                ("signal bits[254] <== Num2Bits_strict()(stream[2]);",
                 aliased("bits", "stream[2]", _stream(_ALIASED["context"])[2])), **_ALIASED),
        ),
    ),
    Subject(
        "AuditPads", "(3)", lambda: {"shared": [1, 2], "context": 3},
        {"E1": lambda s: s.pads == streams.audit_pads(Point(*s.shared), s.context, 3)},
        (
            cut("E1", "the auditor cannot take the pads off", ("pads[16 * b + i] <== block[b].out[i];", "pads[16 * b + i] <-- 7;")),
            cut("E1", "the pads are under another secret",
                ("block[b].in <== [shared[0], shared[1], context, b];", "block[b].in <-- [1, 1, context, b];")),
        ),
    ),
    Subject(
        "Present", "(3)", lambda: {"count": 2, "present": [1, 1, 0]},
        {
            "E1": lambda s: 1 <= s.count <= 3,
            "E2": lambda s: s.present == [int(k < s.count) for k in range(3)],
        },
        (
            cut("E1", "an epoch without reveals is settled", ("present[0] === 1;", ""), count=0, present=[0, 0, 0]),
            cut("E1", "four reveals in three slots", ("sum === count;", ""), count=4),
            cut("E2", "the last reveal is left out", ("sum === count;", ""), count=3),
            cut("E2", "the second reveal is left out for the third",
                ("if (k > 0) present[k] * (1 - present[k - 1]) === 0;", ""), present=[1, 0, 1]),
            cut("E2", "one slot counts twice", (_BOOLEAN, ""), count=3, present=[1, 2, 0]),
        ),
    ),
    Subject(
        "OpenReveal", "()", _reveal,
        {
            "E1": lambda s: s.seed == _seed(s),
            "E2": lambda s: s.valid == _valid(s),
            "E3": lambda s: s.terms == _valid(s) * _opened(s)[0],
            "E4": lambda s: (s.owner, s.salt) == (_opened(s)[1], _opened(s)[3]),
        },
        (
            cut("E1", "any seed",
                ("seed <== Hash(TAG_SEED(), 7)([shared.out[0], shared.out[1], chain_id, pool, market, epoch, oc]);", "seed <-- 7;")),
            cut("E1", "the reveal is opened under another scalar", ("shared.signs <== reveal_signs;",
                "for (var i = 0; i < 251; i++) shared.signs[i] <-- 1;")),
            cut("E1", "another point is met", ("shared.point <== point;", f"shared.point <-- [{B8.x}, {B8.y}];")),
            cut("E2", "a valid order is voided", ("valid <== usable * opens;", "valid <-- 0;")),
            cut("E2", "a reveal of another order is entered", ("valid <== usable * opens;", "valid <-- 1;"), **_reveal(1)),
            cut("E2", "a comparison with oc is the leader's word", (_OPENS, "signal opens <-- 1;"), **_reveal(1)),
            cut("E2", "a point of small order is entered",
                ("signal usable <== present * (1 - shared.vanishes);", "signal usable <-- present;"), **_reveal(2)),
            cut("E2", "the words are not those under the pads", ("opened[i] <== ciphertext[i] - pads[i];", "opened[i] <-- 7;")),
            cut("E2", "the pads are the leader's", ("signal pads[4] <== Squeeze(TAG_REVEAL(), 1, 4, 4)([seed]);",
                hinted("pads", 4, "i"))),
            cut("E2", "the commitment that is compared is not the order's",
                ("signal reopened <== OrderCommitment()(market, epoch, opened[0], opened[1], opened[2], opened[3]);",
                 "signal reopened <-- oc;"), **_reveal(1)),
            cut("E3", "the order has the leader's terms", ("terms <== valid * opened[0];", "terms <-- 7;")),
            cut("E3", "the terms of an invalid reveal are entered", ("terms <== valid * opened[0];", "terms <-- opened[0];"),
                **_reveal(1)),
            cut("E4", "the outputs go to the leader", ("owner <== opened[1];", "owner <-- 7;")),
            cut("E4", "the owner cannot find its outputs", ("salt <== opened[3];", "salt <-- 7;")),
        ),
    ),
    Subject(
        "SlotOutputs", "()", _slot,
        {
            "E1": lambda s: s.fee == _traded_fee(s),
            "E2": lambda s: s.side == 1 or (s.base_amount, s.quote_amount) == (s.fill * s.lot, _quote_of_buyer(s)),
            "E3": lambda s: s.side == 0 or (s.base_amount, s.quote_amount) == (
                (s.quantity - s.fill) * s.lot, s.fill * s.price - _traded_fee(s)),
            "E4": lambda s: [s.base_cm, s.quote_cm] == _leaves(s),
        },
        (
            cut("E1", "a friend pays no fee", ("fee <== BasisPoints()(traded, fee_bps);", "fee <-- 0;")),
            cut("E1", "the fee is on more than was traded", ("signal traded <== fill * price;", "signal traded <-- 10000000;")),
            cut("E2", "a buyer gets its whole lock back", (_QUOTE, "signal quote_amount <-- 40100;")),
            cut("E2", "a buyer gets more base than it bought", (_BASE, "signal base_amount <-- 40000;")),
            cut("E2", "the lots are the leader's", ("signal lots <== fill + side * (quantity - 2 * fill);", "signal lots <-- 40;")),
            cut("E2", "the lock is larger than it was", ("signal notional <== quantity * limit;", "signal notional <-- 50000;")),
            cut("E2", "so is the fee in it", ("signal notional_fee <== BasisPoints()(notional, fee_bps);",
                "signal notional_fee <-- 5000;")),
            cut("E3", "a seller is paid more than it sold", (_QUOTE, "signal quote_amount <-- 40100;"), **_slot(side=SELL)),
            cut("E3", "a seller gets all of its base back", (_BASE, "signal base_amount <-- 40000;"), **_slot(side=SELL)),
            cut("E4", "an invalid slot is paid in base", ("base_cm <== valid * base_note;", "base_cm <-- base_note;"), valid=0),
            cut("E4", "an invalid slot is paid in quote", ("quote_cm <== valid * quote_note;", "quote_cm <-- quote_note;"), valid=0),
            cut("E4", "the base note is another",
                ("signal base_note <== NoteCommitment()(base, base_amount, owner, blinding[0]);", "signal base_note <-- 7;")),
            cut("E4", "the quote note is another",
                ("signal quote_note <== NoteCommitment()(quote, quote_amount, owner, blinding[1]);", "signal quote_note <-- 7;")),
            cut("E4", "nobody can recompute the blindings",
                ("signal blinding[2] <== Squeeze(TAG_BLIND(), 2, 2, 2)([salt, context]);", hinted("blinding", 2, "i"))),
        ),
    ),
    Subject(
        "SlotWords", "()", _words,
        {"E1": lambda s: s.receipt == _receipt(s), "E2": lambda s: s.audit == s.present * (s.seed + s.pad) % R},
        (
            cut("E1", "any receipt", ("receipt <== present * (fill + 2 ** 64 * paid + stream[0]);", "receipt <-- 7;")),
            cut("E1", "an order without a fill learns the price", ("signal paid <== (1 - unfilled) * price;",
                "signal paid <-- price;"), fill=0),
            cut("E1", "a filled order does not", ("signal unfilled <== IsZero()(fill);", "signal unfilled <-- 1;")),
            cut("E1", "the receipt is under another stream",
                ("signal stream[1] <== Squeeze(TAG_RECEIPT(), 2, 2, 1)([seed, context]);", "signal stream[1] <-- [7];")),
            cut("E2", "the auditor gets another seed", ("audit <== present * (seed + pad);", "audit <-- 7;")),
            cut("E2", "an absent slot has a word", ("audit <== present * (seed + pad);", "audit <-- 7;"), present=0),
        ),
    ),
)
