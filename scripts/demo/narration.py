"""How the demonstration talks: numbered steps, lines, tables, refusals."""

from time import monotonic

from rich.console import Console
from rich.rule import Rule
from rich.table import Table


class Narrator:
    """Writes to the terminal, every line with the seconds since the start."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False)
        self._began = monotonic()

    def step(self, number: int, title: str) -> None:
        self.console.print(Rule(f"[bold]{number}. {title}"))

    def line(self, text: str) -> None:
        self.console.print(f"[dim]{monotonic() - self._began:6.1f} s[/]  {text}")

    def refused(self, who: str, why: object) -> None:
        self.line(f"[red]refused[/] {who}: {why}")

    def table(self, title: str, columns: list[str], rows: list[tuple]) -> None:
        """A table of strings and integers; integers stand right, grouped by thousands."""
        table = Table(title=title)
        for column in columns:
            table.add_column(column)
        for row in rows:
            table.add_row(*(f"{cell:>,}" if isinstance(cell, int) else str(cell) for cell in row))
        self.console.print(table)


def units(amount: int, decimals: int) -> str:
    """An amount of base units as an exact decimal."""
    whole, part = divmod(amount, 10**decimals)
    return f"{whole:,}.{part:0{decimals}d}".rstrip("0").rstrip(".") if part else f"{whole:,}"
