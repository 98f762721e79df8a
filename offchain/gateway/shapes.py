"""What goes over the wire. Amounts, prices and quantities are strings of decimal digits; sides are words."""

from dataclasses import fields
from typing import Annotated, Any, Generic, Literal, TypeVar, get_type_hints

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
    create_model,
)

from offchain import records
from offchain.agent.desk import CLIENT_ID, AgentStatus, Balance, DeskEvent, DeskOrder, Lock, MarketView, Movement
from offchain.field import decimal
from offchain.gateway.decisions import Decision
from offchain.notes import AMOUNT_BITS, Side

T = TypeVar("T")

DIGITS = WithJsonSchema({"type": "string", "pattern": "^(0|[1-9][0-9]{0,37})$"})
SIGNED = WithJsonSchema({"type": "string", "pattern": "^-?(0|[1-9][0-9]*)$"})


def _read(text: Any) -> int:
    return decimal(text, 1 << AMOUNT_BITS)


Digits = Annotated[int, BeforeValidator(_read), PlainSerializer(str, return_type=str), DIGITS]
"""A whole number below 2^128 that a client gives."""

Number = Annotated[int, PlainSerializer(str, return_type=str), SIGNED]
"""A whole number that we give."""

SideName = Annotated[
    Side, PlainSerializer(lambda side: Side(side).name.lower(), return_type=str), WithJsonSchema({"enum": ["buy", "sell"]})
]


def _exact(value: Any) -> Any:
    """Plain JSON, in which whole numbers that a reader of doubles would round are text."""
    match value:
        case dict():
            return {str(name): _exact(one) for name, one in value.items()}
        case list() | tuple():
            return [_exact(one) for one in value]
        case bool() | None | str() | float():
            return value
        case int():
            return value if abs(value) < 1 << 53 else str(value)
        case _:
            return str(value)


Facts = Annotated[dict[str, Any], PlainSerializer(_exact, return_type=dict[str, Any])]
ClientId = Annotated[str, StringConstraints(pattern=f"^{CLIENT_ID.pattern}$")]
Address = Annotated[str, StringConstraints(pattern="^0x[0-9a-fA-F]{40}$")]
Sequence = Annotated[int, Field(ge=0, lt=1 << 53)]


class Asked(BaseModel):
    """A request's body: nothing but what is known, of the very types."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Told(BaseModel):
    """An answer, from what has these attributes."""

    model_config = ConfigDict(from_attributes=True)


def told(name: str, kind: type, plain: str = "", **others: Any) -> type[Told]:
    """The shape of a dataclass: its whole numbers are text, but for those that `plain` names, which are counts, blocks
    and times; `others` are of other types."""
    words = {int: Number, int | None: Number | None, Side: SideName}
    types = get_type_hints(kind) | others
    types |= {one: words.get(types[one], types[one]) for one in types.keys() - set(plain.split())}
    return create_model(name, __base__=Told, **{one.name: (types[one.name], ...) for one in fields(kind)})


class Items(Told, Generic[T]):
    items: list[T]


class Page(Items[T], Generic[T]):
    """`next` is what to give as `after` for those that follow; null if there are none now."""

    next: int | None


# --- Orders ---


class Terms(Asked):
    market: Annotated[int, Field(ge=0, lt=1 << 53)]
    side: Literal["buy", "sell"]
    quantity: Digits
    price: Digits


class OrderBody(Terms):
    client_id: ClientId
    epoch: Sequence | None = None


Order = told("Order", DeskOrder, "market epoch created sequence")
Event = told("Event", DeskEvent, "sequence time", order=Order | None, data=Facts)


class CheckResult(Told):
    name: str
    passed: bool
    code: str | None
    reason: str | None


class Quote(told("Lock", Lock)):
    """`allowed` is whether all checks but the funds' passed: an order may wait for funds."""

    allowed: bool
    checks: list[CheckResult]


# --- Holdings ---


BalanceTold = told("BalanceTold", Balance, "decimals notes")
Windows = told("Windows", records.Windows, "open freeze reveal settle deadline")
Market = told(
    "Market", MarketView, "id fee_bps bond_bps quota capacity commit_blocks epoch head", windows=Windows,
)  # fmt: skip


class DepositBody(Asked):
    key: ClientId
    asset: Address
    amount: Digits


class WithdrawalBody(DepositBody):
    recipient: Address


class ConsolidationBody(Asked):
    key: ClientId
    asset: Address


MovementTold = told("MovementTold", Movement, "created")
Status = told("Status", AgentStatus, "chain_id head block last_round sequence", problems=list[str])


# --- Controls ---


class KillBody(Asked):
    """`cancel`: also ask for every open order back that may still be cancelled."""

    on: bool
    reason: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    cancel: bool = False


class NotCancelled(Told):
    client_id: str
    reason: str


class Killed(Told):
    killed: bool
    reason: str | None
    cancelled: list[str]
    not_cancelled: list[NotCancelled]


DecisionTold = told("DecisionTold", Decision, "number time", data=Facts)


# --- Webhooks ---

Kind = Literal["order", "balance", "agent", "control"]


class HookBody(Asked):
    """`after`: the event that the first delivery follows; without it, the last one now."""

    url: Annotated[str, StringConstraints(min_length=1, max_length=2_000)]
    kinds: Annotated[list[Kind], Field(min_length=1, max_length=4)] = ["order", "balance", "agent", "control"]
    after: Sequence | None = None


class HookTold(Told):
    id: str
    url: str
    kinds: list[Kind]
    created: int
    delivered: int
    attempts: int
    next_attempt: int | None
    state: Literal["active", "failed"]
    error: str | None


class NewHook(HookTold):
    """`secret` signs what is delivered (64 hexadecimal digits), and is shown this once."""

    secret: str
