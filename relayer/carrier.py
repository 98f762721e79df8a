"""The carrier: an HTTP service that sends other people's commits, reveals, reclaims and transacts.

    POST /v1/carry           {"to": "0x…", "data": "0x…"}   202 and the submission
    GET  /v1/carried/{id}                                   the submission: state, transaction, block
    GET  /v1/info                                           chain, pool, carrier, fees, limits

It listens on this machine, in plain HTTP. The operator puts a front before it, TLS or an onion
service, that bounds the connections of a client and passes on no address. Of a request it keeps the
calldata, which the chain shows everyone; no log has an address, a header or a path, and it sets no
cookie. A refusal is a problem document (RFC 9457) with a type of its own, and the contract's reason
where it has one.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Annotated, Any

import uvicorn
from fastapi import FastAPI, Path, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, StringConstraints
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from web3.exceptions import Web3Exception

from offchain.chain import Chain, ChainError
from offchain.limits import Clock
from relayer.carrier_calls import Refusal
from relayer.carrier_desk import Desk, Policy, Status
from relayer.carrier_limits import ClientLimiter, TooLarge, read_body
from relayer.sender import Sender
from relayer.telemetry import log, metrics

__all__ = ["Policy", "carrier_app", "serve", "server"]

LOOK, ACT = 1, 10
"""Tokens of a request that only looks, and of one that may send."""

PROBLEM = "urn:shadowpool:carrier:"
STATUSES = {
    "malformed": 400, "fee-too-low": 402, "unknown": 404, "conflict": 409, "too-large": 413, "busy": 429, "rate": 429,
    "budget": 429, "unavailable": 503, "slow": 408, "internal": 500,
}  # fmt: skip
"""HTTP status by kind of refusal; every other is 422: understood, and not carried."""

RESULTS = {"rate": "limited", "busy": "limited", "budget": "limited", "malformed": "invalid", "out-of-range": "invalid"}
HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
CONNECTIONS = 256
PUMP_SECONDS = 0.25

Address = Annotated[str, StringConstraints(pattern=r"^0x[0-9a-fA-F]{40}$")]
Data = Annotated[str, StringConstraints(pattern=r"^0x([0-9a-f]{2})+$")]
Id = Annotated[str, Path(pattern=r"^0x[0-9a-f]{64}$")]


class Submission(BaseModel):
    """A target of this deployment, and calldata in lower-case hexadecimal."""

    model_config = ConfigDict(extra="forbid", strict=True)
    to: Address
    data: Data


class Problem(BaseModel):
    """RFC 9457. `reason` is the contract's own text, where it would refuse the transaction."""

    type: str
    title: str
    status: int
    detail: str
    reason: str | None = None


class Info(BaseModel):
    """Fees are decimal strings in base units by asset, limits of one client but for the gas."""

    chain_id: int
    pool: str
    market: str
    carrier: str
    fees: dict[str, str]
    limits: dict[str, int]


def _refusals(*statuses: int) -> dict:
    return {status: {"model": Problem, "content": {"application/problem+json": {}}} for status in statuses}


def carrier_app(chain: Chain, sender: Sender, policy: Policy, clock: Clock = time.monotonic) -> FastAPI:
    """The service over `sender`, whose account pays the gas and is paid the fees; somebody else pumps it."""
    desk = Desk(chain, sender, policy, clock)
    app = FastAPI(title="Shadowpool carrier", version="1", docs_url=None, redoc_url=None)
    limits = policy.client_burst * ACT, policy.client_rate * ACT, policy.burst * ACT, policy.rate * ACT
    app.add_middleware(_Guard, limiter=ClientLimiter(*limits, clock=clock), limit=policy.body_bytes)
    # Whoever asks is told the same and needs no credential: a page of any origin may.
    app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_methods=["GET", "POST"], allow_headers=["content-type"])
    app.add_exception_handler(HTTPException, _no_resource)
    app.add_exception_handler(RequestValidationError, _invalid)

    @app.get("/v1/info", responses=_refusals(429))
    def info() -> Info:
        """What this carrier serves and asks."""
        return Info(**desk.info())

    refusals = _refusals(400, 402, 409, 413, 422, 429, 503)

    @app.post("/v1/carry", status_code=202, response_model=Status, responses=refusals)
    def carry(submission: Submission) -> Any:
        """Send calldata once, however often it is asked for."""
        return _answer(lambda: desk.carry(submission.to, bytes.fromhex(submission.data[2:])), 202)

    @app.get("/v1/carried/{id}", response_model=Status, responses=_refusals(400, 404, 422, 429, 503))
    def carried(id: Id) -> Any:
        """What became of a submission."""
        return _answer(lambda: _known(desk, id), 200)

    return app


def server(app: FastAPI, host: str = "127.0.0.1", port: int = 8470) -> uvicorn.Server:
    """The server of `app`, ready to `run`: without access log, without headers that name it."""
    config = uvicorn.Config(
        app, host=host, port=port, access_log=False, server_header=False, date_header=False, proxy_headers=False,
        log_config=None, http="h11", ws="none", lifespan="off", limit_concurrency=CONNECTIONS, timeout_keep_alive=5,
        h11_max_incomplete_event_size=16_384,
    )  # fmt: skip
    return uvicorn.Server(config)


def serve(serving: uvicorn.Server, sender: Sender) -> None:
    """Run a server and follow what its sender sent, until a signal; StoreError if the outbox is lost."""
    stop, lost = threading.Event(), []

    def follow() -> None:
        seen = None
        while not stop.wait(PUMP_SECONDS):
            try:
                if (head := sender.chain.head()) != seen:
                    sender.pump(head)
                    seen = head
            except (ChainError, Web3Exception) as error:     # the next look may be answered
                log.warning("carrier", error=error)
            except Exception as error:  # without its outbox it must take in nothing more
                lost.append(error)
                serving.should_exit = True
                return

    following = threading.Thread(target=follow, name="carrier", daemon=True)
    following.start()
    try:
        serving.run()
    finally:
        stop.set()
        following.join()
    if lost:
        raise lost[0]


def _known(desk: Desk, id: str) -> Status:
    found = desk.find(id)
    if found is None:
        raise Refusal("unknown", "no such submission here: POST the calldata to /v1/carry (again)")
    return found


def _answer(action: Callable[[], Status], code: int) -> JSONResponse:
    """What came of it, or the problem document of whatever went wrong."""
    began = time.monotonic()
    kind, result = "status" if code == 200 else "other", "failed"
    try:
        status = action()
        kind, result = status.kind, "sent" if code == 202 else "done"
        body = asdict(status)
        return JSONResponse(body, code, HEADERS)
    except Refusal as error:
        result = RESULTS.get(error.slug, "refused")
        return _problem(error)
    except (ChainError, Web3Exception) as error:
        log.warning("carrier", error=error)
        return _problem(Refusal("unavailable", "the carrier cannot reach its chain now: try again", 2.0))
    finally:
        metrics.carried.labels(kind=kind, result=result).inc()
        metrics.carrier_seconds.labels(kind=kind).observe(time.monotonic() - began)


def _problem(error: Refusal, code: int = 0) -> JSONResponse:
    status = code or STATUSES.get(error.slug, 422)
    body = {"type": PROBLEM + error.slug, "title": error.slug, "status": status, "detail": error.detail}
    if error.slug == "refused":
        body |= {"reason": error.detail, "detail": f"the contract refuses it: {error.detail}"}
    headers = HEADERS | ({"Retry-After": str(int(error.retry_after) + 1)} if error.retry_after else {})
    return JSONResponse(body, status, headers, media_type="application/problem+json")


async def _no_resource(_: Request, error: HTTPException) -> JSONResponse:
    slug = "unknown" if error.status_code == 404 else "malformed"
    text = "no such resource or method: there are GET /v1/info, POST /v1/carry and GET /v1/carried/{id}"
    return _problem(Refusal(slug, text), error.status_code)


async def _invalid(_: Request, error: RequestValidationError) -> JSONResponse:
    """Where the request is wrong, without what it held."""
    places = sorted({".".join(map(str, problem["loc"])) for problem in error.errors()})
    named = ", ".join(places)[:200]
    return _problem(Refusal("malformed", f"the request is not as /openapi.json says, at {named}"))


class _Guard:
    """Before anything is parsed: rates, size, time; and nothing of an unforeseen error gets out."""

    def __init__(self, app: Callable, limiter: ClientLimiter, limit: int):
        self.app, self.limiter, self.limit = app, limiter, limit

    async def __call__(self, scope: dict, receive: Callable, send: Callable) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        begun = False

        async def sending(message: dict) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._pass(scope, receive, sending)
        except Exception as error:  # noqa: BLE001
            log.error("carrier", error=error)
            if not begun:
                await _problem(Refusal("internal", "the carrier failed at it: try again later"))(scope, receive, send)

    async def _pass(self, scope: dict, receive: Callable, send: Callable) -> None:
        host = (scope.get("client") or ("", 0))[0]
        wait = self.limiter.take(host, ACT if scope["method"] == "POST" else LOOK)
        try:
            if wait:
                raise Refusal("rate", "too many requests: wait as Retry-After says", wait)
            body = await read_body(receive, self.limit)
        except TooLarge:
            refusal = Refusal("too-large", f"a request has at most {self.limit} bytes")
        except TimeoutError:
            refusal = Refusal("slow", "the request took too long to arrive")
        except Refusal as error:
            refusal = error
        else:
            async def again() -> dict:
                return {"type": "http.request", "body": body, "more_body": False}

            return await self.app(scope, again, send)
        await _problem(refusal)(scope, receive, send)
