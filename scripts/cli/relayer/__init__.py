"""`shadowpool relayer`: stake, keys, and the epochs that a relayer leads; one file a group of commands."""

import typer

from scripts.cli.relayer import epochs, keys, run, stake

app = typer.Typer(no_args_is_help=True, help="Stake, reveal keys, and the epochs to settle.")
app.command()(stake.register)
app.command()(stake.bond)
app.command("new-key")(keys.new_key)
app.command("erase-keys")(keys.erase_keys)
app.command()(epochs.due)
app.command()(epochs.settle)
app.command("print")(epochs.print_epoch)
app.command()(run.run)
