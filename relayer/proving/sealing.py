"""Jobs and results that a broker carries but cannot read, alter or swap.

A job's content key is wrapped for every worker that the asker lists, by HPKE (RFC 9180: X25519,
HKDF-SHA256, AES-256-GCM), since any of them may take it. Job and result are sealed with that key
and bound to the job's id: no broker can put in a worker of its own, and only a listed worker
can answer.
"""

import base64
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from relayer.proving.job import ProvingError

SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
DOMAIN = b"shadowpool proving 1 "
JOB, RESULT = b"job ", b"result "
NONCE_BYTES = 12
MAX_WORKERS = 64


class Unreadable(Exception):
    """Sealed for others, altered, or no sealed thing at all."""


@dataclass(frozen=True)
class WorkerKey:
    """A worker's secret, from 32 bytes that its keystore holds."""

    secret: X25519PrivateKey = field(repr=False)

    @classmethod
    def from_seed(cls, seed: int) -> "WorkerKey":
        derived = HKDF(SHA256(), 32, salt=None, info=DOMAIN + b"worker").derive(seed.to_bytes(32, "big"))
        return cls(X25519PrivateKey.from_private_bytes(derived))

    @property
    def public(self) -> str:
        """As the asker's file lists it: 64 hexadecimal digits."""
        return self.secret.public_key().public_bytes_raw().hex()


def read_workers(path: Path) -> tuple[str, ...]:
    """The public keys in a file, one a line, each perhaps followed by its name; ProvingError."""
    try:
        lines = [line.split() for line in path.read_text().splitlines()]
    except (OSError, UnicodeDecodeError):
        raise ProvingError(f"no list of workers can be read at {path}") from None
    keys = tuple(dict.fromkeys(line[0].lower() for line in lines if line and not line[0].startswith("#")))
    if not 1 <= len(keys) <= MAX_WORKERS:
        raise ProvingError(f"{path} must list 1 to {MAX_WORKERS} workers, not {len(keys)}")
    for key in keys:
        _public(key)
    return keys


def _public(text: str) -> X25519PublicKey:
    """Also of small order, such as zero, is none."""
    try:
        public = X25519PublicKey.from_public_bytes(bytes.fromhex(text))
        SUITE.encrypt(b"", public)
        return public
    except ValueError:
        raise ProvingError(f"{text!r} is no worker's public key: see `shadowpool worker keys`") from None


def new_content_key() -> bytes:
    return AESGCM.generate_key(256)


def seal_job(job: bytes, id: str, key: bytes, workers: tuple[str, ...]) -> bytes:
    """Readable by `workers` alone, and only as the job called `id`."""
    wraps = [SUITE.encrypt(key, _public(worker), DOMAIN + id.encode()) for worker in workers]
    box = {"wraps": [base64.b64encode(wrap).decode() for wrap in wraps]}
    return json.dumps(box | {"job": base64.b64encode(_seal(job, JOB, id, key)).decode()}).encode()


def open_job(sealed: bytes, id: str, worker: WorkerKey) -> tuple[bytes, bytes]:
    """(the job, its content key); Unreadable."""
    try:
        box = json.loads(sealed)
        wraps, body = [base64.b64decode(wrap) for wrap in box["wraps"]], base64.b64decode(box["job"])
    except (ValueError, TypeError, KeyError, RecursionError):
        raise Unreadable("not a sealed job") from None
    for wrap in wraps[:MAX_WORKERS]:
        try:
            key = SUITE.decrypt(wrap, worker.secret, DOMAIN + id.encode())
        except (InvalidTag, ValueError):
            continue
        return _open(body, JOB, id, key), key
    raise Unreadable("sealed for other workers")


def seal_result(result: bytes, id: str, key: bytes) -> bytes:
    """Readable by the asker; and by the workers listed, who could have made it."""
    return _seal(result, RESULT, id, key)


def open_result(sealed: bytes, id: str, key: bytes) -> bytes:
    """Unreadable unless one who could read the job sealed it."""
    return _open(sealed, RESULT, id, key)


def _seal(content: bytes, kind: bytes, id: str, key: bytes) -> bytes:
    # At random, since two workers may answer one job with different proofs.
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, content, DOMAIN + kind + id.encode())


def _open(sealed: bytes, kind: bytes, id: str, key: bytes) -> bytes:
    try:
        return AESGCM(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], DOMAIN + kind + id.encode())
    except (InvalidTag, ValueError):
        raise Unreadable("altered, or of another job") from None
