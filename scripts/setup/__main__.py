"""`make setup`: check the machine, then build what is missing or out of date."""

from __future__ import annotations

import fcntl
import sys
import time

from scripts.setup.runner import BUILD, Progress, run
from scripts.setup.steps import STEPS
from scripts.setup.tools import SetupError, check_tools


def main() -> int:
    begun = time.monotonic()
    progress = Progress(len(STEPS) + 1)
    BUILD.mkdir(exist_ok=True)
    with (BUILD / "setup.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("set-up: another one is running here; waiting for it", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            progress.start("tools")
            check_tools()
            progress.finish("tools")
            run(STEPS, progress)
        except SetupError as error:
            print(f"set-up failed: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            print("set-up interrupted; run it again to go on from here", file=sys.stderr)
            return 130
    print(f"set-up complete, {time.monotonic() - begun:.1f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
