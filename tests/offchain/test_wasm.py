"""WebAssembly modules are shared between threads."""

import subprocess
import sys

from offchain.paths import ROOT

THREADS = """
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from wasmtime import Linker, Store
from offchain import wasm

start = threading.Barrier(8)

def use(path):
    start.wait()
    module = wasm.load(path)
    Linker(wasm.ENGINE).instantiate(Store(wasm.ENGINE), module)

with ThreadPoolExecutor(8) as pool:
    list(pool.map(use, [Path({path!r})] * 8))
"""


def test_threads_that_begin_together_share_one_engine(tmp_path):
    module = tmp_path / "empty.wasm"
    module.write_bytes(b"\0asm\1\0\0\0")
    done = subprocess.run([sys.executable, "-c", THREADS.format(path=str(module))], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
