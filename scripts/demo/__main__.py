"""`python -m scripts.demo`: what `make demo` runs after set-up."""

from pathlib import Path
from typing import Annotated

import typer

from scripts.demo.run import FOLDER, Terminated, run
from scripts.orders import DEFAULT_FILE, BadOrders

# Plain tracebacks: the pretty ones can show local variables, keys among them.
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def demo(
    orders: Annotated[Path, typer.Option(help="The order file.")] = DEFAULT_FILE,
    validators: Annotated[int, typer.Option(help="1 or 5.")] = 5,
    report: Annotated[Path, typer.Option(help="Where to write the report.")] = FOLDER / "report.json",
    directory: Annotated[Path, typer.Option("--dir", help="Where the network and its files go.")] = FOLDER,
    serve: Annotated[bool, typer.Option("--serve", help="Keep the network and the explorer up until interrupted.")] = False,
) -> None:
    """A private trade, end to end, on a proof-of-authority network on this machine."""
    try:
        run(orders, validators, report, directory, serve)
    except BadOrders as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    except Terminated:
        typer.echo("interrupted; the network is stopped", err=True)
        raise typer.Exit(130) from None


if __name__ == "__main__":
    app(prog_name="python -m scripts.demo")
