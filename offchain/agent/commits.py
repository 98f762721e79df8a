"""Accepted tickets, until they are on chain or cannot be.

One ticket makes one order. Once a commit of it may be in anybody's hands, only commits of the same place in
the same epoch's quota follow, of which the contract takes one at most; another epoch is tried only after
the ledger has passed the freeze without any. So however often a ticket is tried, it is never two orders.
"""

from dataclasses import replace

from offchain import admission
from offchain.agent.book import Entry, Parcel
from offchain.agent.core import SLACK_BLOCKS, Core, choose_epoch, makes
from offchain.agent.desk import OrderState
from offchain.coins import InsufficientFunds, NeedsConsolidation
from offchain.field import RangeError
from offchain.material import MaterialError
from offchain.notes import Terms
from offchain.records import MarketTerms

FOR_GOOD = (admission.CredentialExpired, admission.NotAdmitted, admission.UnknownMarket, RangeError, MaterialError)
"""What no waiting mends."""

NEXT_EPOCH = (admission.EpochFull, admission.QuotaUsed)
CODES = {
    "CredentialExpired": "credential", "NoCredential": "credential", "NotAdmitted": "not_admitted",
    "UnknownMarket": "unknown_market", "EpochFull": "epoch_full", "QuotaUsed": "quota", "Paused": "paused",
    "IssuerFault": "issuer", "NotSpendableYet": "funds_pending", "NeedsConsolidation": "consolidation",
    "InsufficientFunds": "funds", "WindowClosed": "closed",
}  # fmt: skip


class Commits:
    def __init__(self, core: Core):
        self.core, self.book, self.purse = core, core.book, core.purse
        self.wanting: dict[str, tuple[int, int]] = {}     # (asset, units) that tickets wait for notes to be joined for

    def round(self, head: int, block: int) -> None:
        for client_id in list(self.book.opened):
            self._consider(client_id, head, block)

    def _consider(self, client_id: str, head: int, block: int) -> None:
        name = f"commit:{client_id}"
        if name in self.core.at_work():
            return
        entry = self.book.entries[client_id]    # only now: who was at work until a moment ago may have handed it over
        if entry.order.state != OrderState.ACCEPTED or f"{name}:{entry.attempts}" in self.book.parcels:
            return
        terms = self.purse.ledger.markets.get(entry.order.market)
        if terms is None:
            return self._end(entry, OrderState.FAILED, "unknown_market", f"no market {entry.order.market}")
        if entry.index is not None and (entry := self._unbound(entry, terms, block)) is None:
            return
        killed = self.book.fact("killed")
        if entry.index is None and (entry.cancelling or killed is not None):
            why = (None, None) if entry.cancelling else ("killed", killed)
            return self._end(entry, OrderState.CANCELLED, *why)
        if terms.freeze_blocks + terms.reveal_blocks <= self.core.chain.confirmations + SLACK_BLOCKS:
            deep = self.core.chain.confirmations
            why = f"the market's windows close before an order frozen {deep} deep could be revealed"
            return self._end(entry, OrderState.FAILED, "closed", why)
        need = self.core.blocks_for("commit", head, self.core.settings.commit_seconds)
        epoch, opens = self._epoch(entry, terms, head, need)
        if entry.last_epoch is None:
            last = epoch + self.core.settings.wait_epochs
            entry = self.book.amend(entry.order.client_id, last_epoch=last)
        if epoch > entry.last_epoch:
            order = entry.order
            code, reason = order.code or "closed", order.reason or "no window could be made"
            return self._end(entry, OrderState.FAILED, code, reason)
        if not makes(terms, epoch, head, need):
            if entry.index is None:
                why = f"epoch {epoch} closes before a commit could be in a block"
                self._end(entry, OrderState.FAILED, "closed", why)
            return
        if head >= max(opens, entry.next_block):
            self.core.work(name, head, lambda: self._commit(client_id, epoch, head))

    def _epoch(self, entry: Entry, terms: MarketTerms, head: int, need: int) -> tuple[int, int]:
        """(epoch, its first block): the one that it is bound to, else its ticket names, else the first possible."""
        fixed = entry.order.epoch if entry.index is not None else entry.wanted
        if fixed is not None:
            return fixed, terms.windows(fixed).open
        return choose_epoch(terms, max(head, entry.next_block), need)

    def _unbound(self, entry: Entry, terms: MarketTerms, block: int) -> Entry | None:
        """The entry, free for another place once none of its commits can land any more; None if it ended or landed."""
        order = entry.order
        record = self.purse.ledger.orders.get(order.quota_nullifier)
        if record is not None and record.oc in entry.marks:
            return None
        closed = block >= terms.windows(order.epoch).freeze
        if record is None and not closed:
            return entry
        self.purse.release(order.client_id)
        if closed and entry.wanted is not None and not entry.cancelling:
            last = self.book.parcel(f"commit:{order.client_id}:{entry.attempts}")
            why = f": {last.reason}" if last is not None and last.reason else ""
            self._end(entry, OrderState.FAILED, "closed", f"no block took the commit before the freeze{why}")
            return None
        fresh = {"epoch": entry.wanted, "quota_nullifier": None}
        return self.book.amend(order.client_id, "order", fresh, index=None, marks=())

    # --- On a thread ---

    def _commit(self, client_id: str, epoch: int, head: int) -> None:
        """Prove a commit, write it down, and only then give it to anybody."""
        entry = self.book.entries[client_id]
        order = entry.order
        terms = Terms(order.side, order.quantity, order.price)
        try:
            built = self.purse.commit(client_id, order.market, epoch, terms, entry.index)
        except (admission.Refused, InsufficientFunds, RangeError, MaterialError) as error:
            return self._deferred(entry, epoch, error, head)
        except BaseException:
            self._let_go(entry)
            raise
        self.book.took("commit", built.call.proof_seconds)
        windows = self.purse.ledger.markets[order.market].windows(epoch)
        in_time = self.core.chain.head() + 1 < windows.freeze
        with self.book.lock:
            entry = self.book.entries[client_id]
            wanted = entry.order.state == OrderState.ACCEPTED and not entry.cancelling
            if not wanted or not in_time:
                return self._let_go(entry)
            number = entry.attempts + 1
            key = f"commit:{client_id}:{number}"
            parcel = Parcel(key, client_id, "commit", built.word, built.mark, built.words, windows.freeze)
            order = replace(entry.order, epoch=epoch, quota_nullifier=built.word, code=None, reason=None)
            marks = (*entry.marks, built.mark)
            entry = replace(entry, order=order, index=built.index, marks=marks, attempts=number)
            self.book.write(entry, parcel, tell="order", calls={key: built.call})
            self.wanting.pop(client_id, None)
        self.core.courier.start(parcel, head)

    def _deferred(self, entry: Entry, epoch: int, error: Exception, head: int) -> None:
        """Try later what may be mended meanwhile; end the rest."""
        self._let_go(entry)
        code, order = CODES.get(type(error).__name__, "refused"), entry.order
        awaited = type(error) is InsufficientFunds and self._awaited(entry)
        code = "funds_pending" if awaited else code
        hopeless = isinstance(error, FOR_GOOD) or type(error) is InsufficientFunds and not awaited
        full = isinstance(error, NEXT_EPOCH)
        if entry.index is None and (hopeless or full and entry.wanted is not None):
            return self._end(entry, OrderState.FAILED, code, str(error))
        if isinstance(error, NeedsConsolidation):
            rules = self.purse.ledger.markets[order.market].rules(order.market)
            self.wanting[order.client_id] = rules.lock(Terms(order.side, order.quantity, order.price))
        later = self.purse.ledger.markets[order.market].windows(epoch + 1).open if full else head + 1
        tell = None if order.code == code else "order"
        self.book.amend(order.client_id, tell, {"code": code, "reason": str(error)}, next_block=later)

    def _awaited(self, entry: Entry) -> bool:
        """Whether funds may come back without anybody's doing: from an order, a movement or another commit."""
        others = any(whose != entry.order.client_id for whose in self.purse.held)
        states = OrderState.COMMITTED, OrderState.REVEALED
        return others or any(one.order.state in states for one in list(self.book.opened.values()))

    def _let_go(self, entry: Entry) -> None:
        """Free what a proof would have used, unless an earlier one of the same ticket may be on its way."""
        if entry.index is None:
            self.purse.release(entry.order.client_id)

    def _end(self, entry: Entry, state: OrderState, code: str | None, reason: str | None) -> None:
        client_id = entry.order.client_id
        self.purse.release(client_id)
        self.wanting.pop(client_id, None)
        with self.book.lock:
            if not self.book.entries[client_id].order.ended:
                self.book.amend(client_id, "order", {"state": state, "code": code, "reason": reason}, booked=True)
