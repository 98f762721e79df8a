"""The build: sizes under EIP-170, no opcode of a later fork, nothing compiled twice."""

import pytest

from scripts import contracts

DEPLOYED = ["Verifier", "Pool", "Market", "Relayers", "Keys", "Credentials", "Oracle", "Governor"]


def test_sizes_are_those_on_chain_and_under_the_limit(world):
    on_chain = {
        "Pool": world.pool, "Market": world.market, "Relayers": world.relayers, "Keys": world.keys,
        "Credentials": world.credentials, "Oracle": world.oracle, "Governor": world.governor,
        "Verifier": world.verifiers["commit"],
    }  # fmt: skip
    assert sorted(on_chain) == sorted(DEPLOYED)
    for name, contract in on_chain.items():
        code = world.chain.rpc("eth_getCode", contract.address, "latest")
        assert contracts.load(name)["runtime_size"] == len(code) // 2 - 1 < 24_576


def test_every_external_function_is_documented():
    for path in contracts.sources():
        lines = path.read_text().splitlines()
        for at, line in enumerate(lines):
            if line in ("@external", "@deploy"):
                end = next(i for i in range(at, len(lines)) if lines[i].rstrip().endswith(":"))
                assert '"""' in lines[end + 1], f"{path.name}: {lines[end]}"


def test_reasons_are_short_and_lower_case():
    for path in [*contracts.sources(), *(contracts.SOURCES / "modules").glob("*.vy")]:
        for line in path.read_text().splitlines():
            if "assert " in line and line.rstrip().endswith('"'):
                reason = line.rstrip()[:-1].rsplit('"', 1)[1]
                assert ": " in reason and reason == reason.lower() and len(reason) < 56, line


def test_an_unchanged_contract_is_not_compiled_again():
    contracts.build()
    lines = []
    contracts.build(report=lines.append)
    assert not lines


def test_a_contract_above_the_limit_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(contracts, "OUTPUT", tmp_path)
    monkeypatch.setattr(contracts, "MAX_RUNTIME", 1000)
    with pytest.raises(ValueError, match="bytes at run time; the limit is 1000"):
        contracts.build()


def test_a_missing_artifact_says_how_to_make_it(monkeypatch, tmp_path):
    monkeypatch.setattr(contracts, "OUTPUT", tmp_path)
    with pytest.raises(FileNotFoundError, match="scripts.contracts build"):
        contracts.load("Pool")
