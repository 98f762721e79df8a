"""Powers of tau made by snarkjs and kept, and one ceremony on a circuit of one constraint."""

import json
import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from offchain import circom, circuits, prover, snarkjs
from offchain.paths import BUILD, ROOT
from offchain.transcript import Step
from offchain.wasm import replace_file

TINY = "tiny"
SOURCE = """
pragma circom 2.2.0;
template Tiny() {
    signal input a;
    signal input b;
    signal input c;
    a * b === c;
}
component main { public [a, b, c] } = Tiny();
"""
TINY_POWER = 4
BEACON = "5c" * 32
KEPT = BUILD / "tests" / "ceremony"


def _made(name: str, *args: str | Path, stdin: str = "") -> Path:
    """A file that snarkjs makes by a command, whose last argument it is."""
    path = KEPT / name
    if not path.exists():
        KEPT.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{name}.{os.getpid()}.partial")
        code, text = snarkjs.run(*args, partial, stdin=stdin)
        assert code == 0 and "ERROR" not in text, text
        os.replace(partial, path)
    return path


def raw_powers(power: int) -> Path:
    """2^power of them, one contribution, not prepared for phase 2."""
    new = _made(f"new{power}.ptau", "powersoftau", "new", "bn128", str(power))
    secret = secrets.token_hex(32) + "\n"
    return _made(f"raw{power}.ptau", "powersoftau", "contribute", new, stdin=secret)


def powers(power: int) -> Path:
    """The same, prepared: half a minute at 2^10, once."""
    return _made(f"prepared{power}.ptau", "powersoftau", "prepare", "phase2", raw_powers(power))


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Path:
    """A folder with the files of a built circuit."""
    source = KEPT / f"{TINY}.circom"
    replace_file(source, SOURCE.encode())
    folder = tmp_path_factory.mktemp("built")
    circom.compile(source, folder)
    prover.setup(*(folder / f"{TINY}.{end}" for end in ("r1cs", "zkey", "vkey.json")))
    return folder


@pytest.fixture
def built(monkeypatch, tiny, tmp_path) -> Path:
    """The same in a folder of its own, in place of the build."""
    folder = tmp_path / "circuits"
    shutil.copytree(tiny, folder)
    monkeypatch.setattr(circuits, "FOLDER", folder)
    return folder


@pytest.fixture(scope="session")
def ptau() -> Path:
    return powers(TINY_POWER)


@pytest.fixture(scope="session")
def raw_ptau() -> Path:
    return raw_powers(TINY_POWER)


@pytest.fixture(scope="session")
def r1cs(tiny) -> Path:
    return tiny / f"{TINY}.r1cs"


@pytest.fixture(scope="session")
def opened(ptau, r1cs, tmp_path_factory) -> Path:
    """A ceremony with its first key and no contribution."""
    folder = tmp_path_factory.mktemp("ceremony") / "opened"
    command("start", "--circuit", TINY, "--ptau", ptau, "--r1cs", r1cs, "--dir", folder)
    return folder


@pytest.fixture(scope="session")
def finished(opened, tmp_path_factory) -> Path:
    """Two contributors and a beacon, by the command line; in a folder of ceremonies."""
    folder = tmp_path_factory.mktemp("ceremonies") / TINY
    shutil.copytree(opened, folder)
    command("contribute", "--name", "alder", "--dir", folder)
    command("contribute", "--name", "birch", "--dir", folder, "--ask", stdin="dice: 3 1 6 6 2\n")
    command("beacon", "--name", "beacon of the test", "--hash", BEACON, "--dir", folder)
    command("finish", "--dir", folder)
    return folder


@pytest.fixture
def copy(finished, tmp_path) -> Path:
    """The finished ceremony, to be spoilt."""
    shutil.copytree(finished, tmp_path / TINY)
    return tmp_path / TINY


def launch(*args, **options) -> subprocess.Popen:
    """`shadowpool ceremony …` in a session of its own."""
    line = [sys.executable, "-m", "scripts.cli", "ceremony", *map(str, args)]
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    return subprocess.Popen(line, cwd=ROOT, text=True, start_new_session=True, **pipes, **options)


def command(*args, stdin: str = "", code: int = 0) -> str:
    """What the command wrote, its exit code checked."""
    process = launch(*args)
    out, errors = process.communicate(stdin)
    assert process.returncode == code, out + errors
    return out + errors


def edit(folder, change, relink=False, circuit=None):
    """Change the transcript's data; `relink` makes the links fit again, as a forger would."""
    path = folder / "transcript.json"
    data = json.loads(path.read_text())
    data["circuit"] = circuit or data["circuit"]
    change(data["steps"])
    if relink:
        link = data["circuit"]
        for row in data["steps"]:
            row["link"] = link = Step(**row).linked(link)
    path.write_text(json.dumps(data))
