"""Refusals, all of one form: RFC 9457 problem details with a `code` for programs, which say what was wrong and what to do."""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

from offchain.agent.desk import TicketRefused, UnknownOrder
from offchain.chain import ChainError

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"
TYPE = "urn:shadowpool:gateway:"
CONFLICTS = {"duplicate_id", "too_late", "version"}
"""Refusals of a ticket that are 409: it is at odds with what stands; every other is 422."""

CODES = {400: "invalid", 401: "unauthorized", 403: "forbidden", 404: "not_found", 405: "not_allowed", 422: "invalid"}
SCHEMA = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
    },
}


class Problem(Exception):
    """An answer of `status` whose `detail` says what to do."""

    def __init__(self, status: int, code: str, detail: str, headers: Mapping[str, str] | None = None):
        super().__init__(detail)
        self.status, self.code, self.detail, self.headers = status, code, detail, dict(headers or {})

    @property
    def body(self) -> dict[str, Any]:
        title = HTTPStatus(self.status).phrase
        return {"type": TYPE + self.code, "title": title, "status": self.status, "detail": self.detail, "code": self.code}

    def answer(self) -> JSONResponse:
        return JSONResponse(self.body, self.status, self.headers, media_type=MEDIA_TYPE)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Refusals as OpenAPI names them."""
    content = {MEDIA_TYPE: {"schema": SCHEMA}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


def problem(error: Exception) -> Problem:
    """What an error is to a client; of an unforeseen one nothing but that it happened."""
    match error:
        case Problem():
            return error
        case TicketRefused():
            return Problem(409 if error.code in CONFLICTS else 422, error.code, error.reason)
        case UnknownOrder():
            return Problem(404, "not_found", str(error))
        case HTTPException():
            detail = "nothing is here; /openapi.json lists what is" if error.status_code == 404 else str(error.detail)
            return Problem(error.status_code, CODES.get(error.status_code, "refused"), detail, error.headers)
        case RequestValidationError():
            parts = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:5]]
            return Problem(422, "invalid", "; ".join(parts))
        case SQLAlchemyError():
            _log(error)
            return Problem(503, "database", "the agent's database does not answer; ask again", {"Retry-After": "1"})
        case ChainError():
            return Problem(503, "chain", "the agent's chain does not answer; ask again", {"Retry-After": "1"})
        case _:
            _log(error)
            return Problem(500, "internal", "the agent failed at it, and its log says where")


def _log(error: Exception) -> None:
    """Its class and place alone: messages may hold what nobody should read."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else "nowhere"
    log.error("gateway failed", error=type(error).__name__, place=place)


def install(app: FastAPI) -> None:
    """Let every foreseen error of `app` be answered as a problem; the guard answers the rest."""
    handler: Callable[[Request, Exception], JSONResponse] = lambda request, error: problem(error).answer()
    for kind in (Problem, TicketRefused, UnknownOrder, HTTPException, RequestValidationError, SQLAlchemyError, ChainError):
        app.add_exception_handler(kind, handler)
