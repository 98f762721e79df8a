"""A command's TOML file: its tables hold the keys that are named, of their types, and no others."""

import tomllib
from pathlib import Path

from scripts.cli.common import CommandError


def read(file: Path) -> dict:
    """The file's top table; CommandError if it cannot be read."""
    try:
        return tomllib.loads(file.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise CommandError(f"{file} cannot be read as TOML: {error}") from None


def table(file: Path, prefix: str, given: dict, needed: dict[str, type], optional: dict[str, type]) -> dict:
    """A table whose keys are those named, of their types; CommandError for any other."""
    known = needed | optional
    for key in given.keys() - known:
        raise CommandError(f"{file}: no key {prefix}{key}; there are {', '.join(known)}")
    if lacking := [f"{prefix}{key}" for key in needed if key not in given]:
        raise CommandError(f"{file} lacks {', '.join(lacking)}")
    for key, value in given.items():
        if type(value) is not known[key]:
            raise CommandError(f"{file}: {prefix}{key} must be of type {known[key].__name__}")
    return given
