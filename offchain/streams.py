"""Encryption: reveals, receipts, audit words, treasury pads and memos (protocol §3, §7).

Every pad is a Poseidon stream whose capacity element is never given out, and every
stream's words are absorbed once: see `docs/protocol.md` §7 for what each absorbs.
"""

from dataclasses import astuple, dataclass

from offchain import babyjubjub
from offchain.babyjubjub import Point, ecdh, mul_base
from offchain.field import R, check, keccak256, to_field
from offchain.keys import EncryptionKey
from offchain.notes import order_commitment
from offchain.poseidon import hash as poseidon_hash
from offchain.poseidon import squeeze

AUDIT_BLOCK = 16
AUDIT_HEADER = 2
SETTLEMENT_KIND = 2
SIGNATURE_DOMAIN = keccak256(b"shadowpool.v1.reveal")


class DecryptionError(ValueError):
    """The ciphertext is not for this key, or was altered."""


def keccak_words(*words: int | bytes) -> bytes:
    """keccak256 of the ABI encoding of words (addresses and bytes32 as integers or 32 bytes)."""
    return keccak256(b"".join(w if isinstance(w, bytes) else w.to_bytes(32, "big") for w in words))


@dataclass(frozen=True)
class Context:
    """Where a settlement stands; its hash keeps every settlement's secrets apart."""

    chain_id: int
    pool: int
    market: int
    epoch: int
    reveal_chain: int
    reference: int
    reveal_version: int
    auditor_version: int
    treasury_version: int

    @property
    def word(self) -> int:
        return poseidon_hash("context", *astuple(self))


# --- Reveals ---


@dataclass(frozen=True)
class Reveal:
    """What a reveal puts on chain: the commitment, E and four ciphertext words."""

    oc: int
    point: Point
    ciphertext: tuple[int, int, int, int]

    def words(self) -> list[int]:
        return [self.oc, self.point.x, self.point.y, *self.ciphertext]


def slot_seed(shared: Point, chain_id: int, pool: int, market: int, epoch: int, oc: int) -> int:
    return poseidon_hash("seed", shared.x, shared.y, chain_id, pool, market, epoch, oc)


def seal_reveal(opening: tuple[int, ...], oc: int, ephemeral: int, seed: int) -> Reveal:
    pads = squeeze("reveal", [seed], 4)
    sealed = tuple((word + pad) % R for word, pad in zip(opening, pads, strict=True))
    return Reveal(oc, mul_base(ephemeral), sealed)


def open_reveal(ciphertext: tuple[int, ...], seed: int) -> tuple[int, int, int, int]:
    """The four words under the ciphertext; any words at all if its author put any."""
    pads = squeeze("reveal", [seed], 4)
    return tuple((word - pad) % R for word, pad in zip(ciphertext, pads, strict=True))


def valid_opening(market: int, epoch: int, reveal: Reveal, seed: int) -> tuple[int, int, int, int] | None:
    """What a reveal opens to under its slot's seed (terms, owner, credential id, salt), or None
    where it is invalid: it does not open its own commitment, or its point vanishes (protocol §4).

    With a point of small order anyone knows the seed, so that the words may open all the same.
    """
    opening = open_reveal(reveal.ciphertext, seed)
    opens = order_commitment(market, epoch, opening) == reveal.oc
    return opening if opens and shared_point(1, reveal.point) != babyjubjub.IDENTITY else None


def shared_point(scalar: int, point: Point) -> Point:
    """scalar·(8·point), or the identity for a point of small order (an invalid reveal)."""
    return ecdh(scalar, point)


def commit_link(chain: bytes, oc: int, rk: int) -> bytes:
    """The commit chain after a commit, or with rk = 0 after a cancel."""
    return keccak_words(chain, oc, rk)


def reveal_link(chain: bytes, reveal: Reveal) -> bytes:
    return keccak_words(chain, *reveal.words())


def reveal_message(
    chain_id: int, pool: int, market: int, epoch: int, chain: bytes, leader: int, version: int, reveal: Reveal
) -> bytes:
    """The 32 bytes that `rk` signs: `chain` is the frozen commit chain, `leader` the address of
    the one reader and `version` that of its key."""
    reader = leader + (version << 160)
    head = (SIGNATURE_DOMAIN, chain_id, pool, market, epoch, reveal.oc, chain, reader)
    return keccak_words(*head, *reveal.words()[1:])


# --- What a settlement encrypts ---


def pack_receipt(fill: int, price: int) -> int:
    return fill + (price << 64)


def _receipt_pad(seed: int, context: int) -> int:
    return squeeze("receipt", [seed, context], 1)[0]


def seal_receipt(fill: int, price: int, seed: int, context: int) -> int:
    return (pack_receipt(fill, price) + _receipt_pad(seed, context)) % R


def open_receipt(word: int, seed: int, context: int) -> tuple[int, int]:
    """(fill in lots, price). DecryptionError if the word is not a receipt of this seed."""
    plain = (word - _receipt_pad(seed, context)) % R
    if plain >> 128:
        raise DecryptionError("this receipt does not open with the slot's seed")
    return plain & ((1 << 64) - 1), plain >> 64


def output_blindings(salt: int, context: int) -> tuple[int, int]:
    """Blindings of an order's base and quote output."""
    base, quote = squeeze("blind", [salt, context], 2)
    return base, quote


@dataclass(frozen=True)
class LeaderSecrets:
    """What the leader's key and the context fix: nothing is left to the leader's choice."""

    audit_scalar: int
    print_salt: int
    offset_source: int
    blinding: int


def leader_secrets(rsk: int, context: int) -> LeaderSecrets:
    audit, salt, offset, blinding = squeeze("leader", [rsk, context], 4)
    low128 = offset & ((1 << 128) - 1)
    return LeaderSecrets(babyjubjub.scalar_from_hash(audit), salt, low128, blinding)


def print_commitment(price: int, volume: int, salt: int) -> int:
    return poseidon_hash("print", price, volume, salt)


def audit_pads(shared: Point, context: int, count: int) -> list[int]:
    """`count` pads of the audit stream: two header words, then one a slot."""
    blocks = range(-(-count // AUDIT_BLOCK))
    pads = [
        pad
        for block in blocks
        for pad in squeeze("audit", [shared.x, shared.y, context, block], AUDIT_BLOCK)
    ]
    return pads[:count]


def treasury_stream(shared: Point, context: int, kind: int) -> tuple[int, int]:
    """(blinding of the treasury's note, pad of its amount)."""
    blinding, pad = squeeze("treasury", [shared.x, shared.y, context, kind], 2)
    return blinding, pad


# --- Memos ---


def memo_word(memo: list[int]) -> int:
    """The memo's word in a statement."""
    return to_field(keccak_words(*memo))


def seal_memo(plain: list[int], viewing: Point, ephemeral: int) -> list[int]:
    """Encrypt five words to a viewing key under a fresh ephemeral scalar: 8 words.

    ValueError for a viewing key of small order: anyone could read what is sent to it.
    """
    if len(plain) != 5:
        raise ValueError(f"a memo holds five words, not {len(plain)}")
    shared = ecdh(ephemeral, viewing)
    if shared == babyjubjub.IDENTITY:
        raise ValueError("the viewing key has small order: ask its owner for the right address")
    *pads, mac_key = squeeze("memo", [shared.x, shared.y], 6)
    sealed = [(check(word) + pad) % R for word, pad in zip(plain, pads, strict=True)]
    point = mul_base(ephemeral)
    return [point.x, point.y, *sealed, poseidon_hash("memo.mac", mac_key, *sealed)]


def open_memo(memo: list[int], key: EncryptionKey) -> list[int]:
    """The five words of a memo; DecryptionError if it is not for `key`."""
    x, y, *sealed, mac = memo
    try:
        point = babyjubjub.check_point(Point(x, y))
    except ValueError as error:
        raise DecryptionError("the memo's point is not on the curve") from error
    shared = ecdh(key.scalar, point)
    *pads, mac_key = squeeze("memo", [shared.x, shared.y], 6)
    if any(word >= R for word in sealed) or poseidon_hash("memo.mac", mac_key, *sealed) != mac:
        raise DecryptionError("the memo is not for this key")
    return [(word - pad) % R for word, pad in zip(sealed, pads, strict=True)]
