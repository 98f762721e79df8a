"""The under-constraint search of tests/ablation/test_underconstraint.py in full.

    python -m scripts.bench.underconstraint [circuit or template, as in pytest -k]

Every wire of settle_16 and settle_64, every input signal of settle_8, every pair of inputs of each circuit, every
planted freedom: an hour or more, where `make test` takes a minute or two.
"""

import os
import subprocess
import sys

from offchain.paths import ROOT

TESTS = "tests/ablation/test_underconstraint.py"


def main() -> int:
    chosen = ["-k", sys.argv[1]] if sys.argv[1:] else []
    command = [sys.executable, "-m", "pytest", "-p", "no:ape_test", "-v", "-s", "--timeout", "0", TESTS, *chosen]
    return subprocess.run(command, cwd=ROOT, env=os.environ | {"UNDERCONSTRAINT_FULL": "1"}).returncode


if __name__ == "__main__":
    sys.exit(main())
