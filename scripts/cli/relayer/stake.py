"""`shadowpool relayer register` and `bond`: a seat in the registry and the stake that answers for it."""

from typing import Annotated

import typer

from scripts.cli.common import AccountFile, AsJson, amount, session
from scripts.cli.relayer.common import DEFAULT_KEYS, Keys, open_leader, show_receipts


def register(account_file: AccountFile = None, keys: Keys = DEFAULT_KEYS, as_json: AsJson = False) -> None:
    """Enter the registry, with the owner of the fee notes."""
    show_receipts(open_leader(account_file, keys).register(), as_json)


def bond(
    units: Annotated[str, typer.Argument(help="STAKE, in whole tokens with decimals.")],
    account_file: AccountFile = None,
    keys: Keys = DEFAULT_KEYS,
    as_json: AsJson = False,
) -> None:
    """Bond stake; an epoch's leader answers with it."""
    decimals = session().deployment.tokens["STAKE"].decimals
    show_receipts(open_leader(account_file, keys).bond(amount(units, decimals)), as_json)
