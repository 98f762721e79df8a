"""`shadowpool relayer`: stake, keys, and the epochs that a relayer leads."""

import typer

app = typer.Typer(no_args_is_help=True, help="Stake, reveal keys, and the epochs to settle.")
