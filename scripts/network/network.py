"""Start, watch, stop and wipe a network of validators and one RPC node on 127.0.0.1."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from eth_account import Account
from eth_account.signers.local import LocalAccount
from web3 import HTTPProvider, IPCProvider, Web3
from web3.middleware import ExtraDataToPOAMiddleware

from scripts.network import files, process
from scripts.network.plan import RPC, NetworkError, Plan, port_is_free

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_DIRECTORY = ROOT / "build" / "network"
GETH = ROOT / "build" / "bin" / "geth"

Say = Callable[[str], None]


@dataclass(frozen=True)
class Status:
    """`validators` maps a name to whether its process runs; `head` is the RPC node's block number,
    `head_age` its age in seconds and `peers` its peers, all None when it does not answer."""

    directory: str
    chain_id: int
    http: str
    ws: str
    validators: dict[str, bool]
    rpc: bool
    head: int | None
    head_age: int | None
    peers: int | None
    sealing: bool


class Network:
    """A network that exists in `directory`. Raises NetworkError when there is none."""

    def __init__(self, directory: Path = DEFAULT_DIRECTORY) -> None:
        self.directory = Path(directory).resolve()
        self.plan, self.signers = files.load(self.directory)
        self.http = f"http://127.0.0.1:{self.plan.http_port}"
        self.ws = f"ws://127.0.0.1:{self.plan.ws_port}"

    def __enter__(self) -> Network:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def faucet(self) -> LocalAccount:
        """The account that holds GRANT_WEI at genesis; its key never leaves the directory."""
        return Account.from_key((self.directory / files.FAUCET).read_text())

    def web3(self, timeout: float = 10) -> Web3:
        return _connect(HTTPProvider(self.http, request_kwargs={"timeout": timeout}))

    def validator_web3(self, name: str) -> Web3:
        """The validator's own socket, where `clique_propose` and `admin_peers` are."""
        return _connect(IPCProvider(self._folder(name) / "geth.ipc"))

    def start(self, say: Say = print) -> None:
        """Start what does not run and return once blocks advance."""
        begun = time.monotonic()
        idle = [name for name in self.plan.names if not self.running(name)]
        self._check_ports(idle)
        try:
            for name in idle:
                self._launch(name)
            say(f"network: {len(idle)} of {len(self.plan.names)} nodes launched, waiting for blocks")
            head = self._wait_for_blocks()
        except BaseException:  # an interrupt too: leave nothing half started behind
            self.stop()
            raise
        say(f"network: block {head} at {self.http}, {time.monotonic() - begun:.1f} s")

    def restart(self, name: str) -> None:
        """Launch one node again; returns at once."""
        if not self.running(name):
            self._check_ports([name])
            self._launch(name)

    def kill(self, name: str) -> None:
        """End one node as a crash would (SIGKILL); returns when it is gone."""
        process.end([self._folder(name)], signal.SIGKILL)

    def stop(self) -> None:
        """End every node cleanly; its data stays."""
        process.end([self.directory / name for name in self.plan.names])

    def running(self, name: str) -> bool:
        return process.running_pid(self._folder(name)) is not None

    def status(self) -> Status:
        head = head_age = peers = None
        if self.running(RPC):
            try:
                web3 = self.web3(timeout=2)
                block, peers = web3.eth.get_block("latest"), web3.net.peer_count
                head, head_age = block["number"], max(0, int(time.time()) - block["timestamp"])
            except OSError:  # not answering yet, or no more
                pass
        return Status(
            directory=str(self.directory),
            chain_id=self.plan.chain_id,
            http=self.http,
            ws=self.ws,
            validators={name: self.running(name) for name in self.plan.validator_names},
            rpc=self.running(RPC),
            head=head,
            head_age=head_age,
            peers=peers,
            sealing=head_age is not None and head_age <= 5 * self.plan.period,
        )

    def _folder(self, name: str) -> Path:
        if name not in self.plan.names:
            raise NetworkError(f"no node {name!r}; there are {', '.join(self.plan.names)}")
        return self.directory / name

    def _check_ports(self, names: list[str]) -> None:
        taken = [port for name in names for port in self.plan.ports(name) if not port_is_free(port)]
        if taken:
            raise NetworkError(
                f"port {taken[0]} on 127.0.0.1 is in use: stop what uses it, or wipe {self.directory} "
                "and start with another port base"
            )

    def _launch(self, name: str) -> None:
        folder = self._folder(name)
        if not GETH.is_file():
            raise NetworkError(f"{GETH} is missing; run `make setup`")
        if not (folder / "geth" / "chaindata").exists():
            _initialise(folder, self.directory / files.GENESIS)
        process.launch([str(GETH), *files.geth_arguments(self.plan, self.signers, name)], folder)

    def _wait_for_blocks(self) -> int:
        """Wait for two new blocks: one could be left over from before a stop."""
        seconds = 180 + 10 * self.plan.period
        deadline, first = time.monotonic() + seconds, None
        while time.monotonic() < deadline:
            for name in self.plan.names:
                if not self.running(name):
                    raise NetworkError(f"node {name} ended:\n{process.log_tail(self._folder(name))}")
            head = self.status().head
            if head is not None:
                first = head if first is None else first
                if head >= first + 2:
                    return head
            time.sleep(0.1)
        raise NetworkError(f"no new block within {seconds} s; see {self.directory}/*/log")


def _connect(provider: HTTPProvider | IPCProvider) -> Web3:
    web3 = Web3(provider)
    web3.middleware_onion.inject(ExtraDataToPOAMiddleware, layer=0)
    return web3


def _initialise(folder: Path, genesis: Path) -> None:
    command = [str(GETH), "init", "--datadir", ".", "--state.scheme", "hash", str(genesis)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise NetworkError(f"geth refuses the genesis of {folder}:\n{done.stderr[-2000:]}")


def start(directory: Path = DEFAULT_DIRECTORY, plan: Plan | None = None, say: Say = print) -> Network:
    """Make the network if there is none, start it, and return when blocks advance.

    An existing one is resumed; NetworkError if `plan` is given and is not the one it was made with.
    """
    directory = Path(directory).resolve()
    if not files.exists(directory):
        files.create(directory, plan or Plan())
    network = Network(directory)
    if plan is not None and plan != network.plan:
        raise NetworkError(f"{directory} was made as {network.plan}; wipe it first to change that")
    network.start(say)
    return network


def stop(directory: Path = DEFAULT_DIRECTORY) -> None:
    Network(directory).stop()


def status(directory: Path = DEFAULT_DIRECTORY) -> Status:
    return Network(directory).status()


def wipe(directory: Path = DEFAULT_DIRECTORY) -> None:
    """Stop the network and delete its directory with every key and block."""
    network = Network(directory)
    network.stop()
    shutil.rmtree(network.directory)
