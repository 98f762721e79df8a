"""Deployment: everything bound to everything, and no development key where money is."""

import pytest

from offchain import circuits, prover
from offchain.chain import Chain
from offchain.deployment import DEVELOPMENT_CHAIN_IDS, Deployment, DeploymentError, Token
from offchain.transcript import CeremonyError
from scripts import circuits as circuit_build
from scripts import contracts as contract_build
from scripts.deploy import CIRCUITS, deploy
from scripts.network import DEFAULT_CHAIN_ID
from tests.world import PARAMETERS, account, anvil

ROLES = {role: account(index).address for index, role in enumerate(("governor", "guardian", "issuer"), 1)}
FEEDERS = [account(index).address for index in (4, 5, 6)]
NAMES = [*CIRCUITS, "settle_8"]
TOKENS = {"STAKE": Token("0x" + "11" * 20, 18)}


@pytest.fixture(scope="module", autouse=True)
def built():
    circuit_build.build(NAMES)
    contract_build.build()


@pytest.fixture(scope="module")
def deployed():
    with anvil() as url:
        deployer, seen = account(0), []
        yield deploy(url, deployer, **ROLES, feeders=FEEDERS, parameters=PARAMETERS, on_receipt=seen.append), Chain(url), seen


def test_contracts_know_each_other(deployed, tmp_path):
    deployment, bare, _ = deployed
    chain = Chain(bare.rpc_url, deployment)
    places, verifiers = deployment.contracts, {name: v.address for name, v in deployment.verifiers.items()}
    expected = {
        "Pool": {"market": places["Market"], "credentials": places["Credentials"], "governance": places["Governor"],
                 "guardian": ROLES["guardian"], "transact_verifier": verifiers["transact"],
                 "advance_verifier": verifiers["advance"]},
        "Market": {"pool": places["Pool"], "relayers": places["Relayers"], "keys": places["Keys"],
                   "credentials": places["Credentials"], "governance": places["Governor"],
                   "commit_verifier": verifiers["commit"], "reclaim_verifier": verifiers["reclaim"],
                   "print_verifier": verifiers["print"]},
        "Relayers": {"market": places["Market"], "pool": places["Pool"], "stake_token": places["StakeToken"],
                     "key_verifier": verifiers["key"], "keys": places["Keys"]},
        "Keys": {"pool": places["Pool"], "key_verifier": verifiers["key"], "governance": places["Governor"]},
        "Credentials": {"issuer": ROLES["issuer"], "governance": places["Governor"]},
        "Oracle": {"feeder_count": 3, "quorum": 2, "lifetime": 3_600, "dispersion_bps": 10_000, "lowest": 1,
                   "highest": 2**64 - 1, "band_bps": 2**128 - 1, "interval": 1, "calm": 1,
                   "governance": places["Governor"], "guardian": ROLES["guardian"]},
        "Governor": {"admin": ROLES["governor"]},
    }  # fmt: skip
    for name, views in expected.items():
        for view, value in views.items():
            assert chain.call(chain.contract(name).functions[view]()) == value, f"{name}.{view}"
    deployment.save(tmp_path / "d.json")
    assert Deployment.load(tmp_path / "d.json") == deployment


def test_verifiers_hold_the_built_keys(deployed):
    deployment, chain, _ = deployed
    assert sorted(deployment.verifiers) == sorted(NAMES)
    for name, entry in deployment.verifiers.items():
        found = chain.call(chain.at("Verifier", entry.address).functions.circuit_id())
        assert bytes(found) == entry.id == circuits.load(name).id


def test_parameters_and_tokens(deployed):
    deployment, chain, seen = deployed
    relayers = Chain(chain.rpc_url, deployment).contract("Relayers").functions
    for view in ("epoch_stake", "bounty", "unbonding_blocks", "snapshot_lag", "key_max_age"):
        assert chain.call(relayers[view]()) == getattr(PARAMETERS, view)
    for symbol, token in deployment.tokens.items():
        functions = chain.token(token.address).functions
        assert (chain.call(functions.symbol()), chain.call(functions.decimals())) == (symbol, token.decimals)
    assert deployment.start_block == min(receipt.block for receipt in seen)
    assert len(seen) == len(deployment.tokens) + len(NAMES) + 8


def test_a_development_key_is_marked():
    assert list(circuits.load("commit").verification_key[:2]) == prover.development_alpha()


def test_no_development_key_and_no_test_token_on_any_other_chain():
    with anvil(chain_id=999) as url:
        chain, deployer = Chain(url), account(0)
        with pytest.raises(DeploymentError, match="name its tokens"):
            deploy(url, deployer, **ROLES, feeders=FEEDERS, parameters=PARAMETERS)
        with pytest.raises(CeremonyError, match="development key"):
            deploy(url, deployer, **ROLES, feeders=FEEDERS, parameters=PARAMETERS, tokens=TOKENS)
        assert chain.web3.eth.get_transaction_count(deployer.address) == 0 == chain.head()


def test_the_local_network_is_a_development_chain():
    assert DEFAULT_CHAIN_ID in DEVELOPMENT_CHAIN_IDS
