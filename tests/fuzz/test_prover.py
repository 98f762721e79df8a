"""Files of provers and ceremonies. The Go prover has mutations of its own
(circuits/prover/fuzz_test.go), which are run here once and counted."""

import os
import re
import subprocess
from random import Random

from offchain import ceremony
from offchain.paths import CIRCUITS
from offchain.transcript import CeremonyError
from tests.fuzz.mutate import CASES, Held, data, report, survey

TARGETS = {"r1cs", "wtns", "zkey", "vkey_json", "proof_json"}


def test_every_file_of_the_prover():
    for target in TARGETS:
        report(target, cases=0, crashes=1)      # what a run that does not end tells
    command = ["go", "test", "-v", "-run", "TestMutated", "."]
    environment = {**os.environ, "CGO_ENABLED": "0"}
    done = subprocess.run(command, cwd=CIRCUITS / "prover", env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    counted = {target: int(cases) for target, cases in re.findall(r"^fuzz (\w+) (\d+)$", done.stdout, re.MULTILINE)}
    assert set(counted) == TARGETS and min(counted.values()) >= CASES
    for target, cases in counted.items():
        report(target, cases=cases, crashes=0)


def test_powers_of_tau():
    """The sections of a .ptau file, which tell a ceremony whether it is prepared."""
    sections = b"".join(i.to_bytes(4, "little") + (8).to_bytes(8, "little") + bytes(8) for i in (1, 2, 3, 12, 13))
    good = b"ptau" + (1).to_bytes(4, "little") + (5).to_bytes(4, "little") + sections
    file = Held("held")

    def one(rng: Random) -> bool:
        file.data = data(rng, good)
        try:
            found = ceremony._sections(file)
        except CeremonyError:
            return False
        told, rest = set(), file.data[12:]
        while rest:
            told.add(int.from_bytes(rest[:4], "little"))
            end = 12 + int.from_bytes(rest[4:12], "little")
            assert end <= len(rest)
            rest = rest[end:]
        assert found == told
        return True

    survey("ptau", one)
