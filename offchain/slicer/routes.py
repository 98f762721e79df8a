"""Parent orders over HTTP: a router that the gateway mounts. Quantities and prices are decimal text.

Refusals are the slicer's exceptions, which the gateway answers as it does those of the desk.
"""

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel, ConfigDict, Field

from offchain.field import RangeError, decimal
from offchain.gateway.routes import Reader, Trader, asking
from offchain.gateway.shapes import Items, told
from offchain.notes import BPS, QUANTITY_BITS, Side
from offchain.slicer.parents import (
    MAX_EPOCHS,
    MAX_JITTER_BPS,
    MAX_URGENCY_BPS,
    PARENT_ID,
    Action,
    Child,
    Parent,
    ParentRefused,
    ParentState,
    Report,
    Strategy,
)
from offchain.slicer.slicer import Slicer

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
    rate_bps: int | None = Field(None, ge=1, le=BPS, strict=True, description="Participation's share.")
    urgency_bps: int | None = Field(None, ge=1, le=MAX_URGENCY_BPS, strict=True, description="Shortfall's.")

    @property
    def terms(self) -> dict[str, Any]:
        """As `Slicer.begin` takes them; ParentRefused where a number is out of range."""
        try:
            lots = {name: decimal(getattr(self, name), 1 << QUANTITY_BITS, name) for name in ("quantity", "price")}
            least = None if self.minimum is None else decimal(self.minimum, 1 << QUANTITY_BITS, "minimum")
        except RangeError as error:
            raise ParentRefused("bad_parent", str(error)) from None
        return self.model_dump() | lots | {"minimum": least, "side": Side[self.side.upper()]}


ParentTold = told("ParentTold", Parent, "market start end jitter_bps rate_bps urgency_bps created")
ChildTold = told("ChildTold", Child, "n epoch")
ReportTold = told("ReportTold", Report, "slippage_bps participation_bps", parent=ParentTold, children=list[ChildTold])


def router(slicer: Slicer) -> APIRouter:
    """Paths under /v1/parents. Who starts and steers a parent stands in the gateway's log of decisions."""
    routes = APIRouter(prefix="/v1/parents")

    @routes.get("", response_model=Items[ParentTold])
    def parents(holder: Reader, state: ParentState | None = None) -> dict[str, list[Parent]]:
        """Parent orders, the newest first."""
        return {"items": slicer.parents(state)}

    @routes.post("", status_code=201, response_model=ParentTold)
    def begin(request: Request, holder: Trader, body: NewParent) -> Parent:
        """Start one. The same id with the same terms is the same parent, however often."""
        with asking(request, holder, "parent_begin", body.id, body.model_dump(mode="json", exclude_none=True)):
            return slicer.begin(**body.terms)

    @routes.get("/{id}", response_model=ParentTold)
    def parent(holder: Reader, id: Id) -> Parent:
        """One parent order."""
        return slicer.parent(id)

    @routes.post("/{id}/{action}", response_model=ParentTold)
    def steer(request: Request, holder: Trader, id: Id, action: Action) -> Parent:
        """Pause: place no new children until it is resumed. Cancel: no more at all; those not frozen are taken back."""
        with asking(request, holder, f"parent_{action}", id):
            return slicer.steer(id, action)

    @routes.get("/{id}/report", response_model=ReportTold)
    def report(holder: Reader, id: Id) -> Report:
        """What it did, against the price at its arrival."""
        return slicer.report(id)

    return routes
