"""The statements, chains and rules of the protocol (§5, §7) once more, apart from `offchain`."""

from eth_abi import encode
from eth_utils import keccak

from tests.contracts.groth import R

GOLDEN = 0x9E3779B97F4A7C15


def number(raw: bytes | str) -> int:
    """A hash or an address as a word."""
    return int(raw, 16) if isinstance(raw, str) else int.from_bytes(raw, "big")


def memo_word(memo: list[int]) -> int:
    return number(keccak(encode(["uint256[8]"], [memo]))) % R


def chained(*words) -> bytes:
    """keccak256 of words; a chain's head or an address may be among them."""
    return keccak(b"".join(w if isinstance(w, bytes) else number_of(w).to_bytes(32, "big") for w in words))


def number_of(word) -> int:
    return int(word, 16) if isinstance(word, str) else word


def reveal_hash(chain_id, pool, market, epoch, oc, frozen, leader, version, point, ciphertext) -> bytes:
    domain = keccak(text="shadowpool.v1.reveal")
    reader = number_of(leader) + (version << 160)
    return chained(domain, chain_id, pool, market, epoch, oc, frozen, reader, *point, *ciphertext)


def transact(t: dict, memo0: list[int], memo1: list[int]) -> list[int]:
    heads = ["tree0", "root0", "tree1", "root1", "nf0", "nf1", "cm0", "cm1", "asset", "deposit"]
    heads += ["withdrawal", "fee", "account", "carrier"]
    return [number_of(t[name]) for name in heads] + [memo_word(memo0), memo_word(memo1)]


def commit(c: dict, terms: dict, memo: list[int]) -> list[int]:
    own = ["tree0", "root0", "tree1", "root1", "nf0", "nf1", "change_cm", "quota_nullifier", "oc", "rk"]
    own += ["market", "epoch", "credential_root", "time"]
    of_market = ["base", "quote", "lot", "min_quantity", "fee_bps", "jurisdictions", "tier", "quota"]
    return [number_of(c[k]) for k in own] + [number_of(terms[k]) for k in of_market] + [memo_word(memo)]


def reclaim(c: dict, terms: dict, forfeit: int, treasury: dict, memo: list[int]) -> list[int]:
    d = [c["oc"], c["market"], c["epoch"]]
    d += [number_of(terms[k]) for k in ("base", "quote", "lot", "fee_bps", "bond_bps")]
    d += [forfeit, c["refund_cm"], c["treasury_cm"], treasury["owner"], *treasury["key"], *c["point"]]
    return d + [c["treasury_pad"], memo_word(memo)]


def advance(old_root: int, new_root: int, chunk: int, leaves: list[int]) -> list[int]:
    return [old_root, new_root, chunk, *leaves, *[0] * (64 - len(leaves))]


def settle(s: dict, slots: list[list[int]], e: dict, memo: list[int]) -> list[int]:
    """`e` holds what the chain knows of the epoch: see World.settle_facts."""
    d = [e["chain_id"], number_of(e["pool"]), s["market"], s["epoch"], number(e["reveal_chain"]) % R]
    d += [e["reference"], *e["versions"], *e["reveal_key"], *e["auditor_key"], *e["treasury_key"]]
    d += [e["treasury_owner"], e["leader_owner"]]
    d += [number_of(e["terms"][k]) for k in ("base", "quote", "lot", "fee_bps", "split_bps", "collar_bps")]
    d += [len(slots), s["invalid_mask"], s["print_commitment"], *s["audit_point"], *s["audit"]]
    d += [s["treasury_pad"], s["leader_cm"], s["treasury_cm"], memo_word(memo)]
    assert len(d) == 34
    padded = slots + [[0] * 11] * (s["size"] - len(slots))
    return d + [word for slot in padded for word in slot]


def leader(epoch: int, weights: list[int]) -> int | None:
    """Place of the leader among the relayers in order of registration."""
    total = sum(weights)
    x = ((epoch * GOLDEN % 2**64) * total) >> 64
    running = 0
    for place, weight in enumerate(weights):
        running += weight
        if running > x:
            return place
    return None
