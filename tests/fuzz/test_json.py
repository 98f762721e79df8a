"""JSON that people and tools hand in: refused with the documented error, or read as it stands."""

import json
from dataclasses import asdict
from hashlib import blake2b
from random import Random

import pytest
from eth_account import Account

from offchain import circuits, prover, transcript
from offchain.deployment import CONTRACTS, CircuitEntry, Deployment, DeploymentError, Token
from offchain.field import RangeError
from offchain.issuer import Institution, Issued, Issuer, IssuerError
from offchain.keystore import SECP256K1_ORDER, KeystoreError, Kind, load
from offchain.material import Credential
from tests.fuzz.mutate import Held, document, survey

ADDRESS = Account.from_key(b"\1" * 32).address


def text(value) -> bytes:
    return json.dumps(value).encode()


def parsed(data: bytes):
    """What JSON says, or None: reading text is json's part, and errors of its own are clear."""
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        return None


def test_proof():
    point, pair = ["12", "34", "1"], [["1", "2"], ["3", "4"], ["1", "0"]]
    proof = {"pi_a": point, "pi_b": pair, "pi_c": point, "protocol": "groth16", "curve": "bn128"}
    good = text({"proof": proof, "publicSignals": ["5", "6", "7"], "seconds": {"total": 0.1}})

    def one(rng: Random) -> bool:
        value = parsed(document(rng, good))
        try:
            read = prover.Proof.from_json(value)
        except (prover.ProverError, RangeError):
            return False
        again = read.json()
        assert again["publicSignals"] == value["publicSignals"]
        assert all(again["proof"][name] == value["proof"][name] for name in ("pi_a", "pi_b", "pi_c"))
        assert all(0 <= word < prover.Q for word in read.words())
        return True

    survey("proof", one)


def test_verification_key():
    point, pair = ["12", "34", "1"], [["1", "2"], ["3", "4"], ["1", "0"]]
    names = {name: pair for name in ("vk_beta_2", "vk_gamma_2", "vk_delta_2")}
    good = text({"protocol": "groth16", "nPublic": 3, "vk_alpha_1": point, "IC": [point] * 4} | names)

    def one(rng: Random) -> bool:
        value = parsed(document(rng, good))
        try:
            words = circuits.verification_words(value)
        except circuits.KeyShapeError:
            return False
        assert len(words) == 22 and all(0 <= word < prover.Q for word in words)
        assert [str(word) for word in words[:2]] == value["vk_alpha_1"][:2]
        assert [str(word) for word in words[14:]] == [part for point in value["IC"] for part in point[:2]]
        return True

    survey("vkey", one)


def test_keystore():
    """The key derivation of the files is as cheap as can be, so that a case takes no time."""
    secret, password = 0x1234567890ABCDEF << 128, "correct horse"
    files = []
    for kdf, cost in (("pbkdf2", 1), ("scrypt", 2)):
        made = Account.encrypt(secret.to_bytes(32, "big"), password, kdf=kdf, iterations=cost)
        files += [text(made), text(made | {"shadowpool": "account"})]

    file = Held("held")

    def one(rng: Random) -> bool:
        file.data = document(rng, rng.choice(files))
        if rng.random() < 0.8 and parsed(file.data):  # an accepted file costs a curve multiplication
            file.data = document(rng, file.data)
        try:
            found = load(file, Kind.ACCOUNT, password)
        except KeystoreError:
            return False
        assert found == secret
        return True

    survey("keystore", one)


@pytest.mark.parametrize(
    ("kdf", "change"),
    [
        ("pbkdf2", {"c": 10**12}), ("pbkdf2", {"c": 0}), ("pbkdf2", {"c": True}), ("pbkdf2", {"dklen": 2**31}),
        ("pbkdf2", {"prf": "hmac-md5"}), ("pbkdf2", {"salt": "00" * 10**6}),
        ("scrypt", {"n": 2**40}), ("scrypt", {"n": 3}), ("scrypt", {"r": 2**20}), ("scrypt", {"p": 2**20}),
        ("scrypt", {"n": 2**20, "r": 32}), ("scrypt", {"dklen": 64}),
    ],
)  # fmt: skip
def test_keystore_that_would_run_for_hours(monkeypatch, kdf, change):
    """Refused before the key derivation begins."""
    made = Account.encrypt(b"\1" * 32, "p", kdf=kdf, iterations=2)
    made["crypto"]["kdfparams"] |= change
    monkeypatch.setattr(Account, "decrypt", lambda *_: pytest.fail("the derivation began"))
    file = Held("held")
    file.data = text(made)
    with pytest.raises(KeystoreError, match="kdfparams"):
        load(file, Kind.ACCOUNT, "p")


@pytest.mark.parametrize("secret", [0, SECP256K1_ORDER, 2**256 - 1])
def test_keystore_secret_out_of_range(monkeypatch, secret):
    """A file whose password fits may still hold no key."""
    monkeypatch.setattr(Account, "decrypt", lambda *_: secret.to_bytes(32, "big"))
    file = Held("held")
    file.data = text(Account.encrypt(b"\1" * 32, "p", kdf="scrypt", iterations=2))
    with pytest.raises(KeystoreError, match="out of range"):
        load(file, Kind.ACCOUNT, "p")


def test_credential():
    good = text({"id": 7, "owner": "123456789", "jurisdiction": 44, "tier": 2, "expiry": 1_800_000_000})
    file = Held("held")

    def one(rng: Random) -> bool:
        file.data = document(rng, good)
        try:
            read = Issued.load(file)
        except IssuerError:
            return False
        told = asdict(read.credential) | {"id": read.id, "owner": str(read.credential.owner)}
        assert told == parsed(file.data) and Credential(**asdict(read.credential)) == read.credential
        return True

    survey("credential", one)


def test_credential_book():
    rows = [Institution(i, f"bank {i}", ADDRESS, 100 + i, 1, 2, 10**9, revoked=i == 1) for i in range(3)]
    good = text([asdict(row) | {"owner": str(row.owner)} for row in rows])
    file = Held("held")
    office = Issuer.__new__(Issuer)
    office.path = file

    def one(rng: Random) -> bool:
        file.data = document(rng, good)
        try:
            book = office._read()
        except IssuerError:
            return False
        told = [asdict(row) | {"owner": str(row.owner)} for row in book]
        assert told == [{"revoked": False} | row for row in parsed(file.data)]
        return True

    survey("credential_book", one)


def test_deployment():
    verifiers = {"commit": CircuitEntry(ADDRESS, "0x" + "ab" * 32)}
    made = Deployment(31337, 5, dict.fromkeys(CONTRACTS, ADDRESS), verifiers, {"USD": Token(ADDRESS, 6)})
    good = text(asdict(made))
    file = Held("held")

    def one(rng: Random) -> bool:
        file.data = document(rng, good)
        try:
            read = Deployment.load(file)
        except DeploymentError:
            return False
        value = parsed(file.data)
        assert asdict(read) == {name: value[name] for name in asdict(read)}
        assert read.pool == int(value["contracts"]["Pool"], 16)
        assert all(len(entry.id) == 32 for entry in read.verifiers.values())
        return True

    survey("deployment", one)


def test_transcript():
    """One time in two the links are made to fit again, so that the checks behind them are reached."""
    some = blake2b(b"x").hexdigest()
    kinds = {
        "open": (("r1cs", "ptau"), ("circuit.r1cs", "powers.ptau"), ()),
        "setup": (("circuit.r1cs", "powers.ptau"), ("0000.zkey",), ()),
        "contribute": (("0000.zkey",), ("0001.zkey",), ("contribution",)),
        "beacon": (("0001.zkey",), ("0002.zkey",), ("contribution", "beacon", "iterations")),
        "finish": (("0002.zkey",), ("vkey.json",), ("circuit_id",)),
    }
    steps = []
    for kind, tables in kinds.items():
        takes, makes, says = (dict.fromkeys(table, some) for table in tables)
        steps.append(asdict(transcript.Step(kind, "alder", takes, makes, says, "2030-01-01", {"node": "v20"}, "")))

    def linked(data: dict) -> bytes:
        link = data["circuit"]
        for row in data["steps"]:
            row["link"] = link = transcript.Step(**row).linked(link)
        return text(data)

    good = linked({"circuit": "print", "steps": steps})
    file = Held("held")

    def one(rng: Random) -> bool:
        file.data = document(rng, good)
        if rng.random() < 0.5:
            try:
                file.data = linked(parsed(file.data))
            except (KeyError, TypeError, ValueError, AttributeError):
                return False
        try:
            circuit, read = transcript.read(file)
        except transcript.CeremonyError:
            return False
        assert {"circuit": circuit, "steps": [asdict(step) for step in read]} == parsed(file.data)
        return True

    survey("transcript", one)
