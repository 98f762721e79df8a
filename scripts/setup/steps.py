"""What is built, from what, and by which commands."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

from scripts.setup.runner import BUILD, ROOT, Shell, Step
from scripts.setup.tools import SetupError

VENV = BUILD / "venv"
PYTHON = VENV / "bin" / "python"
NODE = BUILD / "node"
BIN = BUILD / "bin"
REQUIREMENTS = ROOT / "requirements.txt"
PROVER = ROOT / "circuits" / "prover"
SCANNER = ROOT / "circuits" / "scanner"
FRONTEND = ROOT / "frontend"
WEB = BUILD / "web"
WEB_FILES = tuple(FRONTEND / name for name in ("package.json", "package-lock.json", ".npmrc"))
WEB_SOURCES = tuple(
    FRONTEND / name for name in ("src", "sdk", "public", "index.html", "vite.config.ts", "tsconfig.json")
)
WEB_LINK = FRONTEND / "node_modules"
NPM_FILES = tuple(ROOT / name for name in ("package.json", "package-lock.json", ".npmrc"))

# The last go-ethereum with Clique. It is past its end of life: for private networks only.
GETH = "github.com/ethereum/go-ethereum/cmd/geth@v1.13.15"


def venv(shell: Shell) -> None:
    if not _is_environment():
        shell(sys.executable, "-m", "venv", "--clear", VENV)
    if not (VENV / "bin" / "uv").exists():
        bootstrap = BUILD / "uv.txt"
        bootstrap.write_text(_locked("uv"))
        shell(PYTHON, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", bootstrap)
    uv = (PYTHON, "-m", "uv", "pip")
    shell(*uv, "sync", "--python", PYTHON, "--require-hashes", REQUIREMENTS)
    shell(*uv, "install", "--python", PYTHON, "--offline", "--no-deps", "--no-build-isolation", "-e", ROOT)


def _is_environment() -> bool:
    """Whether a working environment stands where it was made (a moved one does not work)."""
    command = [str(PYTHON), "-c", "import sys; print(sys.version_info[:2])"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        made = (VENV / "pyvenv.cfg").read_text().splitlines()
    except (OSError, subprocess.CalledProcessError):
        return False
    here = any(line.startswith("command =") and line.endswith(f" {VENV}") for line in made)
    return here and done.stdout.strip() == "(3, 11)"


def _locked(package: str) -> str:
    """The lines of requirements.txt that pin `package` with its hashes."""
    lines, taken = REQUIREMENTS.read_text().splitlines(), []
    for line in lines:
        if line.startswith(f"{package}==") or (taken and line.startswith(" ")):
            taken.append(line)
        elif taken:
            break
    if not taken:
        raise SetupError(f"{REQUIREMENTS} does not pin {package}; restore the file from the repository")
    return "\n".join(taken) + "\n"


def node(shell: Shell) -> None:
    _npm_ci(shell, NODE, NPM_FILES)


def _npm_ci(shell: Shell, folder: Path, files: tuple[Path, ...]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for path in files:
        (folder / path.name).write_bytes(path.read_bytes())
    shell("npm", "ci", "--ignore-scripts", cwd=folder)


def frontend(shell: Shell) -> None:
    _npm_ci(shell, WEB, WEB_FILES)
    # The sources find their modules by this link, so that what is installed stays under build/.
    if WEB_LINK.is_symlink() or not WEB_LINK.exists():
        WEB_LINK.unlink(missing_ok=True)
        WEB_LINK.symlink_to("../build/web/node_modules")
    shell(WEB / "node_modules" / ".bin" / "vite", "build", cwd=FRONTEND)
    shell("node", "sdk/build.mjs", cwd=FRONTEND)


def geth(shell: Shell) -> None:
    # The flag lets a dependency of this release reach into the runtime, which Go 1.23 forbade.
    shell("go", "install", "-trimpath", "-ldflags=-checklinkname=0", GETH, cwd=BUILD, GOBIN=str(BIN))


def prover(shell: Shell) -> None:
    _go_build(shell, PROVER, "shadowpool-prover")


def scanner(shell: Shell) -> None:
    _go_build(shell, SCANNER, "shadowpool-scanner")


def _go_build(shell: Shell, sources: Path, name: str) -> None:
    shell("go", "build", "-trimpath", "-o", BIN / name, ".", cwd=sources, CGO_ENABLED="0")


def circuits(shell: Shell) -> None:
    shell(PYTHON, "-u", "-m", "scripts.circuits", "build")


def contracts(shell: Shell) -> None:
    shell(PYTHON, "-u", "-m", "scripts.contracts", "build")


def _sources(name: str) -> Path:
    """A module of `scripts`, be it a file or a package."""
    package = ROOT / "scripts" / name
    return package if package.is_dir() else package.with_suffix(".py")


STEPS = [
    Step("geth", geth, (BIN / "geth",), facts=(GETH, platform.machine())),
    Step(
        "venv",
        venv,
        (PYTHON, VENV / "bin" / "shadowpool", VENV / "bin" / "vyper"),
        inputs=(REQUIREMENTS, ROOT / "pyproject.toml"),
        facts=(str(ROOT), sys.version),
    ),
    Step("node", node, (NODE / "node_modules" / "snarkjs",), inputs=NPM_FILES),
    Step(
        "frontend",
        frontend,
        (WEB / "node_modules" / "vite", BUILD / "frontend" / "index.html", BUILD / "sdk" / "package.json", WEB_LINK),
        inputs=(*WEB_FILES, *WEB_SOURCES),
    ),
    Step("prover", prover, (BIN / "shadowpool-prover",), inputs=(PROVER,), after=("node",)),
    Step("scanner", scanner, (BIN / "shadowpool-scanner",), inputs=(SCANNER,), after=("prover",)),
    Step(
        "contracts",
        contracts,
        (BUILD / "contracts",),
        inputs=(ROOT / "contracts", _sources("contracts"), REQUIREMENTS),
        after=("venv",),
    ),
    Step(
        "circuits",
        circuits,
        (BUILD / "circuits" / "circuits.json",),
        inputs=(
            ROOT / "circuits",
            ROOT / "offchain",
            _sources("circuits"),
            ROOT / "package-lock.json",
            REQUIREMENTS,
        ),
        after=("venv", "node", "prover"),
        echo=True,
    ),
]
