"""WebAssembly modules, compiled to machine code once and kept under build/."""

import hashlib
import os
import tempfile
from importlib.metadata import version
from pathlib import Path

from wasmtime import Engine, Module

from offchain.paths import BUILD

CACHE = BUILD / "wasm"
ENGINE = Engine()  # made at import: threads that each made one could not share modules


def load(path: Path) -> Module:
    """The module of a .wasm file. The first time takes seconds for a large one.

    The cache holds machine code, which runs as it is: BUILD must be the user's own.
    """
    code = path.read_bytes()
    key = hashlib.sha256(version("wasmtime").encode() + code).hexdigest()
    cached = CACHE / f"{key}.cwasm"
    if cached.exists():
        return Module.deserialize_file(ENGINE, str(cached))
    module = Module(ENGINE, code)
    replace_file(cached, bytes(module.serialize()))
    return module


def replace_file(path: Path, content: bytes) -> None:
    """Write a whole file or nothing: a reader never sees a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(content)
    os.replace(file.name, path)
