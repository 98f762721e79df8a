"""A relayer's reveal keys at rest: one encrypted file each, named by the public key.

A key is on disk before it is registered, so that no crash between the two can leave an epoch
with a leader that cannot open its orders; the version is looked up on the chain.
"""

import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from offchain import keystore
from offchain.babyjubjub import Point
from offchain.keys import EncryptionKey


class RevealKeys:
    """Files in `folder`, which only its owner can enter; one password for all of them."""

    def __init__(self, folder: Path, password: str):
        self.folder = folder
        self._password = password
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)

    def create(self) -> EncryptionKey:
        """A fresh key, already stored."""
        key = EncryptionKey.generate()
        keystore.save(self._file(key.public), keystore.Kind.ENCRYPTION, key.scalar, self._password)
        return key

    def leftover(self, known: Iterable[Point]) -> EncryptionKey | None:
        """A stored key that is none of `known`: made by a process that died before it registered it."""
        strange = sorted(set(self.folder.glob("*.json")) - {self._file(public) for public in known})
        return keystore.encryption(strange[0], self._password) if strange else None

    def __contains__(self, public: Point) -> bool:
        return self._file(public).exists()

    def load(self, public: Point) -> EncryptionKey:
        """KeystoreError if there is no such key, or it does not open."""
        key = keystore.encryption(self._file(public), self._password)
        if key.public != public:
            raise keystore.KeystoreError(f"{self._file(public)} holds another key than its name says")
        return key

    def erase(self, public: Point) -> None:
        """Overwrite and delete a key. A journal, a snapshot or a backup may still hold the
        ciphertext, so the folder belongs on a disk without them."""
        path = self._file(public)
        with path.open("r+b") as file:
            file.write(secrets.token_bytes(path.stat().st_size))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()

    def _file(self, public: Point) -> Path:
        return key_file(self.folder, public)


def key_file(folder: Path, public: Point) -> Path:
    """Where the key of a public key is kept; nothing is made or opened."""
    return folder / f"{public.x:064x}{public.y & 1}.json"
