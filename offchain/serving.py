"""A server on a thread, beside whatever else its process does."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import uvicorn

START_SECONDS = 60


@contextmanager
def running(server: uvicorn.Server, name: str, refusal: Exception) -> Iterator[str]:
    """Serve for as long as the context lasts; yields the address. Raises `refusal` if it does not start."""
    thread = threading.Thread(target=_run, args=(server,), name=name, daemon=True)
    thread.start()
    deadline = time.monotonic() + START_SECONDS
    while not server.started:
        if not thread.is_alive() or time.monotonic() > deadline:
            server.should_exit = True
            raise refusal
        time.sleep(0.02)
    host, taken = server.config.host, server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://{f'[{host}]' if ':' in host else host}:{taken}"
    finally:
        server.should_exit = True
        thread.join(START_SECONDS)


def _run(server: uvicorn.Server) -> None:
    """Run, and end the thread alone where the port is taken."""
    with suppress(SystemExit):
        server.run()
