"""A FIX counterparty that a test drives field by field, wrong ones included; it encodes and checks by itself."""

import socket
import time
from contextlib import suppress
from datetime import UTC, datetime

SOH = "\x01"
PATIENCE = 180.0
PASSWORD = "correct horse battery staple"
counted = {"messages": 0}
"""Whole messages to and from acceptors, by every peer of this process."""


def now(offset: float = 0) -> str:
    return f"{datetime.fromtimestamp(time.time() + offset, UTC):%Y%m%d-%H:%M:%S.%f}"[:-3]


def encode(fields: list[tuple[int, object]], begin: str = "FIX.4.4") -> bytes:
    """A message of these fields, MsgType first."""
    body = "".join(f"{tag}={value}{SOH}" for tag, value in fields)
    head = f"8={begin}{SOH}9={len(body)}{SOH}"
    total = sum((head + body).encode("latin-1")) % 256
    return f"{head}{body}10={total:03}{SOH}".encode("latin-1")


def decode(frame: bytes) -> dict[int, str]:
    """The fields of a frame, after its length and sum were held to what it says."""
    text = frame.decode("latin-1")
    fields = [part.split("=", 1) for part in text.split(SOH)[:-1]]
    assert [tag for tag, _ in fields[:3]] == ["8", "9", "35"] and fields[-1][0] == "10"
    begin = len(f"8={fields[0][1]}{SOH}9={fields[1][1]}{SOH}")
    assert int(fields[1][1]) == len(text) - begin - 7, "BodyLength"
    assert int(fields[-1][1]) == sum(frame[:-7]) % 256, "CheckSum"
    names = [tag for tag, _ in fields]
    assert len(set(names)) == len(names), f"a field stands twice: {names}"
    return {int(tag): value for tag, value in fields}


class Peer:
    """`number` is that of its next message; everything received is kept in `received`."""

    def __init__(self, port: int, name: str = "DESK", target: str = "SHADOWPOOL"):
        self.port, self.name, self.target = port, name, target
        self.number = 1
        self.received: list[dict[int, str]] = []
        self._buffer = b""
        self._link: socket.socket | None = None

    # --- The link ---

    def connect(self) -> "Peer":
        self.drop()
        self._link = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        return self

    def drop(self) -> None:
        if self._link is not None:
            self._link.close()
        self._link, self._buffer = None, b""

    def raw(self, data: bytes) -> None:
        self._link.sendall(data)

    def is_closed(self) -> bool:
        """Whether the acceptor closes, having said nothing more."""
        try:
            return self._link.recv(65_536) == b"" and self._buffer == b""
        except ConnectionResetError:
            return True

    # --- Messages ---

    def send(self, kind: str, *body: tuple[int, object], number: int | None = None, header=(), **how) -> int:
        """Send, under `number` if given, else under the next; returns it."""
        used = self.number if number is None else number
        self.number += number is None
        own = {49: self.name, 56: self.target, 34: used, 52: now()} | dict(header)
        said = [(35, kind), *((tag, value) for tag, value in own.items() if value is not None), *body]
        self.raw(encode(said, **how))
        counted["messages"] += 1
        return used

    def again(self, kind: str, *body: tuple[int, object], number: int) -> None:
        """Send as a possible duplicate."""
        self.send(kind, *body, number=number, header={43: "Y", 122: now(-1)})

    def next(self) -> dict[int, str]:
        """The next message, whatever it is; EOFError if the acceptor closes."""
        while (end := self._end()) is None:
            data = self._link.recv(65_536)
            if not data:
                raise EOFError(f"closed; the last messages were {self.received[-3:]}")
            self._buffer += data
        frame, self._buffer = self._buffer[:end], self._buffer[end:]
        message = decode(frame)
        counted["messages"] += 1
        self.received.append(message)
        return message

    def _end(self) -> int | None:
        mark = self._buffer.find(b"\x0110=")
        return mark + 8 if mark >= 0 and len(self._buffer) >= mark + 8 else None

    def expect(self, kind: str, **fields: object) -> dict[int, str]:
        """The next message, which must be of this type, with fields `t37="…"`; None: it has not that field.
        Heartbeats that nobody asked for are passed over."""
        while (message := self.next())[35] == "0" and 112 not in message and kind != "0":
            pass
        assert message[35] == kind, message
        wanted = {int(tag[1:]): value for tag, value in fields.items()}
        for tag, value in wanted.items():
            assert message.get(tag) == (None if value is None else str(value)), (tag, message)
        return message

    # --- The session ---

    def logon(self, *more: tuple[int, object], heartbeat: int = 300, reset: bool = False, number: int | None = None):
        """Say Logon; the answer is the test's to expect."""
        body = [(98, 0), (108, heartbeat), (554, PASSWORD), *more] + ([(141, "Y")] if reset else [])
        self.send("A", *body, number=number)

    def enter(self, **how) -> "Peer":
        """Connect, and be logged on."""
        self.connect()
        self.logon(**how)
        self.expect("A", t98=0)
        return self

    def enter_again(self) -> None:
        """Log on, as soon as the acceptor has seen that the old link is dead."""
        number = self.number
        while True:
            self.connect()
            self.logon()
            with suppress(EOFError, ConnectionResetError):
                self.expect("A")
                return
            self.number = number

    def executions(self) -> list[str]:
        """ExecIDs of what it was told, without those of status answers; twice what came twice."""
        return [message[17] for message in self.received if message[35] == "8" and message[150] != "I"]

    def sync(self) -> None:
        """All that was sent is dealt with, and nothing was said to it but what has been received."""
        mark = f"sync-{self.number}"
        self.send("1", (112, mark))
        self.expect("0", t112=mark)

    def leave(self) -> None:
        self.send("5")
        self.expect("5")
        assert self.is_closed()

    def order(self, name: str, quantity: object = 10, price: object = 500, side: int = 1, **more: object) -> int:
        """A NewOrderSingle; `more` fields as `t59="1"`."""
        fields = {11: name, 55: 0, 54: side, 60: now(), 38: quantity, 40: 2, 44: price}
        fields |= {int(tag[1:]): value for tag, value in more.items()}
        return self.send("D", *((tag, value) for tag, value in fields.items() if value is not None))

    def cancel(self, name: str, original: str, **how) -> int:
        return self.send("F", (41, original), (11, name), (55, 0), (54, 1), (60, now()), (38, 10), **how)
