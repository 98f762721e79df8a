"""The notebook runs as it is committed, against a deployed pool with a counterparty and a leader."""

import os
import tempfile
import threading
import time
from contextlib import contextmanager

import nbformat
import pytest
from nbclient import NotebookClient
from traitlets.config import Config

from offchain import keystore
from offchain.chain import CONFIRMATIONS
from offchain.notes import Side, Terms
from offchain.orders import Fate
from offchain.paths import ROOT
from tests.world import anvil, build_world

NOTEBOOK = ROOT / "docs" / "notebook.ipynb"
SEEN = CONFIRMATIONS + 1
PATIENCE = 300


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    with anvil() as url:
        yield build_world(url, tmp_path_factory.mktemp("world"))


class Venue:
    """All that a trader waits for: blocks, somebody to trade with, a leader. It waits for the trader in turn, at each
    step where a slow machine would else let a window pass."""

    def __init__(self, world):
        self.world, self.stop, self.error = world, threading.Event(), None

    @contextmanager
    def open(self):
        thread = threading.Thread(target=self._run)
        thread.start()
        try:
            yield
        finally:
            self.stop.set()
            thread.join()
        if self.error is not None:
            raise self.error

    def _run(self):
        try:
            self._play()
            while not self.stop.wait(0.1):
                self.world.mine(1)
        except BaseException as error:
            self.error = error

    def _play(self):
        world, birch, carrier = self.world, self.world.wallet("birch"), self.world.accounts["carrier"]
        usd, pool = world.chain.token(world.asset("USD")).functions, world.deployment.contracts["Pool"]
        self._await(lambda: world.chain.call(usd.balanceOf(pool)) > 0, "the deposit")
        world.advance_tree()
        epoch = world.open_epoch()
        windows = world.market.windows(epoch)
        world.mine(SEEN)
        placed = birch.commit(0, epoch, Terms(Side.SELL, 60, 495), world.traders["birch"].credential, carrier=carrier)
        self._await(lambda: self._epoch(epoch).live == 2, "the commit")
        world.go_to(windows.reveal + SEEN)
        birch.reveal(placed, carrier=carrier)
        self._await(lambda: self._epoch(epoch).reveals == 2, "the reveal")
        world.settle(0, epoch)
        world.mine(SEEN)
        world.advance_tree()
        world.mine(SEEN)

    def _epoch(self, epoch: int):
        return self.world.chain.call(self.world.chain.contract("Market").functions.epochs(0, epoch))

    def _await(self, holds, what: str):
        deadline = time.monotonic() + PATIENCE
        while not holds():
            assert not self.stop.is_set() and time.monotonic() < deadline, f"the notebook never came to {what}"
            time.sleep(0.05)


@pytest.mark.timeout(900)
def test_the_notebook_runs(world, tmp_path, monkeypatch):
    world.fund("birch", BTC=10**6)
    ash, password = world.traders["ash"], "of the test alone"
    for name, account in (("account", ash.account), ("carrier", world.accounts["carrier"])):
        file = tmp_path / f"{name}.json"
        keystore.save(file, keystore.Kind.ACCOUNT, int.from_bytes(account.key, "big"), password)
        monkeypatch.setenv(f"SHADOWPOOL_{name.upper()}", str(file))
    world.deployment.save(tmp_path / "deployment.json")
    ash.credential.save(tmp_path / "credential.json")
    monkeypatch.setenv("SHADOWPOOL_RPC", world.chain.rpc_url)
    monkeypatch.setenv("SHADOWPOOL_DEPLOYMENT", str(tmp_path / "deployment.json"))
    monkeypatch.setenv("SHADOWPOOL_CREDENTIAL", str(tmp_path / "credential.json"))
    monkeypatch.setenv("SHADOWPOOL_PASSWORD", password)
    for name in ("IPYTHONDIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "jupyter"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    with Venue(world).open(), tempfile.TemporaryDirectory(prefix="kernel-", ignore_cleanup_errors=True) as folder:
        # By sockets in a folder, of short paths: ports that were free may be another's once the kernel is up.
        config = Config({"KernelManager": {"transport": "ipc", "ip": f"{folder}/socket"}})
        NotebookClient(
            notebook, config=config, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}},
            timeout=PATIENCE, startup_timeout=PATIENCE,
        ).execute()  # fmt: skip
    outputs = [one for cell in notebook.cells if cell.cell_type == "code" for one in cell.outputs]
    printed = "".join(one.get("text", "") for one in outputs)
    assert "filled - 60 of 100 lots at 50" in printed, printed
    world.confirm()
    (order,) = world.wallet("ash").orders()
    assert (order.fate, order.fill) == (Fate.FILLED, 60)
    assert world.wallet("ash").balances()[world.asset("BTC")] == 60 * world.market.lot - 50_000


def test_no_output_is_committed():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    assert not any(cell.outputs or cell.execution_count for cell in notebook.cells if cell.cell_type == "code")
