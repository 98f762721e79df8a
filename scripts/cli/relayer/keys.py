"""`shadowpool relayer keys`: the reveal keys, their versions and ages."""

import typer

from relayer.reveal_keys import key_file
from scripts.cli.common import AccountFile, AsJson, show
from scripts.cli.relayer.common import (
    DEFAULT_KEYS,
    Keys,
    RelayerAddress,
    in_time,
    open_leader,
    show_receipts,
    standing,
)

app = typer.Typer(no_args_is_help=True, help="Reveal keys: list, new, erase.")


@app.command("list")
def list_keys(
    account_file: AccountFile = None,
    relayer: RelayerAddress = None,
    keys: Keys = DEFAULT_KEYS,
    as_json: AsJson = False,
) -> None:
    """Every registered key: its age, whether it is here, whether an epoch needs it, how long it opens windows."""
    here = standing(account_file, relayer)
    rows = [
        {
            "version": key.version,
            "age": here.block - key.registered,
            "here": "yes" if key_file(keys, key.public).is_file() else "no",
            "needed": "yes" if key.version in here.needed_keys else "no",
            "ends": "over" if key.last_window < here.block else in_time(key.last_window - here.block, here.pace),
        }
        for key in here.keys
    ]
    show(rows, as_json)


def new_key(account_file: AccountFile = None, keys: Keys = DEFAULT_KEYS, as_json: AsJson = False) -> None:
    """Make a reveal key, keep it encrypted, and register it for windows that open later."""
    show_receipts(open_leader(account_file, keys).register_key(), as_json)


def erase_keys(account_file: AccountFile = None, keys: Keys = DEFAULT_KEYS, as_json: AsJson = False) -> None:
    """Erase every reveal key that nothing can need any more."""
    show([{"version": version} for version in open_leader(account_file, keys).erase_final_keys()], as_json)


app.command("new")(new_key)
app.command("erase")(erase_keys)
