"""A gate between a relayer and its node: passes JSON-RPC through, and can stop at one transaction.

So a process can be killed exactly between two of its steps, without a switch in its code: what it
says to its node is all that is looked at.
"""

import json
import threading
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import rlp
from eth_utils.abi import function_abi_to_4byte_selector
from web3.contract import Contract

SECONDS = 60.0
"""As long as a transaction is held at most: its sender's patience is shorter."""

SEND = "eth_sendRawTransaction"
DATA_FIELD = 7
"""Where the calldata stands in a transaction of type 2 (EIP-1559)."""


class Hold:
    """Waits for a transaction with one function's selector: before the node has it, or when it does."""

    def __init__(self, selector: bytes, delivered: bool):
        self.selector, self.delivered = selector, delivered
        self.reached, self.ended = threading.Event(), threading.Event()


class Gate:
    """Serves at `url` what the node at `node` answers, until `close`."""

    def __init__(self, node: str):
        self.node = urlsplit(node)
        self._hold: Hold | None = None
        self._server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"gate": self}))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, name="gate", daemon=True).start()

    def hold(self, selector: bytes, delivered: bool) -> Hold:
        """Stop at the next such transaction: kept from the node, or `delivered` but with no answer."""
        self._hold = Hold(selector, delivered)
        return self._hold

    def open(self) -> None:
        """Hold nothing; what is held is never answered."""
        if self._hold is not None:
            self._hold.ended.set()
            self._hold = None

    def close(self) -> None:
        self.open()
        self._server.shutdown()
        self._server.server_close()

    def held(self, body: bytes) -> Hold | None:
        """The hold that a request meets."""
        hold = self._hold
        if hold is None or SEND.encode() not in body:
            return None
        asked = json.loads(body)
        sent = [one["params"][0] for one in (asked if isinstance(asked, list) else [asked]) if one["method"] == SEND]
        return hold if any(selector_of(raw) == hold.selector for raw in sent) else None


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A relayer that is killed resets its connections: nothing to say."""


class _Handler(BaseHTTPRequestHandler):
    """One connection, and one of its own to the node."""

    gate: Gate
    protocol_version = "HTTP/1.1"
    _upstream: HTTPConnection | None = None

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        hold = self.gate.held(body)
        if hold is None:
            return self._answer(*self._asked(body))
        if hold.delivered:
            self._asked(body)
        hold.reached.set()
        hold.ended.wait(SECONDS)
        self.close_connection = True    # no answer

    def _asked(self, body: bytes) -> tuple[int, bytes]:
        """(status, body) of the node's answer; 502 where there is none."""
        for _ in range(2):      # the node may have closed a connection that was idle
            if self._upstream is None:
                self._upstream = HTTPConnection(self.gate.node.hostname, self.gate.node.port, timeout=SECONDS)
            try:
                self._upstream.request("POST", self.gate.node.path or "/", body, {"Content-Type": "application/json"})
                answer = self._upstream.getresponse()
                return answer.status, answer.read()
            except (HTTPException, OSError):
                self._upstream.close()
                self._upstream = None
        return 502, b""

    def _answer(self, status: int, body: bytes) -> None:
        with suppress(OSError):     # who asked was killed meanwhile
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def finish(self) -> None:
        if self._upstream is not None:
            self._upstream.close()
        with suppress(OSError):
            super().finish()

    def log_message(self, format: str, *args: object) -> None:
        """Nothing is to be said of it."""


def selector(contract: Contract, function: str) -> bytes:
    """The four bytes that call a function."""
    entry = next(one for one in contract.abi if one["type"] == "function" and one["name"] == function)
    return function_abi_to_4byte_selector(entry)


def selector_of(raw: str) -> bytes:
    """The four bytes of what a signed transaction of type 2 calls; empty for another."""
    data = bytes.fromhex(raw.removeprefix("0x"))
    if data[:1] != b"\x02":
        return b""
    return rlp.decode(data[1:])[DATA_FIELD][:4]
