"""Answers with a tag of what they hold, so that who has it already is told so, and no more."""

import hashlib
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

MOVES = "no-cache"


class Tagged(APIRoute):
    """A route whose answers bear an ETag and honour If-None-Match."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def tagged(request: Request) -> Response:
            response = await handle(request)
            if request.method != "GET" or response.status_code != 200 or not hasattr(response, "body"):
                return response
            tag = f'W/"{hashlib.sha256(response.body).hexdigest()[:32]}"'
            headers = {"ETag": tag, "Cache-Control": MOVES, "Vary": "Authorization"}
            if has(request, tag):
                return Response(status_code=304, headers=headers)
            response.headers.update(headers)
            return response

        return tagged


def has(request: Request, tag: str) -> bool:
    """Whether the client has what bears the tag (weak comparison, RFC 9110 §13.1.2)."""
    given = request.headers.get("if-none-match", "")
    plain = tag.removeprefix("W/")
    return given.strip() == "*" or any(one.strip().removeprefix("W/") == plain for one in given.split(","))
