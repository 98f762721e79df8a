"""Which memos may be for a key: found for many at once by build/bin/shadowpool-scanner (sources in circuits/scanner).

A memo costs a scalar multiplication and a permutation of Poseidon, whoever it is for; here that takes
microseconds, on every processor. What is left is opened by `streams.open_memo`, which alone decides.
"""

import subprocess
from collections.abc import Iterable
from functools import cache

from offchain.field import tag
from offchain.grain import parameters
from offchain.keys import EncryptionKey
from offchain.paths import BUILD

BINARY = BUILD / "bin" / "shadowpool-scanner"
WIDTH = 7
HEAD_WORDS = 3
"""Of a memo: its point's x and y, and the first sealed word."""


class ScanError(Exception):
    """The scanner did not run; the message says why."""


def head(memo: tuple[int, ...]) -> bytes:
    """What the scanner takes of a memo: 96 bytes, with which its encoding begins."""
    return b"".join(word.to_bytes(32, "big") for word in memo[:HEAD_WORDS])


def candidates(heads: Iterable[bytes], key: EncryptionKey) -> list[bool]:
    """Whether each memo, by its `head`, may be for `key`: all that are, whose first word is below 2^160 (an asset,
    or an order's terms), and another once in 2^94. ScanError if the scanner is missing or fails.

    The key goes through a pipe, and is never on disk or in an argument.
    """
    given = b"".join((key.scalar.to_bytes(32, "big"), _parameters(), *heads))
    try:
        done = subprocess.run([BINARY], input=given, capture_output=True, check=False)
    except OSError as error:
        raise ScanError(f"no scanner at {BINARY} ({error.strerror}): run `make setup`") from None
    if done.returncode:
        raise ScanError(done.stderr.decode(errors="replace").strip())
    return [byte == 1 for byte in done.stdout]


@cache
def _parameters() -> bytes:
    """The memo's tag and Poseidon's parameters, as the scanner reads them."""
    p = parameters(WIDTH)
    vectors = (*p.first, *p.enter, p.keys, *p.rows, *p.columns, *p.second, *p.mix)
    words = (tag("memo"), len(p.keys), *(word for vector in vectors for word in vector))
    return b"".join(int(word).to_bytes(32, "big") for word in words)
