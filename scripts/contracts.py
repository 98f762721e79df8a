"""Compile every contract: `python -m scripts.contracts build`.

One file a contract in build/contracts/<Name>.json: {abi, bytecode, runtime_size, source_hash}. A file
whose sources and settings have not changed is left as it is.
"""

import json
import sys
import time
from hashlib import sha256
from pathlib import Path

import vyper
from vyper.compiler import compile_from_file_input
from vyper.compiler.input_bundle import FilesystemInputBundle
from vyper.compiler.settings import OptimizationLevel, Settings

from offchain.wasm import replace_file

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "contracts"
OUTPUT = ROOT / "build" / "contracts"
MAX_RUNTIME = 24_576
"""EIP-170, bytes."""

# Clique networks end at London: no PUSH0, no transient storage.
SETTINGS = Settings(evm_version="london", optimize=OptimizationLevel.GAS)


def sources() -> list[Path]:
    """The deployable contracts: contracts/*.vy and contracts/test/*.vy."""
    return sorted([*SOURCES.glob("*.vy"), *(SOURCES / "test").glob("*.vy")])


def load(name: str) -> dict:
    """The artifact of a contract; FileNotFoundError says how to make it."""
    path = OUTPUT / f"{name}.json"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: run `python -m scripts.contracts build`")
    return json.loads(path.read_text())


def build(report=lambda line: None) -> None:
    """Compile what changed; ValueError for a contract that is too large to deploy."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    shared = _shared_hash()
    for path in sources():
        target = OUTPUT / f"{path.stem}.json"
        source_hash = sha256(shared + path.read_bytes()).hexdigest()
        if target.is_file() and json.loads(target.read_text()).get("source_hash") == source_hash:
            continue
        started = time.monotonic()
        artifact = _compile(path) | {"source_hash": source_hash}
        replace_file(target, (json.dumps(artifact, indent=1) + "\n").encode())
        seconds = time.monotonic() - started
        report(f"contracts: {path.stem} {artifact['runtime_size']} bytes, {seconds:.1f} s")


def _shared_hash() -> bytes:
    """Hash of all that every contract depends on besides its own file."""
    digest = sha256(f"{vyper.__version__} {SETTINGS}".encode())
    for path in sorted([*SOURCES.glob("modules/*.vy"), *SOURCES.glob("interfaces/*.vyi")]):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.digest()


def _compile(path: Path) -> dict:
    bundle = FilesystemInputBundle([SOURCES])
    output = compile_from_file_input(
        bundle.load_file(path),
        input_bundle=bundle,
        settings=SETTINGS,
        output_formats=["abi", "bytecode", "bytecode_runtime", "layout"],
    )
    # Immutables follow the code at deployment.
    code = (len(output["bytecode_runtime"]) - 2) // 2
    size = code + _immutable_bytes(output["layout"].get("code_layout", {}))
    if size > MAX_RUNTIME:
        raise ValueError(f"{path.name} has {size} bytes at run time; the limit is {MAX_RUNTIME}: split it")
    return {"abi": output["abi"], "bytecode": output["bytecode"], "runtime_size": size}


def _immutable_bytes(layout: dict) -> int:
    """Bytes of the immutables in a code layout, those of modules (nested) included."""
    if "length" in layout and "offset" in layout:
        return layout["length"]
    return sum(_immutable_bytes(entry) for entry in layout.values() if isinstance(entry, dict))


def main(arguments: list[str]) -> int:
    if arguments != ["build"]:
        print("usage: python -m scripts.contracts build", file=sys.stderr)
        return 2
    try:
        build(report=print)
    except (ValueError, vyper.exceptions.VyperException) as error:
        print(f"contracts: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
