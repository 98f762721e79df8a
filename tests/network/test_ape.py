"""ape as installed: its test runner, and its console on the proof-of-authority network."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from offchain.contracts import artifact
from scripts.network import Plan, free_port_base, start

pytestmark = pytest.mark.timeout(1200)
ROOT = Path(__file__).resolve().parents[2]


def ape(*arguments, typed=""):
    """Run ape with the environment's programs in PATH, without which it finds no Vyper."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["ape", *arguments],
        cwd=ROOT,
        env={**os.environ, "PATH": path},
        input=typed,
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_ape_test_runs():
    assert re.search(r"\b2 passed\b", ape("test", "tests/ape"))


def test_ape_console_reads_the_network(tmp_path):
    with start(tmp_path / "n", Plan(validators=1, port_base=free_port_base())) as network:
        address = deploy_token(network)
        shown = ape(
            "console",
            "--network",
            f"ethereum:poa:{network.http}",
            typed=f"""
chain_id = networks.active_provider.chain_id
print("chain", chain_id, "head", chain.blocks.head.number)
print("symbol", project.Token.at("{address}").symbol())
print("owner", project.Token.at("{address}").owner())
exit()
""",
        )
        assert int(re.search(r"chain 31888 head (\d+)", shown)[1]) > 0
        assert "symbol USD" in shown
        assert f"owner {network.faucet().address}" in shown


def deploy_token(network):
    web3, faucet, token = network.web3(), network.faucet(), artifact("Token")
    transaction = (
        web3.eth.contract(abi=token.abi, bytecode=token.bytecode)
        .constructor("US Dollar", "USD", 6)
        .build_transaction({"from": faucet.address, "nonce": 0})
    )
    sent = web3.eth.send_raw_transaction(faucet.sign_transaction(transaction).raw_transaction)
    return web3.eth.wait_for_transaction_receipt(sent, 300)["contractAddress"]
