"""A webhook's receiver, on a free port of this machine."""

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECONDS = 60


class Sink:
    """A receiver: `answers` are the statuses that it gives, then 200; `got` is what came."""

    def __init__(self, *answers: int):
        self.answers, self.got, self.changed = list(answers), [], threading.Condition()

    def take(self, headers: dict, body: bytes) -> int:
        with self.changed:
            self.got.append((headers, body))
            self.changed.notify_all()
            return self.answers.pop(0) if self.answers else 200

    def wait(self, count: int) -> list[tuple[dict, bytes]]:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.got) >= count, SECONDS), f"{len(self.got)} of {count} came"
            return list(self.got)

    def sequences(self) -> list[int]:
        return [json.loads(body)["sequence"] for _, body in self.got]


@contextmanager
def listening(sink: Sink):
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            status = sink.take(dict(self.headers), self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            if status in (301, 307):
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook"
    finally:
        server.shutdown()
        server.server_close()
