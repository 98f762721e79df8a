"""Finds a secret in what a relayer leaves behind, however it is written."""

import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

WIDE = 1 << 64
"""From here on a number is too rare to be met by chance; below, its digits must stand alone."""


@dataclass(frozen=True)
class Canary:
    """A secret; `name` is what a failure may say of it."""

    name: str
    secret: int | str | bytes = field(repr=False)

    def forms(self) -> Iterator[tuple[str, bytes]]:
        """(encoding, bytes to look for, hexadecimal in lower case): each spelling, and each wrapped once more."""
        for kind, raw in self._spellings():
            yield kind, raw
            yield f"{kind} in hex", raw.hex().encode()
            for offset in range(3):
                yield f"{kind} in base64 at {offset}", _base64(raw, offset)

    def _spellings(self) -> Iterator[tuple[str, bytes]]:
        if isinstance(self.secret, bytes | str):
            raw = self.secret if isinstance(self.secret, bytes) else self.secret.encode()
            yield "text", raw
            yield "decimal", str(int.from_bytes(raw, "big")).encode()
            return
        yield "decimal", str(self.secret).encode()
        yield "bytes", self.secret.to_bytes(32, "big")
        yield "bytes, little end first", self.secret.to_bytes(32, "little")
        if self.secret >= WIDE:
            least = (self.secret.bit_length() + 7) // 8
            yield "hex", f"{self.secret:x}".encode()
            yield "short bytes", self.secret.to_bytes(least, "big")
        else:
            yield "hex", f"0x{self.secret:x}".encode()

    def found(self, sink: bytes) -> list[str]:
        """The encodings in which a sink holds it."""
        lower = sink.lower()
        return [kind for kind, form in self.forms() if self._holds(sink, lower, kind, form)]

    def _holds(self, sink: bytes, lower: bytes, kind: str, form: bytes) -> bool:
        if kind.endswith("hex"):
            place = lower
        else:
            place = sink
        if isinstance(self.secret, int) and self.secret < WIDE and kind in ("decimal", "hex"):
            return re.search(rb"(?<![0-9a-zA-Z])" + re.escape(form) + rb"(?![0-9a-zA-Z])", place) is not None
        return form in place or kind == "text" and form.lower() in lower


def _base64(raw: bytes, offset: int) -> bytes:
    """The characters that `raw` alone decides, where it starts at that offset of a group of three."""
    bits = 8 * (offset + len(raw))
    text = base64.b64encode(bytes(offset) + raw)
    return text[(8 * offset + 5) // 6 : bits // 6]


def scan(canaries: list[Canary], sinks: dict[str, bytes]) -> list[str]:
    """Every (sink, canary, encoding) that should not be, in words without the secret."""
    return [
        f"{sink} holds {canary.name} as {kind}"
        for sink, content in sinks.items()
        for canary in canaries
        for kind in canary.found(content)
    ]
