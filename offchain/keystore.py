"""Secrets at rest: one encrypted file each, mode 0600, in Ethereum's keystore format (v3).

Shielded keys and Baby Jubjub scalars use the same format as EVM keys. The address stays, for the
format's MAC leaves out the iv: it alone shows that the secret that came out is the one put in.
Passwords come from an environment variable or a prompt, never from arguments.
"""

import getpass
import json
import os
import re
import secrets
from enum import StrEnum
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount

from offchain.deployment import write_atomically
from offchain.keys import SECP256K1_ORDER, EncryptionKey, ShieldedKey

PASSWORD_VARIABLE = "SHADOWPOOL_PASSWORD"
KDF_LIMITS = {
    "pbkdf2": {"dklen": (32, 32), "c": (1, 10_000_000)},
    "scrypt": {"dklen": (32, 32), "n": (2, 1 << 20), "r": (1, 32), "p": (1, 16)},
}
"""Parameters of the key derivations, lowest and highest; what tools write lies well inside."""

MAX_SCRYPT_BLOCKS = 1 << 22
"""n·r·p: 128 bytes each, so half a GiB and some ten seconds."""


class KeystoreError(Exception):
    """A keystore file cannot be written or opened; the message says why and what to do."""


class Kind(StrEnum):
    """What a file holds: using one kind as another is refused."""

    ACCOUNT = "account"
    SHIELDED = "shielded"
    ENCRYPTION = "encryption"
    SEED = "seed"


def password(variable: str = PASSWORD_VARIABLE, confirm: bool = False) -> str:
    """The password from the environment, else asked for; KeystoreError if it is empty."""
    found = os.environ.get(variable)
    if found is None:
        found = getpass.getpass("Keystore password: ")
        if confirm and getpass.getpass("Again: ") != found:
            raise KeystoreError("the two passwords differ; try again")
    if not found:
        raise KeystoreError(f"a keystore needs a password: set {variable} or type one")
    return found


def new_seed() -> int:
    """32 random bytes as a number that every kind of file can hold."""
    return secrets.randbelow(SECP256K1_ORDER - 1) + 1


def save(path: Path, kind: Kind, secret: int, password: str) -> None:
    """Write `secret` in [1, the order of secp256k1); KeystoreError if the file exists."""
    if path.exists():
        raise KeystoreError(f"{path} exists; a key is never overwritten, so move it first")
    if not 0 < secret < SECP256K1_ORDER:
        raise KeystoreError("the secret is out of range; make a new one")
    document = encrypted(secret.to_bytes(32, "big"), password) | {"shadowpool": kind}
    write_atomically(path, json.dumps(document) + "\n", mode=0o600)


def encrypted(secret: bytes, password: str, **costs: object) -> dict:
    """A keystore of the format's whole words: eth_keyfile drops an iv's leading zero bytes, and geth panics at that.

    `costs` are `Account.encrypt`'s `kdf` and `iterations`.
    """
    document = Account.encrypt(secret, password, **costs)
    cipher = document["crypto"]["cipherparams"]
    cipher["iv"] = cipher["iv"].zfill(32)
    return document


def load(path: Path, kind: Kind, password: str) -> int:
    """The secret in a file. KeystoreError if it is missing, of another kind, or does not open.

    A v3 file that another tool made, which names no kind, is an EVM account. The form is checked
    first, so that a file cannot make the key derivation run for hours or take all memory.
    """
    try:
        document = dict(json.loads(path.read_text()))
    except FileNotFoundError:
        raise KeystoreError(f"no keystore at {path}") from None
    except (ValueError, TypeError, RecursionError):
        raise KeystoreError(f"{path} is not a keystore file") from None
    if (found := document.pop("shadowpool", Kind.ACCOUNT)) != kind:
        raise KeystoreError(f"{path} holds a key of kind {found!r}; one of kind {str(kind)!r} is needed")
    try:
        checked = {"version": 3, "crypto": _checked(document)}
    except (ValueError, KeyError, TypeError) as error:
        raise KeystoreError(f"{path} is not a keystore of version 3 that we open: {error}") from None
    try:
        secret = int.from_bytes(Account.decrypt(checked, password), "big")
    except ValueError:
        raise KeystoreError(f"{path} does not open: wrong password, or the file is damaged") from None
    if not 0 < secret < SECP256K1_ORDER:
        raise KeystoreError(f"{path} holds a secret that is out of range; make a new one")
    if Account.from_key(secret.to_bytes(32, "big")).address[2:].lower() != document["address"].lower():
        raise KeystoreError(f"{path} is damaged: its secret is not that of its address")
    return secret


def _checked(document: dict) -> dict:
    """The `crypto` part, with the fields that decryption reads and no others; ValueError names a bad one."""
    crypto = document["crypto"]
    if not _is_hex(document["address"], 20, 20):
        raise ValueError("address must be 20 bytes in hexadecimal")
    if document["version"] != 3 or crypto["cipher"] != "aes-128-ctr":
        raise ValueError("version must be 3 and the cipher aes-128-ctr")
    # Others' may lack an iv's leading zero bytes, as eth_keyfile writes it.
    for where, name, least, most in (
        (crypto, "ciphertext", 32, 32), (crypto, "mac", 32, 32), (crypto["cipherparams"], "iv", 1, 16),
    ):  # fmt: skip
        if not _is_hex(where[name], least, most):
            raise ValueError(f"{name} must be {most} bytes in hexadecimal")
    wanted = KDF_LIMITS.get(crypto["kdf"]) if isinstance(crypto["kdf"], str) else None
    if wanted is None:
        raise ValueError(f"kdf must be {' or '.join(KDF_LIMITS)}")
    params = crypto["kdfparams"]
    for name, (low, high) in wanted.items():
        if type(params[name]) is not int or not low <= params[name] <= high:
            raise ValueError(f"kdfparams.{name} must be an integer from {low} to {high}")
    if not _is_hex(params["salt"], 0, 64):
        raise ValueError("kdfparams.salt must be at most 64 bytes in hexadecimal")
    if crypto["kdf"] == "pbkdf2" and params["prf"] != "hmac-sha256":
        raise ValueError("kdfparams.prf must be hmac-sha256")
    if crypto["kdf"] == "scrypt":
        n, r, p = (params[name] for name in "nrp")
        if n & n - 1 or n * r * p > MAX_SCRYPT_BLOCKS:
            raise ValueError("kdfparams.n must be a power of two, and n*r*p at most 2^22")
    names = (*wanted, "salt", *(["prf"] if crypto["kdf"] == "pbkdf2" else []))
    kept = {name: crypto[name] for name in ("cipher", "ciphertext", "mac", "kdf")}
    kept["cipherparams"] = {"iv": crypto["cipherparams"]["iv"]}
    return kept | {"kdfparams": {name: params[name] for name in names}}


def _is_hex(text: object, least: int, most: int) -> bool:
    """Whether `text` is hexadecimal of so many bytes."""
    return isinstance(text, str) and re.fullmatch(rf"([0-9a-fA-F]{{2}}){{{least},{most}}}", text) is not None


def account(path: Path, password: str) -> LocalAccount:
    return Account.from_key(load(path, Kind.ACCOUNT, password).to_bytes(32, "big"))


def shielded(path: Path, password: str) -> ShieldedKey:
    return ShieldedKey(load(path, Kind.SHIELDED, password))


def encryption(path: Path, password: str) -> EncryptionKey:
    return EncryptionKey(load(path, Kind.ENCRYPTION, password))
