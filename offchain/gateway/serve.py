"""The gateway as a server on a thread, beside the agent."""

import ipaddress
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from offchain.gateway import door
from offchain.serving import running

HOST, PORT = "127.0.0.1", 8700
MESSAGE_BYTES = 1 << 14
CONNECTIONS = 512
"""Beside those without a key, of which the door lets in few."""


class GatewayError(Exception):
    """The server cannot be started; the message says why and what to do."""


@contextmanager
def serving(app: FastAPI, host: str = HOST, port: int = PORT, remote: bool = False) -> Iterator[str]:
    """Serve an application of `app.create` on a thread for as long as the context lasts; yields the address. Port 0 is
    a free one.

    GatewayError if it does not start, or `host` is not this machine's alone and `remote` does not say that this is
    meant: keys would go over the network in clear, unless something in front adds TLS.
    """
    if not remote and not _loopback(host):
        raise GatewayError(f"{host} is open to other machines, in plain HTTP: keep to {HOST}, or say that it is meant")
    config = uvicorn.Config(
        app, host=host, port=port, http=app.state.gateway.gate.door.protocol, log_config=None, access_log=False,
        server_header=False, date_header=False, proxy_headers=False, ws_max_size=MESSAGE_BYTES, ws_ping_interval=20,
        limit_concurrency=CONNECTIONS + door.STRANGERS, timeout_keep_alive=30, timeout_graceful_shutdown=5,
    )  # fmt: skip
    refusal = GatewayError(f"the gateway does not start at {host}:{port}: is that port taken? Give another")
    with running(uvicorn.Server(config), "gateway-http", refusal) as address:
        yield address


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
