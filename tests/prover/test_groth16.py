"""The prover against snarkjs, on a real circom circuit: each accepts the other's keys and proofs."""

import copy
import json
import os
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ROOT / "circuits" / "prover"
NODE_MODULES = ROOT / "build" / "node" / "node_modules"
FOLDER = ROOT / "build" / "tests" / "prover"
PROVER = FOLDER / "shadowpool-prover"
R = 21888242871839275222246405745257275088548364400416034343698204186575808495617

CIRCUIT = """
pragma circom 2.2.0;
include "circomlib/circuits/poseidon.circom";
include "circomlib/circuits/bitify.circom";
template Membership() {
    signal input leaf;
    signal input secret;
    signal output root;
    signal output low;
    component bits = Num2Bits(64);
    bits.in <== secret;
    component hash = Poseidon(2);
    hash.inputs[0] <== leaf;
    hash.inputs[1] <== secret;
    root <== hash.out;
    low <== bits.out[0] * bits.out[1];
}
component main { public [leaf] } = Membership();
"""
LEAF, SECRET = 1, 2**63 + 7


def shell(*args, stdin=b"", ok=True, cwd=None, env=None):
    done = subprocess.run([str(a) for a in args], input=stdin, capture_output=True, cwd=cwd, env=env)
    if ok and done.returncode != 0:
        pytest.fail(f"{args} ended with {done.returncode}: {done.stdout.decode()}{done.stderr.decode()}")
    return done


def go(*args):
    return shell("go", *args, cwd=SOURCES, env={**os.environ, "CGO_ENABLED": "0"})


def prover(*args, **more):
    return shell(PROVER, *args, **more)


def snarkjs(*args, **more):
    return shell("node", NODE_MODULES / "snarkjs" / "cli.js", *args, **more)


def load(path):
    return json.loads(Path(path).read_text())


def save(path, value):
    path.write_text(json.dumps(value))
    return path


@pytest.fixture(scope="session")
def made():
    """The circuit's files, a development key, a witness and our proof of it."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    go("build", "-trimpath", "-o", PROVER, ".")
    source, key = FOLDER / "membership.circom", FOLDER / "membership.r1cs"
    if not key.is_file() or not source.is_file() or source.read_text() != CIRCUIT:
        source.write_text(CIRCUIT)
        compiler = NODE_MODULES / ".bin" / "circom2"
        shell(compiler, os.path.relpath(source, ROOT), "--r1cs", "--wasm", "--O2",
              "-l", os.path.relpath(NODE_MODULES, ROOT), "-o", os.path.relpath(FOLDER, ROOT), cwd=ROOT)
    files = SimpleNamespace(r1cs=key, zkey=FOLDER / "m.zkey", vkey=FOLDER / "m.vkey.json", wtns=FOLDER / "m.wtns")
    js = FOLDER / "membership_js"
    inputs = save(FOLDER / "m.input.json", {"leaf": str(LEAF), "secret": str(SECRET)})
    shell("node", js / "generate_witness.js", js / "membership.wasm", inputs, files.wtns)
    prover("setup", "--r1cs", files.r1cs, "--zkey", files.zkey, "--vkey", files.vkey)
    made = prover("prove", "--zkey", files.zkey, "--wtns", "-", "--vkey", files.vkey, stdin=files.wtns.read_bytes())
    files.bundle = json.loads(made.stdout)
    return files


def verdict(files, bundle, tmp_path, vkey=None):
    """Our own exit code for a proof with its public signals."""
    path = save(tmp_path / "bundle.json", bundle)
    return prover("verify", "--vkey", vkey or files.vkey, "--proof", path, ok=False).returncode


def snarkjs_accepts(bundle, vkey, tmp_path):
    proof, public = save(tmp_path / "p.json", bundle["proof"]), save(tmp_path / "s.json", bundle["publicSignals"])
    done = snarkjs("groth16", "verify", vkey, public, proof, ok=False)
    return done.returncode == 0 and b"OK!" in done.stdout


def test_the_go_tests_pass():
    go("vet", "./...")
    go("test", "-skip", "TestMutated", "./...")  # those are run by tests/fuzz


def test_both_verifiers_accept_our_proof(made, tmp_path):
    assert made.bundle["publicSignals"][1:] == ["1", str(LEAF)]
    assert verdict(made, made.bundle, tmp_path) == 0
    assert snarkjs_accepts(made.bundle, made.vkey, tmp_path)


def test_output_is_one_line_with_times(made):
    begun = time.monotonic()
    done = prover("prove", "--zkey", made.zkey, "--wtns", made.wtns)
    whole = time.monotonic() - begun
    assert done.stdout.count(b"\n") == 1 and done.stderr == b""
    seconds = json.loads(done.stdout)["seconds"]
    assert set(seconds) == {"read", "h", "msm", "verify", "total"}
    assert 0 < seconds["total"] < whole


def test_we_accept_a_proof_of_snarkjs(made, tmp_path):
    proof, public = tmp_path / "proof.json", tmp_path / "public.json"
    snarkjs("groth16", "prove", made.zkey, made.wtns, proof, public)
    assert load(public) == made.bundle["publicSignals"]
    prover("verify", "--vkey", made.vkey, "--proof", proof, "--public", public)


def test_our_verification_key_is_the_one_snarkjs_exports(made, tmp_path):
    exported = tmp_path / "vk.json"
    snarkjs("zkey", "export", "verificationkey", made.zkey, exported)
    ours = load(made.vkey)
    assert ours.pop("development") is True
    assert ours == load(exported)


def test_a_contributed_key_works_and_stays_marked(made, tmp_path):
    zkey, vkey = tmp_path / "second.zkey", tmp_path / "second.vkey.json"
    snarkjs("zkey", "contribute", made.zkey, zkey, "--name=second", "-e=some words")
    snarkjs("zkey", "export", "verificationkey", zkey, vkey)
    bundle = json.loads(prover("prove", "--zkey", zkey, "--wtns", made.wtns, "--vkey", vkey).stdout)
    assert verdict(made, bundle, tmp_path, vkey) == 0
    assert verdict(made, bundle, tmp_path) == 1, "the first key accepted a proof of the second"
    info = json.loads(prover("info", "--zkey", zkey).stdout)
    assert info["development"] is True and info["contributions"] == 1
    alpha = json.loads(prover("markers").stdout)["developmentAlpha"]
    assert load(vkey)["vk_alpha_1"] == [*alpha, "1"]


def spoil_point(name):
    def change(bundle):
        bundle["proof"][name][0], bundle["proof"][name][1] = bundle["proof"][name][1], bundle["proof"][name][0]
    return change


def swap_points(bundle):
    bundle["proof"]["pi_a"], bundle["proof"]["pi_c"] = bundle["proof"]["pi_c"], bundle["proof"]["pi_a"]


def set_public(index, value):
    def change(bundle):
        bundle["publicSignals"][index] = str(value)
    return change


@pytest.mark.parametrize("change", [
    *(pytest.param(spoil_point(name), id=f"{name} off the curve") for name in ("pi_a", "pi_b", "pi_c")),
    pytest.param(swap_points, id="points swapped"),
    *(pytest.param(set_public(i, 4), id=f"public {i} changed") for i in range(3)),
    pytest.param(set_public(2, LEAF + R), id="public written as itself plus r"),
    pytest.param(set_public(2, -1), id="public negative"),
    pytest.param(lambda b: b["publicSignals"].pop(), id="public missing"),
    pytest.param(lambda b: b["publicSignals"].append("0"), id="public added"),
])
def test_a_changed_proof_or_public_signal_is_refused(made, change, tmp_path):
    bundle = copy.deepcopy(made.bundle)
    change(bundle)
    assert verdict(made, bundle, tmp_path) == 1


def test_a_wrong_witness_gives_no_proof(made):
    good = made.wtns.read_bytes()
    last = int.from_bytes(good[-32:], "little")
    wrong = good[:-32] + ((last + 1) % R).to_bytes(32, "little")
    done = prover("prove", "--zkey", made.zkey, "--wtns", "-", stdin=wrong, ok=False)
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"does not satisfy the circuit" in done.stderr


def test_a_truncated_witness_is_refused(made):
    short = made.wtns.read_bytes()[:-32]
    done = prover("prove", "--zkey", made.zkey, "--wtns", "-", stdin=short, ok=False)
    assert done.returncode == 2 and b"truncated" in done.stderr


def test_info_tells_the_circuits_size(made):
    info = json.loads(prover("info", "--zkey", made.zkey).stdout)
    reported = snarkjs("r1cs", "info", made.r1cs).stdout.decode()
    assert f"# of Constraints: {info['constraints']}" in reported
    assert f"# of Wires: {info['wires']}" in reported
    assert info["zkeyBytes"] == made.zkey.stat().st_size
    assert (info["nPublic"], info["development"], info["contributions"]) == (3, True, 0)


def test_circuit_id_is_keccak_of_the_verifiers_words(made):
    from eth_utils import keccak

    vkey, words = load(made.vkey), []
    words += vkey["vk_alpha_1"][:2]
    for name in ("vk_beta_2", "vk_gamma_2", "vk_delta_2"):
        for re, im in vkey[name][:2]:
            words += [im, re]
    for point in vkey["IC"]:
        words += point[:2]
    packed = b"".join(int(w).to_bytes(32, "big") for w in words)
    info = json.loads(prover("info", "--zkey", made.zkey).stdout)
    assert info["circuitId"] == "0x" + keccak(packed).hex()


def test_a_seed_makes_the_same_key_twice(made, tmp_path):
    keys = []
    for name in ("one", "two"):
        zkey = tmp_path / f"{name}.zkey"
        prover("setup", "--r1cs", made.r1cs, "--zkey", zkey, "--vkey", tmp_path / f"{name}.json", "--seed", "5a" * 16)
        keys.append(zkey.read_bytes())
    assert keys[0] == keys[1] != made.zkey.read_bytes()


def test_a_key_without_a_contribution_is_refused(made, tmp_path):
    vkey = load(made.vkey)
    vkey["vk_delta_2"] = vkey["vk_gamma_2"]
    path = save(tmp_path / "forgeable.json", vkey)
    done = prover("verify", "--vkey", path, "--proof", save(tmp_path / "b.json", made.bundle), ok=False)
    assert done.returncode == 2 and b"delta = gamma" in done.stderr
