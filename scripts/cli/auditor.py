"""`shadowpool auditor`: its key, and what a settled epoch holds."""

from pathlib import Path
from typing import Annotated

import typer

from offchain import keystore
from offchain.auditor import AuditedOrder, AuditError, open_epoch
from offchain.keys import EncryptionKey
from offchain.notes import Side
from scripts.cli.common import AsJson, session, show

app = typer.Typer(no_args_is_help=True, help="The auditor's key and view.")


@app.command("new-key")
def new_key(path: Annotated[Path, typer.Argument(help="The keystore to write.")], as_json: AsJson = False) -> None:
    """Make an encryption key, an auditor's or a treasury's, which `governor prove-key` readies to be registered."""
    key = EncryptionKey.generate()
    # A keystore holds what is below the order of secp256k1, which is beyond Baby Jubjub's.
    keystore.save(path, keystore.Kind.ENCRYPTION, key.scalar, keystore.password(confirm=True))
    show({"file": str(path), "x": str(key.public.x), "y": str(key.public.y)}, as_json)


@app.command("open")
def open_(
    market: Annotated[int, typer.Argument()],
    epoch: Annotated[int, typer.Argument()],
    key: Annotated[Path, typer.Option(envvar="SHADOWPOOL_AUDITOR", help="Keystore of the auditor's key.")],
    as_json: AsJson = False,
) -> None:
    """Decrypt a settled epoch: price, volume, and every order with its owner, credential and fill."""
    view = open_epoch(session().ledger, keystore.encryption(key, keystore.password()), market, epoch)
    rows = [_row(order) for order in view.orders]
    figures = {"market": market, "epoch": epoch, "price": str(view.price), "volume": str(view.volume)}
    if as_json:
        show(figures | {"orders": rows, "oddities": view.oddities}, True)
    else:
        show(figures, False)
        show(rows, False)
    if view.oddities:
        raise AuditError("the settlement does not add up: " + "; ".join(view.oddities))


def _row(order: AuditedOrder) -> dict:
    terms = order.terms
    return {
        "slot": order.slot,
        "valid": order.valid,
        "side": Side(terms.side).name.lower() if terms else None,
        "quantity": str(terms.quantity) if terms else None,
        "limit": str(terms.price) if terms else None,
        "owner": None if order.owner is None else str(order.owner),
        "credential": order.credential_id,
        "fill": None if order.fill is None else str(order.fill),
    }
