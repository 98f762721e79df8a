"""Before a request is looked at: the name it was asked under, the size it has; after it, that nothing unforeseen gets out.

A page of another site can have its own name point at this machine (DNS rebinding), and a browser then takes the
gateway for that site's: the Host header still says the name, and is held to those that are this machine's.
"""

from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from offchain.gateway.problems import Problem, problem

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
MAX_BODY = 1 << 16
HEADERS = ((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff"))


class Guard:
    """An ASGI application in front of `app`, asked under `hosts` or a name of this machine."""

    def __init__(self, app: ASGIApp, hosts: frozenset[str] = frozenset()):
        self.app, self.hosts = app, LOOPBACK | {host.lower() for host in hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self.app(scope, receive, send)
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            if message["type"] == "http.response.start":
                message = message | {"headers": [*message["headers"], *HEADERS]}
            await send(message)

        try:
            if hostname(_header(scope, b"host")) not in self.hosts:
                raise Problem(421, "host", "the Host header names another machine: ask under a name of this one")
            if scope["type"] == "http":
                receive = await _whole(receive)
            await self.app(scope, receive, sending)
        except ClientDisconnect:
            return
        except Exception as error:  # noqa: BLE001
            refused = problem(error)
            if begun:
                return
            if scope["type"] == "http":
                await refused.answer()(scope, receive, sending)
            else:
                await send({"type": "websocket.close", "code": 1008, "reason": refused.code})


async def _whole(receive: Receive) -> Receive:
    """The whole body, read beforehand; Problem 413 if it is too long."""
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            raise ClientDisconnect      # half a request is none
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > MAX_BODY:
            raise Problem(413, "too_large", f"a request has at most {MAX_BODY} bytes")
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def hostname(host: str) -> str:
    """Of a Host header, without the port."""
    return host[1:].partition("]")[0].lower() if host.startswith("[") else host.partition(":")[0].lower()


def _header(scope: Scope, name: bytes) -> str:
    """The one header of a name; empty if there is none, or more than one."""
    found = [value for key, value in scope["headers"] if key == name]
    return found[0].decode("latin-1") if len(found) == 1 else ""
