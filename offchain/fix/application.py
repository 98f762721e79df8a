"""Orders by FIX on the desk: each message that trades, and its immediate answer.

What becomes of an order is reported from the desk's events, not from here. A message may come twice
(a death between the desk's answer and ours has it sent again): a ClOrdID is one order, for ever.
"""

import re
import secrets
from collections.abc import Iterator

import structlog

from offchain.agent.desk import CLIENT_ID, CLIENT_ID_IS, Desk, DeskOrder, OrderState, Ticket, TicketRefused, UnknownOrder
from offchain.clock import unix_ms
from offchain.fix import dictionary as types
from offchain.fix import reports, tags
from offchain.fix.settings import Settings
from offchain.fix.store import FixOrder, FixStore, Outgoing
from offchain.fix.wire import Message, Pairs, stamp
from offchain.notes import Side

log = structlog.get_logger()

NO_MEANING_HERE = frozenset({tags.HANDL_INST, 528, 529, 581, 582, 660})
"""HandlInst, capacity and account types: they change nothing of how an order trades."""

UNDERSTOOD = tags.HEADER | NO_MEANING_HERE | {
    tags.ACCOUNT, tags.CL_ORD_ID, tags.SYMBOL, tags.SIDE, tags.TRANSACT_TIME, tags.ORDER_QTY, tags.ORD_TYPE, tags.PRICE,
    tags.TIME_IN_FORCE, tags.TEXT,
}  # fmt: skip
"""Fields of a NewOrderSingle. Any other could promise what we do not keep (MinQty, ExpireTime, …): it is refused."""

WHOLE = re.compile(r"[0-9]{1,30}")
BUSINESS_UNSUPPORTED, BUSINESS_UNAVAILABLE, BUSINESS_OTHER = "3", "4", "0"
ONE_EPOCH = (
    "an order lives for one epoch: send TimeInForce 0 (day) or none; what is not filled comes back as Expired, "
    "and may be sent again"
)


class Refused(Exception):
    """A NewOrderSingle that does not reach the desk: OrdRejReason, and words."""

    def __init__(self, reason: str, text: str):
        super().__init__(text)
        self.reason, self.text = reason, text


class Application:
    """`handle` gives the messages to answer with."""

    def __init__(self, desk: Desk, settings: Settings, store: FixStore):
        self.desk, self.settings, self.store = desk, settings, store
        self._unsure: set[tuple[str, str, str]] = set()     # cancels that the desk may or may not have heard of

    def handle(self, name: str, message: Message) -> list[Outgoing]:
        """Answer a message of session `name` that `dictionary.check` passed."""
        answer = {
            types.NEW_ORDER: self._new_order,
            types.CANCEL_REQUEST: self._cancel,
            types.STATUS_REQUEST: self._status,
            types.MASS_STATUS_REQUEST: self._mass_status,
        }.get(message.type)
        if message.type == types.BUSINESS_REJECT:
            log.warning("fix_business_reject", session=name, number=message.get(tags.MSG_SEQ_NUM))
            return []
        if answer is None:
            return [_business_reject(message, BUSINESS_UNSUPPORTED, f"messages of type {message.type} are not taken")]
        try:
            return list(answer(name, message))
        except Exception as error:  # the desk's trouble is no reason to lose the session
            log.error("fix_desk_failed", session=name, type=message.type, error=type(error).__name__)
            text = "the desk does not answer now: ask for the order's status before you send it again"
            return [_business_reject(message, BUSINESS_UNAVAILABLE, text)]

    # --- New orders ---

    def _new_order(self, name: str, message: Message) -> Iterator[Outgoing]:
        cl_ord_id = message.get(tags.CL_ORD_ID)
        try:
            ticket = self._ticket(name, message)
            known = self._find(name, cl_ord_id)
            if known is not None or self.store.canceled(name, cl_ord_id) is not None:
                yield from self._again(name, message, ticket, known)
                return
            self.store.keep_order(
                FixOrder(
                    session=name, cl_ord_id=cl_ord_id, symbol=message.get(tags.SYMBOL),
                    account=message.get(tags.ACCOUNT) or "",
                )
            )  # fmt: skip
            try:
                self.desk.place(ticket)
            except TicketRefused as refused:
                if self._find(name, cl_ord_id) is None:     # else the desk keeps it as refused, and an event says so
                    raise Refused(reports.reject_reason(refused.code), refused.reason) from None
        except Refused as refused:
            yield _rejected(message, refused)

    def _ticket(self, name: str, message: Message) -> Ticket:
        """Refused if it asks for what we do not do."""
        for tag, _ in message.pairs:
            if tag not in UNDERSTOOD:
                raise Refused(reports.UNSUPPORTED, f"field {tag} is not supported: leave it out")
        if message.get(tags.ORD_TYPE) != "2":
            raise Refused(reports.UNSUPPORTED, "limit orders only: send OrdType 2 and a Price")
        if message.get(tags.TIME_IN_FORCE) not in (None, "0"):
            raise Refused(reports.UNSUPPORTED, ONE_EPOCH)
        side = {"1": Side.BUY, "2": Side.SELL}.get(message.get(tags.SIDE))
        if side is None:
            raise Refused(reports.UNSUPPORTED, "Side must be 1 (buy) or 2 (sell)")
        identifier = reports.client_id(name, message.get(tags.CL_ORD_ID))
        if not CLIENT_ID.fullmatch(identifier):
            longest = 64 - len(reports.client_id(name, ""))
            raise Refused(reports.OTHER, f"ClOrdID must be 1 to {longest} {CLIENT_ID_IS}")
        quantity = _whole(message, tags.ORDER_QTY, "OrderQty", "lots", reports.WRONG_QUANTITY)
        price = _whole(message, tags.PRICE, "Price", "quote units a lot", reports.OTHER)
        try:
            return Ticket(identifier, self._market(message), side, quantity, price, source=reports.PREFIX, account=name)
        except TicketRefused as refused:
            raise Refused(reports.OTHER, refused.reason) from None

    def _market(self, message: Message) -> int:
        symbol = message.get(tags.SYMBOL)
        market = self.settings.symbols.get(symbol)
        if market is not None:
            return market
        if not self.settings.symbols and re.fullmatch("[0-9]{1,18}", symbol):
            return int(symbol)
        known = ", ".join(sorted(self.settings.symbols)) or "a market's number"
        raise Refused(reports.UNKNOWN_SYMBOL, f"unknown Symbol: use {known}")

    def _again(self, name: str, message: Message, ticket: Ticket, known: DeskOrder | None) -> list[Outgoing]:
        """A ClOrdID that was used: the same order once more, or another."""
        terms = ("market", "side", "quantity", "price")
        same = known is not None and all(getattr(known, term) == getattr(ticket, term) for term in terms)
        if same and message.flag(tags.POSS_DUP_FLAG):
            return []
        if same and message.flag(tags.POSS_RESEND):
            return [self._told(name, known)]
        raise Refused(reports.DUPLICATE, "the ClOrdID was used before: choose another")

    # --- Cancels ---

    def _cancel(self, name: str, message: Message) -> list[Outgoing]:
        cl_ord_id, original = message.get(tags.CL_ORD_ID), message.get(tags.ORIG_CL_ORD_ID)
        order, row = self._find(name, original), self.store.order(name, original)
        if order is None or row is None:
            reason, text = reports.CANCEL_UNKNOWN, "no order of this session has this OrigClOrdID"
            return [reports.cancel_reject(cl_ord_id, original, reports.NO_ORDER, reports.REJECTED, reason, text)]
        again = self.store.canceled(name, cl_ord_id)
        if again is not None or self._find(name, cl_ord_id) is not None:
            replayed = message.flag(tags.POSS_DUP_FLAG) or message.flag(tags.POSS_RESEND)
            if again != original or not replayed:
                text = "the ClOrdID was used before: choose another"
                return [_not_canceled(order, cl_ord_id, reports.CANCEL_DUPLICATE, text)]
        elif order.ended or order.state == OrderState.REVEALED:
            return [_not_canceled(order, cl_ord_id, reports.CANCEL_TOO_LATE, f"the order is {order.state}")]
        elif not CLIENT_ID.fullmatch(cl_ord_id):
            text = f"ClOrdID must be 1 to 64 {CLIENT_ID_IS}"
            return [_not_canceled(order, cl_ord_id, reports.CANCEL_OTHER, text)]
        elif not self.store.begin_cancel(name, cl_ord_id, original, [_pending_cancel(order, row, cl_ord_id)]):
            text = "another cancel request is not decided, or the order has ended"
            return [_not_canceled(order, cl_ord_id, reports.CANCEL_PENDING, text)]
        self._ask_cancel(name, cl_ord_id, original)
        return []

    def _ask_cancel(self, name: str, cl_ord_id: str, original: str) -> None:
        """Ask the desk; that it is done is reported from an event, that it is not from here."""
        identifier = reports.client_id(name, original)
        self._unsure.add((name, cl_ord_id, original))
        try:
            self.desk.cancel(identifier, f"{reports.PREFIX}:{name}")
        except TicketRefused as refused:
            reject = _not_canceled(self.desk.order(identifier), cl_ord_id, reports.CANCEL_TOO_LATE, refused.reason)
            self.store.refuse_cancel(name, cl_ord_id, original, reject)
        self._unsure.discard((name, cl_ord_id, original))

    def resume(self) -> None:
        """Ask once more for the cancels that a death may have come between."""
        for row in self.store.undecided():
            self._ask_cancel(row.session, row.cancel, row.cl_ord_id)

    def settle(self) -> Iterator[str]:
        """Ask once more for those that an error came between; the sessions that are told of it. Any thread may.

        One that fails again keeps no other waiting: its error is raised after the last.
        """
        failed: Exception | None = None
        for cancel in list(self._unsure):
            try:
                self._ask_cancel(*cancel)
            except Exception as error:
                failed = error
            else:
                yield cancel[0]
        if failed is not None:
            raise failed

    # --- Status ---

    def _status(self, name: str, message: Message) -> list[Outgoing]:
        cl_ord_id = message.get(tags.CL_ORD_ID)
        order = self._find(name, self.store.canceled(name, cl_ord_id) or cl_ord_id)
        if order is not None:
            return [self._told(name, order)]
        unknown = Refused(reports.UNKNOWN_ORDER, "no order of this session has this ClOrdID")
        return [_rejected(message, unknown, reports.STATUS)]

    def _mass_status(self, name: str, message: Message) -> list[Outgoing]:
        """Every open order of the session."""
        if message.get(tags.MASS_STATUS_REQ_TYPE) != "7":
            return [_business_reject(message, BUSINESS_OTHER, "MassStatusReqType must be 7: all orders")]
        asked = (tags.MASS_STATUS_REQ_ID, message.get(tags.MASS_STATUS_REQ_ID))
        found = [order for order in self._orders(name) if not order.ended]
        if not found:
            none = Refused(reports.UNKNOWN_ORDER, "no order of this session is open")
            return [_rejected(message, none, reports.STATUS, [asked, (tags.TOT_NUM_REPORTS, "0")])]
        last = len(found) - 1
        return [
            self._told(
                name, order,
                [asked, (tags.TOT_NUM_REPORTS, str(len(found))), (tags.LAST_RPT_REQUESTED, "Y" if i == last else "N")],
            )
            for i, order in enumerate(found)
        ]  # fmt: skip

    def _orders(self, name: str) -> Iterator[DeskOrder]:
        after = 0
        while page := self.desk.orders(after, 500, account=name):
            yield from (order for order in page if (reports.parse_client_id(order.client_id) or ("",))[0] == name)
            after = page[-1].sequence

    # --- Inside ---

    def _find(self, name: str, cl_ord_id: str) -> DeskOrder | None:
        try:
            return self.desk.order(reports.client_id(name, cl_ord_id))
        except UnknownOrder:
            return None

    def _told(self, name: str, order: DeskOrder, more: Pairs | None = None) -> Outgoing:
        cl_ord_id = reports.parse_client_id(order.client_id)[1]
        row = self.store.order(name, cl_ord_id) or FixOrder(
            session=name, cl_ord_id=cl_ord_id, symbol=str(order.market)
        )  # fmt: skip
        return reports.order_status(order, row, _exec_id(), unix_ms(), more)


def _whole(message: Message, tag: int, name: str, unit: str, reason: str) -> int:
    text = message.get(tag)
    if text is None:
        raise Refused(reason, f"{name} is missing: give it in {unit}")
    if not WHOLE.fullmatch(text):
        raise Refused(reason, f"{name} must be a whole number of {unit}, without sign or decimal point")
    return int(text)


def _rejected(
    message: Message, refused: Refused, kind: str = reports.REJECTED, more: Pairs | None = None
) -> Outgoing:
    """An ExecutionReport about an order that is not on the desk, with what the message said of it."""
    said = [
        (tag, message.get(tag))
        for tag in (tags.ACCOUNT, tags.CL_ORD_ID, tags.SYMBOL, tags.SIDE, tags.ORDER_QTY, tags.PRICE)
        if message.get(tag) is not None
    ]
    if message.get(tags.SIDE) is None:
        said.append((tags.SIDE, "7"))   # undisclosed: the field must be there
    if message.get(tags.SYMBOL) is None:
        said.append((tags.SYMBOL, reports.NO_ORDER))
    return Outgoing(
        types.EXECUTION_REPORT,
        [
            (tags.ORDER_ID, reports.NO_ORDER), (tags.EXEC_ID, _exec_id()), (tags.EXEC_TYPE, kind),
            (tags.ORD_STATUS, reports.REJECTED), (tags.ORD_REJ_REASON, refused.reason), *said,
            (tags.LEAVES_QTY, "0"), (tags.CUM_QTY, "0"), (tags.AVG_PX, "0"), (tags.TRANSACT_TIME, stamp(unix_ms())),
            (tags.TEXT, refused.text), *(more or []),
        ],
    )  # fmt: skip


def _pending_cancel(order: DeskOrder, row: FixOrder, cl_ord_id: str) -> Outgoing:
    named = FixOrder(session=row.session, cl_ord_id=cl_ord_id, symbol=row.symbol, account=row.account)
    kind, original = reports.PENDING_CANCEL, [(tags.ORIG_CL_ORD_ID, row.cl_ord_id)]
    return reports.execution(order, named, _exec_id(), kind, kind, unix_ms(), order.quantity, original)


def _not_canceled(order: DeskOrder, cl_ord_id: str, reason: str, text: str) -> Outgoing:
    name, original = reports.parse_client_id(order.client_id)
    state = reports.status(order, FixOrder(session=name, cl_ord_id=original, symbol=""))
    return reports.cancel_reject(cl_ord_id, original, order.client_id, state, reason, text)


def _business_reject(message: Message, reason: str, text: str) -> Outgoing:
    about = [(tags.REF_SEQ_NUM, message.get(tags.MSG_SEQ_NUM)), (tags.REF_MSG_TYPE, message.type)]
    return Outgoing(types.BUSINESS_REJECT, [*about, (tags.BUSINESS_REJECT_REASON, reason), (tags.TEXT, text)])


def _exec_id() -> str:
    """Of a report that no event of the desk made."""
    return f"r{secrets.token_hex(8)}"
