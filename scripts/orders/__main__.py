"""`python -m scripts.orders make|check`."""

from pathlib import Path
from typing import Annotated

import typer

from scripts.orders import BadOrders, read
from scripts.orders.make import BadEvents, make, milliseconds

app = typer.Typer(no_args_is_help=True, help="Order files for the demonstration.")


@app.command("make")
def make_file(
    source: Annotated[Path, typer.Option("--from", help="Order events, CSV or CSV.xz.")],
    out: Annotated[Path, typer.Option(help="The order file to write.")],
    start: Annotated[str, typer.Option(help="First moment, ISO 8601 (UTC) or milliseconds.")],
    end: Annotated[str, typer.Option(help="Moment past the last.")],
    institutions: Annotated[int, typer.Option(help="How many institutions share the orders.")] = 6,
    rows: Annotated[int, typer.Option(help="How many orders to take.")] = 6,
) -> None:
    """Write the first orders placed in a span of time as an order file."""
    try:
        lines, skipped = make(source, milliseconds(start), milliseconds(end), institutions, rows)
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text("\n".join(lines) + "\n", encoding="utf-8")
        read(out)
    except (BadEvents, BadOrders, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{out}: {len(lines) - 1} orders")
    for reason, count in sorted(skipped.items()):
        typer.echo(f"skipped {count}: {reason}")


@app.command()
def check(path: Path) -> None:
    """Check an order file; exit code 1 names every line at fault."""
    try:
        typer.echo(f"{path}: {len(read(path))} orders, all well formed")
    except BadOrders as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    app(prog_name="python -m scripts.orders")
