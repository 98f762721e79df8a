"""The benchmarks' own arithmetic and checks; what they measure they run elsewhere."""

import subprocess
import sys
from dataclasses import replace

import pytest

from offchain import circuits, contracts, prover
from offchain.chain import Chain
from offchain.claims import Print
from offchain.paths import ROOT
from offchain.statement import statement
from scripts import circuits as circuit_build
from scripts import contracts as contract_build
from scripts.bench import gas
from scripts.bench import prover as bench
from tests.world import account, anvil

POOL = 0x1234


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    circuit_build.build(["print"])
    d, inputs = Print(500, 7, 99).assemble()
    stated = statement(d, circuits.load("print").id, bench.CHAIN_ID, POOL)
    folder = tmp_path_factory.mktemp("bench")
    witness = folder / "print.wtns"
    witness.write_bytes(circuits.witness("print", stated, inputs))
    return bench.Job("print", witness, tuple(stated.publics), folder)


def test_provers_are_timed_and_agree(job):
    rows = {name: bench.PROVERS[name](job) for name in ("ours", "snarkjs")}
    for name, row in rows.items():
        bench.check(job, name, row.proof)
        assert row.seconds > 0 and row.cpu_seconds > 0 and row.peak_mb > 1
    assert rows["ours"].proof.words() != rows["snarkjs"].proof.words()


def test_a_proof_for_other_words_fails_the_run(job):
    proof = bench.ours(job).proof
    with pytest.raises(bench.BenchError, match="other public inputs"):
        bench.check(replace(job, publics=(1, 2, 3)), "ours", proof)
    with pytest.raises(bench.BenchError, match="prover refuses"):
        bench.check(job, "ours", replace(proof, c=proof.a))


def test_a_failed_prover_fails_the_run(job):
    with pytest.raises(bench.BenchError, match="ended with 3: no key"):
        bench.timed([sys.executable, "-c", "import sys; print('no key'); sys.exit(3)"])
    with pytest.raises(bench.BenchError):
        bench.ours(replace(job, witness=job.file("zkey")))


def test_the_peak_is_the_command_s_own():
    """Not that of the process which asks, and which the kernel would count."""
    held = bytearray(b"1" * 200 * 2**20)
    (_, _, peak_mb), _ = bench.timed(["true"])
    assert 0 < peak_mb < 50
    (_, _, peak_mb), _ = bench.timed([sys.executable, "-c", f"bytearray(b'1' * {len(held)})"])
    assert peak_mb > 200


@pytest.mark.parametrize("size", [8, 16, 64])
def test_a_full_batch_fills_its_circuit(size, tmp_path):
    """Both verifiers take its proof, and none for another statement."""
    circuit_build.build([f"settle_{size}"])
    full = bench.full_batch(size, tmp_path)
    bench.check(full, "ours", prover.prove(full.file("zkey"), full.witness.read_bytes()))


def test_the_parts_of_a_transaction_are_its_gas():
    """A token's first mint: supply and balance are written where there was nothing."""
    contract_build.build()
    token = contracts.artifact("Token")
    with anvil(options=("--steps-tracing",)) as url:
        chain, deployer = Chain(url), account(0)
        factory = chain.web3.eth.contract(abi=token.abi, bytecode=token.bytecode)
        pending = chain.submit(deployer, factory.constructor("Gold", "AU", 3))
        chain.receipt(pending)
        mint = chain.at("Token", chain.created(pending)).functions.mint("0x" + "11" * 20, 5)
        receipt = chain.send(deployer, mint)
        found = gas.parts(chain, receipt.hash, proof=False)
    assert found.total == receipt.gas
    assert (found.calldata_bytes, found.calldata) == (68, 16 * 25 + 4 * 43)
    assert found.storage == 2 * (2_100 + 20_000)
    assert found.events == 375 + 3 * 375 + 32 * 8
    assert found.refund == found.pairing == 0
    assert found.total == 21_000 + found.calldata + found.storage + found.events + found.execution


def test_benchmarks_find_what_they_are_made_of_without_pytest():
    """A dependency's package `tests` hides ours there, so the tests' world must need none of it."""
    names = sorted(f"scripts.bench.{path.stem}" for path in (ROOT / "scripts" / "bench").glob("*.py") if path.stem != "__init__")
    code = f"import importlib\nfor name in {names}: importlib.import_module(name)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)
