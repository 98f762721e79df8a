"""The gateway as a server on a thread, beside the agent."""

import ipaddress
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import uvicorn
from fastapi import FastAPI

HOST, PORT = "127.0.0.1", 8700
START_SECONDS = 60
MESSAGE_BYTES = 1 << 14
CONNECTIONS = 512


class GatewayError(Exception):
    """The server cannot be started; the message says why and what to do."""


@contextmanager
def serving(app: FastAPI, host: str = HOST, port: int = PORT, remote: bool = False) -> Iterator[str]:
    """Serve on a thread for as long as the context lasts; yields the address. Port 0 is a free one.

    GatewayError if it does not start, or `host` is not this machine's alone and `remote` does not say that this is
    meant: keys would go over the network in clear, unless something in front adds TLS.
    """
    if not remote and not _loopback(host):
        raise GatewayError(f"{host} is open to other machines, in plain HTTP: keep to {HOST}, or say that it is meant")
    config = uvicorn.Config(
        app, host=host, port=port, log_config=None, access_log=False, server_header=False, date_header=False,
        proxy_headers=False, ws_max_size=MESSAGE_BYTES, ws_ping_interval=20, limit_concurrency=CONNECTIONS,
        timeout_keep_alive=30, timeout_graceful_shutdown=5,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=_run, args=(server,), name="gateway-http", daemon=True)
    thread.start()
    deadline = time.monotonic() + START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            server.should_exit = True
            raise GatewayError(f"the gateway does not start at {host}:{port}: is that port taken? Give another")
        time.sleep(0.02)
    taken = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://{f'[{host}]' if ':' in host else host}:{taken}"
    finally:
        server.should_exit = True
        thread.join(START_SECONDS)


def _run(server: uvicorn.Server) -> None:
    """Run, and end the thread alone where the port is taken."""
    with suppress(SystemExit):
        server.run()


def _loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
