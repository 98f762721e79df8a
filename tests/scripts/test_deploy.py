"""Deployment: everything bound to everything, and no development key where money is."""

import pytest
from typer.testing import CliRunner

from offchain import circuits, prover
from offchain.chain import Chain
from offchain.deployment import DEVELOPMENT_CHAIN_IDS, Deployment, DeploymentError, Token
from offchain.transcript import CeremonyError
from scripts import circuits as circuit_build
from scripts import contracts as contract_build
from scripts.cli.app import app
from scripts.cli.common import CommandError
from scripts.cli.deploy_file import Plan
from scripts.deploy import CIRCUITS, OracleBounds, Parameters, deploy
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


def test_tokens_without_a_stake_are_refused_before_anything_is_sent():
    with anvil() as url:
        with pytest.raises(DeploymentError, match="no STAKE"):
            deploy(url, account(0), **ROLES, feeders=FEEDERS, parameters=PARAMETERS, tokens={})
        assert Chain(url).head() == 0


PLAN = f"""
governor = "{ROLES["governor"]}"
guardian = "{ROLES["guardian"]}"
issuer = "{ROLES["issuer"]}"
feeders = ["{FEEDERS[0]}", "{FEEDERS[1]}", "{FEEDERS[2]}"]
settle_sizes = [8, 64]
[tokens]
STAKE = "{FEEDERS[0]}"
[parameters]
epoch_stake = 1_000_000_000_000_000_000_000
bounty = 0
[oracle]
quorum = 3
lowest = 5
"""
OTHERS = """governor_delay = 7_200
unbonding_blocks = 50_400
snapshot_lag = 4
key_max_age = 5
"""


def test_a_file_says_what_is_deployed(tmp_path):
    (tmp_path / "deploy.toml").write_text(PLAN)
    parameters = Parameters(epoch_stake=10**21, bounty=0, settle_sizes=(8, 64), oracle=OracleBounds(quorum=3, lowest=5))
    expected = Plan(**ROLES, feeders=FEEDERS, tokens={"STAKE": FEEDERS[0]}, parameters=parameters)
    assert Plan.load(tmp_path / "deploy.toml", 31337) == expected


def test_no_parameter_of_development_on_any_other_chain(tmp_path):
    """They are fixed for ever: the file gives each, or is refused by the names of those that it lacks."""
    file = tmp_path / "deploy.toml"
    file.write_text(PLAN)
    for chain_id in (1, 999):
        with pytest.raises(CommandError) as refused:
            Plan.load(file, chain_id)
        lacking = (f"parameters.{key}" for key in ("governor_delay", "unbonding_blocks", "snapshot_lag", "key_max_age"))
        assert str(refused.value) == f"{file} lacks {', '.join(lacking)}"
    file.write_text(PLAN.replace("[parameters]", f"[parameters]\n{OTHERS}"))
    found = Plan.load(file, 999).parameters
    assert (found.governor_delay, found.unbonding_blocks, found.key_max_age) == (7_200, 50_400, 5)


def test_the_command_refuses_before_it_sends(tmp_path, monkeypatch):
    monkeypatch.setenv("SHADOWPOOL_KEY", account(0).key.hex())
    (tmp_path / "deploy.toml").write_text(PLAN)
    with anvil(chain_id=999) as url:
        options = ["--rpc", url, "--deployment", str(tmp_path / "d.json")]
        done = CliRunner().invoke(app, [*options, "market", "deploy", "--config", str(tmp_path / "deploy.toml")])
        assert isinstance(done.exception, CommandError) and "lacks parameters.governor_delay" in str(done.exception)
        assert Chain(url).web3.eth.get_transaction_count(account(0).address) == 0


@pytest.mark.parametrize(("old", "new", "problem"), [
    ("issuer = ", "isuer = ", "no key isuer; there are governor"), ("bounty = 0", "bond = 0", "no key parameters.bond"),
    (f'issuer = "{ROLES["issuer"]}"', "", "lacks issuer"), ("[oracle]", "[oracle", "TOML"),
    (ROLES["issuer"], "0x" + "0" * 40, "issuer: .* not a checksummed address"),
    (FEEDERS[1], FEEDERS[1].lower(), "feeders.2: .* not a checksummed address"),
    (FEEDERS[1], FEEDERS[0], "feeders: one address stands there twice"),
    (f'STAKE = "{FEEDERS[0]}"', "STAKE = 5", "tokens.STAKE: 5 is not a checksummed address"),
    ("bounty = 0", "bounty = 0.5", "parameters.bounty must be of type int"),
    ("bounty = 0", "bounty = -1", "parameters.bounty is"),
    ("bounty = 0", "bounty = 2_000_000_000_000_000_000_000", "bounty is above"),
    ("bounty = 0", "snapshot_lag = 101", "snapshot_lag is above"),
    ("bounty = 0", "governor_delay = 0", "governor_delay is"),
    ("quorum = 3", "quorum = 1", "more than half"), ("quorum = 3", "quorum = 4", "at most all"),
    ("lowest = 5", "lowest = 5\nhighest = 4", "lowest is above"),
    ("lowest = 5", "lifetime = 86_401", "oracle.lifetime is"),
    ("[8, 64]", "[64, 8]", "ascending"), ("[8, 64]", "[]", "settle_sizes"), ("[8, 64]", "[8, 65]", "settle_sizes is"),
    ("[8, 64]", '["8"]', "settle_sizes must be an int"),
])  # fmt: skip
def test_a_wrong_file_is_named(tmp_path, old, new, problem):
    file = tmp_path / "deploy.toml"
    assert old in PLAN
    file.write_text(PLAN.replace(old, new, 1))
    with pytest.raises(CommandError, match=problem) as refused:
        Plan.load(file, 31337)
    assert str(file) in str(refused.value)
