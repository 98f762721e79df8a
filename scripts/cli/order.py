"""`shadowpool order`: commit, reveal, follow and reclaim sealed orders."""

from pathlib import Path
from typing import Annotated

import typer

from offchain.holdings import PlacedOrder
from offchain.issuer import Issued
from offchain.notes import Side, Terms
from offchain.records import EpochState
from offchain.wallet import Fate, OrderStatus, Wallet
from scripts.cli.common import (
    AccountFile,
    AsJson,
    CarrierFile,
    CarrierUrl,
    CommandError,
    InMyName,
    MarketId,
    receipt_row,
    session,
    show,
)
from scripts.cli.wallet import open_carried, open_wallet

app = typer.Typer(no_args_is_help=True, help="Sealed orders: place, reveal, follow, reclaim.")

Only = Annotated[str | None, typer.Option("--order", help="One order by its quota nullifier; else all.")]


def _row(seen: OrderStatus) -> dict:
    order = seen.placed.order
    return {
        "order": str(seen.placed.quota_nullifier),
        "market": order.market,
        "epoch": order.epoch,
        "side": Side(order.terms.side).name.lower(),
        "quantity": str(order.terms.quantity),
        "limit": str(order.terms.price),
        "epoch state": EpochState(seen.epoch_state).name.lower(),
        "fate": str(seen.fate),
        "fill": None if seen.fill is None else str(seen.fill),
        "price": None if seen.price is None else str(seen.price),
        "forfeited": None if seen.forfeited is None else str(seen.forfeited),
    }


def _chosen(found: list[OrderStatus], only: str | None) -> list[PlacedOrder]:
    chosen = [seen.placed for seen in found if only in (None, str(seen.placed.quota_nullifier))]
    if only is not None and not chosen:
        raise CommandError(f"no order {only} that could be acted on now; `shadowpool order list` shows them")
    return chosen


def _opens(wallet: Wallet, seen: OrderStatus) -> int:
    order = seen.placed.order
    return wallet.ledger.markets[order.market].windows(order.epoch).reveal


@app.command()
def place(
    side: Annotated[str, typer.Argument(help="buy or sell.")],
    quantity: Annotated[int, typer.Argument(help="Lots.")],
    price: Annotated[int, typer.Argument(help="Limit in quote units a lot.")],
    credential: Annotated[Path, typer.Option(help="The credential file that the issuer gave.")],
    market: MarketId = 0,
    epoch: Annotated[int | None, typer.Option(help="Else the epoch whose window is open.")] = None,
    account_file: AccountFile = None,
    carrier_file: CarrierFile = None,
    carrier_url: CarrierUrl = None,
    in_my_name: InMyName = False,
    as_json: AsJson = False,
) -> None:
    """Commit a sealed order to an epoch, with a proof that it is funded and admitted."""
    sides = {"buy": Side.BUY, "sell": Side.SELL}
    if side not in sides:
        raise CommandError(f"side {side!r} is neither buy nor sell")
    terms, issued = Terms(sides[side], quantity, price), Issued.load(credential)
    wallet, sender = open_carried(account_file, carrier_file, carrier_url, in_my_name)
    found = session().terms(market)
    chosen = found.epoch_at(session().chain.head()) if epoch is None else epoch
    placed = wallet.commit(market, chosen, terms, issued, carrier=sender)
    row = {"order": str(placed.quota_nullifier), "market": market, "epoch": chosen}
    show(row | receipt_row(placed.receipt), as_json)


@app.command("list")
def list_orders(account_file: AccountFile = None, as_json: AsJson = False) -> None:
    """Every order of the wallet with its fate, fill and price, from the key and the chain alone."""
    show([_row(seen) for seen in open_wallet(account_file).orders()], as_json)


@app.command()
def reveal(
    only: Only = None,
    account_file: AccountFile = None,
    carrier_file: CarrierFile = None,
    carrier_url: CarrierUrl = None,
    in_my_name: InMyName = False,
    as_json: AsJson = False,
) -> None:
    """Open committed orders to their epoch's leader, once the window is frozen deep enough."""
    wallet, sender = open_carried(account_file, carrier_file, carrier_url, in_my_name)
    frozen = (EpochState.FROZEN, EpochState.REVEAL)
    waiting = [seen for seen in wallet.orders() if seen.fate == Fate.COMMITTED and seen.epoch_state in frozen]
    # The wallet stands some blocks behind the head, at which the window may be open already.
    now = [seen for seen in waiting if _opens(wallet, seen) <= wallet.chain.head()]
    waiting = now or waiting  # too early is for the wallet to refuse, with its reason
    receipts = [wallet.reveal(placed, carrier=sender) for placed in _chosen(waiting, only)]
    show([receipt_row(receipt) for receipt in receipts], as_json)


@app.command()
def reclaim(
    only: Only = None,
    account_file: AccountFile = None,
    carrier_file: CarrierFile = None,
    carrier_url: CarrierUrl = None,
    in_my_name: InMyName = False,
    as_json: AsJson = False,
) -> None:
    """Take back what was not settled. With --order it also cancels one whose window is open."""
    wallet, sender = open_carried(account_file, carrier_file, carrier_url, in_my_name)
    due = [seen for seen in wallet.orders() if seen.reclaimable and (only or seen.fate != Fate.COMMITTED)]
    receipts = [wallet.reclaim(placed, carrier=sender) for placed in _chosen(due, only)]
    show([receipt_row(receipt) for receipt in receipts], as_json)
