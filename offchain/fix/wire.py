"""FIX messages as bytes: finding them in a stream, reading and writing them (simplefix does the fields).

A message whose BeginString, BodyLength or CheckSum does not hold is garbled: the specification has
it ignored, as if the line had swallowed it, and the gap in the numbers brings it again.
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from simplefix import FixMessage, FixParser
from simplefix.errors import ParsingError

from offchain.fix import tags

BEGIN_STRING = "FIX.4.4"
CODEC = "latin-1"
"""Every byte is a character of it: what was read can be said again as it was."""

START = b"8=FIX"
HEAD = re.compile(rb"8=FIXT?\.[0-9]\.[0-9](?:SP[0-9])?\x019=([0-9]{1,9})\x01(?=35=)")
HEAD_BYTES = 40
"""More than the longest head, and the field after it, has."""

TRAILER = re.compile(rb"\x0110=([0-9]{3})\x01")
TRAILER_BYTES = len(b"10=000\x01")
STAMP = re.compile(r"(\d{8}-\d\d:\d\d:)(\d\d)(?:\.(\d{3,9}))?")

Pairs = list[tuple[int, str]]


class TooLong(Exception):
    """The other side sends a message longer than we take; it is not known where it ends."""


class Fault(Exception):
    """A message that is well formed but wrong: SessionRejectReason (373), words, the field that is meant."""

    def __init__(self, reason: int, text: str, tag: int | None = None):
        super().__init__(text)
        self.reason, self.text, self.tag = reason, text, tag


@dataclass(frozen=True)
class Message:
    """A message as it came: every field but 8, 9 and 10, in their order; `fault` is what ails their form.

    `repr` shows no field: one may be a password.
    """

    begin: str
    type: str
    pairs: Pairs = field(repr=False)
    fault: Fault | None = None

    def get(self, tag: int) -> str | None:
        """The first value of a field."""
        return next((value for found, value in self.pairs if found == tag), None)

    def flag(self, tag: int) -> bool:
        return self.get(tag) == "Y"


class Framer:
    """Cuts a stream into messages. `garbled` counts how often something was thrown away."""

    def __init__(self, longest: int):
        self.longest = longest
        self.garbled = 0
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[bytes]:
        """The messages, whole and unharmed, that end in `data`; TooLong if one is longer than `longest`."""
        self._buffer += data
        found = []
        while (frame := self._next()) is not None:
            if frame:
                found.append(frame)
        return found

    def _next(self) -> bytes | None:
        """The next message; nothing of it if something was thrown away; None if more bytes are needed."""
        buffer = self._buffer
        if not buffer:
            return None
        head = HEAD.match(buffer)
        if head is None:
            may_grow = len(buffer) < HEAD_BYTES and START.startswith(bytes(buffer[: len(START)]))
            return None if may_grow else self._drop(1)
        body = int(head[1])
        if body > self.longest:
            raise TooLong(f"a message of {body} bytes; the longest taken has {self.longest}")
        end = head.end() + body + TRAILER_BYTES
        if len(buffer) < end:
            return None
        frame = bytes(buffer[:end])
        trailer = TRAILER.fullmatch(frame, end - TRAILER_BYTES - 1)
        if trailer is None:
            return self._drop(1)    # BodyLength is wrong: the next message may begin inside
        if sum(frame[:-TRAILER_BYTES]) % 256 != int(trailer[1]):
            return self._drop(end)
        del buffer[:end]
        return frame

    def _drop(self, least: int) -> bytes:
        """Throw away `least` bytes, and more up to where a message may begin."""
        self.garbled += 1
        begin = self._buffer.find(START, least)
        if begin < 0:   # but a start may be cut off at the end
            begin = len(self._buffer)
            begin -= next(n for n in range(len(START) - 1, -1, -1) if self._buffer.endswith(START[:n]))
        del self._buffer[: max(begin, least)]
        return b""


def read(frame: bytes) -> Message:
    """The fields of a message that a Framer gave."""
    parser = FixParser(allow_empty_values=True)
    parser.append_buffer(frame)
    fault = None
    try:
        whole = parser.get_message()
    except ParsingError:
        whole, fault = None, Fault(0, "a tag, or the length of a data field, is no number")
    if whole is not None:
        found = [(int(tag), value.decode(CODEC)) for tag, value in whole.pairs]
        if parser.get_buffer():
            fault = Fault(13, "CheckSum (10) stands before the end", tags.CHECK_SUM)
    else:
        found = [(int(tag), value.decode(CODEC)) for tag, value in parser.pairs]
        fault = fault or Fault(6, "a data field is longer than the message")
    kind = next(value for tag, value in found if tag == tags.MSG_TYPE)
    left_out = (tags.BEGIN_STRING, tags.BODY_LENGTH, tags.CHECK_SUM)
    return Message(found[0][1], kind, [pair for pair in found if pair[0] not in left_out], fault)


def write(kind: str, header: Pairs, body: Pairs) -> bytes:
    """A whole message; characters that cannot be in a field are replaced."""
    message = FixMessage()
    message.append_pair(tags.BEGIN_STRING, BEGIN_STRING)
    message.append_pair(tags.MSG_TYPE, kind)
    for tag, value in header + body:
        message.append_pair(tag, re.sub(r"[\x00-\x1f]", " ", value).encode(CODEC, "replace"))
    return message.encode()


def stamp(milliseconds: int) -> str:
    """A UTCTimestamp of a Unix time."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y%m%d-%H:%M:%S}.{rest:03}"


def unstamp(text: str) -> int:
    """Unix milliseconds of a UTCTimestamp (a leap second is the one before it); ValueError if it is none."""
    match = STAMP.fullmatch(text)
    if match is None:
        raise ValueError("no UTCTimestamp: write YYYYMMDD-HH:MM:SS.sss")
    seconds = min(int(match[2]), 59) if match[2] == "60" else int(match[2])
    moment = datetime.strptime(match[1], "%Y%m%d-%H:%M:").replace(tzinfo=UTC) + timedelta(seconds=seconds)
    if seconds > 59:
        raise ValueError("no second of a minute")
    return int(moment.timestamp()) * 1000 + int((match[3] or "0")[:3])
