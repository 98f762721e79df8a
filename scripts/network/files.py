"""The files of a network: keys, genesis, configuration of each node. All private to the user."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from dataclasses import asdict
from pathlib import Path

from eth_account import Account
from eth_keys import keys
from eth_utils import to_checksum_address

from offchain import keystore
from scripts.network.plan import GRANT_WEI, RPC, NetworkError, Plan, genesis

MANIFEST = "network.json"
GENESIS = "genesis.json"
FAUCET = "faucet.key"
# A path of a Unix socket may hold 107 characters; the longest of ours is DIR/v5/geth.ipc.
MAX_DIRECTORY = 107 - len("/rpc/geth.ipc")


def write_private(path: Path, text: str) -> None:
    """Create `path` with mode 0600, so that it is at no time readable by others."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def exists(directory: Path) -> bool:
    return (directory / MANIFEST).is_file()


def create(directory: Path, plan: Plan) -> None:
    """Make a network's directory, whole or not at all (a draft is renamed when complete)."""
    if len(str(directory)) > MAX_DIRECTORY:
        raise NetworkError(f"{directory}: path longer than {MAX_DIRECTORY} characters; choose a shorter one")
    if directory.exists() and any(directory.iterdir()):
        raise NetworkError(f"{directory} holds something else than a network; choose an empty directory")
    draft = directory.with_name(directory.name + ".draft")
    if draft.exists():
        shutil.rmtree(draft)
    draft.mkdir(parents=True, mode=0o700)
    _fill(draft, plan)
    if directory.exists():
        directory.rmdir()
    draft.rename(directory)


def _fill(draft: Path, plan: Plan) -> None:
    faucet = Account.create()
    write_private(draft / FAUCET, faucet.key.hex())
    enodes = {name: _node_key(draft, plan, name) for name in plan.names}
    signers = {name: _signer(draft / name) for name in plan.validator_names}
    for name in plan.names:
        peers = [enode for other, enode in enodes.items() if other != name]
        write_private(draft / name / "config.toml", _config(plan.peer_port(name), peers))
    balances = {address: GRANT_WEI for address in (faucet.address, *plan.funded)}
    text = json.dumps(genesis(plan, list(signers.values()), balances), indent=2)
    write_private(draft / GENESIS, text)
    write_private(draft / MANIFEST, json.dumps({"plan": asdict(plan), "signers": signers}, indent=2))


def _node_key(draft: Path, plan: Plan, name: str) -> str:
    """Write the node's transport key; return its address for peers."""
    (draft / name).mkdir(mode=0o700)
    secret = keys.PrivateKey(secrets.token_bytes(32))
    write_private(draft / name / "nodekey", secret.to_bytes().hex())
    return f"enode://{secret.public_key.to_bytes().hex()}@127.0.0.1:{plan.peer_port(name)}?discport=0"


def _signer(node: Path) -> str:
    """Write the validator's keystore and password; return its address."""
    account, password = Account.create(), secrets.token_urlsafe(32)
    (node / "keystore").mkdir(mode=0o700)
    # The password lies beside it: a costly key derivation would only slow the start.
    document = keystore.encrypted(account.key, password, kdf="scrypt", iterations=4096)
    write_private(node / "keystore" / "signer.json", json.dumps(document))
    write_private(node / "password", password)
    return account.address


def _config(peer_port: int, peers: list[str]) -> str:
    # Only the file can bind one interface: the --port flag listens on all of them.
    return (
        f'[Node.P2P]\nListenAddr = "127.0.0.1:{peer_port}"\n'
        f"StaticNodes = {json.dumps(peers)}\n"
    )


def load(directory: Path) -> tuple[Plan, dict[str, str]]:
    """The plan of an existing network and its validators' addresses by name."""
    try:
        data = json.loads((directory / MANIFEST).read_text())
    except FileNotFoundError:
        raise NetworkError(f"no network in {directory}; start one there first") from None
    except (ValueError, OSError) as error:
        raise NetworkError(f"{directory / MANIFEST} cannot be read ({error}); wipe the network") from error
    plan = Plan(**{**data["plan"], "funded": tuple(data["plan"]["funded"])})
    return plan, data["signers"]


def checked_addresses(addresses: tuple[str, ...]) -> tuple[str, ...]:
    """Checksummed and sorted, each once; raises NetworkError for what is no address."""
    try:
        return tuple(sorted({to_checksum_address(address) for address in addresses}))
    except (ValueError, TypeError) as error:
        raise NetworkError(f"not an address to fund: {error}") from error


def geth_arguments(plan: Plan, signers: dict[str, str], name: str) -> list[str]:
    """One node's arguments, run from within its directory. They name files, never a secret."""
    common = f"""
        --config config.toml --datadir . --nodekey nodekey --ipcpath geth.ipc
        --networkid {plan.chain_id} --nodiscover --nat none --netrestrict 127.0.0.0/8
        --authrpc.addr 127.0.0.1 --authrpc.port {plan.engine_port(name)}
        --syncmode full --gcmode archive --state.scheme hash --cache 64 --verbosity 2
        --txpool.pricelimit 1 --txpool.accountslots 1024 --txpool.globalslots 8192
        --txpool.accountqueue 1024 --txpool.globalqueue 8192
    """
    seal = f"""
        --mine --miner.etherbase {signers.get(name)} --unlock {signers.get(name)}
        --password password --miner.gasprice 1 --miner.gaslimit {plan.gas_limit}
    """
    serve = f"""
        --http --http.addr 127.0.0.1 --http.port {plan.http_port} --http.vhosts localhost
        --http.api eth,net,web3,clique,txpool,debug
        --ws --ws.addr 127.0.0.1 --ws.port {plan.ws_port} --ws.api eth,net,web3,clique,txpool,debug
    """
    return (common + (serve if name == RPC else seal)).split()
