"""Builds the circuits: source → constraints and witness calculator → development key.

    python -m scripts.circuits build [NAME…]

Every file of circuits/main is a circuit. What is made of it goes to build/circuits, and
circuits.json there tells sizes and circuit ids. A step runs again only if what it reads, its
tool included, has changed.
"""

import hashlib
import json
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Annotated

import typer

from offchain import circom, circuits, prover
from offchain.paths import CIRCUITS
from offchain.wasm import replace_file

MAINS = CIRCUITS / "main"
FOLDER = circuits.FOLDER
SIMPLIFICATION = 2
"""Level 1 compiles no faster and leaves up to three times the constraints (circomlib's tables)."""

AT_ONCE = 2
"""Circuits built side by side: the largest take a core and gigabytes each."""

app = typer.Typer(no_args_is_help=True, add_completion=False)


class BuildError(Exception):
    """The build cannot go on; the text says why and what to do."""


def names() -> list[str]:
    """All circuits of the checkout."""
    return sorted(path.stem for path in MAINS.glob("*.circom"))


def build(wanted: list[str] | None = None) -> dict[str, dict]:
    """Build `wanted` (all, if none) where out of date; their rows of circuits.json.

    A row is {"constraints", "zkey_bytes", "words", "circuit_id"}, the id in hexadecimal.
    BuildError for an unknown name; CompileError and ProverError as the tools raise them.
    """
    chosen = sorted(set(wanted or names()))
    if unknown := set(chosen) - set(names()):
        raise BuildError(f"no circuit {', '.join(sorted(unknown))}: there are {', '.join(names())}")
    FOLDER.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        rows = dict(zip(chosen, pool.map(_build, chosen)))
    table = _read_json(FOLDER / "circuits.json")
    table = {name: row for name, row in table.items() if name in names()} | rows
    _write_json(FOLDER / "circuits.json", table)
    return rows


def _build(name: str) -> dict:
    r1cs, wasm, sym, zkey, vkey = (circuits.file(name, end) for end in circuits.FILES)
    sources = _sources(MAINS / f"{name}.circom")
    _step(name, "compiled", [*sources, circom.COMPILER], [r1cs, wasm, sym], lambda: _compile(name))
    _step(name, "keyed", [r1cs, prover.BINARY], [zkey, vkey], lambda: prover.setup(r1cs, zkey, vkey))
    circuit = circuits.load(name)
    circuit.calculator  # its machine code is made once; better here than in the first proof
    return {
        "constraints": _constraints(r1cs),
        "zkey_bytes": zkey.stat().st_size,
        "words": _words(sym),
        "circuit_id": "0x" + circuit.id.hex(),
    }


def _compile(name: str) -> None:
    circom.compile(MAINS / f"{name}.circom", FOLDER, SIMPLIFICATION)


def _step(name: str, done: str, reads: list[Path], makes: list[Path], run: Callable[[], None]) -> None:
    """Run a step unless its stamp shows that it ran on the same inputs."""
    stamp = FOLDER / f"{name}.{done}"
    fingerprint = _fingerprint(reads)
    if all(map(Path.exists, makes)) and stamp.exists() and stamp.read_text() == fingerprint:
        return
    stamp.unlink(missing_ok=True)
    started = time.monotonic()
    run()
    replace_file(stamp, fingerprint.encode())
    seconds, size = time.monotonic() - started, sum(path.stat().st_size for path in makes)
    print(f"{name:<12} {done:<9} {seconds:6.1f} s  {size / 1e6:8.1f} MB", flush=True)


def _fingerprint(paths: list[Path]) -> str:
    digest = hashlib.sha256(f"level {SIMPLIFICATION}".encode())
    for path in paths:
        if not path.is_file():
            raise BuildError(f"{path} is missing: run `make setup`")
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _sources(main: Path) -> list[Path]:
    """`main` and everything it includes, directly or not."""
    found, pending = {}, [main]
    while pending:
        path = pending.pop().resolve()
        if path in found:
            continue
        found[path] = True
        for include in re.findall(r'^\s*include\s+"([^"]+)"\s*;', path.read_text(), re.MULTILINE):
            places = [folder / include for folder in (path.parent, *circom.LIBRARIES)]
            pending.append(next((place for place in places if place.is_file()), places[0]))
    return sorted(found)


def _constraints(r1cs: Path) -> int:
    """The number in the header of iden3's r1cs format, which may stand after other sections."""
    with r1cs.open("rb") as file:
        file.seek(12)
        while head := file.read(12):
            kind, size = int.from_bytes(head[:4], "little"), int.from_bytes(head[4:], "little")
            if kind == 1:
                return int.from_bytes(file.read(size)[-4:], "little")
            file.seek(size, 1)
    raise BuildError(f"{r1cs} has no header: delete it and build again")


def _words(sym: Path) -> int:
    """The length of the circuit's statement: inputs `d` of its one Statement component."""
    places = re.findall(r",main\.[Ss]tatement\w*\.d\[(\d+)\]$", sym.read_text(), re.MULTILINE)
    if not places:
        raise BuildError(f"{sym.stem} has no Statement, so no contract can know what it proves")
    return 1 + max(map(int, places))


def _read_json(path: Path) -> dict:
    return json.loads(path.read_text()) if path.exists() else {}


def _write_json(path: Path, table: dict) -> None:
    replace_file(path, json.dumps(table, indent=2, sort_keys=True).encode() + b"\n")


@app.callback()
def main() -> None:
    """Compiles circuits and makes their development keys."""


@app.command("build")
def build_command(
    wanted: Annotated[list[str] | None, typer.Argument(metavar="[NAME]...", help="All, if none.")] = None,
) -> None:
    """Build what is out of date."""
    try:
        rows = build(wanted)
    except (BuildError, circom.CompileError, prover.ProverError) as error:
        typer.echo(f"circuits: {error}", err=True)
        raise typer.Exit(1) from None
    for name, row in rows.items():
        print(f"{name:<12} {row['constraints']:>8} constraints  {row['words']:>4} words  {row['circuit_id'][:18]}…")


if __name__ == "__main__":
    app()
