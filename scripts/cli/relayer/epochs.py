"""`shadowpool relayer epochs`, and what its service does, by hand: `due`, `settle`, `print`."""

from typing import Annotated

import typer

from relayer.standing import Led, Standing
from scripts.cli.common import AccountFile, AsJson, MarketId, show
from scripts.cli.relayer.common import (
    DEFAULT_KEYS,
    Epoch,
    Keys,
    RelayerAddress,
    in_time,
    open_leader,
    settled_row,
    show_receipts,
    standing,
)

Last = Annotated[int, typer.Option("--last", min=1, help="How many of the epochs that it led.")]
Ahead = Annotated[int, typer.Option("--ahead", min=0, max=100, help="How many coming epochs of each market.")]


def led_row(here: Standing, led: Led) -> dict:
    """An epoch that it leads; blocks and counts alone, which the chain shows to everyone."""
    record, done, windows = led.record, led.record.settlement, led.windows
    return {
        "market": record.market,
        "epoch": record.epoch,
        "state": "printed" if record.printed else "released" if record.released else led.state.name.lower(),
        "orders": len(record.orders),
        "reveals": len(record.reveals),
        "next": None if led.over else _next(here, led),
        "blocks to settled": done.block - windows.settle if done else None,
        "blocks left": windows.deadline - 1 - here.block if led in here.to_settle else None,
    }


def _next(here: Standing, led: Led) -> str:
    """What comes next of an epoch that is not over, and when."""
    windows = led.windows
    coming = [("freezes", windows.freeze), ("reveals", windows.reveal), ("settles", windows.settle)]
    what, block = next(((what, block) for what, block in coming if block > here.block), ("settles", 0))
    if led.print_from is not None:
        what, block = "prints", led.print_from
    return f"{what} {in_time(block - here.block, here.pace)}"


def epochs(
    account_file: AccountFile = None,
    relayer: RelayerAddress = None,
    last: Last = 10,
    ahead: Ahead = 3,
    as_json: AsJson = False,
) -> None:
    """The epochs that it led, with states and timings, and its coming turns."""
    here = standing(account_file, relayer)
    led = [led_row(here, one) for one in here.led[-last:]]
    turns = [
        {
            "market": turn.market,
            "epoch": turn.epoch,
            "opens": in_time(turn.opens - here.block, here.pace),
            "turn": "ours" if turn.leader == here.address else turn.leader,
        }
        for turn in here.turns(ahead)
    ]
    if as_json:
        return show({"block": here.block, "led": led, "turns": turns}, True)
    show(led, False)
    show(turns, False)


def due(account_file: AccountFile = None, keys: Keys = DEFAULT_KEYS, as_json: AsJson = False) -> None:
    """The epochs that this relayer leads and can settle now."""
    found = open_leader(account_file, keys).due()
    show([{"market": market, "epoch": epoch} for market, epoch in found], as_json)


def settle(
    epoch: Epoch,
    market: MarketId = 0,
    account_file: AccountFile = None,
    keys: Keys = DEFAULT_KEYS,
    as_json: AsJson = False,
) -> None:
    """Clear an epoch, prove it, settle it."""
    show(settled_row(open_leader(account_file, keys).settle(market, epoch)), as_json)


def print_epoch(
    epoch: Epoch,
    market: MarketId = 0,
    account_file: AccountFile = None,
    keys: Keys = DEFAULT_KEYS,
    as_json: AsJson = False,
) -> None:
    """Publish price and volume of a settled epoch once its deferral is over."""
    show_receipts(open_leader(account_file, keys).print(market, epoch), as_json)
