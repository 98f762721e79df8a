"""Small circuits for tests: compiled under build/, run, and read back."""

from pathlib import Path

from offchain import circom
from offchain.circom import Compiled
from offchain.paths import BUILD
from offchain.wasm import replace_file
from offchain.witness import Inputs, WitnessCalculator

FOLDER = BUILD / "tests" / "circom"


def compile_text(name: str, text: str, level: int = 1) -> Compiled:
    """Compile a circuit given as text; it may include "lib/….circom"."""
    source = FOLDER / f"{name}.circom"
    replace_file(source, f"pragma circom 2.2.0;\n{text}".encode())
    return circom.compile(source, FOLDER / name, level)


def witness_words(wasm: Path, inputs: Inputs) -> list[int]:
    """The words of a witness: 1, the outputs, the public inputs, the rest."""
    values = WitnessCalculator(wasm).calculate(inputs)[76:]
    return [int.from_bytes(values[at : at + 32], "little") for at in range(0, len(values), 32)]
