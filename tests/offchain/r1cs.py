"""An independent reader and checker of .r1cs files (iden3's format, version 1)."""

import struct
from pathlib import Path

from offchain.field import R

Terms = list[tuple[int, int]]


class R1CS:
    """Constraints A·B = C over the wires of a witness, each side a list of (wire, factor).
    `inputs` are the wires of the input signals."""

    def __init__(self, path: Path):
        self._data, self._at = path.read_bytes(), 0
        assert self._data[:4] == b"r1cs"
        sections = self._sections()
        self._at = sections[1]
        assert self._int(4) == 32 and self._int(32) == R
        self.wires = self._int(4)
        outputs, public, private = self._int(4), self._int(4), self._int(4)
        self.inputs = range(1 + outputs, 1 + outputs + public + private)
        self._at += 8  # number of labels
        count = self._int(4)
        self._at = sections[2]
        self.constraints = [(self._terms(), self._terms(), self._terms()) for _ in range(count)]

    def violated(self, words: list[int]) -> list[int]:
        """The numbers of the constraints that a witness breaks."""
        assert len(words) == self.wires

        def value(terms: Terms) -> int:
            return sum(words[wire] * factor for wire, factor in terms)

        sides = ((i, *map(value, sides)) for i, sides in enumerate(self.constraints))
        return [i for i, a, b, c in sides if (a * b - c) % R]

    def _sections(self) -> dict[int, int]:
        """Where each section's content begins."""
        starts, self._at = {}, 8
        for _ in range(self._int(4)):
            kind, size = self._int(4), self._int(8)
            starts[kind] = self._at
            self._at += size
        return starts

    def _terms(self) -> Terms:
        size = 36 * self._int(4)
        self._at += size
        terms = struct.iter_unpack("<I32s", self._data[self._at - size : self._at])
        return [(wire, int.from_bytes(factor, "little")) for wire, factor in terms]

    def _int(self, size: int) -> int:
        self._at += size
        return int.from_bytes(self._data[self._at - size : self._at], "little")
