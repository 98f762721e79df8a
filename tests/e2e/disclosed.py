"""The tables of docs/disclosure.md: who learns what, and when."""

from offchain.paths import ROOT

TABLE = ROOT / "docs" / "disclosure.md"
NEVER = "—"


def read_table(heading: str) -> dict[str, dict[str, str]]:
    """{datum: {observer: moment or —}} of the table under a heading."""
    section = TABLE.read_text().split(heading)[1].split("\n## ")[0]
    head, _, *rows = [line for line in section.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in (head, *rows)]
    assert all(len(row) == len(cells[0]) for row in cells)
    return {row[0]: dict(zip(cells[0][1:], row[1:])) for row in cells[1:]}
