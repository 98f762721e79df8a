"""`python -m scripts.demo` as a process: bad files refused before anything starts, nothing left behind."""

import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from offchain.paths import ROOT
from scripts.network import NetworkError, status

pytestmark = pytest.mark.timeout(900)


@pytest.fixture
def folder():
    # A path of a Unix socket must be short, and pytest's are not.
    with tempfile.TemporaryDirectory(prefix="demo-") as name:
        yield Path(name)


def demo(folder: Path, *arguments: str) -> subprocess.Popen:
    command = [sys.executable, "-m", "scripts.demo", "--dir", str(folder), "--report", str(folder / "r.json")]
    return subprocess.Popen(
        [*command, *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def test_a_bad_order_file_is_refused_by_line_before_anything_starts(folder):
    orders = folder / "orders.csv"
    orders.write_text("trader,side,quantity,limit_price\nalder,buy,1,1\nnobody,buy,1,1\nfir,sell,0,x\n")
    process = demo(folder, "--orders", str(orders))
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 2
    assert "line 3: trader 'nobody'" in said and "line 4: quantity 0" in said and "line 2" not in said
    assert [path.name for path in folder.iterdir()] == ["orders.csv"]


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_no_process_behind(folder, ending):
    process = demo(folder, "--validators", "1")
    deadline = time.monotonic() + 300
    while not _sealing(folder / "network"):
        assert process.poll() is None and time.monotonic() < deadline, process.stdout.read()
        time.sleep(0.2)
    process.send_signal(ending)
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 130, said
    now = status(folder / "network")
    assert not now.rpc and not any(now.validators.values())


def _sealing(network: Path) -> bool:
    try:
        return status(network).sealing
    except NetworkError:
        return False
