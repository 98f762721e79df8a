"""`shadowpool relayer register` and `stake`: a seat in the registry and the stake that answers for it."""

from pathlib import Path
from typing import Annotated

import typer

from offchain.calls import Call
from scripts.cli.common import AccountFile, AsJson, account, amount, receipt_row, session, show
from scripts.cli.relayer.common import (
    DEFAULT_KEYS,
    DryRun,
    Keys,
    RelayerAddress,
    in_time,
    needed_address,
    open_leader,
    rehearse,
    show_receipts,
    standing,
)

app = typer.Typer(no_args_is_help=True, help="Stake: what is bonded, free and on its way out.")
Units = Annotated[str, typer.Argument(help="STAKE, in whole tokens with decimals.")]


def register(account_file: AccountFile = None, keys: Keys = DEFAULT_KEYS, as_json: AsJson = False) -> None:
    """Enter the registry, with the owner of the fee notes."""
    show_receipts(open_leader(account_file, keys).register(), as_json)


def bond(
    units: Units,
    account_file: AccountFile = None,
    relayer: RelayerAddress = None,
    keys: Keys = DEFAULT_KEYS,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Bond stake; an epoch's leader answers with it."""
    sum_ = _units(units)
    if dry_run:
        relayers = session().chain.contract("Relayers").address
        to = needed_address(account_file, relayer)
        return rehearse(to, ("StakeToken", "approve", relayers, sum_), as_json=as_json)
    show_receipts(open_leader(account_file, keys).bond(sum_), as_json)


@app.command("show")
def show_stake(account_file: AccountFile = None, relayer: RelayerAddress = None, as_json: AsJson = False) -> None:
    """Stake by state, and when what is unbonding may leave."""
    here = standing(account_file, relayer)
    stake = here.stake
    rows = {name: _tokens(getattr(stake, name)) for name in ("bonded", "unbonding", "reserved", "free", "epoch_stake")}
    left = in_time(stake.withdraw_from - here.block - 1, here.pace) if stake.unbonding else None
    show(rows | {"epochs it is free for": stake.epochs, "withdraw": left}, as_json)


@app.command()
def unbond(
    units: Units,
    account_file: AccountFile = None,
    relayer: RelayerAddress = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Take stake out of the rotation at once; it still answers for epochs led. Another request restarts the wait."""
    _send("unbond", _units(units), account_file=account_file, relayer=relayer, dry_run=dry_run, as_json=as_json)


@app.command()
def withdraw(
    account_file: AccountFile = None, relayer: RelayerAddress = None, dry_run: DryRun = False, as_json: AsJson = False
) -> None:
    """Pay out what was unbonded long enough ago, less what still answers for epochs led."""
    _send("withdraw", account_file=account_file, relayer=relayer, dry_run=dry_run, as_json=as_json)


app.command("bond")(bond)


def _send(
    function: str, *args: int, account_file: Path | None, relayer: str | None, dry_run: bool, as_json: bool
) -> None:
    chain = session().chain
    if dry_run:
        return rehearse(needed_address(account_file, relayer), ("Relayers", function, *args), as_json=as_json)
    receipt = chain.send(account(account_file), Call("Relayers", function, args).on(chain))
    show(receipt_row(receipt), as_json)


def _units(text: str) -> int:
    return amount(text, session().deployment.tokens["STAKE"].decimals)


def _tokens(units: int) -> str:
    """In whole tokens, exact."""
    decimals = session().deployment.tokens["STAKE"].decimals
    whole, part = divmod(units, 10**decimals)
    return f"{whole}.{part:0{decimals}d}".rstrip("0").rstrip(".")
