import dataclasses

import pytest

from offchain import prover, snarkjs
from offchain.field import R, RangeError
from offchain.prover import Proof, ProverError
from offchain.witness import WitnessCalculator
from tests.offchain.circuit import FOLDER, compile_text

CIRCUIT = """
template Product() {
    signal input a;
    signal input b;
    signal input c;
    signal ab <== a * b;
    signal output d <== ab * c;
}
component main { public [c] } = Product();
"""


@pytest.fixture(scope="module")
def keys():
    compiled = compile_text("factors", CIRCUIT, level=2)
    zkey, vkey = FOLDER / "factors.zkey", FOLDER / "factors.vkey.json"
    prover.setup(compiled.r1cs, zkey, vkey, seed="00" * 15 + "2a")
    return compiled.wasm, zkey, vkey


@pytest.fixture(scope="module")
def wtns(keys):
    return WitnessCalculator(keys[0]).calculate({"a": 3, "b": 5, "c": 7})


@pytest.fixture(scope="module")
def proof(keys, wtns):
    return prover.prove(keys[1], wtns)


def test_a_proof_holds_for_its_public_inputs_alone(keys, proof):
    assert proof.publics == (105, 7)
    assert proof.seconds
    assert prover.verify(keys[2], proof)
    assert not prover.verify(keys[2], dataclasses.replace(proof, publics=(105, 8)))
    assert not prover.verify(keys[2], dataclasses.replace(proof, a=proof.c))


def test_snarkjs_and_our_prover_accept_each_others_proofs(keys, wtns, proof):
    _, zkey, vkey = keys
    theirs = snarkjs.prove(zkey, wtns)
    assert theirs.publics == proof.publics and theirs != proof
    assert prover.verify(vkey, theirs)
    assert snarkjs.verify(vkey, proof)
    assert not snarkjs.verify(vkey, dataclasses.replace(proof, publics=(105, 8)))


def test_json_round_trips(proof):
    assert Proof.from_json(proof.json()) == proof


def test_words_satisfy_the_evms_pairing_order(proof):
    a_x, a_y, *b, c_x, c_y = proof.words()
    assert (a_x, a_y) == proof.a and (c_x, c_y) == proof.c
    assert b == [proof.b[0][1], proof.b[0][0], proof.b[1][1], proof.b[1][0]]


def test_a_witness_that_does_not_satisfy_the_circuit_gives_no_proof(keys, wtns):
    wrong = wtns[:-32] + (999).to_bytes(32, "little")
    with pytest.raises(ProverError):
        prover.prove(keys[1], wrong)


def test_inputs_that_cannot_be_read_are_errors(keys, wtns, proof, tmp_path):
    with pytest.raises(ProverError):
        prover.prove(keys[1], wtns[:-1])
    with pytest.raises(ProverError):
        prover.verify(tmp_path / "absent.json", proof)
    with pytest.raises(ProverError):
        prover.setup(tmp_path / "absent.r1cs", tmp_path / "z", tmp_path / "v")


def test_forms_other_than_snarkjss_are_refused(proof):
    good = proof.json()
    for bad in ({}, {"proof": good["proof"]}, {**good, "proof": {}}, {**good, "publicSignals": ["x"]}, []):
        with pytest.raises(ProverError):
            Proof.from_json(bad)
    with pytest.raises(RangeError):
        Proof.from_json({**good, "publicSignals": [str(R)]})


def test_keys_of_our_setup_are_marked_as_development_keys(keys):
    assert prover.info(keys[1])["development"] is True
