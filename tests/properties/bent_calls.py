"""Attacks on any call: one word changed, a proof of something else, another sender, a shorter input."""

import copy
from dataclasses import replace

from tests.properties import honest
from tests.properties.actors import Actors, Cannot, account
from tests.properties.auction import TOP
from tests.properties.points import R
from tests.properties.rules import ZERO, Call
from tests.properties.vault import Unprovable


def _some(a: Actors, *moves) -> Call:
    """The first of the moves, tried in random order, that can be made."""
    for move in a.rng.sample(moves, len(moves)):
        try:
            return move(a)
        except (Cannot, Unprovable):
            continue
    raise Cannot("none can be made")


PROOFS = (
    honest.deposit, honest.transfer, honest.withdraw, honest.commit, honest.settle, honest.reclaim, honest.cancel,
    honest.print_, honest.advance, honest.register_key,
)  # fmt: skip


def _leaves(value, path=()):
    """The places of all plain values in nested arguments."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _leaves(inner, (*path, place))
    else:
        yield path, value


def _put(args, path, value):
    for step in path[:-1]:
        args = args[step]
    args[path[-1]] = value


def tamper(a: Actors) -> Call:
    """One word of a call changed after it was proven or signed."""
    call = copy.deepcopy(_some(a, *PROOFS, honest.reveal, honest.push))
    path, value = a.pick(_leaves(call.args))
    if isinstance(value, bool) or isinstance(value, str):
        value = a.pick([ZERO, a.stranger(), a.wallets["trader 3"], a.model.at["Base"], a.model.at["Fee"]])
    else:
        value = a.pick([value + 1, max(0, value - 1), (value + R) % 2**256, 0, 1, TOP, a.word(), 2**256 - 1])
    _put(call.args, path, value)
    call.label += f" tampered at {path}"
    return call


def cut(a: Actors) -> Call:
    """Input that ends too soon. A list at its end would be read on as zeros, so none ends in one here."""
    call = _some(a, honest.reveal, *(m for m in PROOFS if m not in (honest.settle, honest.advance)))
    return replace(call, cut=a.pick([1, 31, 32]), label=f"{call.label} cut short")


def swap_proof(a: Actors) -> Call:
    """A proof of other words, of another circuit, pool or chain, for the same call."""
    call = copy.deepcopy(_some(a, *PROOFS))
    proof = a.vault.proofs[call.args[0][0]]
    d, circuit, pool, chain_id = list(proof.d), proof.circuit, None, proof.chain_id
    kind = a.pick(["word", "word", "word", "circuit", "pool", "chain"])
    if kind == "word":
        place = a.rng.randrange(len(d))
        d[place] = a.pick([(d[place] + 1) % R, 0 if d[place] else 1, a.word()])
    elif kind == "circuit":
        circuit = a.pick(c for c in ("transact", "commit", "reclaim", "settle_16") if c != circuit)
    elif kind == "pool":
        pool = account("another pool")
    else:
        chain_id = 1
    other = a.vault.prove(circuit, d, pool, chain_id)
    call.args[0], call.args[1] = list(other.words), other.digest
    call.label += f" with a proof of another {kind}"
    return call


def second_spelling(a: Actors) -> Call:
    """A word w written as w + r, in the call and in what is proven: for the circuit the same statement."""
    call = copy.deepcopy(_some(a, *PROOFS))
    proof = a.vault.proofs[call.args[0][0]]
    known = {word: place for place, word in enumerate(proof.d)}
    path, value = a.pick((p, v) for p, v in _leaves(call.args) if type(v) is int and p[0] != 0 and v in known)
    d = list(proof.d)
    d[known[value]] = value + R
    _put(call.args, path, value + R)
    other = a.vault.prove(proof.circuit, d)
    call.args[0], call.args[1] = list(other.words), other.digest
    call.label += f" respelled at {path}"
    return call


def other_sender(a: Actors) -> Call:
    moves = [move for move in honest.MOVES if move not in (honest.transfer, honest.reveal)]
    call = _some(a, *moves)
    everyone = [*a.strangers, *a.leaders, *a.wallets.values(), a.model.people["guardian"], a.s.issuer, a.s.admin]
    return replace(call, sender=a.pick(who for who in everyone if who != call.sender), label=f"{call.label} by another")
