"""A real proof of every circuit: it holds for its statement, and for no other."""

from dataclasses import replace

import pytest

from offchain import prover, snarkjs
from offchain.circuits import file, load, prove
from offchain.field import R
from offchain.prover import Proof
from offchain.statement import Statement, evaluate, statement
from offchain.witness import WitnessError
from tests.circuits.guard import failed
from tests.circuits.model import rebuild
from tests.circuits.world import CHAIN_ID, CIRCUITS, POOL, honest

WORDS = {"transact": 16, "commit": 23, "reclaim": 18, "advance": 67, "print": 3, "key": 3}


@pytest.fixture(scope="module", params=CIRCUITS)
def proven(request):
    name = request.param
    d, inputs = honest(name).assemble()
    return name, d, prove(name, d, inputs, CHAIN_ID, POOL)


def verified(name: str, proof: Proof) -> list[bool]:
    """What our prover and snarkjs say."""
    vkey = file(name, "vkey.json")
    return [prover.verify(vkey, proof), snarkjs.verify(vkey, proof)]


def restated(proof: Proof, other: Statement) -> Proof:
    return replace(proof, publics=tuple(other.publics))


def test_proof_holds(proven):
    name, d, made = proven
    assert len(d) == WORDS[name] and len(made.words) == 8
    assert verified(name, made.proof) == [True, True]


def test_proof_fails_for_another_word(proven):
    name, d, made = proven
    other = d[:-1] + [(d[-1] + 1) % R]
    stated = statement(other, load(name).id, CHAIN_ID, POOL)
    assert verified(name, restated(made.proof, stated)) == [False, False]


def test_proof_fails_for_another_evaluation_at_its_digest(proven):
    """A contract that lays out other words than were proven evaluates them at the same point."""
    name, d, made = proven
    vkey, stated = file(name, "vkey.json"), made.statement
    for place in range(len(d)):
        other = d[:place] + [(d[place] + 1) % R] + d[place + 1 :]
        forged = Statement(stated.digest, stated.challenge, evaluate(other, stated.challenge))
        assert not prover.verify(vkey, restated(made.proof, forged)), f"word {place}"


def test_prove_refuses_words_that_the_inputs_do_not_state(proven):
    name, d, _ = proven
    with pytest.raises(WitnessError, match="Statement"):
        prove(name, [*d[:-1], (d[-1] + 1) % R], honest(name).assemble()[1], CHAIN_ID, POOL)


@pytest.mark.parametrize("what", ["chain", "pool", "circuit"])
def test_proof_fails_elsewhere(proven, what):
    name, d, made = proven
    here = {"chain": CHAIN_ID, "pool": POOL, "circuit": load(name).id}
    there = here | {what: bytes(32) if what == "circuit" else here[what] + 1}
    stated = statement(d, there["circuit"], there["chain"], there["pool"])
    assert stated.digest == made.statement.digest and stated.challenge != made.statement.challenge
    assert not prover.verify(file(name, "vkey.json"), restated(made.proof, stated))


@pytest.mark.parametrize("name", CIRCUITS)
def test_builder_states_what_the_inputs_mean(name):
    d, inputs = honest(name).assemble()
    assert rebuild(name, inputs) == (name, d, inputs)


@pytest.mark.parametrize("name", CIRCUITS)
def test_no_word_can_be_stated_otherwise(name):
    """For each word: neither its own digest nor the honest one goes with it."""
    d, inputs = honest(name).assemble()
    calculator, honestly = load(name).calculator, statement(d, load(name).id, CHAIN_ID, POOL)
    for place in range(len(d)):
        other = d[:place] + [(d[place] + 1) % R] + d[place + 1 :]
        forged = statement(other, load(name).id, CHAIN_ID, POOL)
        mixed = Statement(honestly.digest, honestly.challenge, evaluate(other, honestly.challenge))
        for publics, guard in ((forged, "Statement E1"), (mixed, "Statement E2")):
            signals = dict(zip(("digest", "challenge", "evaluation"), publics.publics))
            with pytest.raises(WitnessError) as error:
                calculator.calculate(inputs | signals)
            assert guard in failed(error.value), f"word {place}"
