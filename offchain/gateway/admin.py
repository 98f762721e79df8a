"""Limits, restrictions, the kill switch, decisions, webhooks."""

from typing import Annotated

from fastapi import APIRouter, Path, Request

from offchain.gateway import shapes
from offchain.gateway.auth import Holder, require
from offchain.gateway.controls import Controls
from offchain.gateway.outbound import Forbidden
from offchain.gateway.pretrade import Limits, Restricted
from offchain.gateway.problems import Problem, documented
from offchain.gateway.routes import After, Limit, Reader
from offchain.gateway.shapes import Items, Page
from offchain.gateway.tables import Hook
from offchain.gateway.webhooks import HookRefused, Webhooks

router = APIRouter(prefix="/v1", responses=documented(400, 401, 403, 413, 421, 422, 429, 503))

Admin = Annotated[Holder, require("admin")]
HookId = Annotated[str, Path(pattern="^[0-9a-f]{16}$")]


class LimitsBody(Limits):
    """`version`, where it is given, must be the present one."""

    version: shapes.Sequence | None = None


class RestrictedBody(Restricted):
    version: shapes.Sequence | None = None


class LimitsTold(Limits):
    version: int


class RestrictedTold(Restricted):
    version: int


def controls_of(request: Request) -> Controls:
    return request.app.state.gateway.controls


# --- What holds ---


@router.get("/limits")
def get_limits(request: Request, holder: Reader) -> LimitsTold:
    return _told(LimitsTold, *controls_of(request).get(Limits))


@router.put("/limits", responses=documented(409))
def put_limits(request: Request, holder: Admin, body: LimitsBody) -> LimitsTold:
    """Set all limits; what is not in there is no limit."""
    return _set(request, holder, Limits, LimitsTold, body)


@router.get("/restricted")
def get_restricted(request: Request, holder: Reader) -> RestrictedTold:
    return _told(RestrictedTold, *controls_of(request).get(Restricted))


@router.put("/restricted", responses=documented(409))
def put_restricted(request: Request, holder: Admin, body: RestrictedBody) -> RestrictedTold:
    """Set all that is restricted."""
    return _set(request, holder, Restricted, RestrictedTold, body)


def _set(request: Request, holder: Holder, kind, told, body):
    value = kind.model_construct(**{name: getattr(body, name) for name in kind.model_fields})
    version = controls_of(request).put(value, holder.actor, body.version)
    return _told(told, version, value)


def _told(kind, version: int, value):
    return kind.model_construct(version=version, **{name: getattr(value, name) for name in type(value).model_fields})


@router.post("/kill")
def post_kill(request: Request, holder: Admin, body: shapes.KillBody) -> shapes.Killed:
    """While it is on no order is taken; reveals and reclaims go on, or bonds would be lost."""
    taken, left = controls_of(request).kill(body.on, body.reason, holder.actor, body.cancel)
    status = request.app.state.gateway.desk.status()
    not_cancelled = [{"client_id": id, "reason": reason} for id, reason in left.items()]
    return {"killed": status.killed, "reason": status.kill_reason, "cancelled": taken, "not_cancelled": not_cancelled}


@router.get("/decisions")
def list_decisions(request: Request, holder: Reader, after: After = 0, limit: Limit = 100) -> Page[shapes.DecisionTold]:
    """Who decided what and why, by number; each row's `link` follows from the one before it."""
    found = controls_of(request).decisions.page(after, limit)
    return {"items": found, "next": found[-1].number if len(found) == limit else None}


# --- Webhooks ---


@router.get("/webhooks")
def list_webhooks(request: Request, holder: Reader) -> Items[shapes.HookTold]:
    return {"items": [_hook(hook) for hook in _webhooks(request).all()]}


@router.post("/webhooks", status_code=201)
def post_webhook(request: Request, holder: Admin, body: shapes.HookBody) -> shapes.NewHook:
    """Have events pushed to a URL; the answer's `secret` verifies them, and is shown this once."""
    try:
        hook, secret = _webhooks(request).add(body.url, list(body.kinds), body.after, holder.actor)
    except (Forbidden, HookRefused) as error:
        raise Problem(422, "webhook", str(error)) from None
    return {**_hook(hook), "secret": secret}


@router.delete("/webhooks/{id}", status_code=204, responses=documented(404))
def delete_webhook(request: Request, holder: Admin, id: HookId) -> None:
    try:
        _webhooks(request).remove(id, holder.actor)
    except HookRefused as error:
        raise Problem(404, "not_found", str(error)) from None


def _webhooks(request: Request) -> Webhooks:
    return request.app.state.gateway.webhooks


def _hook(hook: Hook) -> dict:
    return {name: getattr(hook, name) for name in shapes.HookTold.model_fields} | {"kinds": hook.kinds.split()}
