"""The real network: five validators and an RPC node as processes of geth on 127.0.0.1."""

import json
import os
import socket
import stat
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from eth_account import Account

from offchain.paths import ROOT
from scripts.network import Network, NetworkError, Plan, free_port_base, process, start, status, stop, wipe
from scripts.network.files import create
from scripts.network.plan import GRANT_WEI, free_port


pytestmark = pytest.mark.timeout(1200)
PATIENCE = 200
"""Seconds for what takes a few, where other tests leave the machine nothing else."""


def until(condition, seconds, what):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.1)


def head_of(network):
    """The RPC node's head, once it answers: on a busy machine not always in a status's time."""
    heads = []
    until(lambda: heads.append(network.status().head) or heads[-1] is not None, PATIENCE, "an answer")
    return heads[-1]


def advances(network):
    head = head_of(network)
    until(lambda: head_of(network) >= head + 2, PATIENCE, f"two blocks after {head}")


def seals(network):
    until(lambda: network.status().sealing, PATIENCE, "a young block")


def last_signers(network):
    """Who signed the last three blocks, oldest first; of five, each waits for two blocks of others (EIP-225)."""
    web3 = network.web3(PATIENCE)
    names = {address.lower(): name for name, address in network.signers.items()}
    until(lambda: head_of(network) > 3, PATIENCE, "three blocks with signers")
    head = web3.eth.block_number
    answers = [web3.provider.make_request("clique_getSigner", [hex(head - back)]) for back in (2, 1, 0)]
    return [names[answer["result"].lower()] for answer in answers]


def halts(network):
    """Wait until no block came for six periods; blocks on their way may still arrive first."""
    head, since = head_of(network), time.monotonic()

    def quiet():
        nonlocal head, since
        if (now := head_of(network)) != head:
            head, since = now, time.monotonic()
        return time.monotonic() - since > 6 * network.plan.period

    until(quiet, PATIENCE, "a halt")


def sockets():
    """Every TCP and UDP socket that awaits peers: address as the kernel writes it, port, inode."""
    for table, state in (("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == state:
                address, port = fields[1].split(":")
                yield address, int(port, 16), fields[9]


def open_files(pid):
    """What a process has open; it opens and closes files meanwhile."""
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(FileNotFoundError):
            yield os.readlink(link)


def held_by(network):
    """Addresses and ports on which the network's own processes listen."""
    pids = [process.running_pid(network.directory / name) for name in network.plan.names]
    links = {link for pid in pids for link in open_files(pid)}
    return {(address, port) for address, port, inode in sockets() if f"socket:[{inode}]" in links}


@pytest.fixture(scope="module")
def funded():
    return Account.create()


@pytest.fixture(scope="module")
def network(tmp_path_factory, funded):
    directory = tmp_path_factory.mktemp("poa") / "n"
    plan = Plan(port_base=free_port_base(), funded=(funded.address,))
    network = start(directory, plan)
    yield network
    network.stop()


def test_all_nodes_are_up_and_seal(network):
    seals(network)
    until(lambda: network.status().peers == 5, PATIENCE, "five peers: three are enough for blocks")
    now, head = network.status(), head_of(network)
    assert all(now.validators.values()) and len(now.validators) == 5
    assert now.rpc
    web3 = network.web3(PATIENCE)
    assert web3.eth.chain_id == now.chain_id == network.plan.chain_id
    recent = range(head - 1, head + 1)
    gas_limits = {web3.eth.get_block(number)["gasLimit"] for number in recent}
    assert gas_limits == {network.plan.gas_limit}


def test_genesis_pays_the_faucet_and_the_accounts_asked_for(network, funded):
    web3 = network.web3(PATIENCE)
    for account in (network.faucet(), funded):
        assert web3.eth.get_balance(account.address, 0) == GRANT_WEI


def test_a_transaction_with_a_tip_of_one_wei_is_mined(network, funded):
    web3 = network.web3(PATIENCE)
    transaction = {
        "chainId": network.plan.chain_id,
        "to": network.faucet().address,
        "value": 1,
        "nonce": 0,
        "gas": 21_000,
        "maxFeePerGas": 10**10,
        "maxPriorityFeePerGas": 1,
    }
    signed = funded.sign_transaction(transaction)
    receipt = web3.eth.wait_for_transaction_receipt(web3.eth.send_raw_transaction(signed.raw_transaction), PATIENCE)
    assert receipt["status"] == 1


def test_the_rpc_node_holds_no_keys_and_no_admin_api(network):
    web3 = network.web3(PATIENCE)
    assert web3.eth.accounts == []
    for method in ("admin_peers", "personal_listAccounts", "miner_stop"):
        assert web3.provider.make_request(method, [])["error"]["code"] == -32601


def test_nothing_listens_outside_loopback(network):
    expected = [port for name in network.plan.names for port in network.plan.ports(name)]
    ports = lambda: sorted(port for _, port in held_by(network))     # noqa: E731
    until(lambda: ports() == sorted(expected), PATIENCE, f"ports {expected}, not {ports()}")
    assert {address for address, _ in held_by(network)} == {"0100007F"}


def test_keys_are_private_and_secrets_are_not_in_arguments(network):
    secrets = [network.directory / "faucet.key"]
    for name in network.plan.names:
        secrets += [network.directory / name / "nodekey"]
    for name in network.plan.validator_names:
        secrets += [network.directory / name / "password", network.directory / name / "keystore" / "signer.json"]
    assert [stat.S_IMODE(path.stat().st_mode) for path in secrets] == [0o600] * 17
    assert stat.S_IMODE(network.directory.stat().st_mode) == 0o700
    for name in network.plan.names:
        pid = (network.directory / name / "pid").read_text().split()[0]
        with open(f"/proc/{pid}/cmdline") as file:
            arguments = file.read().split("\0")
        assert not {path.read_text() for path in secrets} & set(arguments)


def test_another_plan_for_the_same_directory_is_refused(network):
    with pytest.raises(NetworkError, match="wipe it first"):
        start(network.directory, Plan(port_base=network.plan.port_base, chain_id=31337))


def test_status_command_prints_json(network):
    command = [sys.executable, "-m", "scripts.network", "status", "--json", "--dir", str(network.directory)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["validators"] == {f"v{number}": True for number in range(1, 6)}


def test_one_validator_suffices_and_two_networks_run_side_by_side(network, tmp_path):
    with start(tmp_path / "n", Plan(validators=1, chain_id=1337, port_base=free_port_base())) as other:
        assert other.web3(PATIENCE).eth.chain_id == 1337
        assert network.web3(PATIENCE).eth.chain_id == 31888
        assert not set(other.signers.values()) & set(network.signers.values())
        advances(network)
    seals(network)


def test_two_validators_may_crash_a_third_halts_and_its_return_resumes(network):
    # Of these three the first alone may sign next. Three who compete can each hold a block of their own, on
    # which none of them may sign: clique halts then.
    stay = last_signers(network)
    for name in set(network.signers) - set(stay):
        network.kill(name)
    advances(network)
    network.kill(stay[0])
    assert network.status().validators == {name: name in stay[1:] for name in network.signers}
    halts(network)
    network.restart(stay[0])
    advances(network)


def test_a_crash_of_every_node_loses_no_block(network):
    web3 = network.web3(PATIENCE)
    block = web3.eth.get_block(head_of(network) - 5)
    for name in network.plan.names:
        network.kill(name)
    assert not any(network.running(name) for name in network.plan.names)
    assert not network.status().sealing
    network.start()
    assert network.web3(PATIENCE).eth.get_block(block["number"])["hash"] == block["hash"]
    assert head_of(network) > block["number"]


def test_stop_ends_every_process_and_wipe_removes_everything(network):
    pids = [(network.directory / name / "pid").read_text().split()[0] for name in network.plan.names]
    stop(network.directory)
    for pid in pids:
        with pytest.raises(FileNotFoundError):
            open(f"/proc/{pid}/stat")
    wipe(network.directory)
    assert not network.directory.exists()
    with pytest.raises(NetworkError, match="no network in"):
        status(network.directory)


def test_no_port_is_given_twice(monkeypatch):
    """Whoever looks for one before the other's server listens, in whatever order they look."""
    monkeypatch.setattr("random.sample", lambda ports, _: list(ports))
    monkeypatch.setattr("random.shuffle", lambda bases: None)
    asked = "import random; random.sample = lambda ports, _: list(ports); random.shuffle = lambda bases: None; "
    asked += "from scripts.network.plan import free_port, free_port_base; print(free_port(), free_port_base())"
    mine = {free_port(), free_port(), free_port_base(), free_port_base()}
    other = subprocess.run([sys.executable, "-c", asked], cwd=ROOT, capture_output=True, text=True, check=True)
    assert len(mine | {int(port) for port in other.stdout.split()}) == 6


def test_a_port_in_use_is_named(tmp_path):
    plan = Plan(validators=1, port_base=free_port_base())
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)     # past whoever had it a minute ago
        taken.bind(("127.0.0.1", plan.ws_port))
        taken.listen()
        with pytest.raises(NetworkError, match=f"port {plan.ws_port} on 127.0.0.1 is in use"):
            start(tmp_path / "n", plan)
    assert not any(Network(tmp_path / "n").running(name) for name in plan.names)


def test_a_directory_with_other_things_is_neither_used_nor_wiped(tmp_path):
    (tmp_path / "letter").write_text("keep me")
    with pytest.raises(NetworkError, match="something else than a network"):
        start(tmp_path, Plan(port_base=free_port_base()))
    with pytest.raises(NetworkError, match="no network in"):
        wipe(tmp_path)
    assert (tmp_path / "letter").read_text() == "keep me"


def test_a_keystore_whose_iv_begins_with_zero_keeps_its_full_length(tmp_path, monkeypatch):
    def starts_with_zero(size):
        return bytes(1) + os.urandom(size - 1)

    monkeypatch.setattr("eth_keyfile.keyfile.Random.get_random_bytes", starts_with_zero)
    create(tmp_path / "n", Plan(validators=1))
    node = tmp_path / "n" / "v1"
    keystore = json.loads((node / "keystore" / "signer.json").read_text())
    assert keystore["crypto"]["cipherparams"]["iv"].startswith("00")
    assert len(keystore["crypto"]["cipherparams"]["iv"]) == 32
    key = Account.decrypt(keystore, (node / "password").read_text())
    assert Account.from_key(key).address == Network(tmp_path / "n").signers["v1"]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"validators": 4}, "1 or 5 validators"),
        ({"chain_id": 0}, "chain id"),
        ({"port_base": 80}, "port base"),
        ({"port_base": 65_530}, "port base"),
        ({"period": 0}, "block period"),
        ({"gas_limit": 1}, "gas limit"),
    ],
)
def test_a_wrong_plan_is_refused(wrong, message):
    with pytest.raises(NetworkError, match=message):
        Plan(**wrong)
