"""Seeded mutations, and the loop that counts cases: the same cases in every run.

A parser must refuse a mutant with the error that it documents, or give a right answer. What
ran is told in build/fuzz/<target>.json: cases, crashes, how many were accepted, seconds.
"""

import io
import json
import time
from collections.abc import Callable
from copy import deepcopy
from pathlib import PosixPath
from random import Random
from types import SimpleNamespace

from offchain.deployment import write_atomically
from offchain.paths import BUILD

CASES = 100_000
REPORTS = BUILD / "fuzz"
R = 21888242871839275222246405745257275088548364400416034343698204186575808495617

TOKENS = (
    b"", b"0", b"-1", b"1", b"01", b"+1", b"1_0", b"1e999", b"NaN", b"Infinity", b"null", b"true", b"0x10", b'"',
    b"\\", b"{", b"[" * 2000, b"]", b"}", b",", b":", b"\n", b"\r", b"\r\n", b"\0", b"\xff", b"\xef\xbb\xbf",
    b"\xed\xa0\x80", "٣".encode(), b'""', b"[]", b"{}", b"9" * 20, b"9" * 400, b"9" * 5000,
    b"18446744073709551616", b"18446744073709551615",
)  # fmt: skip

ODD = (
    None, True, False, 0, 1, -1, 1.5, 1e300, float("inf"), float("nan"),
    2**31, 2**53 + 1, 2**63, 2**64, 2**128, 2**160, R, R - 1, 2**256, 10**30,
    "", "0", "1", "-1", "+1", " 1", "1 ", "01", "1_0", "0x1", "1.0", "1e3", "٣", "\0", "é", "\ud800",
    str(R), str(R - 1), str(2**64), "9" * 78, "9" * 5000, "a" * 64, "0" * 64, "0x" + "00" * 20,
    [], ["1"], ["1", "2", "1"], [["1", "0"]], {}, {"a": 1}, [[[[]]]],
)  # fmt: skip


def data(rng: Random, text: bytes) -> bytes:
    """`text` with one to three changes of its bytes."""
    out = bytearray(text)
    for _ in range(1 + (rng.random() < 0.5) + (rng.random() < 0.3)):
        at = int(rng.random() * (len(out) + 1))
        kind = int(rng.random() * 7)
        if kind == 0 and at < len(out):
            out[at] ^= 1 << int(rng.random() * 8)
        elif kind == 1 and at < len(out):
            out[at] = int(rng.random() * 256)
        elif kind == 2:
            del out[at:]
        elif kind == 3:
            del out[at : at + 1 + int(rng.random() * 8)]
        elif kind == 4:
            out[at:at] = rng.choice(TOKENS)
        elif kind == 5:
            out[at : at + 1 + int(rng.random() * 8)] = rng.choice(TOKENS)
        else:
            start = int(rng.random() * (len(out) + 1))
            out[at:at] = out[start : start + int(rng.random() * 64)]
    return bytes(out)


def value(rng: Random, tree):
    """A JSON value with one place changed, chosen on the way down; `tree` is changed too."""
    if rng.random() < 0.1:
        return deepcopy(rng.choice(ODD))
    if isinstance(tree, dict) and tree:
        name = rng.choice(list(tree))
        kind = rng.random()
        if kind < 0.05:
            del tree[name]
        elif kind < 0.1:
            tree[rng.choice(("", "é", name.upper(), name + "s", "id"))] = deepcopy(tree[name])
        else:
            tree[name] = value(rng, tree[name])
    elif isinstance(tree, list) and tree:
        place = int(rng.random() * len(tree))
        kind = rng.random()
        if kind < 0.05:
            del tree[place]
        elif kind < 0.1:
            tree.append(deepcopy(tree[place]))
        else:
            tree[place] = value(rng, tree[place])
    elif rng.random() < 0.5:
        return deepcopy(rng.choice(ODD))
    elif isinstance(tree, str) and tree:
        return data(rng, tree.encode("utf-8", "replace")).decode(errors="replace")
    elif isinstance(tree, int) and not isinstance(tree, bool):
        return tree + rng.choice((-1, 1, 2**64, -(2**64)))
    return tree


def document(rng: Random, text: bytes) -> bytes:
    """A JSON text changed in its values, or, one time in three, in its bytes."""
    if rng.random() < 1 / 3:
        return data(rng, text)
    tree = json.loads(text)
    for _ in range(1 + (rng.random() < 0.4)):
        tree = value(rng, tree)
    return json.dumps(tree).encode()


def survey(target: str, one: Callable[[Random], bool], cases: int = CASES, seed: int = 20240229) -> None:
    """Run `one` with a generator of its own for each case; it says whether the mutant was accepted.

    An exception is a crash: it fails the test, naming the case. So does a survey of which
    nearly nothing, or nearly everything, was accepted: its mutations would miss their aim.
    """
    begun, accepted, rng = time.process_time(), 0, Random()
    for case in range(cases):
        rng.seed(seed + case)
        try:
            accepted += one(rng)
        except BaseException as error:
            report(target, cases=case + 1, crashes=1)
            raise AssertionError(f"{target}: case {case} crashed: {type(error).__name__}: {error}") from error
    seconds = round(time.process_time() - begun, 2)
    report(target, cases=cases, crashes=0, accepted=accepted, seconds=seconds)
    assert cases // 2000 <= accepted <= cases * 9 // 10, f"{accepted} of {cases} accepted"


def report(target: str, **figures: float) -> None:
    write_atomically(REPORTS / f"{target}.json", json.dumps(figures) + "\n")


class Held(PosixPath):
    """A file whose bytes are `data`: no disk in 10^5 cases."""

    data = b""

    def read_bytes(self) -> bytes:
        return self.data

    def read_text(self, encoding: str = "utf-8") -> str:
        return self.data.decode(encoding)

    def open(self, mode: str = "r", encoding: str = "utf-8", newline: str | None = None):
        raw = io.BytesIO(self.data)
        return raw if "b" in mode else io.TextIOWrapper(raw, encoding, newline=newline)

    def exists(self) -> bool:
        return True

    def stat(self) -> SimpleNamespace:
        return SimpleNamespace(st_size=len(self.data))
