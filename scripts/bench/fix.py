"""How much FIX was spoken, and in how many ways out of step: `python -m scripts.bench.fix` writes build/bench/fix.json.

It runs `tests/fix` in one process, and counts whole messages between acceptors and counterparties (ours and
QuickFIX/Go's), and the cases in which two sides lost step. It fails with the tests.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from offchain.deployment import write_atomically
from offchain.paths import BUILD, ROOT

OUTPUT = BUILD / "bench" / "fix.json"
COUNTS = "SHADOWPOOL_FIX_COUNTS"
TESTS = ("-m", "pytest", "-p", "no:ape_test", "-q", "tests/fix")


def measure() -> dict:
    """What OUTPUT holds. CalledProcessError if a test fails."""
    with tempfile.TemporaryDirectory(prefix="shadowpool-fix-") as folder:
        counts = Path(folder) / "counts.json"
        began = time.monotonic()
        subprocess.run([sys.executable, *TESTS], cwd=ROOT, check=True, env=os.environ | {COUNTS: str(counts)})
        return json.loads(counts.read_text()) | {"seconds": round(time.monotonic() - began, 3)}


def main() -> int:
    try:
        found = measure()
    except subprocess.CalledProcessError as error:
        print(f"the tests of tests/fix fail (code {error.returncode}): nothing is written", file=sys.stderr)
        return 1
    write_atomically(OUTPUT, json.dumps(found, indent=1) + "\n")
    print(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
