"""The relayer's commands as processes of their own, as an operator runs them."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

from offchain import keystore
from offchain.paths import ROOT
from tests.world import CONFIRMATIONS, World

PATIENCE_SECONDS = 400


def configure(world: World, folder: Path, **settings) -> Path:
    """A configuration of the world's relayer, its account under the password of its reveal keys."""
    folder.mkdir(parents=True, exist_ok=True)
    account, who = folder / "account.json", world.accounts["relayer"]
    keystore.save(account, keystore.Kind.ACCOUNT, int.from_bytes(who.key), password(world))
    world.deployment.save(folder / "deployment.json")
    found = {
        "rpc": world.chain.rpc_url,
        "deployment": "deployment.json",
        "account": "account.json",
        "keys": str(world.leader.keys.folder),
        "database": f"sqlite:///{folder}/relayer.sqlite3",
        "confirmations": CONFIRMATIONS,
    } | settings
    file = folder / "relayer.toml"
    file.write_text("".join(f"{name} = {json.dumps(value)}\n" for name, value in found.items()))
    return file


def password(world: World) -> str:
    return world.leader.keys._password


class Command(subprocess.Popen):
    """A running command; `folder` holds its output."""

    folder: Path

    def errors(self) -> str:
        return (self.folder / "err.txt").read_text()


@contextmanager
def running(folder: Path, *arguments: str, **variables: str):
    """A command of `shadowpool`; yields its process, whose output goes to out.txt and err.txt in `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "scripts.cli", *map(str, arguments)]
    with (folder / "out.txt").open("ab") as out, (folder / "err.txt").open("ab") as err:
        process = Command(command, cwd=ROOT, env=os.environ | variables, stdout=out, stderr=err)
        process.folder = folder
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE_SECONDS)
        finally:
            process.kill()
            process.wait()


def until(done: Callable[[], object], world: World | None = None, process: Command | None = None, blocks: int = 1):
    """What `done` gives once that is true, mining `blocks` a look in `world`; AssertionError if it never is."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (found := done()):
        assert process is None or process.poll() is None, f"it ended with {process.returncode}: {process.errors()}"
        assert time.monotonic() < deadline, "it never came"
        if world is not None:
            world.mine(blocks)
        time.sleep(0.2)
    return found
