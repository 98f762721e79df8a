"""`shadowpool relayer status`: how it stands, now or live."""

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from offchain.chain import ChainError
from relayer.reveal_keys import key_file
from relayer.standing import Standing
from scripts.cli.common import AccountFile, AsJson, session, show
from scripts.cli.relayer.common import DEFAULT_KEYS, Keys, RelayerAddress, in_time, needed_address
from scripts.cli.relayer.epochs import led_row

REFRESH_SECONDS = 1.0


def facts(here: Standing, keys: Path) -> dict:
    """What the view shows, for one block."""
    stake, last = here.stake, here.keys[-1] if here.keys else None
    needed = (key for key in here.keys if key.version in here.needed_keys)
    missing = [key.version for key in needed if not key_file(keys, key.public).is_file()]
    return {
        "relayer": here.address,
        "block": here.block,
        "ledger": here.ledger.block,
        "seconds a block": round(here.pace, 2),
        "stake": {
            "registered": here.registered,
            "bonded epochs": stake.bonded // stake.epoch_stake,
            "reserved epochs": stake.reserved // stake.epoch_stake,
            "free epochs": stake.epochs,
            "withdraw": in_time(stake.withdraw_from - here.block - 1, here.pace) if stake.unbonding else None,
        },
        "key": {
            "version": last.version if last else None,
            "ends": in_time(last.last_window - here.block, here.pace) if last else None,
            "missing versions": missing,
        },
        "epochs": [led_row(here, led) for led in here.open],
        "turns": [
            {"market": turn.market, "epoch": turn.epoch, "opens": in_time(turn.opens - here.block, here.pace)}
            for turn in here.turns()
            if turn.leader == here.address
        ],
    }


def status(
    account_file: AccountFile = None,
    relayer: RelayerAddress = None,
    keys: Keys = DEFAULT_KEYS,
    once: Annotated[bool, typer.Option("--once", help="Print it once, and end.")] = False,
    as_json: AsJson = False,
) -> None:
    """A live view of head, stake, reveal key, epochs to finish and coming turns; needs no key."""
    here, address = session(), needed_address(account_file, relayer)

    def look() -> dict:
        here.ledger.sync()
        return facts(Standing(here.chain, here.ledger, address), keys)

    if as_json:
        show(look(), True)
    elif once:
        Console(highlight=False).print(_view(look()))
    else:
        _live(look)


def _live(look) -> None:
    """Until interrupted; a chain that does not answer is said, and asked again."""
    with Live(refresh_per_second=4) as live:
        try:
            while True:
                try:
                    live.update(_view(look()))
                except ChainError as error:
                    live.update(f"{time.strftime('%H:%M:%S')} {error}")
                time.sleep(REFRESH_SECONDS)
        except KeyboardInterrupt:
            return


def _view(seen: dict) -> Group:
    top = Table(title=f"relayer {seen['relayer']}", show_header=False)
    for name in ("block", "ledger", "seconds a block"):
        top.add_row(name, str(seen[name]))
    for part in ("stake", "key"):
        for name, value in seen[part].items():
            top.add_row(f"{part}: {name}", _text(value))
    return Group(top, _table("epochs to finish", seen["epochs"]), _table("coming turns", seen["turns"]))


def _table(title: str, rows: list[dict]) -> Table:
    table = Table(*(rows[0] if rows else ["none"]), title=title)
    for row in rows:
        table.add_row(*map(_text, row.values()))
    return table


def _text(value) -> str:
    return "" if value in (None, []) else ", ".join(map(str, value)) if isinstance(value, list) else str(value)
