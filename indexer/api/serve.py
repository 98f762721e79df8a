"""The API as a server: by itself, or beside the following in one process."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

HOST = "127.0.0.1"
PORT = 8570
START_SECONDS = 60
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
    found = server(app, host, port)
    thread = threading.Thread(target=_run, args=(found,), name="api", daemon=True)
    thread.start()
    deadline = time.monotonic() + START_SECONDS
    while not found.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            raise ServeError(f"the API does not start at {host}:{port}: is that port taken? Give another --port")
        time.sleep(0.02)
    taken = found.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://{f'[{host}]' if ':' in host else host}:{taken}"
    finally:
        found.should_exit = True
        thread.join(START_SECONDS)


def _run(found: uvicorn.Server) -> None:
    """Run, and end the thread alone where the port is taken."""
    try:
        found.run()
    except SystemExit:
        pass
