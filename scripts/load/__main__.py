"""`make load`, `make load DURATION=90 RATE=2000`."""

from typing import Annotated

import typer

from scripts import circuits as circuit_build
from scripts import contracts as contract_build
from scripts.figures import report
from scripts.load.plan import Plan
from scripts.load.run import OUTPUT, LoadError, run
from scripts.venue.daemons import ends_cleanly

# Without what typer shows of an error: local variables.
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    rate: Annotated[int, typer.Option(help="Orders an hour.")] = 10_000,
    duration: Annotated[int, typer.Option(help="Seconds of commit windows.")] = 600,
    validators: Annotated[int, typer.Option(help="1 or 5.")] = 5,
) -> None:
    """Prepare, then measure; exit code 1 if an epoch failed, or tokens are not conserved."""
    try:
        plan = Plan(rate, duration, validators)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    out = report(OUTPUT, whole=plan == Plan())
    ends_cleanly()
    circuit_build.build()
    contract_build.build()
    try:
        found = run(plan, out=out)
    except LoadError as error:
        typer.echo(f"load: {error}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"the report is {out}")
    raise typer.Exit(0 if found["conserved"] and not found["failed_epochs"] else 1)


if __name__ == "__main__":
    app()
