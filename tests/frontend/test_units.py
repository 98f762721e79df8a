"""The frontend's own checks: types, form, and vitest over its pure parts."""

import subprocess

import pytest

from offchain.paths import BUILD, ROOT

TOOLS = BUILD / "web" / "node_modules" / ".bin"
COMMANDS = [("tsc", "--noEmit"), ("prettier", "--check", "src", "sdk", "e2e"), ("vitest", "run")]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_passes(command):
    tool, *arguments = command
    done = subprocess.run(
        [TOOLS / tool, *arguments], cwd=ROOT / "frontend", capture_output=True, text=True, timeout=540
    )
    assert done.returncode == 0, done.stdout + done.stderr
