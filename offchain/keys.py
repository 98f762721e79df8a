"""Keys of an institution and of those who decrypt (protocol §2, §7).

A shielded key `sk` is a field element bound to one chain and one pool; everything
that its owner makes is a PRF of it. Relayers, the auditor and the treasury hold Baby
Jubjub pairs. Secrets stay out of every `repr`.
"""

import secrets
from dataclasses import dataclass, field
from functools import cached_property

from Crypto.Hash import SHA256
from Crypto.Protocol.KDF import HKDF
from eth_account import Account
from eth_account.messages import SignableMessage, encode_typed_data

from offchain import babyjubjub
from offchain.babyjubjub import Point
from offchain.field import R, check, check_range, tag
from offchain.poseidon import hash as poseidon_hash

SECP256K1_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


class KeyMaterialError(ValueError):
    """The material given cannot make a key."""


@dataclass(frozen=True)
class Address:
    """Where a note can be sent: the owner word and the viewing public key."""

    owner: int
    viewing: Point


@dataclass(frozen=True)
class EncryptionKey:
    """A Baby Jubjub pair: `scalar` in [1, l), `public` = scalar·B8."""

    scalar: int = field(repr=False)

    def __post_init__(self) -> None:
        if not 0 < self.scalar < babyjubjub.L:
            raise KeyMaterialError("a Baby Jubjub scalar must be in [1, l); generate a new key")

    @classmethod
    def generate(cls) -> "EncryptionKey":
        return cls(secrets.randbelow(babyjubjub.L - 1) + 1)

    @cached_property
    def public(self) -> Point:
        return babyjubjub.mul_base(self.scalar)


@dataclass(frozen=True)
class ShieldedKey:
    """The key of a wallet's notes and orders; `sk` in [1, r)."""

    sk: int = field(repr=False)

    def __post_init__(self) -> None:
        if check(self.sk) == 0:
            raise KeyMaterialError("a shielded key must not be 0; derive it again")

    @cached_property
    def owner(self) -> int:
        return poseidon_hash("owner", self.sk)

    @cached_property
    def viewing(self) -> EncryptionKey:
        return EncryptionKey(babyjubjub.scalar_from_hash(poseidon_hash("view", self.sk)))

    @property
    def address(self) -> Address:
        return Address(self.owner, self.viewing.public)

    def prf(self, name: str, a: int, b: int = 0, c: int = 0) -> int:
        """A secret word of this key, pseudo-random in (name, a, b, c)."""
        return poseidon_hash("prf", self.sk, tag(f"prf.{name}"), a, b, c)

    def ephemeral(self, name: str, a: int, b: int = 0, c: int = 0) -> int:
        """A scalar of 250 bits, pseudo-random in (name, a, b, c)."""
        return babyjubjub.scalar_from_hash(self.prf(name, a, b, c))

    def quota_nullifier(self, market: int, epoch: int, index: int) -> int:
        return poseidon_hash("quota", self.sk, market, epoch, index)

    def order_account(self, market: int, epoch: int, index: int):
        """The one-time account whose address is the order's `rk`: it alone can reveal it."""
        return Account.from_key(self.prf("rk", market, epoch, index).to_bytes(32, "big"))


def derive(secret: bytes, chain_id: int, pool: str) -> ShieldedKey:
    """The shielded key of `secret` (32 bytes or more of entropy) for one pool on one chain.

    48 bytes of HKDF-SHA256 reduced mod r: the bias is below 2^-128.
    """
    if len(secret) < 32:
        raise KeyMaterialError("a seed needs at least 32 bytes")
    info = b"Shadowpool key v1" + chain_id.to_bytes(32, "big") + bytes.fromhex(pool[2:])
    material = HKDF(secret, 48, b"", SHA256, context=info)
    return ShieldedKey(int.from_bytes(material, "big") % R)


def key_message(chain_id: int, pool: str) -> SignableMessage:
    """The EIP-712 message whose signature is the root of a wallet's shielded key."""
    return encode_typed_data(
        domain_data={
            "name": "Shadowpool",
            "version": "1",
            "chainId": chain_id,
            "verifyingContract": pool,
        },
        message_types={"Key": [{"name": "purpose", "type": "string"}]},
        message_data={"purpose": "Shadowpool key v1"},
    )


def from_wallet(account, chain_id: int, pool: str) -> ShieldedKey:
    """The shielded key of an EVM wallet that signs deterministically.

    Signs twice and compares.

    Raises KeyMaterialError if the signatures differ: such a wallet needs a backed-up seed.
    """
    message = key_message(chain_id, pool)
    first, second = (_canonical(bytes(account.sign_message(message).signature)) for _ in range(2))
    if first != second:
        raise KeyMaterialError("this wallet's signatures vary; use a backed-up seed instead")
    return derive(first, chain_id, pool)


def _canonical(signature: bytes) -> bytes:
    """r and the low s of an ECDSA signature (r, s, v): wallets write v, and choose s, differently."""
    if len(signature) != 65:
        raise KeyMaterialError(f"a wallet's signature has 65 bytes, not {len(signature)}; use a backed-up seed instead")
    s = check_range(int.from_bytes(signature[32:64], "big"), 1, SECP256K1_ORDER, "s of a wallet's signature")
    return signature[:32] + min(s, SECP256K1_ORDER - s).to_bytes(32, "big")
