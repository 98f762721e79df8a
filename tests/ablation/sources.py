"""The circuits' sources: their templates, their numbered guarantees, and a circuit as one text,
with some of its lines replaced."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from offchain.paths import CIRCUITS, NODE_MODULES

FILES = (*sorted(CIRCUITS.glob("*.circom")), *sorted(CIRCUITS.glob("lib/*.circom")))
CONSTANTS = "circomlib/circuits/poseidon_constants.circom"
_TEMPLATE = re.compile(r"((?:^//.*\n)*)^template (\w+)\(.*\n((?:.*\n)*?)^}", re.MULTILINE)
_INCLUDE = re.compile(r'^include "(.*)";\n', re.MULTILINE)


class EntryError(Exception):
    """A line that an ablation weakens is not in its template, or not once."""


@dataclass(frozen=True)
class Template:
    path: Path
    header: str     # the comment above
    body: str

    @property
    def ensures(self) -> dict[str, str]:
        """What the template ensures, by number: written "E1" in most files, "1." in poseidon.circom."""
        clauses = self.header.partition("ensures")[2]
        if styled := re.findall(r"^// ensures\s+(E\d+)\s+(.*)", self.header, re.MULTILINE):
            return dict(styled)
        return {f"E{number}": clause for number, clause in re.findall(r"^//   (\d+)\. (.*)", clauses, re.MULTILINE)}


@dataclass(frozen=True)
class Edit:
    """One line (or lines) of a template's body, by its text, and what stands there instead."""

    template: str
    old: str
    new: str


@cache
def templates() -> dict[str, Template]:
    found = {}
    for path in FILES:
        for header, name, body in _TEMPLATE.findall(path.read_text()):
            assert name not in found, f"two templates {name}"
            found[name] = Template(path, header, body)
    return found


def circuit(template: str, size: str, edits: tuple[Edit, ...] = ()) -> str:
    """One file with all of our sources that `template` needs, and it as the main component.

    An edit keeps the number of lines, as circom names anonymous components by theirs.
    """
    parts, libraries = _flatten(templates()[template].path)
    for edit in edits:
        where = templates()[edit.template]
        if where.body.count(edit.old) != 1:
            raise EntryError(f"{edit.template} has {where.body.count(edit.old)} times, not once: {edit.old}")
        lines = edit.old.count("\n") - edit.new.count("\n")
        parts[where.path] = _replace(parts[where.path], where.body, edit.old, edit.new + "\n" * lines)
    text = "\n".join(parts.values())
    if CONSTANTS in libraries:
        libraries.remove(CONSTANTS)
        constants = (NODE_MODULES / CONSTANTS).read_text()
        text += _constants(constants, _widths(template, size, text))
    includes = "".join(f'include "{library}";\n' for library in libraries)
    return f"pragma circom 2.2.0;\n{includes}{text}\ncomponent main = {template}{size};\n"


def _replace(text: str, body: str, old: str, new: str) -> str:
    """The text with `old` replaced within the body alone, which an earlier edit may have changed."""
    start = text.index(body.partition("\n")[0] + "\n")
    at = text.index(old, start)
    return text[:at] + new + text[at + len(old) :]


def _flatten(path: Path) -> tuple[dict[Path, str], list[str]]:
    """Our files that `path` includes, itself last, without their includes; and the libraries."""
    parts: dict[Path, str] = {}
    libraries: list[str] = []

    def add(path: Path) -> None:
        text = path.read_text()
        for include in _INCLUDE.findall(text):
            if include.startswith("circomlib/"):
                libraries.append(include)
            elif (path.parent / include).resolve() not in parts:
                add((path.parent / include).resolve())
        parts[path] = _INCLUDE.sub("", text).replace("pragma circom 2.2.0;\n", "")

    add(path)
    return parts, list(dict.fromkeys(libraries))


def _widths(template: str, size: str, text: str) -> set[int]:
    """The widths of Poseidon that a template reaches: its constants take most of a compilation."""
    bodies = {name: body for _, name, body in _TEMPLATE.findall(text)}
    reached, pending = {}, [template]
    while pending:
        name = pending.pop()
        if name not in reached:
            reached[name] = bodies[name]
            pending += [other for other in bodies if re.search(rf"\b{other}\(", bodies[name])]
    used = "".join(body for name, body in reached.items() if name not in ("Hash", "Squeeze", "Sponge"))
    used += template + size
    fixed = {"Node(": 3, "Sponge(": 17}
    return (
        {2}  # one at least
        | {1 + int(n) for n in re.findall(r"\bHash\([^,]*, (\d+)\)", used)}
        | {1 + int(n) for n in re.findall(r"\bSqueeze\([^,]*, \d+, (\d+),", used)}
        | {int(n) for n in re.findall(r"\bPoseidonPermute\((\d+),", used)}
        | {width for name, width in fixed.items() if re.search(rf"\b{re.escape(name)}", used)}
    )


def _constants(text: str, widths: set[int]) -> str:
    """circomlib's constants for these widths alone."""
    kept = []
    for function in re.split(r"^(?=function )", text, flags=re.MULTILINE)[1:]:
        head, *branches = re.split(r"(?:\} else )?if \(t ?== ?(\d+)\) \{", function)
        branches[-1], otherwise = branches[-1].split("} else {")
        chosen = [f"if (t == {t}) {{{branch}" for t, branch in zip(branches[::2], branches[1::2]) if int(t) in widths]
        kept.append(f"{head}{'} else '.join(chosen)}}} else {{{otherwise}")
    return "".join(kept)
