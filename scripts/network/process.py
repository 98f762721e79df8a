"""A background process known by its pid file, never by its name."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

LOG_TAIL_BYTES = 2000


def launch(command: list[str], folder: Path, variables: Mapping[str, str] = {}) -> None:
    """Start `command` in `folder`, detached, with `variables` added to the environment.

    Its output goes to `folder/log`, its pid to `folder/pid`.
    """
    with open(os.open(folder / "log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb") as log:
        process = subprocess.Popen(
            command, cwd=folder, env=os.environ | variables, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    # A process that died at once has no start time; the empty field then matches no process.
    (folder / "pid").write_text(f"{process.pid} {_started(process.pid) or ''}")


def running_pid(folder: Path) -> int | None:
    """The pid of the process last launched in `folder`, if that very process still runs."""
    try:
        pid, started = (folder / "pid").read_text().split()
    except (FileNotFoundError, ValueError):
        return None
    return int(pid) if _started(int(pid)) == started else None


def _started(pid: int) -> str | None:
    """Start time in clock ticks since boot (with the pid it names one process for good), None if ended."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        threads = os.listdir(f"/proc/{pid}/task")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # A killed process holds its ports until its last thread is gone, zombie or not.
    if fields[0] != "Z" or len(threads) > 1:
        return fields[19]
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:  # another process started it and will reap it
        pass
    return None


def end(folders: list[Path], sig: signal.Signals = signal.SIGTERM, seconds: float = 20) -> None:
    """Signal the processes of all `folders` and wait until they are gone; kill what stays too long."""
    for folder in folders:
        _send(folder, sig)
    if not _gone(folders, seconds):
        for folder in folders:
            _send(folder, signal.SIGKILL)
        if not _gone(folders, 60):
            raise RuntimeError(f"processes of {folders[0].parent} do not end, even killed")
    for folder in folders:
        (folder / "pid").unlink(missing_ok=True)


def _send(folder: Path, sig: signal.Signals) -> None:
    pid = running_pid(folder)
    if pid is None:
        return
    try:
        os.kill(pid, sig)
    except ProcessLookupError:
        pass


def _gone(folders: list[Path], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while any(running_pid(folder) for folder in folders):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def log_tail(folder: Path) -> str:
    try:
        data = (folder / "log").read_bytes()
    except FileNotFoundError:
        return "(no log)"
    return data[-LOG_TAIL_BYTES:].decode(errors="replace")
