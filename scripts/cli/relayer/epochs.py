"""`shadowpool relayer due`, `settle` and `print`: the epochs that it leads, by hand."""

from scripts.cli.common import AccountFile, AsJson, MarketId, show
from scripts.cli.relayer.common import DEFAULT_KEYS, Epoch, Keys, open_leader, settled_row, show_receipts


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
