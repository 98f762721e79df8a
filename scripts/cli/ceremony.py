"""`shadowpool ceremony`: a production key of a circuit, made by many so that nobody can forge."""

import json
from pathlib import Path
from typing import Annotated

import typer

from offchain import circuits
from offchain.ceremony import FOLDER, Ceremony

app = typer.Typer(no_args_is_help=True, help="Key ceremonies: production keys from public powers of tau.")

Folder = Annotated[
    Path, typer.Option("--dir", help=f"The ceremony's folder; deployments look in {FOLDER.name}/CIRCUIT of build.")
]
Name = Annotated[str, typer.Option(help="A public name for the transcript.")]


def _ceremony(folder: Path) -> Ceremony:
    return Ceremony(folder, typer.echo)


@app.command()
def start(
    circuit: Annotated[str, typer.Option(help="The circuit's name, as built.")],
    ptau: Annotated[Path, typer.Option(help="A powers-of-tau file of snarkjs's format, large enough.")],
    folder: Folder,
    r1cs: Annotated[Path | None, typer.Option(help="Its constraints; those that were built, if not given.")] = None,
) -> None:
    """Check the powers of tau and make the first key; goes on where it was interrupted."""
    _ceremony(folder).start(circuit, r1cs or circuits.file(circuit, "r1cs"), ptau)
    typer.echo("the ceremony is open: contribute")


@app.command()
def contribute(
    name: Name,
    folder: Folder,
    ask: Annotated[bool, typer.Option("--ask", help="Ask for random text to add, unseen.")] = False,
) -> None:
    """Add a secret of this machine's random source, and forget it."""
    entropy = typer.prompt("Random text", hide_input=True) if ask else ""
    receipt = _ceremony(folder).contribute(name, entropy)
    typer.echo(f"your contribution, to be found in every later transcript:\n{receipt}")


@app.command()
def beacon(
    name: Annotated[str, typer.Option(help="Where the beacon was published.")],
    value: Annotated[str, typer.Option("--hash", help="The beacon, hexadecimal, announced before it was known.")],
    folder: Folder,
    iterations: Annotated[int, typer.Option(help="It is hashed 2 to this power times, 10 to 63.")] = 10,
) -> None:
    """Close the contributions with a public random value."""
    typer.echo(_ceremony(folder).beacon(name, value, iterations))


@app.command()
def finish(
    folder: Folder,
    install: Annotated[bool, typer.Option("--install", help="Prove and deploy with this key from now on.")] = False,
) -> None:
    """Verify everything and write the verification key."""
    ceremony = _ceremony(folder)
    if ceremony.state != "finish":
        ceremony.finish()
    typer.echo(f"circuit id {ceremony.circuit_id}")
    if install:
        ceremony.install()


@app.command()
def verify(folder: Folder) -> None:
    """Check it all again from the circuit, the powers of tau and the newest key."""
    ceremony = _ceremony(folder)
    ceremony.verify()
    typer.echo(f"{ceremony.circuit}: {len(ceremony.contributions)} contributions, at: {ceremony.state}; all verified")
    given = ceremony.steps[0].takes["ptau"]
    typer.echo(f"powers of tau as given (BLAKE2b-512, compare with its announcement):\n{given}")


@app.command()
def status(
    folder: Folder, as_json: Annotated[bool, typer.Option("--json", help="Print JSON on standard output.")] = False
) -> None:
    """How far the ceremony is, by its transcript."""
    ceremony = _ceremony(folder)
    if as_json:
        rows = [{"kind": step.kind, "name": step.name, "date": step.date} | step.says for step in ceremony.steps]
        typer.echo(json.dumps({"circuit": ceremony.circuit, "state": ceremony.state, "steps": rows}))
        return
    typer.echo(f"{ceremony.circuit or folder}: {ceremony.state}")
    for step in ceremony.steps:
        said = step.says.get("contribution", "")[:16] or step.says.get("circuit_id", "")
        typer.echo(f"{step.date}  {step.kind:<10}  {step.name:<24}  {said}")
