"""`shadowpool worker`: a process that proves for relayers, with a key of its own."""

from pathlib import Path
from typing import Annotated

import typer

from offchain import keystore
from relayer.proving import worker
from relayer.proving.broker import PASSWORD_VARIABLE, Broker
from relayer.proving.job import SIZES
from relayer.proving.sealing import WorkerKey
from scripts.cli.common import AsJson, show

app = typer.Typer(no_args_is_help=True, help="Prove for relayers, through Redis.")

KeyFile = Annotated[Path, typer.Option("--key", envvar="SHADOWPOOL_WORKER_KEY", help="Keystore of the worker's key.")]
ADDRESS = f"redis://host:port/db; password in {PASSWORD_VARIABLE}."
DEFAULT_KEY = Path("worker-key.json")


@app.command()
def keys(key: KeyFile = DEFAULT_KEY, as_json: AsJson = False) -> None:
    """Print the worker's public key, a line for its relayers' list; make the key if there is none."""
    if key.exists():
        seed = keystore.load(key, keystore.Kind.SEED, keystore.password())
    else:
        seed = keystore.new_seed()
        keystore.save(key, keystore.Kind.SEED, seed, keystore.password(confirm=True))
    public = WorkerKey.from_seed(seed).public
    if as_json:
        show({"public": public, "keystore": str(key)}, as_json)
    else:
        typer.echo(public)


@app.command()
def run(
    redis: Annotated[str, typer.Option(envvar="SHADOWPOOL_REDIS", help=ADDRESS)],
    key: KeyFile = DEFAULT_KEY,
    sizes: Annotated[str, typer.Option(help="Size classes of circuits to prove.")] = ",".join(SIZES),
) -> None:
    """Prove until a signal comes, one job at a time, on the cores that the process may use (see taskset)."""
    seed = keystore.load(key, keystore.Kind.SEED, keystore.password())
    worker.run(Broker(redis), WorkerKey.from_seed(seed), tuple(sizes.split(",")))
