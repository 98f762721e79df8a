"""One FIX session while it is connected: numbers, gaps, heartbeats, the messages of the session itself.

It knows no socket: bytes go out through `send`, come in as messages, and time by `tick`; one thread calls it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

import structlog

from offchain.fix import dictionary as types
from offchain.fix import tags
from offchain.fix.application import Application
from offchain.fix.settings import Settings
from offchain.fix.store import FixStore, Numbered, Outgoing
from offchain.fix.wire import BEGIN_STRING, Fault, Message, Pairs, stamp, unstamp, write

log = structlog.get_logger()

LATE = 1.2
"""Heartbeat intervals of silence after which the link is doubted: one, and a while to come through."""

LEAST_WAIT = 0.02

TO_THE_END = (0, 999_999)
"""EndSeqNo that means all there is; the second as versions before 4.3 said it."""

INACCURATE, WRONG_COMP_ID, OUT_OF_RANGE = 10, 9, 5


class Hangup(Exception):
    """The connection is to be closed; the message says why."""


@dataclass(frozen=True)
class Clock:
    """`wall` is Unix time, for what is said; `steady` never jumps, for waiting. Seconds."""

    wall: Callable[[], float] = time.time
    steady: Callable[[], float] = time.monotonic


class Session:
    """Of the counterparty `name`, who is known to be it. The first message for `logon`, every other for `receive`."""

    def __init__(
        self, name: str, settings: Settings, store: FixStore, application: Application, send: Callable[[bytes], None],
        clock: Clock = Clock(),
    ):  # fmt: skip
        self.name, self.settings, self.store, self.application, self.clock = name, settings, store, application, clock
        self.heartbeat = 0
        self._send = send
        self._next_in = store.numbers(name)[0]
        self._heard = self._said = clock.steady()
        self._tested: float | None = None       # when a TestRequest went out that nothing came after
        self._asked: tuple[int, int, float] | None = None   # a ResendRequest not fulfilled: begin, known end, time
        self._leaving: float | None = None      # when we said Logout

    # --- In ---

    def logon(self, message: Message) -> None:
        """The counterparty's first message; Hangup if it cannot be taken."""
        number = self._header(message)
        try:
            types.check(message)
            self._terms(message, number)
        except Fault as fault:
            self.break_off(fault.text)
        if message.flag(tags.RESET_SEQ_NUM_FLAG):
            self._reset(message)
        else:
            if number < self._next_in:
                self._too_low(number)
            self._confirm(message)
            if number == self._next_in:
                self._take(number + 1)
            else:
                self._ask(number)
        log.info("fix_logon", session=self.name, number=number, heartbeat=self.heartbeat)
        self.flush()

    def receive(self, message: Message) -> None:
        """Any later message; Hangup if the connection must end."""
        self._heard, self._tested = self.clock.steady(), None
        number = self._header(message)
        if message.type == types.SEQUENCE_RESET and not message.flag(tags.GAP_FILL_FLAG):
            self._sequence_reset(message, number)
        elif message.type == types.LOGON and message.flag(tags.RESET_SEQ_NUM_FLAG):
            self._relogon(message, number)
        elif number < self._next_in:
            self._old(message, number)
        elif number > self._next_in:
            self._early(message, number)
        else:
            self._in_turn(message, number)
        self.flush()

    def _in_turn(self, message: Message, number: int) -> None:
        replies: list[Outgoing] = []
        next_in = number + 1
        try:
            types.check(message)
            if message.type == types.SEQUENCE_RESET:
                next_in = self._new_number(message, number + 1)
            elif message.type in (types.RESEND_REQUEST, types.TEST_REQUEST, types.LOGOUT, types.LOGON):
                self._take(next_in)
                self._session_message(message)
                return
            elif message.type == types.REJECT:
                log.warning("fix_rejected", session=self.name, of=message.get(tags.REF_SEQ_NUM))
            elif message.type != types.HEARTBEAT:
                replies = self.application.handle(self.name, message)
        except Fault as fault:
            replies = [self._reject(message, fault)]
        self._take(next_in, replies)

    def _session_message(self, message: Message) -> None:
        if message.type == types.TEST_REQUEST:
            self._say(types.HEARTBEAT, [(tags.TEST_REQ_ID, message.get(tags.TEST_REQ_ID))])
        elif message.type == types.RESEND_REQUEST:
            self._resend(message)
        elif message.type == types.LOGOUT:
            self._logged_out()
        else:
            raise Fault(OUT_OF_RANGE, "the session is logged on: set ResetSeqNumFlag to begin anew", tags.MSG_TYPE)

    def _early(self, message: Message, number: int) -> None:
        """A gap. What came too early comes again; but the two sides must not wait for each other."""
        if message.type == types.LOGOUT:
            self._logged_out()
        try:
            if message.type == types.RESEND_REQUEST:
                types.check(message)
                self._resend(message)
        except Fault as fault:
            log.warning("fix_bad_resend_request", session=self.name, reason=fault.reason, tag=fault.tag)
        resent = message.flag(tags.POSS_DUP_FLAG) or message.type == types.SEQUENCE_RESET
        if self._asked is None or (resent and self._asked[0] != self._next_in):
            self._ask(number)

    def _old(self, message: Message, number: int) -> None:
        if not message.flag(tags.POSS_DUP_FLAG):
            self._too_low(number)
        try:
            types.check(message)
        except Fault as fault:
            self._say(types.REJECT, self._reject(message, fault).body)
            if fault.reason == INACCURATE:
                self.break_off(fault.text)

    def _too_low(self, number: int) -> NoReturn:
        self.break_off(f"MsgSeqNum too low: expected {self._next_in}, received {number}")

    # --- Checks of every message ---

    def _header(self, message: Message) -> int:
        """MsgSeqNum of a message whose header is right. Else the session ends, as the specification wants."""
        if message.begin != BEGIN_STRING:
            self.break_off(f"BeginString must be {BEGIN_STRING}")
        number = types.sequence(message)
        if number is None:
            self.break_off("MsgSeqNum (34) is missing or no number")
        for tag, right in ((tags.SENDER_COMP_ID, self.name), (tags.TARGET_COMP_ID, self.settings.comp_id)):
            if message.get(tag) != right:
                self._end(message, number, Fault(WRONG_COMP_ID, "CompID problem", tag))
        try:
            sent = unstamp(message.get(tags.SENDING_TIME) or "")
        except ValueError:
            return number   # `check` refuses it
        if abs(sent - self._now()) > self.settings.max_skew * 1000:
            text = f"SendingTime is more than {self.settings.max_skew} s from our clock"
            self._end(message, number, Fault(INACCURATE, text, tags.SENDING_TIME))
        return number

    def _end(self, message: Message, number: int, fault: Fault) -> NoReturn:
        """Reject a message, and log out."""
        if message.type != types.LOGON:
            if number == self._next_in:
                self._take(number + 1)
            self._say(types.REJECT, self._reject(message, fault).body)
        self.break_off(fault.text)

    @staticmethod
    def _reject(message: Message, fault: Fault) -> Outgoing:
        said = [
            (tags.REF_SEQ_NUM, message.get(tags.MSG_SEQ_NUM)), (tags.REF_MSG_TYPE, message.type),
            (tags.SESSION_REJECT_REASON, str(fault.reason)), (tags.TEXT, fault.text),
        ]  # fmt: skip
        return Outgoing(types.REJECT, said + ([(tags.REF_TAG_ID, str(fault.tag))] if fault.tag else []))

    def _terms(self, message: Message, number: int) -> None:
        """What a Logon asks for; Fault if it cannot be so."""
        if message.type != types.LOGON:
            raise Fault(OUT_OF_RANGE, "the first message must be a Logon", tags.MSG_TYPE)
        if int(message.get(tags.ENCRYPT_METHOD)) != 0:
            raise Fault(OUT_OF_RANGE, "EncryptMethod must be 0", tags.ENCRYPT_METHOD)
        interval, longest = int(message.get(tags.HEART_BT_INT)), self.settings.longest_heartbeat
        if not 1 <= interval <= longest:
            raise Fault(OUT_OF_RANGE, f"HeartBtInt must be 1 to {longest} seconds", tags.HEART_BT_INT)
        if message.flag(tags.RESET_SEQ_NUM_FLAG) and number != 1:
            raise Fault(OUT_OF_RANGE, "with ResetSeqNumFlag, MsgSeqNum must be 1", tags.MSG_SEQ_NUM)
        self.heartbeat = interval

    # --- Numbers ---

    def _take(self, next_in: int, replies: list[Outgoing] = ()) -> None:
        self.store.take(self.name, next_in, replies)
        self._next_in = next_in
        if self._asked is not None and next_in > self._asked[0]:
            begin, upto, _ = self._asked
            self._asked = None if next_in > upto else (begin, upto, self.clock.steady())

    def _reset(self, message: Message) -> None:
        self.store.reset(self.name)
        self._asked = None
        self._take(2)
        self._confirm(message)

    def _relogon(self, message: Message, number: int) -> None:
        """Both sides begin at 1 again, on the same connection."""
        try:
            types.check(message)
            self._terms(message, number)
        except Fault as fault:
            self.break_off(fault.text)
        self._reset(message)

    def _confirm(self, message: Message) -> None:
        """Our Logon, on theirs."""
        said = [(tags.ENCRYPT_METHOD, "0"), (tags.HEART_BT_INT, str(self.heartbeat))]
        if message.flag(tags.RESET_SEQ_NUM_FLAG):
            said.append((tags.RESET_SEQ_NUM_FLAG, "Y"))
        self._say(types.LOGON, said)

    def _sequence_reset(self, message: Message, number: int) -> None:
        """The counterparty gives up what we miss; its MsgSeqNum says nothing."""
        try:
            types.check(message)
            self._take(self._new_number(message, self._next_in))
        except Fault as fault:
            self._say(types.REJECT, self._reject(message, fault).body)

    @staticmethod
    def _new_number(message: Message, least: int) -> int:
        new = int(message.get(tags.NEW_SEQ_NO))
        if new < least:
            raise Fault(OUT_OF_RANGE, f"NewSeqNo must be at least {least}: numbers do not go back", tags.NEW_SEQ_NO)
        return new

    def _ask(self, upto: int) -> None:
        """Ask for everything from the first number that we miss; `upto` came, so it is missing up to there."""
        self._asked = (self._next_in, upto, self.clock.steady())
        self._say(types.RESEND_REQUEST, [(tags.BEGIN_SEQ_NO, str(self._next_in)), (tags.END_SEQ_NO, "0")])

    def _resend(self, message: Message) -> None:
        """Send again what was asked for; Fault if it was never sent."""
        first, end = int(message.get(tags.BEGIN_SEQ_NO)), int(message.get(tags.END_SEQ_NO))
        last = self.store.numbers(self.name)[1] - 1
        if not 1 <= first <= last:
            raise Fault(OUT_OF_RANGE, f"BeginSeqNo must be 1 to {last}, the last number sent", tags.BEGIN_SEQ_NO)
        end = last if end in TO_THE_END else min(end, last)
        if end < first:
            raise Fault(OUT_OF_RANGE, "EndSeqNo must be 0, or at least BeginSeqNo", tags.END_SEQ_NO)
        for one in self.store.sent(self.name, first, end):
            self._fill(first, one.number)
            self._put(one, again=True)
            first = one.number + 1
        self._fill(first, end + 1)

    def _fill(self, first: int, new: int) -> None:
        """Numbers `first` to `new` - 1 were messages that are not sent again."""
        if first < new:
            body = [(tags.GAP_FILL_FLAG, "Y"), (tags.NEW_SEQ_NO, str(new))]
            self._put(Numbered(first, self._now(), Outgoing(types.SEQUENCE_RESET, body)), again=True)

    # --- Time ---

    def due(self) -> float:
        """Seconds until `tick` has something to do, if nothing comes."""
        if self._leaving is not None:
            times = [self._leaving + self.settings.logout_timeout]
        else:
            times = [self._said + self.heartbeat, (self._tested or self._heard) + LATE * self.heartbeat]
            times += [self._asked[-1] + self.heartbeat] if self._asked else []
        return max(min(times) - self.clock.steady(), LEAST_WAIT)

    def tick(self) -> None:
        """What time alone makes due; Hangup if the counterparty is gone."""
        now = self.clock.steady()
        if self._leaving is not None:
            if now - self._leaving >= self.settings.logout_timeout:
                raise Hangup("our Logout was not answered")
            return
        if self._tested is not None:
            if now - self._tested >= LATE * self.heartbeat:
                raise Hangup("a TestRequest was not answered")
        elif now - self._heard >= LATE * self.heartbeat:
            self._tested = now
            self._say(types.TEST_REQUEST, [(tags.TEST_REQ_ID, stamp(self._now()))])
        if self._asked is not None and now - self._asked[-1] >= self.heartbeat:
            self._ask(self._asked[1])
        if now - self._said >= self.heartbeat:
            self._say(types.HEARTBEAT, [])

    # --- Out ---

    def flush(self) -> None:
        """Send what waits for its number."""
        while self._leaving is None and (waiting := self.store.send_waiting(self.name, self._now())):
            for one in waiting:
                self._put(one)

    def leave(self, text: str) -> None:
        """Say Logout; the answer, or `tick`, ends the connection."""
        if self._leaving is None:
            self._say(types.LOGOUT, [(tags.TEXT, text)])
            self._leaving = self.clock.steady()

    def break_off(self, text: str) -> NoReturn:
        """Say Logout, and hang up: nothing more can be said in this session."""
        self._say(types.LOGOUT, [(tags.TEXT, text)])
        raise Hangup(text)

    def _logged_out(self) -> NoReturn:
        if self._leaving is None:
            self._say(types.LOGOUT, [])
        raise Hangup("logged out")

    def _say(self, kind: str, body: Pairs) -> None:
        """Send a message that is never sent again."""
        self._put(Numbered(self.store.next_out(self.name), self._now(), Outgoing(kind, body)))

    def _put(self, one: Numbered, again: bool = False) -> None:
        header = [
            (tags.SENDER_COMP_ID, self.settings.comp_id), (tags.TARGET_COMP_ID, self.name),
            (tags.MSG_SEQ_NUM, str(one.number)), (tags.SENDING_TIME, stamp(self._now() if again else one.sent)),
        ]  # fmt: skip
        if again:
            header += [(tags.POSS_DUP_FLAG, "Y"), (tags.ORIG_SENDING_TIME, stamp(one.sent))]
        self._send(write(one.message.type, header, one.message.body))
        self._said = self.clock.steady()

    def _now(self) -> int:
        return int(self.clock.wall() * 1000)
