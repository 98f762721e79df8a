"""The API as a server: by itself, or beside the following in one process."""

from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from offchain.serving import running

HOST = "127.0.0.1"
PORT = 8570
STREAM_BUFFER = 1 << 16


class ServeError(Exception):
    """The server cannot be started; the message says why and what to do."""


def server(app: FastAPI, host: str = HOST, port: int = PORT) -> uvicorn.Server:
    """A server of the API, to be run."""
    return uvicorn.Server(
        uvicorn.Config(
            app, host=host, port=port, log_level="warning", access_log=False, server_header=False,
            ws_max_size=STREAM_BUFFER, ws_ping_interval=20, timeout_graceful_shutdown=5,
        )
    )  # fmt: skip


@contextmanager
def beside(app: FastAPI, host: str = HOST, port: int = PORT) -> Iterator[str]:
    """Serve on a thread for as long as the context lasts; yields the address. ServeError if it does not start."""
    refusal = ServeError(f"the API does not start at {host}:{port}: is that port taken? Give another --port")
    with running(server(app, host, port), "api", refusal) as address:
        yield address
