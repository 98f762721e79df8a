"""Reference vectors for the SDK in TypeScript: keys, notes, orders, memos, reveals, paths, claims, calldata.

Numbers are decimal strings, bytes hexadecimal, a claim's fields those of its dataclass, its key the secret.
"""

import random
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from unittest import mock

from eth_account import Account
from web3 import Web3

from offchain import babyjubjub, calls, claims, keys, streams
from offchain.chain import as_address
from offchain.circuits import Proven
from offchain.contracts import artifact
from offchain.deployment import CONTRACTS, CircuitEntry, Deployment, Token
from offchain.field import R, keccak256, tag
from offchain.keys import ShieldedKey
from offchain.material import MaterialError
from offchain.merkle import NOTE_DEPTH, CredentialTree, zeros
from offchain.notes import Note, Side, Terms, pay
from offchain.poseidon import USES, node, permute, sponge, squeeze
from offchain.poseidon import hash as poseidon_hash
from offchain.statement import statement
from scripts.cli.wallet import address_text
from tests.circuits import world

LENGTHS = (1, 16, 17, 122)
ACCOUNT = Account.from_key(keccak256(b"a wallet of the tests"))
DEPLOYMENT = Deployment(
    chain_id=world.CHAIN_ID,
    start_block=3,
    contracts={name: as_address(i) for i, name in enumerate(CONTRACTS, start=0xC0DE)}
    | {"Pool": as_address(world.POOL)},
    verifiers={
        name: CircuitEntry(as_address(0xFE + i), "0x" + keccak256(name.encode()).hex())
        for i, name in enumerate(("transact", "commit", "reclaim"))
    },
    tokens={"USD": Token(as_address(world.QUOTE), 6), "BTC": Token(as_address(world.BASE), 8)},
)
CHAIN_ID, POOL = DEPLOYMENT.chain_id, DEPLOYMENT.contracts["Pool"]
PLACE = (CHAIN_ID, DEPLOYMENT.pool, world.RULES.market, 12)
PROOF = list(range(11, 19))


def primitives() -> dict:
    rng = random.Random(20260)

    def words(count: int) -> list[int]:
        return [rng.randrange(R) for _ in range(count)]

    return {
        "tags": {use: tag(use) for use in (*USES, "statement")},
        "permutations": [{"in": (taken := words(width)), "out": permute(taken)} for width in range(2, 18)],
        "hashes": [
            {"use": use, "in": (taken := words(shape.arity)), "hash": poseidon_hash(use, *taken),
             "stream": squeeze(use, taken, shape.width)}
            for use, shape in USES.items()
        ],
        "nodes": [{"in": (taken := words(2)), "out": node(*taken)} for _ in range(2)],
        "sponges": [{"in": (taken := words(length)), "out": sponge(taken)} for length in LENGTHS],
        "curve": _curve(rng),
    }  # fmt: skip


def _curve(rng: random.Random) -> dict:
    scalars = [1, 2, babyjubjub.L - 1, *(rng.randrange(1, babyjubjub.L) for _ in range(4))]
    other = babyjubjub.mul_base(77)
    return {
        "base": [{"scalar": scalar, "point": babyjubjub.mul_base(scalar)} for scalar in scalars],
        "ecdh": [{"scalar": s, "point": other, "shared": babyjubjub.ecdh(s, other)} for s in scalars],
        "torsion": [babyjubjub.torsion(order) for order in (1, 2, 4, 8)],
    }


def wallet() -> dict:
    return {
        "deployment": vars(DEPLOYMENT)
        | {"verifiers": {name: vars(one) for name, one in DEPLOYMENT.verifiers.items()}}
        | {"tokens": {name: vars(one) for name, one in DEPLOYMENT.tokens.items()}},
        "keys": _keys(),
        "notes": _notes(),
        "orders": _orders(),
        "memos": _memos(),
        "reveals": [_reveal(index) for index in range(2)],
        "streams": _streams(),
        "paths": _paths(),
        "claims": [_claim(circuit, claim) for circuit, claim in _claims()],
        "refused": [_refused(place, change) for place, change in _changes()],
    }


def _keys() -> dict:
    message = keys.key_message(CHAIN_ID, POOL)
    key = keys.from_wallet(ACCOUNT, CHAIN_ID, POOL)
    seed = bytes(range(40))
    numbers = (7, 12, 3)
    return {
        "account": {"secret": bytes(ACCOUNT.key), "address": ACCOUNT.address},
        "digest": keccak256(b"\x19" + message.version + message.header + message.body),
        "signature": bytes(ACCOUNT.sign_message(message).signature),
        "sk": key.sk,
        "owner": key.owner,
        "viewing": key.viewing.scalar,
        "viewing_public": key.viewing.public,
        "text": address_text(key.address),
        "seed": {"secret": seed, "chain_id": 1, "pool": ACCOUNT.address,
                 "sk": keys.derive(seed, 1, ACCOUNT.address).sk},
        "prfs": [{"name": name, "in": numbers, "word": key.prf(name, *numbers), "scalar": key.ephemeral(name, *numbers)}
                 for name in ("note", "dummy", "salt", "memo", "rk", "reveal", "treasury")],
        "orders": [
            {"market": market, "epoch": epoch, "index": index, "nullifier": key.quota_nullifier(market, epoch, index),
             "rk": key.order_account(market, epoch, index).address}
            for market, epoch, index in ((0, 0, 0), (7, 12, 3), (2**16, 2**40, 65535))
        ],
    }  # fmt: skip


def _notes() -> list[dict]:
    key, found = world.KEY, []
    places = ((0, 0), (1, 2**128 - 1), (2**32 + 5, 77), (3 << 32 | 2**32 - 1, 1))
    for i, (position, amount) in enumerate(places):
        note = Note(world.BASE if i % 2 else 2**160 - 1, amount, key.owner, 900 + i)
        found.append({
            "note": note, "position": position, "sk": key.sk,
            "commitment": note.commitment, "nullifier": note.nullifier(key, position),
        })  # fmt: skip
    return found


def _orders() -> list[dict]:
    rng, found = random.Random(7), []
    last = 2**64 - 1
    asked = [(Side.BUY, 1, 1), (Side.SELL, last, last), (Side.BUY, last, last)]
    asked += [(Side(i % 2), rng.randrange(1, 2**40), rng.randrange(1, 2**40)) for i in range(4)]
    for numbers in asked:
        terms, rules = Terms(*numbers), world.RULES
        order = world.order(*numbers)
        fill, price = rng.randrange(terms.quantity + 1), rng.randrange(1, terms.price + 1)
        asset, lock = rules.lock(terms)
        found.append({
            "order": order, "word": terms.word, "commitment": order.commitment, "opening": order.opening,
            "asset": asset, "lock": lock, "bond": terms.bond(rules.lot, rules.fee_bps, rules.bond_bps),
            "fill": fill, "price": price, "payment": vars(pay(terms, fill, price, rules.lot, rules.fee_bps)),
        })  # fmt: skip
    return found


def _memos() -> list[dict]:
    rng = random.Random(11)
    found = []
    for key in (world.KEY, world.STRANGER):
        plain = [rng.randrange(R) for _ in range(5)]
        ephemeral = rng.randrange(1, babyjubjub.L)
        memo = streams.seal_memo(plain, key.viewing.public, ephemeral)
        found.append({
            "sk": key.sk, "plain": plain, "ephemeral": ephemeral, "memo": memo, "word": streams.memo_word(memo),
        })  # fmt: skip
    return found


def _reveal(index: int) -> dict:
    """The reveal of an order as `Wallet.build_reveal` makes it."""
    key, order, leader, version = world.KEY, world.order(Side(index)), int(ACCOUNT.address, 16), index + 1
    chain = keccak256(bytes([index]))
    ephemeral = key.ephemeral("reveal", order.commitment, int.from_bytes(chain, "big") % R, version)
    seed = streams.slot_seed(streams.shared_point(ephemeral, world.TREASURY.public), *PLACE, order.commitment)
    reveal = streams.seal_reveal(order.opening, order.commitment, ephemeral, seed)
    message = streams.reveal_message(*PLACE, chain, leader, version, reveal)
    signature = key.order_account(order.market, order.epoch, index).unsafe_sign_hash(message)
    nullifier = key.quota_nullifier(order.market, order.epoch, index)
    call = calls.build_reveal(order.market, order.epoch, nullifier, reveal, signature)
    return {
        "sk": key.sk, "order": order, "index": index, "quota_nullifier": nullifier, "leader": leader,
        "leader_key": world.TREASURY.public, "version": version, "commit_chain": chain,
        "ephemeral": ephemeral, "seed": seed,
        "reveal": {"oc": reveal.oc, "point": reveal.point, "ciphertext": reveal.ciphertext},
        "message": message, "signature": {"v": signature.v, "r": signature.r, "s": signature.s},
        "commit_link": streams.commit_link(chain, order.commitment, leader),
        "reveal_link": streams.reveal_link(chain, reveal), "call": _call(call),
    }  # fmt: skip


def _streams() -> dict:
    context = streams.Context(*PLACE, 5, 500, 1, 2, 3)
    shared = babyjubjub.mul_base(55)
    return {
        "context": dict(vars(context)), "word": context.word,
        "receipt": {"seed": 91, "fill": 5, "price": 501, "word": streams.seal_receipt(5, 501, 91, context.word)},
        "blindings": {"salt": 909090, "out": streams.output_blindings(909090, context.word)},
        "treasury": {"shared": shared, "kind": 2, "out": streams.treasury_stream(shared, context.word, 2)},
    }  # fmt: skip


def _paths() -> dict:
    tree = CredentialTree()
    tree.update({0: 5, 3: 55, 2**20 - 1: 77})
    return {
        "zeros": zeros(NOTE_DEPTH),
        "folds": [{"leaf": tree.leaf(i), "index": i, "siblings": tree.path(i), "root": tree.root}
                  for i in (0, 3, 4, 2**20 - 1)],
    }  # fmt: skip


# --- Claims ---


def _claims() -> Iterator[tuple[str, object]]:
    for claim in (world.transact(), world.deposit(), world.transfer()):
        yield "transact", claim
    for side in Side:
        yield "commit", world.commit(side)
        for forfeit in (False, True):
            yield "reclaim", world.reclaim(side, forfeit)


def _changes() -> Iterator[tuple[int, dict]]:
    """What makes no proof of a claim that `_claims` gives, by its place there."""
    move, order, back = 0, 3, 5
    honest = [claim for _, claim in _claims()]
    spent, outputs, placed = honest[move].spent, honest[move].outputs, honest[order].order
    yield move, {"withdrawal": 289}
    yield move, {"deposit": 1, "withdrawal": 291}
    yield move, {"carrier": 0}
    yield move, {"account": 1 << 160}
    yield move, {"fee": -1}
    yield move, {"key": world.STRANGER}
    yield move, {"spent": spent[:1] * 2, "withdrawal": 690}
    yield move, {"outputs": (replace(outputs[0], asset=1), outputs[1])}
    yield move, {"outputs": tuple(replace(note, asset=1) for note in outputs)}
    yield order, {"rk": 0}
    yield order, {"time": 1 << 64}
    yield order, {"time": world.CREDENTIAL.expiry}
    yield order, {"quota_index": 4}
    yield order, {"spent": honest[order].spent[1:] * 2}
    yield order, {"credential_root": 1}
    yield order, {"order": replace(placed, terms=Terms(Side.BUY, 9, 1))}
    yield order, {"order": replace(placed, market=8)}
    yield order, {"credential": replace(world.CREDENTIAL, tier=1)}
    yield order, {"credential": replace(world.CREDENTIAL, jurisdiction=43)}
    yield order, {"credential": replace(world.CREDENTIAL, owner=1)}
    yield back, {"ephemeral": 0}
    yield back, {"treasury_key": (1, 1)}
    yield back, {"key": world.STRANGER}


def _claim(circuit: str, claim) -> dict:
    d, inputs = claim.assemble()
    stated = statement(d, DEPLOYMENT.verifiers[circuit].id, CHAIN_ID, DEPLOYMENT.pool)
    with mock.patch("offchain.circuits.prove", lambda *_: Proven(PROOF, stated, None)):
        call = _build(circuit, claim)
    return {
        "circuit": circuit, "claim": claim, "inputs": inputs, "statement": d, "publics": stated.publics,
        "proof": PROOF, "call": _call(call),
    }  # fmt: skip


RECORDED = {"quota_nullifier": 4711, "rk": as_address(0xF00D), "slot": 3}


def _build(circuit: str, claim) -> calls.Call:
    if circuit == "reclaim":
        return calls.build_reclaim(DEPLOYMENT, claim, **RECORDED)
    return (calls.build_transact if circuit == "transact" else calls.build_commit)(DEPLOYMENT, claim)


def _refused(place: int, change: dict) -> dict:
    circuit, claim = list(_claims())[place]
    try:
        replace(claim, **change).assemble()
    except ValueError as error:
        kind = "MaterialError" if isinstance(error, MaterialError) else "OutOfRange"
        return {"of": place, "change": change, "error": kind, "says": str(error)}
    raise AssertionError(f"this claim of {circuit} was to be refused: {change}")


def _call(call: calls.Call) -> dict:
    contract = Web3().eth.contract(abi=artifact(call.contract).abi)
    to, data = DEPLOYMENT.contracts[call.contract], contract.encode_abi(call.function, list(call.args))
    return {"to": to, "data": data, "name": call.function}


def decimal(value):
    """Plain JSON of words, bytes, dataclasses and keys."""
    if isinstance(value, ShieldedKey):
        return decimal(value.sk)
    if is_dataclass(value):
        return {field.name: decimal(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, dict):
        return {name: decimal(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [decimal(part) for part in value]
    if isinstance(value, bytes):
        return "0x" + value.hex()
    return str(int(value)) if isinstance(value, int) and not isinstance(value, bool) else value
