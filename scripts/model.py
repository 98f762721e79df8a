"""Checks the model of an epoch's life, model/epoch.pml, with Spin: `python -m scripts.model`.

`safety` searches every state for a failed assertion and for a wait without end, `liveness` every
weakly fair run for one where property `ends` fails. Exit status 0 only if both searches are
complete, find nothing, and reach every statement of the model.
"""

import json
import re
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

from offchain.paths import BUILD, ROOT

MODEL = ROOT / "model" / "epoch.pml"
OUTPUT = BUILD / "model"
RESULT = OUTPUT / "model.json"
MEMORY_MB = 2000
DEPTH = 200_000    # transitions on a path; pan says so if it is not enough
TIMEOUT_SECONDS = 1_500

COMPILE = {
    "safety": ("-DSAFETY", "-DNOCLAIM"),
    "liveness": ("-DNFAIR=3",),    # room for fairness between up to 24 processes
}
RUN = {"safety": (), "liveness": ("-a", "-f")}


class ModelError(Exception):
    """The model could not be checked; the message says why."""


@dataclass(frozen=True)
class Result:
    check: str
    states: int
    transitions: int
    megabytes: float
    seconds: float
    errors: tuple[str, ...]         # what pan found, in its words
    unreached: tuple[str, ...]      # statements that no run executes, as line: text


def mutations() -> dict[str, int]:
    """The defects that the model can be given, by name."""
    return {name: int(number) for name, number in re.findall(r"^#define (M_\w+) (\d+)", MODEL.read_text(), re.M)}


def check(kind: str, mutation: int = 0) -> Result:
    """Run one search, "safety" or "liveness", up to its first error.

    Raises ModelError if a tool is missing or fails, or if the search stops early without an error.
    """
    OUTPUT.mkdir(parents=True, exist_ok=True)
    # Spin writes its files where it runs; two runs at once must not share them.
    with tempfile.TemporaryDirectory(dir=OUTPUT) as folder:
        place = Path(folder)
        _run(place, "spin", f"-DMUTATION={mutation}", "-a", str(MODEL))
        flags = (f"-DMEMLIM={MEMORY_MB}", *COMPILE[kind])
        # The optimiser costs more than it saves where a defect ends the search at once.
        _run(place, "cc", "-w", "-O0" if mutation else "-O2", *flags, "-o", "pan", "pan.c")
        text = _run(place, str(place / "pan"), f"-m{DEPTH}", *RUN[kind])
    return _parse(kind, text)


def _run(place: Path, *command: str) -> str:
    try:
        done = subprocess.run(
            command, cwd=place, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=TIMEOUT_SECONDS
        )
    except FileNotFoundError:
        raise ModelError(f"{command[0]} is missing: as root, apt-get install spin gcc libc6-dev") from None
    except subprocess.TimeoutExpired:
        raise ModelError(f"{command[0]} took more than {TIMEOUT_SECONDS} s") from None
    if done.returncode:
        raise ModelError(f"`{' '.join(command)}` failed:\n{done.stdout[-2000:]}")
    return done.stdout


def _parse(kind: str, text: str) -> Result:
    """What pan reports; ModelError unless it searched to the end or to an error."""
    errors = tuple(re.findall(r"^pan:\d+: (.+?) \(at depth", text, re.M))
    counted = re.search(r"errors: (\d+)", text)
    if not counted or int(counted[1]) != len(errors):
        raise ModelError(f"pan's report is not understood:\n{text[-2000:]}")
    if not errors and ("Search not completed" in text or "max search depth too small" in text):
        raise ModelError(f"the search is not complete; raise its limits or shrink the model:\n{text[-2000:]}")
    return Result(
        check=kind,
        states=int(_number(r"([\d.e+]+) states, stored", text)),
        transitions=int(_number(r"([\d.e+]+) transitions", text)),
        megabytes=_number(r"([\d.]+)\s+total actual memory usage", text),
        seconds=_number(r"elapsed time ([\d.]+) seconds", text),
        errors=errors,
        unreached=() if errors else _unreached(text),
    )


def _number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    if not found:
        raise ModelError(f"pan's report is not understood:\n{text[-2000:]}")
    return float(found[1])


def _unreached(text: str) -> tuple[str, ...]:
    """Statements of the model itself: neither the ends of endless loops nor the property's automaton."""
    found = re.findall(rf"^\s+\S*{re.escape(MODEL.name)}:(\d+), state \d+, \"(.*)\"$", text, re.M)
    return tuple(f"{line}: {statement}" for line, statement in found if statement != "-end-")


def main() -> int:
    results = []
    for kind in COMPILE:
        try:
            result = check(kind)
        except ModelError as error:
            print(f"error: {error}", file=sys.stderr)
            return 1
        results.append(result)
        print(
            f"{kind:<9} {result.states:>9,} states {result.transitions:>11,} transitions "
            f"{result.megabytes:6.0f} MB {result.seconds:6.1f} s  errors: {len(result.errors)}",
            flush=True,
        )
        for error in result.errors:
            print(f"  found: {error}")
        for statement in result.unreached:
            print(f"  never reached: {MODEL.relative_to(ROOT)}:{statement}")
    RESULT.write_text(json.dumps({result.check: asdict(result) for result in results}, indent=2) + "\n")
    return 1 if any(result.errors or result.unreached for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
