"""The commands of `shadowpool` as background processes, each in a folder of its own, known by its pid."""

import json
import shutil
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from eth_account.signers.local import LocalAccount

from offchain import keystore
from offchain.carrier import CarrierClient, CarrierError
from offchain.deployment import Deployment
from offchain.paths import ROOT
from offchain.prover import BINARY
from relayer.proving.broker import PASSWORD_VARIABLE
from relayer.proving.sealing import WorkerKey
from scripts.demo.world import World
from scripts.network import process
from scripts.services.redis import RedisServer
from scripts.services.server import ServiceError

START_SECONDS = 180.0
STOP_SECONDS = 60.0


class Daemon:
    """One command, with passwords in its environment as an operator's has them; it says things in `folder/log`."""

    def __init__(self, folder: Path, secrets: dict[str, str], *arguments: object):
        self.folder = folder
        self._variables = secrets | {"PYTHONPATH": str(ROOT)}
        self.command = [sys.executable, "-m", "scripts.cli", *map(str, arguments)]
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    @property
    def pid(self) -> int | None:
        """None if it does not run."""
        return process.running_pid(self.folder)

    def start(self) -> None:
        """Returns at once; nothing to do if it runs."""
        if self.pid is None:
            process.launch(self.command, self.folder, self._variables)

    def kill(self) -> None:
        """End it as a power cut would."""
        process.end([self.folder], signal.SIGKILL)

    def log_tail(self) -> str:
        return process.log_tail(self.folder)


def stop(daemons: Iterable[Daemon]) -> None:
    """End them in good order, all at the same time."""
    process.end([daemon.folder for daemon in daemons], signal.SIGTERM, STOP_SECONDS)


def clear(folder: Path) -> None:
    """Delete a folder that an earlier run was cut short in, and end, by pid, all that it left running there."""
    process.end([file.parent for file in folder.rglob("pid")], signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


def ends_cleanly() -> None:
    """Have SIGTERM and Ctrl-C end this process as an error does, so that what it started is stopped."""
    for ending in (signal.SIGINT, signal.SIGTERM):     # SIGINT too: a shell's background job inherits it ignored
        signal.signal(ending, lambda number, _: sys.exit(128 + number))


def saved_account(folder: Path, account: LocalAccount, password: str) -> Path:
    """The account's keystore in `folder`."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = folder / "account.json"
    keystore.save(file, keystore.Kind.ACCOUNT, int.from_bytes(account.key), password)
    return file


def relayer(world: World, name: str, rpc: str, database: str, redis_password: str = "", **settings) -> Daemon:
    """`shadowpool relayer run` for an account of the world that was bonded."""
    folder = world.folder / "relayers" / name
    saved_account(folder, world.accounts[name], world.password)
    found = {
        "rpc": rpc,
        "deployment": str(world.folder / "deployment.json"),
        "account": "account.json",
        "keys": str(world.folder / "reveal-keys" / name),
        "database": database,
        "confirmations": world.chain.confirmations,
    } | settings
    file = folder / "relayer.toml"
    file.write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in found.items()))
    return Daemon(folder, _secrets(world, redis_password), "relayer", "run", "--config", file)


def carrier(world: World, port: int, gas: int = 10**12) -> Daemon:
    """`shadowpool relayer carry`, with room for everyone of a trial behind one address."""
    folder = world.folder / "carrier"
    account = saved_account(folder, world.accounts["carrier"], world.password)
    return Daemon(
        folder, _secrets(world), "--rpc", world.chain.rpc_url, "--deployment", world.folder / "deployment.json",
        "relayer", "carry", "--listen", f"127.0.0.1:{port}", "--database", f"sqlite:///{folder}/carrier.sqlite3",
        "--account", account, "--client-rate", 100, "--rate", 100, "--free-gas", gas,
    )  # fmt: skip


def answering(carrier: Daemon, url: str, deployment: Deployment) -> None:
    """Wait until a carrier that was started serves; ServiceError with its last words if it does not."""
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            CarrierClient(url, deployment)
            return
        except CarrierError:
            if carrier.pid is None or time.monotonic() > deadline:
                raise ServiceError(f"the carrier does not serve; its log ends:\n{carrier.log_tail()}") from None
        time.sleep(0.2)


def workers(world: World, redis: RedisServer, count: int) -> tuple[Path, list[Daemon]]:
    """(the list of their public keys, `count` proving workers on a Redis)."""
    listed, found = world.folder / "workers.txt", []
    lines = []
    for number in range(1, count + 1):
        folder, seed = world.folder / "workers" / str(number), keystore.new_seed()
        folder.mkdir(parents=True, mode=0o700)
        keystore.save(folder / "key.json", keystore.Kind.SEED, seed, world.password)
        lines.append(WorkerKey.from_seed(seed).public + "\n")
        secrets = _secrets(world, redis.password)
        found.append(Daemon(folder, secrets, "worker", "run", "--redis", redis.url, "--key", folder / "key.json"))
    listed.write_text("".join(lines))
    return listed, found


def _secrets(world: World, redis_password: str = "") -> dict[str, str]:
    return {keystore.PASSWORD_VARIABLE: world.password, PASSWORD_VARIABLE: redis_password}


def proving(pid: int | None, circuit: str) -> bool:
    """Whether a process, or one under it, proves a circuit whose name starts so right now."""
    return any(_proves(child, circuit) for child in _under(pid)) if pid else False


def _under(pid: int) -> Iterator[int]:
    """Every process under one; those of all its threads."""
    try:
        threads = Path(f"/proc/{pid}/task").glob("*/children")
        found = [int(child) for file in threads for child in file.read_text().split()]
    except OSError:
        return      # it ended meanwhile
    for child in found:
        yield child
        yield from _under(child)


def _proves(pid: int, circuit: str) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    except OSError:
        return False
    return words[:2] == [str(BINARY), "prove"] and any(Path(word).name.startswith(circuit) for word in words)
