"""Circuits compiled without simplification, every signal a wire with its name; kept under build/."""

import hashlib
import re
from functools import cache, cached_property
from pathlib import Path

from offchain import circom
from offchain.paths import BUILD
from offchain.wasm import replace_file
from offchain.witness import Inputs, WitnessCalculator
from tests.offchain.r1cs import R1CS

FOLDER = BUILD / "ablation" / "circuits"
# circom names an anonymous component by its template, line and offset in the file.
_OFFSET = re.compile(r"(_\d+)_\d+(?=[.\[])")
_INDEX = re.compile(r"(?:\[\d+\])+$")


class Made:
    """A compiled circuit: its constraints, the names of its wires, its calculator."""

    def __init__(self, folder: Path):
        self.folder = folder

    @cached_property
    def r1cs(self) -> R1CS:
        return R1CS(self.folder / "circuit.r1cs")

    @cached_property
    def names(self) -> list[str]:
        """The name of each wire, "main." and offsets left out; of wire 0 (the constant 1), ""."""
        names = [""]
        for line in (self.folder / "circuit.sym").read_text().splitlines():
            _, wire, _, name = line.split(",")
            assert int(wire) == len(names), "a wire of an unsimplified circuit has one name"
            names.append(_OFFSET.sub(r"\1", name.removeprefix("main.")))
        assert len(set(names)) == len(names), "two wires share a name"
        return names

    def witness(self, inputs: Inputs) -> list[int]:
        """The words of all wires; WitnessError if the inputs do not satisfy the circuit."""
        values = WitnessCalculator(self.folder / "circuit.wasm").calculate(inputs)[76:]
        return [int.from_bytes(values[at : at + 32], "little") for at in range(0, len(values), 32)]


class Signals(dict):
    """A witness by name: an int, or the list of an array's words in row order."""

    def __init__(self, names: list[str], words: list[int]):
        for name, word in zip(names[1:], words[1:]):
            base = _INDEX.sub("", name)
            if base == name:
                self[base] = word
            else:
                self.setdefault(base, []).append(word)

    def __getattr__(self, name: str):
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None

    @property
    def d(self) -> list[int]:
        """The words of the circuit's statement."""
        return next(words for name, words in self.items() if re.fullmatch(r"[Ss]tatement(_\d+)?\.d", name))


def make(text: str) -> Made:
    """Compile a circuit's text, once."""
    folder = FOLDER / hashlib.sha256(_compiler() + text.encode()).hexdigest()[:24]
    done = folder / "done"
    if not done.exists():
        source = folder / "circuit.circom"
        replace_file(source, text.encode())
        circom.compile(source, folder, level=0)
        replace_file(done, b"")
    return Made(folder)


@cache
def _compiler() -> bytes:
    return hashlib.sha256(circom.COMPILER.read_bytes()).digest()
