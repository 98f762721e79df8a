"""`make faults`, `make faults CASES="redis reorg"`."""

from typing import Annotated

import typer

from scripts import circuits as circuit_build
from scripts import contracts as contract_build
from scripts.faults.cases import CASES
from scripts.faults.run import OUTPUT, run
from scripts.figures import report
from scripts.venue.daemons import ends_cleanly

# Without what typer shows of an error: local variables.
app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    cases: Annotated[list[str] | None, typer.Argument(help=f"Of {', '.join(CASES)}; all by default.")] = None,
    validators: Annotated[int, typer.Option(help="5, or 1 without the faults of validators.")] = 5,
) -> None:
    """Inject faults one after the other; exit code 1 unless all are survived."""
    names = cases or list(CASES)
    if unknown := [name for name in names if name not in CASES]:
        raise typer.BadParameter(f"there is no fault {unknown[0]}; there are {', '.join(CASES)}")
    ends_cleanly()
    circuit_build.build()
    contract_build.build()
    out = report(OUTPUT, whole=names == list(CASES) and validators == 5)
    outcomes = run(names, out=out, validators=validators)
    survived = sum(outcome.survived for outcome in outcomes)
    typer.echo(f"{survived} of {len(outcomes)} faults survived: {out}")
    raise typer.Exit(0 if survived == len(outcomes) else 1)


if __name__ == "__main__":
    app()
