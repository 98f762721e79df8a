"""A request's key: which scope a route needs, and how often its holder may ask."""

from collections.abc import Callable
from math import ceil
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from offchain.gateway.door import Address, Door
from offchain.gateway.keys import Holder, KeyRefused, Keys, Scope
from offchain.gateway.problems import Problem
from offchain.limits import Buckets

__all__ = ["Gate", "Holder", "Scope", "require"]

_BEARER = HTTPBearer(auto_error=False, description="A key that `shadowpool agent key new` made.")
WRONG_BURST, WRONG_PER_SECOND = 20, 0.5


class Gate:
    """Lets holders of keys pass. Wrong keys are counted by network address: nobody may try many, and no good key waits
    for that."""

    def __init__(self, keys: Keys):
        self.keys, self.door, self._wrong = keys, Door(), Buckets(WRONG_BURST, WRONG_PER_SECOND)

    def admit(self, token: str, client: Address | None, *scopes: Scope) -> Holder:
        """The holder of a token with all of the scopes; Problem 401, 403 or 429."""
        try:
            holder = self.keys.holder(token)
        except KeyRefused as error:
            if wait := self._wrong.take(client and client[0]):
                raise _slowly("too many wrong keys", wait) from None
            raise Problem(401, "unauthorized", str(error), {"WWW-Authenticate": "Bearer"}) from None
        self.door.passed(client)
        if wait := self.keys.take(holder):
            raise _slowly("too many requests with this key", wait)
        if missing := [scope for scope in scopes if scope not in holder.scopes]:
            raise Problem(403, "forbidden", f"this needs a key with the scope {missing[0]}; {holder.name} has none")
        return holder


def _slowly(what: str, wait: float) -> Problem:
    return Problem(429, "rate", f"{what}: wait as Retry-After says", {"Retry-After": str(ceil(wait))})


def require(scope: str) -> Any:
    """What a route depends on to be for holders of a key with `scope`; gives the Holder."""
    return Depends(_ALLOW[Scope(scope)])


def _allowing(scope: Scope) -> Callable[..., Holder]:
    def allow(request: Request, given: Annotated[HTTPAuthorizationCredentials | None, Depends(_BEARER)]) -> Holder:
        if given is None or not given.credentials:
            detail = "this needs a key: send Authorization: Bearer, and the key"
            raise Problem(401, "unauthorized", detail, {"WWW-Authenticate": "Bearer"})
        return request.app.state.gateway.gate.admit(given.credentials.strip(), request.client, scope)

    return allow


_ALLOW = {scope: _allowing(scope) for scope in Scope}
