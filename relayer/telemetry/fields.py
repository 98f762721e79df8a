"""The fields that may leave a relayer, and what each may hold.

An order, a fill, a key, a password or a trader's address has no field here, and the kinds are too
narrow to smuggle one: a number stays below 2^53, text is a short lower-case word of a fixed form
(so neither an address nor a key in hexadecimal), an error is its class and where it was raised.
Whatever does not fit is left out and counted, never cut to fit.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from offchain.paths import ROOT

MOST = 1 << 53
EVENT = re.compile(r"[a-z][a-z_ ]{1,47}")
WORD = re.compile(r"[a-z][a-z_]{0,31}(_[0-9]{1,4})?")
CLASS = re.compile(r"[A-Za-z_]{1,48}")
REASON = re.compile(r"[a-z ]{1,24}: [a-z', -]{1,60}")
HASH = re.compile(r"0x[0-9a-f]{64}")


def _number(value: Any) -> int | float | None:
    fits = isinstance(value, int | float) and not isinstance(value, bool) and -MOST < value < MOST
    return (round(value, 6) if isinstance(value, float) else value) if fits else None


def _flag(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _text(form: re.Pattern) -> Callable[[Any], str | None]:
    return lambda value: str(value) if isinstance(value, str) and form.fullmatch(value) else None


def error_class(error: BaseException | type | str) -> str:
    """The name of an error's class, never its text."""
    if isinstance(error, str):
        return error if CLASS.fullmatch(error) else "Error"
    return (error if isinstance(error, type) else type(error)).__name__


def _error(value: Any) -> str | None:
    return error_class(value) if isinstance(value, BaseException | type | str) else None


NUMBERS = (
    "market", "epoch", "block", "head", "ledger", "deadline", "due", "depth", "version", "nonce", "attempt", "attempts",
    "gas", "count", "invalid", "size", "port", "workers", "queued", "seconds", "blocks", "status", "chain_id",
    "next_block", "chunk", "bumps", "bytes", "age", "lag",
)  # fmt: skip
WORDS = ("stage", "state", "result", "circuit", "kind", "queue", "step", "what", "dialect", "backend")
FLAGS = ("once", "resumed", "dry")
FIELDS: dict[str, Callable[[Any], Any]] = {
    **dict.fromkeys(NUMBERS, _number),
    **dict.fromkeys(WORDS, _text(WORD)),
    **dict.fromkeys(FLAGS, _flag),
    "error": _error,
    "reason": _text(REASON),
    "tx": _text(HASH),
}
"""What is public of each: `reason` is a contract's own text, `tx` the hash of a transaction that was sent."""


def allowed(values: Mapping[str, Any]) -> tuple[dict[str, Any], int]:
    """(the fields that may go out, how many were left out). An `error` that is an exception adds `at`."""
    kept, dropped = {}, 0
    for name, value in values.items():
        if value is None:
            continue
        said = FIELDS[name](value) if name in FIELDS else None
        if said is None:
            dropped += 1
            continue
        kept[name] = said
        if isinstance(value, BaseException) and value.__traceback__ is not None:
            kept["at"] = place(value.__traceback__)
    return kept, dropped


def place(trace: TracebackType) -> str:
    """`file:line` of our own code nearest to where an error was raised, else of where it was."""
    found, ours = "", ""
    step: TracebackType | None = trace
    while step is not None:
        path, line = Path(step.tb_frame.f_code.co_filename), step.tb_lineno
        found = f"{path.name}:{line}"
        if path.is_relative_to(ROOT) and "site-packages" not in path.parts:
            ours = f"{path.relative_to(ROOT)}:{line}"
        step = step.tb_next
    return ours or found
