"""`shadowpool indexer import-finra` and `shadowpool indexer liquidity`: what was traded, here and elsewhere."""

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from indexer import database
from indexer.importers import finra
from indexer.liquidity import store
from indexer.liquidity.export import FORMATS
from indexer.liquidity.stream import Stream
from indexer.liquidity.windows import STEPS, WINDOW
from scripts.cli.common import AsJson, CommandError, IndexDatabase, show

app = typer.Typer()
liquidity = typer.Typer(no_args_is_help=True, help="Windows of what was traded, by market and venue.")
app.add_typer(liquidity, name="liquidity")

From = Annotated[int | None, typer.Option("--from", min=0, help="Windows that end after it; seconds of Unix time.")]
To = Annotated[int | None, typer.Option("--to", min=0, help="Windows that begin by it; seconds of Unix time.")]


@contextmanager
def _opened(url: str):
    engine = database.open(url)
    try:
        yield engine
    finally:
        engine.dispose()


@app.command("import-finra")
def import_finra(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="CSV: MPID,weekStartDate,shares.")],
    replace: Annotated[bool, typer.Option("--replace", help="Put numbers that differ in place of those held.")] = False,
    database_url: IndexDatabase = database.DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Take in FINRA's weekly volumes of other venues, all of a file or nothing."""
    with _opened(database_url) as engine:
        show(vars(finra.import_file(engine, file, replace)), as_json)


@liquidity.command()
def update(database_url: IndexDatabase = database.DEFAULT_URL, as_json: AsJson = False) -> None:
    """Bring the windows up to what is indexed. `shadowpool indexer run` does so by itself."""
    with _opened(database_url) as engine:
        show(vars(Stream(engine).run()), as_json)


@liquidity.command()
def export(
    file: Annotated[Path, typer.Argument(dir_okay=False, help="Where to: FILE.csv or FILE.parquet.")],
    market: Annotated[str | None, typer.Option(help="A market's key; all by default.")] = None,
    venue: Annotated[str | None, typer.Option(help="shadowpool, or an ATS's code; all by default.")] = None,
    first: From = None,
    last: To = None,
    step: Annotated[int, typer.Option(help=f"Seconds of a window: {', '.join(map(str, STEPS))}.")] = WINDOW,
    database_url: IndexDatabase = database.DEFAULT_URL,
    as_json: AsJson = False,
) -> None:
    """Write windows to a file, which is there when it is whole."""
    if file.suffix[1:] not in FORMATS:
        raise CommandError(f"{file.name} is of no format that is written here: name it {' or '.join(f'*.{kind}' for kind in FORMATS)}")
    query = store.Query(market, venue, first, last, step)
    _, write = FORMATS[file.suffix[1:]]
    with _opened(database_url) as engine, database.snapshot(engine) as connection:
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=file.name)
        try:
            with os.fdopen(handle, "wb") as out:
                rows = write(store.windows(connection, query), out)
            os.chmod(name, 0o644)
            os.replace(name, file)
        except BaseException:
            os.unlink(name)
            raise
    show({"file": str(file), "windows": rows, "bytes": file.stat().st_size}, as_json)
