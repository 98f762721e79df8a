"""Runs steps, side by side where they may, skipping what is up to date, and says how far it is."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from scripts.setup.tools import SetupError

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
STAMPS = BUILD / ".stamps"
LOGS = BUILD / "logs"

AT_ONCE = 3
REMIND_SECONDS = 20


class Shell:
    """Runs a step's commands, keeping their output in a log file; `stop` ends the one under way."""

    def __init__(self, log: Path, echo: Callable[[str], None] | None) -> None:
        self.log, self.echo = log, echo
        self.child: subprocess.Popen[str] | None = None
        self.stopped = False
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("")

    def __call__(self, *command: str | Path, cwd: Path = ROOT, **environment: str) -> None:
        """Run `command`; SetupError with the end of its output if it fails."""
        if self.stopped:
            raise SetupError("stopped")
        with self.log.open("a") as log:
            self.child = subprocess.Popen(
                [str(word) for word in command],
                cwd=cwd,
                env={**os.environ, **environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            )
            if self.stopped:    # while it was begun
                self.stop()
            for line in self.child.stdout:
                log.write(line)
                if self.echo:
                    self.echo(line.rstrip())
        if self.child.wait():
            tail = "".join(self.log.read_text().splitlines(keepends=True)[-30:])
            raise SetupError(f"`{' '.join(map(str, command))}` failed:\n{tail}(all of it in {self.log})")

    def stop(self) -> None:
        self.stopped = True
        if self.child and self.child.poll() is None:
            with suppress(ProcessLookupError):  # it ended since
                os.killpg(self.child.pid, signal.SIGTERM)


@dataclass(frozen=True)
class Step:
    """Done again when a file under `inputs` or one of `facts` changed, or one of `makes` is gone."""

    name: str
    run: Callable[[Shell], None]
    makes: tuple[Path, ...]
    inputs: tuple[Path, ...] = ()
    facts: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    echo: bool = False

    @property
    def stamp(self) -> Path:
        return STAMPS / self.name

    def fingerprint(self) -> str:
        digest = hashlib.sha256(repr(self.facts).encode())
        for path in _files(self.inputs):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            digest.update(f"{path.relative_to(ROOT)}\n{content}\n".encode())
        return digest.hexdigest()

    def is_done(self, fingerprint: str) -> bool:
        stamped = self.stamp.is_file() and self.stamp.read_text() == fingerprint
        return stamped and all(path.exists() for path in self.makes)


def _files(paths: tuple[Path, ...]) -> Iterator[Path]:
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for child in sorted(path.rglob("*")):
            if child.is_file() and "__pycache__" not in child.parts:
                yield child


class Progress:
    """Lines of the form `[3/7] geth  158.2 s`, from several threads."""

    def __init__(self, total: int) -> None:
        self.total, self.count = total, 0
        self.begun: dict[str, float] = {}
        self.lock = threading.Lock()

    def say(self, line: str) -> None:
        with self.lock:
            print(line, flush=True)

    def start(self, name: str) -> None:
        self.begun[name] = time.monotonic()
        self.say(f"      {name:<10} started")

    def finish(self, name: str, outcome: str | None = None) -> None:
        begun = self.begun.pop(name, None)
        with self.lock:
            self.count += 1
            taken = outcome or f"{time.monotonic() - begun:.1f} s"
            print(f"[{self.count}/{self.total}] {name:<10} {taken}", flush=True)

    def remind(self) -> None:
        now = time.monotonic()
        running = [f"{name} {now - begun:.0f} s" for name, begun in list(self.begun.items())]
        self.say(f"      running: {', '.join(running)}")


def run(steps: list[Step], progress: Progress) -> None:
    """Run every step that is not up to date, each after those it names; SetupError on the first failure."""
    STAMPS.mkdir(parents=True, exist_ok=True)
    waiting = {step.name: step for step in steps}
    shells = {
        step.name: Shell(
            LOGS / f"{step.name}.log",
            (lambda line: progress.say(f"      {line}")) if step.echo else None,
        )
        for step in steps
    }
    running: dict[Future[None], str] = {}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            while waiting or running:
                unfinished = {*waiting, *running.values()}
                for name in [name for name, step in waiting.items() if not unfinished & set(step.after)]:
                    running[pool.submit(_run_one, waiting.pop(name), shells[name], progress)] = name
                finished, _ = wait(running, timeout=REMIND_SECONDS, return_when=FIRST_COMPLETED)
                for future in finished:
                    future.result()
                    del running[future]
                if not finished:
                    progress.remind()
        except BaseException:  # an interrupt too: end what still runs
            for shell in shells.values():
                shell.stop()
            raise


def _run_one(step: Step, shell: Shell, progress: Progress) -> None:
    fingerprint = step.fingerprint()
    if step.is_done(fingerprint):
        progress.finish(step.name, "cached")
        return
    step.stamp.unlink(missing_ok=True)
    progress.start(step.name)
    step.run(shell)
    missing = [str(path) for path in step.makes if not path.exists()]
    if missing:
        raise SetupError(f"step {step.name} ended well but did not make {', '.join(missing)}")
    step.stamp.write_text(fingerprint)
    progress.finish(step.name)
