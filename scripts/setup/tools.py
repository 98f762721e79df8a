"""The programs a machine must have, and how to get those it lacks."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


POSTGRES = Path("/usr/lib/postgresql")


class SetupError(Exception):
    """Set-up cannot go on; the message says why and what to do."""


def _version(command: list[str]) -> tuple[int, ...] | None:
    """The first dotted number that `command` prints, None if it cannot run."""
    try:
        text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return None
    found = re.search(r"\d+(\.\d+)+", text)
    return tuple(map(int, found[0].split("."))) if found else None


def _at_least(command: list[str], least: tuple[int, ...]) -> bool:
    return (_version(command) or ()) >= least


def _python() -> bool:
    return sys.version_info[:2] == (3, 11) and importlib.util.find_spec("ensurepip") is not None


def _compiler() -> bool:
    """Whether `cc` compiles, links and finds the C library's headers."""
    command = ["cc", "-x", "c", "-o", "/dev/null", "-"]
    source = b"#include <stdlib.h>\nint main(void) { return 0; }\n"
    return bool(shutil.which("cc")) and subprocess.run(command, input=source, capture_output=True).returncode == 0


def postgres_programs() -> Path | None:
    """The folder of the newest PostgreSQL's programs, which Debian leaves out of PATH; None without one."""
    found = {_version([str(path), "--version"]): path.parent for path in POSTGRES.glob("*/bin/postgres")}
    newest = max(filter(None, found), default=(0,))
    return found[newest] if newest >= (15,) else None


@dataclass(frozen=True)
class Tool:
    """`packages` are Debian's; the first must have at least version `least` to be of use."""

    name: str
    present: Callable[[], bool]
    packages: tuple[str, ...]
    least: tuple[int, ...]
    how: str


TOOLS = (
    Tool(
        "Python 3.11 with venv",
        _python,
        ("python3.11-venv",),
        (3, 11),
        "apt-get install python3.11-venv, or Python 3.11 from python.org",
    ),
    Tool(
        "Node.js 20 or newer, with npm",
        lambda: _at_least(["node", "--version"], (20,)) and _at_least(["npm", "--version"], (9,)),
        ("nodejs", "npm"),
        (20,),
        "unpack the Linux archive of nodejs.org/en/download into /usr/local",
    ),
    Tool(
        "Go 1.23 or newer",
        lambda: _at_least(["go", "version"], (1, 23)),
        ("golang-go",),
        (1, 23),
        "unpack the archive of go.dev/dl into /usr/local and put /usr/local/go/bin in PATH",
    ),
    Tool(
        "a C compiler",
        _compiler,
        ("gcc", "libc6-dev"),
        (4,),
        "apt-get install gcc libc6-dev",
    ),
    Tool(
        "Spin 6.5 or newer, for the model's tests",
        lambda: _at_least(["spin", "-V"], (6, 5)),
        ("spin",),
        (6, 5),
        "apt-get install spin",
    ),
    Tool(
        "Redis 6 or newer, for distributed proving",
        lambda: _at_least(["redis-server", "--version"], (6,)),
        ("redis-server",),
        (6,),
        "apt-get install redis-server",
    ),
    Tool(
        "PostgreSQL 15 or newer, for services that keep their state in it",
        lambda: postgres_programs() is not None,
        ("postgresql",),
        (15,),
        "apt-get install postgresql",
    ),
    Tool(
        "Chromium 120 or newer, for the tests of the web pages",
        lambda: _at_least(["chromium", "--version"], (120,)),
        ("chromium",),
        (120,),
        "apt-get install chromium",
    ),
)


def check_tools() -> None:
    """Install what is missing if that is possible (root, Debian); SetupError names the rest."""
    missing = [tool for tool in TOOLS if not tool.present()]
    if missing and os.geteuid() == 0 and shutil.which("apt-get"):
        _apt_get("update", "-q")
        for tool in missing:
            if _candidate(tool):
                _apt_get("install", "-q", "-y", "--no-install-recommends", *tool.packages)
        missing = [tool for tool in missing if not tool.present()]
    if missing:
        lines = [f"  {tool.name}: {tool.how}" for tool in missing]
        raise SetupError("this machine lacks\n" + "\n".join(lines) + "\nthen run the same command again")


def _candidate(tool: Tool) -> bool:
    """Whether Debian's version of the tool is new enough."""
    command = ["apt-cache", "policy", tool.packages[0]]
    text = subprocess.run(command, capture_output=True, text=True).stdout
    found = re.search(r"Candidate: (?:\d+:)?(\d+(?:\.\d+)*)", text)
    return found is not None and tuple(map(int, found[1].split("."))) >= tool.least


def _apt_get(*arguments: str) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(["apt-get", *arguments], env=environment, capture_output=True, text=True)
    if done.returncode:
        raise SetupError(f"apt-get {' '.join(arguments)} failed:\n{done.stderr[-2000:]}")
