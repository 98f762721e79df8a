"""From claims to calldata: each builder proves a claim and lays out the contract's call.

A `Call` can be carried by any account, and tests may alter its arguments before they send it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from eth_account.datastructures import SignedMessage
from web3.contract.contract import ContractFunction

from offchain import circuits, claims
from offchain.chain import Chain, as_address
from offchain.deployment import Deployment
from offchain.keys import EncryptionKey
from offchain.streams import Reveal


Prove = Callable[..., circuits.Proven]
"""Whoever proves as `circuits.prove` does; that itself where a builder is given none."""

Claim = claims.Transact | claims.Commit | claims.Reclaim | claims.Advance | claims.Print | claims.Possession


@dataclass(frozen=True)
class Call:
    """A function of a deployed contract with its arguments; structs are dicts by field name."""

    contract: str
    function: str
    args: tuple[Any, ...]
    proof_seconds: float = 0.0

    def on(self, chain: Chain) -> ContractFunction:
        """The call as `Chain.submit` takes it."""
        return chain.contract(self.contract).functions[self.function](*self.args)


@dataclass(frozen=True)
class _Proved:
    words: list[int]
    digest: int
    d: list[int]
    seconds: float


def _prove(circuit: str, claim: Claim, deployment: Deployment, prove: Prove | None = None) -> _Proved:
    begun = time.monotonic()
    d, inputs = claim.assemble()
    proven = (prove or circuits.prove)(circuit, d, inputs, deployment.chain_id, deployment.pool)
    return _Proved(proven.words, proven.digest, d, time.monotonic() - begun)


SPENT = ("tree0", "root0", "tree1", "root1", "nf0", "nf1")


def build_transact(deployment: Deployment, claim: claims.Transact) -> Call:
    proved = _prove("transact", claim, deployment)
    names = (*SPENT, "cm0", "cm1", "asset", "deposit", "withdrawal", "fee", "account", "carrier")
    words = dict(zip(names, proved.d, strict=False))
    words |= {name: as_address(words[name]) for name in ("asset", "account", "carrier")}
    args = (proved.words, proved.digest, words, *map(list, claim.memos))
    return Call("Pool", "transact", args, proved.seconds)


def build_commit(deployment: Deployment, claim: claims.Commit) -> Call:
    proved = _prove("commit", claim, deployment)
    names = (*SPENT, "change_cm", "quota_nullifier", "oc", "rk", "market", "epoch", "credential_root", "time")
    words = dict(zip(names, proved.d, strict=False))
    words["rk"] = as_address(words["rk"])
    return Call("Market", "commit", (proved.words, proved.digest, words, list(claim.memo)), proved.seconds)


def build_reclaim(
    deployment: Deployment, claim: claims.Reclaim, quota_nullifier: int, rk: str, slot: int
) -> Call:
    """`slot` is the record's: 0 for an order never revealed, else 1 + its place."""
    proved = _prove("reclaim", claim, deployment)
    d = proved.d
    words = {
        "market": d[1],
        "epoch": d[2],
        "quota_nullifier": quota_nullifier,
        "oc": d[0],
        "rk": rk,
        "slot": slot,
        "refund_cm": d[9],
        "treasury_cm": d[10],
        "point": d[14:16],
        "treasury_pad": d[16],
    }
    return Call("Market", "reclaim", (proved.words, proved.digest, words, list(claim.memo)), proved.seconds)


def build_reveal(market: int, epoch: int, quota_nullifier: int, reveal: Reveal, signature: SignedMessage) -> Call:
    """`signature` is what eth_account gives for the reveal's message under the order's key."""
    words = {
        "market": market,
        "epoch": epoch,
        "quota_nullifier": quota_nullifier,
        "oc": reveal.oc,
        "point": list(reveal.point),
        "ciphertext": list(reveal.ciphertext),
    }
    return Call("Market", "reveal", (words, signature.v, signature.r, signature.s))


def build_advance(deployment: Deployment, claim: claims.Advance, prove: Prove | None = None) -> Call:
    proved = _prove("advance", claim, deployment, prove)
    args = (proved.words, proved.digest, claim.new_root, list(claim.leaves))
    return Call("Pool", "advance", args, proved.seconds)


def build_print(
    deployment: Deployment, claim: claims.Print, market: int, epoch: int, prove: Prove | None = None
) -> Call:
    proved = _prove("print", claim, deployment, prove)
    args = (proved.words, proved.digest, market, epoch, claim.price, claim.volume)
    return Call("Market", "print_epoch", args, proved.seconds)


# --- Keys, each registered with a proof of possession for an account ---


def build_register_key(
    deployment: Deployment, key: EncryptionKey, account: str, prove: Prove | None = None
) -> Call:
    """A relayer's reveal key; `account` is the relayer."""
    proved = _possession(deployment, key, account, prove)
    args = (proved.words, proved.digest, *key.public)
    return Call("Relayers", "register_key", args, proved.seconds)


def build_set_auditor(deployment: Deployment, key: EncryptionKey, account: str) -> Call:
    """For the governor to propose."""
    proved = _possession(deployment, key, account)
    return Call("Keys", "set_auditor", (account, *key.public, proved.words, proved.digest), proved.seconds)


def build_set_treasury(deployment: Deployment, key: EncryptionKey, account: str, owner: int) -> Call:
    """For the governor to propose; `owner` is the owner word of the treasury's notes."""
    proved = _possession(deployment, key, account)
    args = (account, owner, *key.public, proved.words, proved.digest)
    return Call("Keys", "set_treasury", args, proved.seconds)


def _possession(
    deployment: Deployment, key: EncryptionKey, account: str, prove: Prove | None = None
) -> _Proved:
    return _prove("key", claims.Possession(key, int(account, 16)), deployment, prove)
