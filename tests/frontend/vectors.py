"""Reference vectors that Python and the browser share: the explorer's here, the SDK's in `sdk_vectors` and `chain_vectors`.

All of it is repeatable, the Groth16 proof too: it is made with a trapdoor that the tests keep.
"""

import json
import random
from collections.abc import Callable
from pathlib import Path
from unittest import mock

from offchain import babyjubjub, keystore
from offchain.field import R
from offchain.paths import ROOT
from offchain.statement import circuit_id, statement
from tests.circuits.batch import BUY, SELL, Batch
from tests.contracts.groth import key as trapdoor_key
from tests.frontend import chain_vectors, sdk_vectors

FRONTEND = ROOT / "frontend"
PASSWORD = "correct horse"


def explorer() -> dict:
    rng = random.Random(20261)
    return {
        "keystore": _keystore(rng),
        "groth16": _groth16([rng.randrange(R) for _ in range(5)]),
        "audit": [_audit(batch) for batch in _batches()],
    }


FILES: dict[Path, Callable[[], dict]] = {
    FRONTEND / "src" / "crypto" / "vectors.json": explorer,
    FRONTEND / "sdk" / "vectors" / "primitives.json": sdk_vectors.primitives,
    FRONTEND / "sdk" / "vectors" / "wallet.json": sdk_vectors.wallet,
    FRONTEND / "sdk" / "vectors" / "chain.json": chain_vectors.chain,
}
"""Every file of vectors, by what makes its content."""


def text(path: Path) -> str:
    """A file's content: numbers as decimal strings."""
    return json.dumps(sdk_vectors.decimal(FILES[path]()), indent=1) + "\n"


def _keystore(rng: random.Random) -> dict:
    """An auditor's key file by the very writer, with its randomness and its cost turned down."""
    scalar = rng.randrange(1, babyjubjub.L)
    found = {}
    for kdf, cost in (("scrypt", 1 << 10), ("pbkdf2", 1000)):
        with (
            mock.patch("os.urandom", rng.randbytes),
            mock.patch("eth_keyfile.keyfile.Random.get_random_bytes", rng.randbytes),
            mock.patch("uuid.uuid4", lambda: "00000000-0000-4000-8000-000000000000"),
        ):
            document = keystore.Account.encrypt(scalar.to_bytes(32, "big"), PASSWORD, kdf=kdf, iterations=cost)
        found[kdf] = json.dumps(document | {"shadowpool": "encryption"})
    return {"password": PASSWORD, "scalar": scalar, "files": found}


def _groth16(d: list[int]) -> dict:
    key, chain_id, pool = trapdoor_key("browser"), 31337, 0xC0FFEE
    stated = statement(d, circuit_id(key.words), chain_id, pool)
    return {
        "key": key.words, "circuit_id": int.from_bytes(circuit_id(key.words), "big"), "words": d,
        "chain_id": chain_id, "pool": pool, "publics": stated.publics, "proof": key.prove(stated.publics),
    }  # fmt: skip


def _batches() -> list[Batch]:
    """Epochs that trade with a rationed margin and bad reveals, that do not cross, and beyond the collar."""
    return [
        Batch(5).add(BUY, 10, 110).add_random_words().add_copied(0).add(SELL, 7, 100).add_vanishing(8)
        .add(BUY, 3, 100).add(BUY, 4, 100),
        Batch(6).add(BUY, 10, 90).add(SELL, 6, 110),
        Batch(7, collar_bps=100).add(BUY, 10, 210).add(SELL, 6, 190),
    ]  # fmt: skip


def _audit(batch: Batch) -> dict:
    settled, data = batch.settle(), batch.data()
    clearing = settled.clearing
    return {
        "key": batch.auditor.scalar,
        "epoch": {
            "context": dict(vars(data.context)),
            "auditor_key": data.auditor_key,
            "reveals": [
                {"oc": one.oc, "point": one.point, "ciphertext": one.ciphertext} for one in data.reveals
            ],
            "invalid_mask": settled.invalid_mask,
            "print_commitment": settled.print_commitment,
            "audit_point": settled.audit_point,
            "audit": settled.audit,
            "slots": [{"receipt": slot[-2], "audit": slot[-1]} for slot in settled.slots],
            "collar_bps": data.market.collar_bps,
        },
        "context_word": data.context.word,
        "clearing": {"lo": clearing.lo, "hi": clearing.hi, "price": clearing.price, "volume": clearing.volume},
        "orders": [
            {"fill": fill, "terms": None} if order is None else {
                "fill": fill,
                "terms": {
                    "side": order.terms.side.name.lower(), "quantity": order.terms.quantity, "price": order.terms.price,
                },
                "owner": order.owner,
                "credential_id": order.credential_id,
            }
            for order, fill in zip(batch.orders, clearing.fills, strict=True)
        ],
    }  # fmt: skip
