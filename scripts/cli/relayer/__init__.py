"""`shadowpool relayer`: stake, keys, and the epochs that a relayer leads; one file a group of commands."""

import typer

from scripts.cli.relayer import carry, check, drain, epochs, keys, run, stake, status

app = typer.Typer(no_args_is_help=True, help="Stake, reveal keys, and the epochs to settle.")
app.command()(check.check)
app.command()(status.status)
app.command()(stake.register)
app.command(hidden=True)(stake.bond)
app.add_typer(stake.app, name="stake")
app.add_typer(keys.app, name="keys")
app.command()(epochs.epochs)
app.command()(drain.drain)
app.command("new-key", hidden=True)(keys.new_key)
app.command("erase-keys", hidden=True)(keys.erase_keys)
app.command()(epochs.due)
app.command()(epochs.settle)
app.command("print")(epochs.print_epoch)
app.command()(run.run)
app.command()(carry.carry)
