"""Refusals, all of one form: RFC 9457 problem details, which say what was wrong and what to do."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

MEDIA_TYPE = "application/problem+json"
SCHEMA = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
}


class Problem(Exception):
    """An answer of `status` whose `detail` says what to do."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None):
        super().__init__(detail)
        self.status, self.detail, self.headers = status, detail, dict(headers or {})


class ProblemResponse(JSONResponse):
    media_type = MEDIA_TYPE


def answer(status: int, detail: str, headers: Mapping[str, str] | None = None) -> ProblemResponse:
    body = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return ProblemResponse(body, status, dict(headers or {}))


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Refusals as OpenAPI names them."""
    content = {MEDIA_TYPE: {"schema": SCHEMA}}
    return {status: {"description": HTTPStatus(status).phrase, "content": content} for status in statuses}


def install(app: FastAPI) -> None:
    """Let every error of `app` be answered as a problem."""
    app.add_exception_handler(Problem, lambda request, error: answer(error.status, error.detail, error.headers))
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(SQLAlchemyError, _database)
    app.add_exception_handler(Exception, lambda request, error: answer(500, "the API failed; its log says why"))


def _http(request: Request, error: HTTPException) -> ProblemResponse:
    detail = "nothing is here; /openapi.json lists what is" if error.status_code == 404 else str(error.detail)
    return answer(error.status_code, detail, error.headers)


def _invalid(request: Request, error: RequestValidationError) -> ProblemResponse:
    parts = [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:5]]
    return answer(422, "; ".join(parts))


def _database(request: Request, error: SQLAlchemyError) -> ProblemResponse:
    return answer(503, "the indexer's database does not answer; try again", {"Retry-After": "1"})
