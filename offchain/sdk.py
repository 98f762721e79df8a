"""From a key to a fill in ten lines: what a script needs of a wallet, its ledger and its chain.

A `Trader` does one thing after the other and waits for blocks meanwhile. It must live until its order is
revealed, or the bond is forfeit; a desk that cannot promise that runs an agent (`offchain.agent_client`).
"""

import time
from collections.abc import Callable
from decimal import Context, Decimal, Inexact, InvalidOperation
from pathlib import Path
from typing import TypeVar

from eth_account.signers.local import LocalAccount

from offchain import keystore
from offchain.admission import EpochFull, QuotaUsed, WindowClosed, market_terms
from offchain.carrier import Carrier, CarrierClient
from offchain.chain import CONFIRMATIONS, Chain, Receipt, Reverted
from offchain.coins import NotSpendableYet
from offchain.deployment import Deployment
from offchain.holdings import PlacedOrder
from offchain.issuer import Issued
from offchain.keys import from_wallet
from offchain.ledger import Ledger
from offchain.notes import Side, Terms
from offchain.orders import Fate, OrderStatus
from offchain.wallet import Wallet

__all__ = ["Fate", "OrderStatus", "Side", "TooLong", "Trader"]

T = TypeVar("T")

LATER = (WindowClosed, EpochFull, QuotaUsed, NotSpendableYet)
"""Refusals of a commit that a later block may lift."""

CLOSED = "market: window closed"
"""The contract's own word for a commit that came too late: nothing was spent, and the next epoch takes it."""

MARGIN_BLOCKS = 8
"""A window that closes sooner is left alone: a proof takes its time."""

HOUR = 3_600.0
EXACT = Context(prec=60, traps=[Inexact, InvalidOperation])
"""Holds every amount below 2^128 with its decimals, and never rounds."""



class TooLong(Exception):
    """It has not happened in the time given; nothing is lost, and it may be asked for again."""


class Trader:
    """An institution: its `wallet`, the `credential` that admits it, and the `carrier` that sends what is private.

    Amounts are whole tokens as text or Decimal ("2500.00"), quantities lots, prices quote units a lot. Actions raise
    what `Wallet`'s do; waiting longer than `timeout` seconds raises TooLong.
    """

    def __init__(self, wallet: Wallet, credential: Issued | None, carrier: Carrier):
        self.wallet, self.credential, self.carrier = wallet, credential, carrier
        self.chain, self.deployment = wallet.chain, wallet.deployment

    @classmethod
    def open(
        cls,
        rpc: str,
        deployment: str | Path,
        key: str | Path | LocalAccount,
        carrier: str | Path | LocalAccount,
        credential: str | Path | None = None,
        confirmations: int = CONFIRMATIONS,
    ) -> "Trader":
        """From files: `key` and `carrier` are keystores, whose password is in SHADOWPOOL_PASSWORD or asked for, or
        accounts; a carrier may also be the address of a service. The shielded key follows from `key`."""
        chain = Chain(rpc, Deployment.load(Path(deployment)), confirmations)
        account = _account(key)
        shielded = from_wallet(account, chain.chain_id, chain.deployment.contracts["Pool"])
        remote = isinstance(carrier, str) and "://" in carrier
        sender = CarrierClient(carrier, chain.deployment) if remote else _account(carrier)
        wallet = Wallet(chain, Ledger(chain), shielded, account)
        wallet.sync()
        return cls(wallet, None if credential is None else Issued.load(Path(credential)), sender)

    # --- Holdings ---

    def balances(self) -> dict[str, Decimal]:
        """Whole tokens by symbol, notes that cannot be spent yet included."""
        tokens = {token.word: (symbol, token.decimals) for symbol, token in self.deployment.tokens.items()}
        return {
            tokens[asset][0]: Decimal(units).scaleb(-tokens[asset][1], EXACT)
            for asset, units in self.wallet.balances().items()
        }

    def deposit(self, symbol: str, amount: str | Decimal) -> Receipt:
        """Bring tokens of the account into the pool, for all to see: round sums, ahead of time, tell least."""
        return self.wallet.deposit(self.deployment.asset(symbol), self._units(symbol, amount))

    def withdraw(
        self, symbol: str, amount: str | Decimal, recipient: str | None = None, timeout: float = HOUR
    ) -> Receipt:
        """Pay tokens out, to the trader's own account if to nobody else; waits until the notes can be spent."""
        asset, units = self.deployment.asset(symbol), self._units(symbol, amount)
        recipient = recipient or self.wallet.account.address
        return self._later(lambda: self.wallet.withdraw(asset, units, recipient), (NotSpendableYet,), timeout)

    # --- Orders ---

    def trade(self, side: Side | str, quantity: int, price: int, market: int = 0, timeout: float = HOUR) -> OrderStatus:
        """An order from commit to outcome: `fate` says which, `fill` and `price` what was got."""
        began = time.monotonic()
        order = self.commit(side, quantity, price, market, timeout)
        self.reveal(order, timeout - (time.monotonic() - began))
        return self.outcome(order, timeout - (time.monotonic() - began))

    def commit(
        self, side: Side | str, quantity: int, price: int, market: int = 0, timeout: float = HOUR
    ) -> PlacedOrder:
        """Commit a sealed order to the first epoch that takes it, once there are notes that can pay for it."""
        terms = Terms(_side(side), quantity, price)

        def attempt() -> PlacedOrder:
            epoch = self._epoch(market)
            try:
                return self.wallet.commit(market, epoch, terms, self.credential, carrier=self.carrier)
            except Reverted as error:
                if error.reason != CLOSED:
                    raise
                raise WindowClosed(f"epoch {epoch} closed while the order was proven and sent") from None

        return self._later(attempt, LATER, timeout)

    def reveal(self, order: PlacedOrder, timeout: float = HOUR) -> Receipt:
        """Open an order to its epoch's leader, as soon as the frozen set is deep enough."""
        windows = market_terms(self.wallet.ledger, order.order.market).windows(order.order.epoch)
        first = max(windows.reveal, windows.freeze + self.wallet.ledger.depth)
        self._until(lambda: self.chain.head() >= first, f"epoch {order.order.epoch} is not frozen yet", timeout)
        return self.wallet.reveal(order, carrier=self.carrier)

    def outcome(self, order: PlacedOrder, timeout: float = HOUR) -> OrderStatus:
        """What became of an order, once that is certain."""
        found: list[OrderStatus] = []

        def ended() -> bool:
            found[:] = [one for one in self.wallet.orders() if one.placed.quota_nullifier == order.quota_nullifier]
            return bool(found) and found[0].fate not in (Fate.COMMITTED, Fate.REVEALED)

        self._until(ended, f"epoch {order.order.epoch} goes on", timeout)
        return found[0]

    def reclaim(self, order: PlacedOrder) -> Receipt:
        """Cancel an order before its freeze, or take back one that was not settled."""
        return self.wallet.reclaim(order, carrier=self.carrier)

    # --- Within ---

    def _epoch(self, market: int) -> int:
        """The epoch whose window is open with time for a proof; WindowClosed until there is one."""
        self.wallet.sync()
        terms, head = market_terms(self.wallet.ledger, market), self.chain.head()
        if head < terms.start_block:
            raise WindowClosed(f"market {market} opens at block {terms.start_block}; the chain is at {head}")
        epoch = terms.epoch_at(head)
        left = terms.windows(epoch).freeze - head
        if left < min(MARGIN_BLOCKS, terms.commit_blocks // 2):
            raise WindowClosed(f"epoch {epoch} closes in {left} blocks: the next one is better")
        return epoch

    def _later(self, attempt: Callable[[], T], passing: tuple[type[Exception], ...], timeout: float) -> T:
        """`attempt` again in every block, until it is not refused for what passes."""
        deadline = time.monotonic() + timeout
        while True:
            head = self.chain.head()
            try:
                return attempt()
            except passing as refused:
                self._until(lambda: self.chain.head() > head, str(refused), deadline - time.monotonic())

    def _until(self, holds: Callable[[], bool], otherwise: str, timeout: float) -> None:
        """Look again in every block; TooLong says what is `otherwise` the case."""
        deadline = time.monotonic() + timeout
        while True:
            head = self.chain.head()
            if holds():
                return
            while self.chain.head() == head:
                if time.monotonic() >= deadline:
                    raise TooLong(f"{otherwise}: so it was for {max(0.0, timeout):.0f} s")
                time.sleep(self.chain.poll_seconds)

    def _units(self, symbol: str, amount: str | Decimal) -> int:
        """Base units of an amount in whole tokens; ValueError where it is finer than the token."""
        if not isinstance(amount, (str, Decimal)):
            raise ValueError(f'an amount is text or Decimal, as "2500.00", not {type(amount).__name__}')
        self.deployment.asset(symbol)   # says which there are
        decimals = self.deployment.tokens[symbol].decimals
        try:
            units = Decimal(amount).scaleb(decimals, EXACT)
            whole = units.is_finite() and units == units.to_integral_value()
        except ArithmeticError:
            whole = False
        if not whole:
            raise ValueError(f"{amount} {symbol} is no amount with at most {decimals} decimals")
        return int(units)


def _side(side: Side | str) -> Side:
    if isinstance(side, str) and side.upper() not in Side.__members__:
        raise ValueError(f"side {side!r} is neither buy nor sell")
    return Side[side.upper()] if isinstance(side, str) else side


def _account(given: str | Path | LocalAccount) -> LocalAccount:
    return keystore.account(Path(given), keystore.password()) if isinstance(given, (str, Path)) else given
