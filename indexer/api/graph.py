"""The same reads by GraphQL: types made of /v1's shapes, answers by /v1's functions, bounds on what a query may ask."""

import asyncio
import types
from collections.abc import Callable
from functools import cache
from inspect import Parameter, Signature
from typing import Annotated, Any, NewType, Optional, Union, get_args, get_origin, get_type_hints

import strawberry
from fastapi import Request
from pydantic import Field, ValidationError, validate_call
from strawberry.extensions import MaxAliasesLimiter, MaxTokensLimiter, QueryDepthLimiter
from strawberry.fastapi import GraphQLRouter
from strawberry.scalars import JSON
from strawberry.schema.config import StrawberryConfig
from strawberry.types import Info
from typing_extensions import is_typeddict

from indexer.api import markets, registries, shapes, status, transactions
from indexer.api.problems import Problem

DEPTH = 6
ALIASES = 10
TOKENS = 500
MOST = 50
RESERVED = ("from",)

Long = NewType("Long", int)
LONG = strawberry.scalar(name="Long", description="A whole number below 2^63.", serialize=int, parse_value=int)
Limit = Annotated[int, Field(ge=1, le=MOST)]


@cache
def shape(kind: Any) -> Any:
    """The GraphQL type of a type of `shapes`."""
    if get_origin(kind) is Annotated:
        return shape(get_args(kind)[0])
    if get_origin(kind) in (Union, types.UnionType):
        [inner] = [part for part in get_args(kind) if part is not types.NoneType]
        return Optional[shape(inner)]   # noqa: UP045 - of a type made here
    if get_origin(kind) in (list, tuple):
        return list[shape(get_args(kind)[0])]
    if is_typeddict(kind) or is_typeddict(get_origin(kind)):
        return _object(kind)
    return {int: Long, str: str, bool: bool, float: float}.get(kind, JSON)


def _object(kind: Any) -> Any:
    base, parts = get_origin(kind) or kind, get_args(kind)
    fields = []
    for name, hint in get_type_hints(base, include_extras=True).items():
        if parts and name == "items":
            hint = list[parts[0]]
        safe = f"{name}_" if name in RESERVED else name
        fields.append((safe, shape(hint), strawberry.field(name=name)))
    title = (parts[0].__name__ if parts else "") + base.__name__
    return _type(title, fields)


def _type(name: str, fields: list[tuple[str, Any, Any]]) -> Any:
    """A GraphQL type of (name, type, field)."""
    body = {field: made for field, _, made in fields} | {"__annotations__": {field: kind for field, kind, _ in fields}}
    return strawberry.type(type(name, (), body))


def _read(function: Callable[..., Any], info: Info, **arguments: Any) -> Any:
    """A function of /v1 with arguments held to its own bounds."""
    request: Request = info.context["request"]
    checked = validate_call(config={"arbitrary_types_allowed": True})(function)
    with request.app.state.source.view() as view:
        try:
            return checked(view, **{name: value for name, value in arguments.items() if value is not None})
        except ValidationError as error:
            raise ValueError("; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:3])) from None
        except Problem as problem:
            if problem.status == 404:
                return None
            raise ValueError(problem.detail) from None


def _field(function: Callable[..., Any], answer: Any, wanted: dict[str, Any], optional: bool = False) -> Any:
    """A root field that calls a function of /v1, off the event loop."""

    async def resolve(info: Info, **arguments: Any) -> Any:
        if not 1 <= (arguments.get("limit") or 1) <= MOST:
            raise ValueError(f"limit is 1 to {MOST}")
        return await asyncio.to_thread(_read, function, info, **arguments)

    made = shape(answer)
    made = Optional[made] if optional else made     # noqa: UP045
    # Strawberry reads arguments off the signature, types off the annotations.
    resolve.__annotations__ = {"info": Info, **wanted, "return": made}
    resolve.__signature__ = Signature([Parameter("info", KIND, annotation=Info), *map(_parameter, wanted.items())], return_annotation=made)
    return made, strawberry.field(resolver=resolve, description=(function.__doc__ or "").strip())


def _parameter(wanted: tuple[str, Any]) -> Parameter:
    name, kind = wanted
    return Parameter(name, KIND, default=None if get_origin(kind) is Union else Parameter.empty, annotation=kind)


KIND = Parameter.POSITIONAL_OR_KEYWORD
PAGED = {"cursor": Optional[str], "limit": Optional[int]}     # noqa: UP045
MAYBE, TEXT = Optional[Long], Optional[str]     # noqa: UP045
FIELDS = {
    "status": _field(status.get_status, shapes.Status, {}),
    "markets": _field(markets.list_markets, shapes.Page[shapes.Market], {}),
    "market": _field(markets.get_market, shapes.Market, {"market": Long}, True),
    "epochs": _field(markets.list_epochs, shapes.Page[shapes.EpochSummary], {"market": MAYBE, "state": TEXT, "leader": TEXT, **PAGED}),
    "epoch": _field(markets.get_epoch, shapes.Epoch, {"market": Long, "epoch": Long}, True),
    "prints": _field(markets.list_prints, shapes.Page[shapes.Print], {"market": MAYBE, **PAGED}),
    "transactions": _field(transactions.list_transactions, shapes.Page[shapes.Transaction], {"method": TEXT, "contract": TEXT, **PAGED}),
    "transaction": _field(transactions.get_transaction, shapes.TransactionDetail, {"hash": str}, True),
    "block": _field(transactions.get_block, shapes.Block, {"block": str}, True),
    "proofs": _field(transactions.list_proofs, shapes.Page[shapes.ProofSummary], {"circuit": TEXT, "market": MAYBE, **PAGED}),
    "proof": _field(transactions.get_proof, shapes.Proof, {"tx": str}, True),
    "relayers": _field(registries.list_relayers, shapes.Page[shapes.Relayer], {}),
    "relayer": _field(registries.get_relayer, shapes.RelayerDetail, {"address": str}, True),
    "credentials": _field(registries.get_credentials, shapes.Credentials, {}),
    "keys": _field(registries.get_keys, shapes.Keys, {}),
    "notes": _field(registries.get_notes, shapes.NotesSummary, {}),
    "search": _field(status.search, shapes.Hits, {"q": str}),
}


def _item(row: Any, name: str) -> Any:
    return row[name.rstrip("_") if name.rstrip("_") in RESERVED else name]


def router() -> GraphQLRouter:
    """/graphql, for queries alone."""
    schema = strawberry.Schema(
        query=_type("Query", [(name, *one) for name, one in FIELDS.items()]),
        extensions=[lambda: QueryDepthLimiter(DEPTH), lambda: MaxAliasesLimiter(ALIASES), lambda: MaxTokensLimiter(TOKENS)],
        config=StrawberryConfig(auto_camel_case=False, default_resolver=_item, scalar_map={Long: LONG}),
    )
    return GraphQLRouter(schema, path="/graphql", graphql_ide=None, subscription_protocols=(), include_in_schema=False)
