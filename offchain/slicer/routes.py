"""Parent orders over HTTP: a router that the gateway mounts, with its own guards. Quantities and prices are decimal text."""

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from enum import Enum, IntEnum
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from offchain.field import RangeError, decimal
from offchain.notes import QUANTITY_BITS, Side
from offchain.slicer.parents import (
    MAX_EPOCHS,
    MAX_JITTER_BPS,
    MAX_URGENCY_BPS,
    PARENT_ID,
    ParentRefused,
    ParentState,
    Strategy,
    UnknownParent,
)
from offchain.slicer.slicer import Slicer

TEXT = {
    "quantity", "price", "minimum", "filled", "open", "arrival", "fill", "fill_price", "unfilled", "notional",
    "average_price", "average_remainder", "market_volume", "printed_fill",
}  # fmt: skip
"""Numbers that may pass what a JSON reader holds exactly."""

STATUS = {"bad_parent": 422, "unknown_market": 404, "duplicate_id": 409, "closed": 409}
PROBLEM = "application/problem+json"
REFUSALS = {
    status: {"description": HTTPStatus(status).phrase, "content": {PROBLEM: {}}} for status in (404, 409, 422)
}  # fmt: skip

Id = Annotated[str, Path(pattern=f"^{PARENT_ID.pattern}$", description="The parent's id, as its client chose it.")]
Lots = Annotated[str, Field(pattern="^[1-9][0-9]{0,19}$")]


class NewParent(BaseModel):
    """A parent order over `epochs` epochs, from `start` or the one that takes orders now."""

    model_config = ConfigDict(extra="forbid")

    id: str = Field(pattern=f"^{PARENT_ID.pattern}$")
    market: int = Field(ge=0, lt=1 << 53, strict=True)
    side: Literal["buy", "sell"]
    quantity: Lots = Field(description="Lots.")
    price: Lots = Field(description="The limit of every child, in quote units a lot.")
    strategy: Strategy
    epochs: int = Field(ge=1, le=MAX_EPOCHS, strict=True)
    start: int | None = Field(None, ge=0, lt=1 << 53, strict=True)
    minimum: Lots | None = Field(None, description="Lots of the smallest child; else the market's smallest order.")
    jitter_bps: int = Field(2_000, ge=0, le=MAX_JITTER_BPS, strict=True)
    rate_bps: int | None = Field(None, ge=1, le=10_000, strict=True, description="Of participation: its share of the volume.")
    urgency_bps: int | None = Field(None, ge=1, le=MAX_URGENCY_BPS, strict=True, description="Of shortfall: how much sooner.")

    @property
    def terms(self) -> dict[str, Any]:
        """As `Slicer.begin` takes them; ParentRefused where a number is out of range."""
        try:
            lots = {name: decimal(getattr(self, name), 1 << QUANTITY_BITS, name) for name in ("quantity", "price")}
            least = None if self.minimum is None else decimal(self.minimum, 1 << QUANTITY_BITS, "minimum")
        except RangeError as error:
            raise ParentRefused("bad_parent", str(error)) from None
        return self.model_dump() | lots | {"minimum": least, "side": Side[self.side.upper()]}


def router(slicer: Slicer, require: Callable[[str], Callable]) -> APIRouter:
    """`require(scope)` is a dependency that lets only keys with that scope pass; paths are under /parents."""
    routes = APIRouter(prefix="/parents", tags=["parents"], responses=REFUSALS)
    read, trade = [Depends(require("read"))], [Depends(require("trade"))]

    @routes.get("", dependencies=read)
    def parents(state: ParentState | None = None) -> JSONResponse:
        """Parent orders, the newest first."""
        return JSONResponse({"items": [plain(one) for one in slicer.parents(state)]})

    @routes.post("", dependencies=trade)
    def begin(body: NewParent) -> JSONResponse:
        """Start one. The same id with the same terms is the same parent, however often."""
        return _answer(lambda: slicer.begin(**body.terms))

    @routes.get("/{id}", dependencies=read)
    def parent(id: Id) -> JSONResponse:
        """One parent order."""
        return _answer(lambda: slicer.parent(id))

    @routes.post("/{id}/pause", dependencies=trade)
    def pause(id: Id) -> JSONResponse:
        """Place no new children until it is resumed."""
        return _answer(lambda: slicer.pause(id))

    @routes.post("/{id}/resume", dependencies=trade)
    def resume(id: Id) -> JSONResponse:
        """Go on after a pause."""
        return _answer(lambda: slicer.resume(id))

    @routes.post("/{id}/cancel", dependencies=trade)
    def cancel(id: Id) -> JSONResponse:
        """Place no more, and take back the children that are not frozen yet."""
        return _answer(lambda: slicer.cancel(id))

    @routes.get("/{id}/report", dependencies=read)
    def report(id: Id) -> JSONResponse:
        """What it did, against the price at its arrival."""
        return _answer(lambda: slicer.report(id))

    return routes


def plain(value: Any, name: str = "") -> Any:
    """A dataclass of ours as JSON."""
    if is_dataclass(value):
        return {one.name: plain(getattr(value, one.name), one.name) for one in fields(value)}
    if isinstance(value, IntEnum):
        return value.name.lower()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, (list, tuple)):
        return [plain(one, name) for one in value]
    return str(value) if name in TEXT and value is not None else value


def _answer(action: Callable[[], Any]) -> JSONResponse:
    try:
        return JSONResponse(plain(action()))
    except ParentRefused as refused:
        return _problem(STATUS[refused.code], refused.code, refused.reason)
    except UnknownParent as error:
        return _problem(404, "unknown_parent", str(error))


def _problem(status: int, code: str, detail: str) -> JSONResponse:
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail, "code": code}
    return JSONResponse(body, status, media_type=PROBLEM)
