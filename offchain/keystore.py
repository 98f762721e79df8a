"""Secrets at rest: one encrypted file each, mode 0600, in Ethereum's keystore format (v3).

Shielded keys and Baby Jubjub scalars use the same format as EVM keys, without an address.
Passwords come from an environment variable or a prompt, never from arguments.
"""

import getpass
import json
import os
import secrets
from enum import StrEnum
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount

from offchain.deployment import write_atomically
from offchain.keys import EncryptionKey, ShieldedKey

PASSWORD_VARIABLE = "SHADOWPOOL_PASSWORD"
SECP256K1_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141


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
    document = Account.encrypt(secret.to_bytes(32, "big"), password)
    if kind != Kind.ACCOUNT:
        del document["address"]     # the secret is no EVM key, and its address says nothing
    document["shadowpool"] = kind
    write_atomically(path, json.dumps(document) + "\n", mode=0o600)


def load(path: Path, kind: Kind, password: str) -> int:
    """The secret in a file. KeystoreError if it is missing, of another kind, or does not open.

    A v3 file that another tool made, which names no kind, is an EVM account.
    """
    try:
        document = dict(json.loads(path.read_text()))
    except FileNotFoundError:
        raise KeystoreError(f"no keystore at {path}") from None
    except (ValueError, TypeError):
        raise KeystoreError(f"{path} is not a keystore file") from None
    if (found := document.pop("shadowpool", Kind.ACCOUNT)) != kind:
        raise KeystoreError(f"{path} holds a key of kind {found!r}; one of kind {str(kind)!r} is needed")
    try:
        return int.from_bytes(Account.decrypt(document, password), "big")
    except (ValueError, KeyError, TypeError, NotImplementedError):
        raise KeystoreError(f"{path} does not open: wrong password, or the file is damaged") from None


def account(path: Path, password: str) -> LocalAccount:
    return Account.from_key(load(path, Kind.ACCOUNT, password).to_bytes(32, "big"))


def shielded(path: Path, password: str) -> ShieldedKey:
    return ShieldedKey(load(path, Kind.SHIELDED, password))


def encryption(path: Path, password: str) -> EncryptionKey:
    return EncryptionKey(load(path, Kind.ENCRYPTION, password))
