"""The transcript of a key ceremony: one entry a step, each linked to the one before.

Hashes are BLAKE2b-512 in hexadecimal, in which public powers-of-tau files are announced too.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path

R1CS, POWERS, KEY = "circuit.r1cs", "powers.ptau", "vkey.json"
ORDER = re.compile("(open( setup( contribute)*( beacon( finish)?)?)?)?")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._@+-]{0,62}")
MAX_BYTES = 1 << 24


class CeremonyError(Exception):
    """A ceremony cannot go on or cannot be trusted; the message says why and what to do."""


@dataclass(frozen=True)
class Step:
    """One entry of a transcript. `takes` and `makes` are hashes by file name.

    `says` holds what else the step fixed: a contribution's hash, a beacon, the circuit id.
    `link` hashes the entry together with the link before it.
    """

    kind: str
    name: str
    takes: dict[str, str]
    makes: dict[str, str]
    says: dict[str, str]
    date: str
    tools: dict[str, str]
    link: str

    def linked(self, before: str) -> str:
        """What `link` must be after the link `before`."""
        entry = {key: value for key, value in vars(self).items() if key != "link"}
        return hash_bytes((before + json.dumps(entry, sort_keys=True)).encode())


def read(path: Path) -> tuple[str, list[Step]]:
    """(circuit, steps) of a transcript whose links, order and hashes chain; CeremonyError if not."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError("it is too long")
        data = json.loads(path.read_text())
        if set(data) != {"circuit", "steps"} or not NAME.fullmatch(data["circuit"]):
            raise ValueError("it needs a circuit and steps")
        if not isinstance(data["steps"], list):
            raise ValueError("its steps are a list")
        steps = [_step_of(row) for row in data["steps"]]
        _check_chain(data["circuit"], steps)
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise CeremonyError(f"{path} is no sound transcript ({error}): restore it") from None
    return data["circuit"], steps


def _step_of(row: dict) -> Step:
    step = Step(**row)
    texts = [step.kind, step.name, step.date, step.link]
    for table in (step.takes, step.makes, step.says, step.tools):
        texts += [*table.keys(), *table.values()]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("every entry is text")
    return step


def _check_chain(circuit: str, steps: list[Step]) -> None:
    """Kinds in order, every link, every file taken as it was made last, and nothing else."""
    if not ORDER.fullmatch(" ".join(step.kind for step in steps)):
        raise ValueError("its steps are not in order")
    link, files, contributions = circuit, {}, 0
    for place, step in enumerate(steps):
        if step.link != step.linked(link):
            raise ValueError(f"step {place} was changed after it was written")
        newest = zkey_name(contributions)
        contributions += step.kind in ("contribute", "beacon")
        shape = {
            "open": ({"r1cs", "ptau"}, {R1CS, POWERS}, set()),
            "setup": ({R1CS, POWERS}, {newest}, set()),
            "contribute": ({newest}, {zkey_name(contributions)}, {"contribution"}),
            "beacon": ({newest}, {zkey_name(contributions)}, {"contribution", "beacon", "iterations"}),
            "finish": ({newest}, {KEY}, {"circuit_id"}),
        }[step.kind]
        if (set(step.takes), set(step.makes), set(step.says)) != shape:
            raise ValueError(f"step {place} does not take, make and say what a step {step.kind} does")
        if any(files.get(name, digest) != digest for name, digest in step.takes.items()):
            raise ValueError(f"step {place} takes another file than was made")
        link = step.link
        files |= step.makes


def zkey_name(contributions: int) -> str:
    """The file of the key after so many contributions."""
    return f"{contributions:04}.zkey"


def check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise CeremonyError("a name has 1 to 63 letters, digits, spaces or ._@+- and starts with a letter or digit")


def hash_bytes(data: bytes) -> str:
    return hashlib.blake2b(data).hexdigest()


def hash_file(path: Path) -> str:
    """CeremonyError if it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "blake2b").hexdigest()
    except OSError as error:
        raise CeremonyError(f"{path} cannot be read: {error.strerror}") from None
