"""The circom compiler (its own WebAssembly build) under wasmtime: no Node, no binary."""

import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from wasmtime import ExitTrap, Linker, Store, WasiConfig, WasmtimeError

from offchain import wasm
from offchain.paths import BUILD, CIRCUITS, NODE_MODULES, ROOT

COMPILER = NODE_MODULES / "circom2" / "circom.wasm"
LIBRARIES = (NODE_MODULES, CIRCUITS)


class CompileError(Exception):
    """circom refused a source; the text is the compiler's."""


@dataclass(frozen=True)
class Compiled:
    """A compiled circuit's files, and what the compiler said (constraint counts, warnings)."""

    r1cs: Path
    wasm: Path
    sym: Path
    messages: str


def compile(source: Path, out: Path, level: int = 2, libraries: tuple[Path, ...] = LIBRARIES) -> Compiled:
    """Compile `source` into NAME.r1cs, NAME.wasm and NAME.sym in the folder `out`.

    `level` is circom's simplification, 0 (every signal is a wire), 1 or 2 (fewest constraints). `source`, what it
    includes and `libraries` must lie in the checkout: the compiler sees nothing else. Files
    appear in `out` complete or not at all. CompileError carries the compiler's text.
    """
    if level not in (0, 1, 2):
        raise ValueError(f"circom simplifies at level 0, 1 or 2, not {level}")
    if not source.is_file():
        raise CompileError(f"no circuit at {source}")
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD, prefix="circom-") as work:
        scratch = Path(work)
        args = ["circom", _inside(source), "--r1cs", "--wasm", "--sym", f"--O{level}", "-o", _inside(scratch)]
        for library in libraries:
            args += ["-l", _inside(library)]
        messages = _run(args, scratch)
        name = source.stem
        made = [scratch / f"{name}.r1cs", scratch / f"{name}_js" / f"{name}.wasm", scratch / f"{name}.sym"]
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out) as beside:     # `out` may be on another file system
            for path in made:
                os.replace(shutil.copy(path, beside), out / path.name)
    return Compiled(*(out / path.name for path in made), messages)


def _inside(path: Path) -> str:
    """The path as the compiler, whose folder "." is ROOT, sees it."""
    try:
        return str(path.resolve().relative_to(ROOT))
    except ValueError:
        raise CompileError(f"{path} is outside the checkout, where the compiler cannot read") from None


def _run(args: list[str], scratch: Path) -> str:
    if not COMPILER.is_file():
        raise CompileError(f"no compiler at {COMPILER}: run `npm ci` into build/node (make setup)")
    log, errors = scratch / "stdout", scratch / "stderr"
    wasi = WasiConfig()
    wasi.argv = args
    wasi.stdout_file, wasi.stderr_file = str(log), str(errors)
    wasi.preopen_dir(str(ROOT), ".")
    store = Store(wasm.ENGINE)
    store.set_wasi(wasi)
    linker = Linker(wasm.ENGINE)
    linker.define_wasi()
    instance = linker.instantiate(store, wasm.load(COMPILER))
    code = 0
    try:
        instance.exports(store)["_start"](store)
    except ExitTrap as stop:
        code = stop.code
    except WasmtimeError as trap:
        code = f"a trap: {trap}"
    messages = _plain(log.read_text() + errors.read_text())
    if code != 0:
        raise CompileError(f"circom ended with {code} on {args[1]}:\n{messages}")
    return messages


def _plain(text: str) -> str:
    """The text without terminal colours."""
    head, *rest = text.split("\x1b[")
    return head + "".join(part.partition("m")[2] for part in rest)
