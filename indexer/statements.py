"""What each proof on the chain states, laid out from the call that brought it and from the chain's own facts.

The contracts lay the same words out (protocol §7, contracts/modules/layout.vy): every word that a
contract takes from its storage is taken here from what was followed, not from the caller.
"""

from dataclasses import dataclass
from typing import Any

from indexer.reading import Call
from offchain.field import to_field
from offchain.merkle import CHUNK
from offchain.records import MarketTerms
from offchain.statement import evaluate
from offchain.streams import keccak_words, memo_word

SLOT_WORDS = 11


@dataclass(frozen=True)
class Stated:
    """A proof's eight words and what it states: `d`, and the digest that the caller claims of it."""

    circuit: str
    words: tuple[int, ...]
    digest: int
    d: tuple[int, ...]

    def publics(self, circuit_id: bytes, chain_id: int, pool: int) -> tuple[int, int, int]:
        """The three public inputs, as the contract computed them (the digest is checked apart, as it takes long)."""
        challenge = to_field(keccak_words(chain_id, pool, circuit_id, self.digest, keccak_words(*self.d)))
        return self.digest, challenge, evaluate(list(self.d), challenge)


@dataclass(frozen=True)
class Parties:
    """What an epoch's statements take of the registries: keys as (x, y), owners of notes."""

    versions: tuple[int, int, int]
    reveal: tuple[int, int]
    auditor: tuple[int, int]
    treasury: tuple[int, int]
    treasury_owner: int
    leader_owner: int


def transact(call: Call) -> Stated:
    t = call.args["t"]
    numbers = [t[name] for name in ("tree0", "root0", "tree1", "root1", "nf0", "nf1", "cm0", "cm1")]
    public = [_address(t["asset"]), t["deposit"], t["withdrawal"], t["fee"], _address(t["account"]), _address(t["carrier"])]
    memos = [memo_word(call.args["memo0"]), memo_word(call.args["memo1"])]
    return _stated("transact", call, [*numbers, *public, *memos])


def commit(call: Call, terms: MarketTerms) -> Stated:
    c = call.args["c"]
    names = ("tree0", "root0", "tree1", "root1", "nf0", "nf1", "change_cm", "quota_nullifier", "oc")
    d = [*(c[name] for name in names), _address(c["rk"])]
    d += [c[name] for name in ("market", "epoch", "credential_root", "time")]
    d += [_address(terms.base), _address(terms.quote), terms.lot, terms.min_quantity, terms.fee_bps]
    d += [terms.jurisdictions, terms.tier, terms.quota, memo_word(call.args["memo"])]
    return _stated("commit", call, d)


def reclaim(call: Call, terms: MarketTerms, forfeit: bool, treasury: tuple[int, int], owner: int) -> Stated:
    c = call.args["c"]
    d = [c["oc"], c["market"], c["epoch"], _address(terms.base), _address(terms.quote), terms.lot]
    d += [terms.fee_bps, terms.bond_bps, int(forfeit), c["refund_cm"], c["treasury_cm"], owner, *treasury]
    d += [*c["point"], c["treasury_pad"], memo_word(call.args["memo"])]
    return _stated("reclaim", call, d)


def advance(call: Call, old: int, chunk: int) -> Stated:
    """`old` is the tree's root before, `chunk` counted in its tree."""
    leaves = call.args["leaves"]
    return _stated("advance", call, [old, call.args["new_root"], chunk, *leaves, *[0] * (CHUNK - len(leaves))])


def print_epoch(call: Call, commitment: int) -> Stated:
    return _stated("print", call, [commitment, call.args["price"], call.args["volume"]])


def possession(call: Call, account: str) -> Stated:
    """Of a key: the account is the caller's for a relayer's, an argument for the offices'."""
    return _stated("key", call, [call.args["x"], call.args["y"], _address(account)])


def settle(
    call: Call, chain_id: int, pool: int, terms: MarketTerms, parties: Parties, reveal_chain: bytes, reference: int, count: int
) -> Stated:
    s, slots = call.args["s"], call.args["slots"]
    d = [chain_id, pool, s["market"], s["epoch"], to_field(reveal_chain), reference, *parties.versions]
    d += [*parties.reveal, *parties.auditor, *parties.treasury, parties.treasury_owner, parties.leader_owner]
    d += [_address(terms.base), _address(terms.quote), terms.lot, terms.fee_bps, terms.split_bps, terms.collar_bps]
    d += [count, s["invalid_mask"], s["print_commitment"], *s["audit_point"], *s["audit"], s["treasury_pad"]]
    d += [s["leader_cm"], s["treasury_cm"], memo_word(call.args["memo"])]
    d += [word for slot in slots for word in slot] + [0] * (SLOT_WORDS * (s["size"] - len(slots)))
    return _stated(f"settle_{s['size']}", call, d)


def _stated(circuit: str, call: Call, d: list[Any]) -> Stated:
    return Stated(circuit, tuple(call.args["proof"]), call.args["digest"], tuple(d))


def _address(text: str) -> int:
    return int(text, 16)
