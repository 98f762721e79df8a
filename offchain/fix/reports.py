"""What a session is told of its orders: ExecutionReports and cancel rejects, out of the desk's orders and events.

An order lives for one epoch, so what an epoch leaves of it expires at once, with the fill.
"""

from dataclasses import replace

from offchain.agent.desk import ENDED, DeskEvent, DeskOrder, OrderState
from offchain.fix import tags
from offchain.fix.dictionary import CANCEL_REJECT, EXECUTION_REPORT
from offchain.fix.store import FixOrder, Outgoing
from offchain.fix.wire import Pairs, stamp
from offchain.notes import Side

PREFIX = "fix"
NEW, CANCELED, PENDING_CANCEL, REJECTED, PENDING_NEW, EXPIRED, TRADE, STATUS = "0", "4", "6", "8", "A", "C", "F", "I"
PARTIALLY_FILLED, FILLED = "1", "2"
NOT_ALLOWED, UNKNOWN_SYMBOL, CLOSED, OVER_LIMIT, TOO_LATE, UNKNOWN_ORDER, DUPLICATE = "0", "1", "2", "3", "4", "5", "6"
UNSUPPORTED, WRONG_QUANTITY, OTHER = "11", "13", "99"
CANCEL_TOO_LATE, CANCEL_UNKNOWN, CANCEL_PENDING, CANCEL_DUPLICATE, CANCEL_OTHER = "0", "1", "3", "6", "99"
NO_ORDER = "NONE"

RANK = {"": 0, OrderState.ACCEPTED: 1, OrderState.COMMITTED: 2, OrderState.REVEALED: 3} | dict.fromkeys(ENDED, 4)
"""States in the order in which they come: one that is not after what was reported is no news."""

REJECT_REASONS = {
    "unknown_market": UNKNOWN_SYMBOL,
    "closed": CLOSED,
    "killed": CLOSED,
    "too_late": TOO_LATE,
    "duplicate_id": DUPLICATE,
    "market_restricted": NOT_ALLOWED,
    "asset_restricted": NOT_ALLOWED,
} | dict.fromkeys(
    ("order_quantity", "order_notional", "open_notional", "total_notional", "position", "band", "rate_orders"),
    OVER_LIMIT,
)
"""OrdRejReason of the codes of the desk and of the gateway's checks; of any other, OTHER."""


def client_id(session: str, cl_ord_id: str) -> str:
    """The desk's name of a session's order; OrderID (37) is the same."""
    return f"{PREFIX}:{session}:{cl_ord_id}"


def parse_client_id(text: str) -> tuple[str, str] | None:
    """(session, ClOrdID) of such a name; None if it is another's."""
    prefix, *rest = text.split(":", 2)
    return (rest[0], rest[1]) if prefix == PREFIX and len(rest) == 2 else None


def status(order: DeskOrder, row: FixOrder) -> str:
    """OrdStatus now."""
    if not order.ended:
        if row.cancel:
            return PENDING_CANCEL
        return PENDING_NEW if order.state == OrderState.ACCEPTED else NEW
    if order.state == OrderState.FILLED:
        return FILLED if order.fill == order.quantity else EXPIRED
    return {OrderState.RETURNED: EXPIRED, OrderState.CANCELLED: CANCELED}.get(order.state, REJECTED)


def execution(
    order: DeskOrder, row: FixOrder, exec_id: str, kind: str, state: str, time: int, leaves: int, more: Pairs
) -> Outgoing:
    """An ExecutionReport; `leaves` lots are still open, `time` is Unix ms, `more` follows the fields that all have."""
    done = order.fill or 0
    body = [
        (tags.ORDER_ID, order.client_id), (tags.CL_ORD_ID, row.cl_ord_id), (tags.EXEC_ID, exec_id),
        (tags.EXEC_TYPE, kind), (tags.ORD_STATUS, state), (tags.SYMBOL, row.symbol),
        (tags.SIDE, "1" if order.side == Side.BUY else "2"), (tags.ORDER_QTY, str(order.quantity)),
        (tags.ORD_TYPE, "2"), (tags.PRICE, str(order.price)), (tags.TIME_IN_FORCE, "0"),
        (tags.LEAVES_QTY, str(leaves)), (tags.CUM_QTY, str(done)),
        (tags.AVG_PX, str(order.fill_price if done else 0)), (tags.TRANSACT_TIME, stamp(time)),
    ]  # fmt: skip
    if row.account:
        body.append((tags.ACCOUNT, row.account))
    return Outgoing(EXECUTION_REPORT, body + more)


def lacks_price(order: DeskOrder) -> bool:
    """Whether it was filled at a price that the desk does not know yet: it is told of when it does."""
    return order.state == OrderState.FILLED and bool(order.fill) and order.fill_price is None


def order_status(order: DeskOrder, row: FixOrder, exec_id: str, time: int, more: Pairs | None = None) -> Outgoing:
    """The answer to a status request."""
    if lacks_price(order):
        order = replace(order, state=OrderState.REVEALED, fill=None)
    leaves = 0 if order.ended else order.quantity
    said = [(tags.TEXT, explain(order))] if explain(order) else []
    return execution(order, row, exec_id, STATUS, status(order, row), time, leaves, said + (more or []))


def explain(order: DeskOrder) -> str:
    """For a human reader: epoch, reason, what was lost."""
    parts = [f"epoch {order.epoch}"] if order.epoch is not None else []
    if order.state in (OrderState.FILLED, OrderState.RETURNED) and order.fill != order.quantity:
        parts.append("what was not filled is back")
    if order.forfeited:
        parts.append(f"{order.forfeited} units of the lock were forfeited")
    if order.reason:
        parts.append(order.reason)
    return "; ".join(parts)


def of_event(event: DeskEvent, row: FixOrder) -> list[Outgoing]:
    """What the session is told of an event of its order, and `row` changed accordingly.

    ExecIDs say event and place in it: the same event makes the same reports.
    """
    order = event.order
    if RANK[order.state] <= RANK[row.reported] or lacks_price(order):
        return []
    told = list(_told(order, row))
    reports = [
        _report(order, row, f"{event.sequence}.{place}", kind, state, event.time)
        for place, (kind, state) in enumerate(told, 1)
    ]
    if order.ended and row.cancel:
        if order.state != OrderState.CANCELLED:
            about = row.cancel, row.cl_ord_id, order.client_id, told[-1][1]
            reports.append(cancel_reject(*about, CANCEL_TOO_LATE, f"the order is {order.state}"))
        row.cancel = ""
    row.reported = order.state
    return reports


def _told(order: DeskOrder, row: FixOrder) -> list[tuple[str, str]]:
    """(ExecType, OrdStatus) of the reports about this state."""
    match order.state:
        case OrderState.ACCEPTED:
            return [(PENDING_NEW, PENDING_NEW)]
        case OrderState.COMMITTED | OrderState.REVEALED:
            new = RANK[row.reported] < RANK[OrderState.COMMITTED]
            return [(NEW, PENDING_CANCEL if row.cancel else NEW)] if new else []
        case OrderState.FILLED if order.fill == order.quantity:
            return [(TRADE, FILLED)]
        case OrderState.FILLED if order.fill:
            return [(TRADE, PARTIALLY_FILLED), (EXPIRED, EXPIRED)]
        case OrderState.FILLED | OrderState.RETURNED:
            return [(EXPIRED, EXPIRED)]
        case OrderState.CANCELLED:
            return [(CANCELED, CANCELED)]
        case _:
            return [(REJECTED, REJECTED)]


def _report(order: DeskOrder, row: FixOrder, exec_id: str, kind: str, state: str, time: int) -> Outgoing:
    leaves, more = 0, []
    if kind == TRADE:
        leaves = order.quantity - order.fill
        more = [(tags.LAST_QTY, str(order.fill)), (tags.LAST_PX, str(order.fill_price))]
    elif not order.ended:
        leaves = order.quantity
    elif kind == REJECTED:
        more = [(tags.ORD_REJ_REASON, reject_reason(order.code))]
    if kind == CANCELED and row.cancel:     # the specification names the request, and the order as the original
        more = [(tags.ORIG_CL_ORD_ID, row.cl_ord_id)]
        row = FixOrder(session=row.session, cl_ord_id=row.cancel, symbol=row.symbol, account=row.account)
    said = explain(order)
    return execution(order, row, exec_id, kind, state, time, leaves, more + ([(tags.TEXT, said)] if said else []))


def reject_reason(code: str | None) -> str:
    return REJECT_REASONS.get(code, OTHER)


def cancel_reject(cl_ord_id: str, original: str, order_id: str, state: str, reason: str, text: str) -> Outgoing:
    """An OrderCancelReject; `state` is the OrdStatus of the order."""
    return Outgoing(
        CANCEL_REJECT,
        [
            (tags.ORDER_ID, order_id), (tags.CL_ORD_ID, cl_ord_id), (tags.ORIG_CL_ORD_ID, original),
            (tags.ORD_STATUS, state), (tags.CXL_REJ_RESPONSE_TO, "1"), (tags.CXL_REJ_REASON, reason),
            (tags.TEXT, text),
        ],
    )  # fmt: skip
