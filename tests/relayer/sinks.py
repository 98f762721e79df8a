"""What a relayer's services leave behind, as bytes: for whoever looks for a secret in it."""

import re
import socket
import subprocess
import threading
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from relayer.telemetry.metrics import PREFIX
from scripts.services.postgres import PostgresServer
from scripts.services.redis import RedisServer

ESCAPED = re.compile(rb"\\x([0-9a-f]{2})|\\([nrtab\"\\])")
LETTERS = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"a": b"\a", b"b": b"\b"}


@contextmanager
def collector():
    """A local OTLP/HTTP collector; yields its address and the requests that it takes."""
    taken: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            taken.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1/traces", taken
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def listening(server: RedisServer):
    """Every command that a Redis server is given; yields a growing list of bytes."""
    taken: list[bytes] = []
    link = socket.create_connection(("127.0.0.1", server.port))
    link.sendall(f"AUTH {server.password}\r\nMONITOR\r\n".encode())

    def read() -> None:
        while part := link.recv(1 << 16):
            taken.append(part)

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield taken
    finally:
        link.shutdown(socket.SHUT_RDWR)
        thread.join()
        link.close()


def commands(taken: list[bytes]) -> bytes:
    """What was heard, as it was said and with MONITOR's escapes undone."""
    whole = b"".join(taken)
    return whole + ESCAPED.sub(lambda m: bytes([int(m[1], 16)]) if m[1] else LETTERS.get(m[2], m[2]), whole)


def held(server: RedisServer) -> bytes:
    """Every key of a Redis server with its value as it is serialised, which is uncompressed."""
    with server.client() as client:
        return b"".join(key + b" " + (client.dump(key) or b"") + b"\n" for key in client.scan_iter())


def dumped(server: PostgresServer) -> bytes:
    """A whole database as SQL; binary columns in hexadecimal."""
    program = server.programs / "pg_dump"
    command = [program, "-h", server.data, "-U", "postgres", "postgres"]
    return subprocess.run(command, check=True, capture_output=True).stdout


def files(folder: Path, start: str) -> bytes:
    """All files of a folder whose names start so: a database, its journal and its locks."""
    return b"".join(path.read_bytes() for path in sorted(folder.glob(f"{start}*")))


def scraped(port: int) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=120) as answer:
        return answer.read()


def sample(scrape: bytes, name: str) -> float:
    """A relayer's metric without labels, as a scrape has it."""
    return float(re.search(rf"^{PREFIX}_{name} (\S+)$", scrape.decode(), re.M)[1])
