"""Orders, fills, holdings and movements."""

from contextlib import AbstractContextManager
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request

from offchain.agent.desk import CLIENT_ID, Desk, OrderState, Ticket, TicketRefused
from offchain.gateway import shapes
from offchain.gateway.auth import Holder, require
from offchain.gateway.controls import FUNDS
from offchain.gateway.keys import SOURCE
from offchain.gateway.problems import Problem, documented
from offchain.gateway.shapes import Items, Page
from offchain.notes import Side

router = APIRouter(prefix="/v1", responses=documented(400, 401, 403, 413, 421, 422, 429, 503))

MAX_PAGE = 500
After = Annotated[int, Query(ge=0, lt=1 << 53, description="The `sequence` or number that the first follows.")]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE)]
Id = Annotated[str, Path(pattern=f"^{CLIENT_ID.pattern}$")]
Reader = Annotated[Holder, require("read")]
Trader = Annotated[Holder, require("trade")]
Mover = Annotated[Holder, require("move")]


def desk_of(request: Request) -> Desk:
    return request.app.state.gateway.desk


def asking(
    request: Request, holder: Holder, kind: str, subject: str, data: dict[str, Any] | None = None
) -> AbstractContextManager[None]:
    """Have the log of decisions say that `holder` asks for what is done here, and that it was refused, if it was."""
    return request.app.state.gateway.controls.decisions.asking(kind, holder.actor, subject, data)


# --- Orders ---


@router.get("/status")
def get_status(request: Request, holder: Reader) -> shapes.Status:
    """The agent, what ails it, and whether the kill switch is on."""
    return desk_of(request).status()


@router.post("/orders", status_code=201, responses=documented(409))
def post_order(request: Request, holder: Trader, body: shapes.OrderBody) -> shapes.Order:
    """Place an order. The same `client_id` with the same terms is the same order, however often."""
    return desk_of(request).place(_ticket(body, body.client_id, holder, body.epoch))


@router.get("/orders")
def list_orders(
    request: Request, holder: Reader, after: After = 0, limit: Limit = 100, state: OrderState | None = None,
    account: Annotated[str | None, Query(max_length=64)] = None,
) -> Page[shapes.Order]:  # fmt: skip
    """Orders by their last event: one that changes comes again."""
    found = desk_of(request).orders(after, limit, state, account)
    return {"items": found, "next": found[-1].sequence if len(found) == limit else None}


@router.get("/orders/{client_id}", responses=documented(404))
def get_order(request: Request, holder: Reader, client_id: Id) -> shapes.Order:
    return desk_of(request).order(client_id)


@router.delete("/orders/{client_id}", status_code=202, responses=documented(404, 409))
def delete_order(request: Request, holder: Trader, client_id: Id) -> shapes.Order:
    """Ask for an order back, before the freeze; `cancelled` comes as an event where it is not the answer."""
    return desk_of(request).cancel(client_id, holder.actor)


@router.get("/fills")
def list_fills(request: Request, holder: Reader, after: After = 0, limit: Limit = 100) -> Page[shapes.Order]:
    """Orders that settled and got something, by their last event."""
    found = request.app.state.gateway.controls.book.fills(after, limit)
    items = [desk_of(request).order(row.client_id) for row in found]
    return {"items": items, "next": found[-1].sequence if len(found) == limit else None}


@router.post("/quote")
def post_quote(request: Request, holder: Reader, body: shapes.Terms) -> shapes.Quote:
    """What such an order would lock at worst, and what every check says; nothing is placed."""
    ticket = _ticket(body, "quote", holder)
    lock = desk_of(request).worst_case(ticket.market, ticket.side, ticket.quantity, ticket.price)
    checks = request.app.state.gateway.controls.explain(ticket)
    allowed = all(check.passed for check in checks if check.name != FUNDS)
    return {**vars(lock), "allowed": allowed, "checks": checks}


def _ticket(body: shapes.Terms, client_id: str, holder: Holder, epoch: int | None = None) -> Ticket:
    side = Side[body.side.upper()]
    return Ticket(client_id, body.market, side, body.quantity, body.price, epoch, SOURCE, holder.name)


# --- Holdings ---


@router.get("/balances")
def list_balances(request: Request, holder: Reader) -> Items[shapes.BalanceTold]:
    return {"items": desk_of(request).balances()}


@router.get("/markets")
def list_markets(request: Request, holder: Reader) -> Items[shapes.Market]:
    return {"items": desk_of(request).markets()}


@router.get("/movements")
def list_movements(request: Request, holder: Reader, limit: Limit = 100) -> Items[shapes.MovementTold]:
    """Deposits, withdrawals and consolidations, the newest first."""
    return {"items": desk_of(request).movements(limit)}


@router.post("/deposits", status_code=202, responses=documented(409))
def post_deposit(request: Request, holder: Mover, body: shapes.DepositBody) -> shapes.MovementTold:
    """Bring tokens of the agent's account into the pool. The same `key` is the same movement."""
    return _move(request, holder, "deposit", body.key, body.asset, body.amount)


@router.post("/withdrawals", status_code=202, responses=documented(409))
def post_withdrawal(request: Request, holder: Mover, body: shapes.WithdrawalBody) -> shapes.MovementTold:
    """Pay tokens to an EVM address. The same `key` is the same movement."""
    return _move(request, holder, "withdraw", body.key, body.asset, body.amount, body.recipient)


@router.post("/consolidations", status_code=202, responses=documented(409))
def post_consolidation(request: Request, holder: Mover, body: shapes.ConsolidationBody) -> shapes.MovementTold:
    """Join the smallest notes of an asset. The same `key` is the same movement."""
    return _move(request, holder, "consolidate", body.key, body.asset)


def _move(request: Request, holder: Holder, what: str, key: str, *facts: str | int):
    """Have the desk do it, and write down who asked."""
    try:
        with asking(request, holder, what, key, {"of": list(map(str, facts))}):
            return getattr(desk_of(request), what)(key, *facts)
    except TicketRefused:
        raise
    except ValueError as error:
        raise Problem(422, "refused", str(error)) from None
