"""No circuit has a second witness for one statement: no hint, and no private input, is left free.

What follows from the inputs is proven wire by wire (solver.py): whatever other signals are changed,
alone or together, no other witness has these inputs. The inputs themselves are changed one by one
and in pairs, and the built circuit's calculator asked. That such a search would find what is there
to be found is shown on the circuits that the ablations weakened.
"""

import os
import random
import re

import pytest

from offchain.babyjubjub import ecdh, mul_base
from offchain.circuits import witness
from offchain.field import R
from offchain.paths import CIRCUITS
from offchain.witness import Inputs, WitnessError
from scripts.circuits import build
from tests.ablation.harness import stated
from tests.ablation.made import Signals, make
from tests.ablation.solver import Solver, Undecided
from tests.ablation.sources import circuit
from tests.ablation.test_ablation import FORGERIES, named
from tests.circuits import world
from tests.circuits.batch import BUY, SELL, Batch
from tests.circuits.guard import stated as statement_of

FULL = bool(os.environ.get("UNDERCONSTRAINT_FULL"))
"""Every planted freedom, all input signals of settle_8, every pair of inputs, and the wires of the larger settlements."""

INVERSE = r"(IsZero_\d+(\[\d+\])?|isz)\.inv$"
"""The one wire that may be free: circomlib's inverse of a number that is 0, which nothing reads."""

PAIRS = 40
"""Pairs of private inputs that are changed together, of each circuit, if not all."""

NAMES = [*world.CIRCUITS, "settle_8"]
LARGER = ["settle_16", "settle_64"] if FULL else []
"""The same template with more slots."""

PRIVATE = ("rsk", "present", "lo", "hi", "offset")
"""The inputs of a settlement that are no words of its statement."""

SLOW = {"FixedMul", "SharedPoint", "LadderPoint", "LeaderSecrets", "OpenReveal", "Sponge"}
PLANTED = {
    (subject.template, forgery.guarantee if not FULL else forgery.claim): (subject, forgery)
    for subject, forgery in reversed(FORGERIES)
    if not forgery.inputs and not forgery.words and not forgery.beside and subject.words is None
    if FULL or subject.template not in SLOW
}.values()
"""Forgeries that are hints alone: one of each guarantee, or all."""

OPEN = {
    "Clearing E6: a friend's order takes the margin",
    "CofactorTriple E1: the first doubling gives another point",
    "CofactorTriple E1: the second does",
    "LadderPoint E1: the first step starts elsewhere",
    "LadderPoint E1: the point keeps its torsion",
    "LadderSigns E1: the first factor is not tied to it",
    "LadderSigns E1: the signs are of the scalar 77",
    "LeaderSecrets E1: the leader opens under another key than the registered one",
    "LeaderSecrets E2: the audit scalar is the leader's choice",
    "LeaderSecrets E4: all of its secrets are",
    "OpenReveal E1: the reveal is opened under another scalar",
    "PoseidonPermute E1: a fifth power is",
    "PoseidonPermute E1: a fourth power is",
    "Sponge E2: the first block is not absorbed",
    "Squeeze E1: the padding is the prover's",
    "SubtreeRoot E1: other leaves are under the root",
}
"""Those that free many words at once, or words that only another point of the curve fits: the
search reports that wires are open, and tries no second witness that fits."""


def component(name: str) -> tuple[str, str]:
    """The template and the size of a circuit."""
    text = (CIRCUITS / "main" / f"{name}.circom").read_text()
    return re.search(r"component main .*= (\w+)(\(.*\));", text).groups()


def honest(name: str) -> tuple[list[int], Inputs]:
    if not name.startswith("settle"):
        return world.honest(name).assemble()
    batch = Batch(51).add(BUY, 1000, 100).add(SELL, 700, 100).add_random_words()
    size = int(name.removeprefix("settle_"))
    return batch.add_twisted(SELL, 500, 100, 8).add(BUY, 3, 90).settle(size).assemble()


# --- Given the inputs, one witness ---


@pytest.mark.parametrize("name", [*NAMES, *LARGER])
def test_every_wire_follows_from_the_inputs(name):
    made = make(circuit(*component(name)))
    d, inputs = honest(name)
    words = made.witness(inputs | stated(d))
    assert not made.r1cs.violated(words)
    public = {"digest", "evaluation"}       # they follow, too
    known = {wire: words[wire] for wire in made.r1cs.inputs if made.names[wire] not in public}

    solver = Solver(made.r1cs)
    assert solver.another(known, words) is None
    for wire in solver.free(solver.derive(known)):
        assert re.search(INVERSE, made.names[wire]), f"{made.names[wire]} is free"
    print(f"{name}: {len(words)} wires of {len(made.r1cs.constraints)} constraints have one value")


def test_a_scalar_with_two_recodings_has_one_shared_point():
    """The other freedom: LadderSigns leaves the leader two ways to write some scalars, of one point."""
    text = """pragma circom 2.2.0;
include "lib/settle_ladder.circom";
template Ladder() {
    signal input scalar;
    signal input point[2];
    signal output out[2];
    signal signs[251] <== LadderSigns()(scalar);
    signal vanishes;
    (out, vanishes) <== LadderPoint()(signs, point);
}
component main = Ladder();
"""
    made = make(text)
    words = made.witness({"scalar": 2**250 + 4, "point": list(mul_base(9))})
    other = Solver(made.r1cs).another({wire: words[wire] for wire in made.r1cs.inputs}, words)
    assert not made.r1cs.violated(other)
    one, two = Signals(made.names, words), Signals(made.names, other)
    assert one.signs != two.signs and one.out == two.out == list(ecdh(2**250 + 4, mul_base(9)))


# --- Other inputs ---


def flat(value) -> list[int]:
    return [word for item in value for word in flat(item)] if isinstance(value, list) else [value]


def changed(value, at: int, by: int):
    """The input with its word at a place (arrays in row order) changed by so much."""
    if not isinstance(value, list):
        return (value + by) % R
    out, place = [], 0
    for item in value:
        size = len(flat(item))
        out.append(changed(item, at - place, by) if place <= at < place + size else item)
        place += size
    return out


def passes(name: str, d: list[int], inputs: Inputs) -> bool:
    try:
        return bool(witness(name, statement_of(name, d), inputs))
    except WitnessError:
        return False


@pytest.mark.parametrize("name", NAMES)
def test_no_other_inputs_have_the_same_statement(name):
    build([name])
    d, inputs = honest(name)
    assert passes(name, d, inputs)
    chosen = PRIVATE if name == "settle_8" and not FULL else inputs
    places = [(signal, at) for signal in chosen for at in range(len(flat(inputs[signal])))]
    for signal, at in places:
        for by in (1, R - 1):
            assert not passes(name, d, inputs | {signal: changed(inputs[signal], at, by)}), f"{signal} {at} is free"
    pairs = [(one, other) for i, one in enumerate(places) for other in places[:i]]
    for one, other in pairs if FULL else random.Random(name).sample(pairs, min(PAIRS, len(pairs))):
        for by in (1, R - 1):
            both = inputs | {one[0]: changed(inputs[one[0]], one[1], 1)}
            both[other[0]] = changed(both[other[0]], other[1], by)
            assert not passes(name, d, both), f"{one} and {other} are free together"


def test_a_dummy_may_have_any_path():
    """The one freedom there is: where nothing is spent, there is no place to prove."""
    build(["transact"])
    d, inputs = world.transfer().assemble()
    assert inputs["in_amount"][1] == 0
    for at in (32, 63):
        assert passes("transact", d, inputs | {"in_siblings": changed(inputs["in_siblings"], at, 1)})
    assert not passes("transact", d, inputs | {"in_siblings": changed(inputs["in_siblings"], 0, 1)})


# --- What the search finds ---


@pytest.mark.parametrize("subject, forgery", named(PLANTED))
def test_a_planted_freedom_is_reported(subject, forgery):
    """As a second witness."""
    weak = subject.weakened(forgery)
    honest = dict(zip(subject.made.names, subject.honest))
    words = [honest[name] for name in weak.names]
    solver, known = Solver(weak.r1cs), {wire: words[wire] for wire in weak.r1cs.inputs}
    free = {wire for wire in solver.free(solver.derive(known)) if not re.search(INVERSE, weak.names[wire])}
    if f"{subject.template} {forgery.guarantee}: {forgery.claim}" in OPEN:
        with pytest.raises(Undecided):
            solver.another(known, words)
        return
    other = [word + (wire in free) for wire, word in enumerate(words)] if free else solver.another(known, words)
    assert other and other != words
    assert not weak.r1cs.violated(other)
