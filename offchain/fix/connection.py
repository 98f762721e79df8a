"""One TCP connection of a FIX counterparty: bytes in, bytes out, and who it is.

Until a Logon names a session and proves it, nothing is said and nothing written down: a stranger cannot
move a session's numbers.
"""

import selectors
import socket
import threading
from collections.abc import Callable
from typing import Protocol

import structlog

from offchain.fix import dictionary as types
from offchain.fix import tags
from offchain.fix.session import Clock, Hangup, Session
from offchain.fix.settings import Settings
from offchain.fix.wire import Framer, Message, TooLong, read

log = structlog.get_logger()

STRANGER_SECONDS = 0.25
"""How often one that has not logged on is looked at."""

CHUNK = 65_536
DRAIN_SECONDS, DRAIN_READS = 2.0, 4
"""At the end, what still comes in is read for so long: closing over unread bytes would throw away what we said."""


class Hall(Protocol):
    """What a connection needs of its acceptor."""

    settings: Settings
    clock: Clock

    def enter(self, name: str, connection: "Connection") -> bool:
        """Take the session; False if another connection has it."""

    def open(self, name: str, send: Callable[[bytes], None]) -> Session: ...

    def authenticate(self, comp_id: str, username: str, password: str) -> bool: ...

    def leave(self, connection: "Connection") -> None:
        """Give the session up, which another connection may take from now on."""

    def closed(self, connection: "Connection") -> None: ...


class Connection:
    """Served by one thread of its own, which alone touches socket and session."""

    def __init__(self, hall: Hall, link: socket.socket):
        self.hall, self._link = hall, link
        self.session: Session | None = None
        self._framer = Framer(hall.settings.max_message_bytes)
        self._waker, self._woken = socket.socketpair()
        self._stopping = self._unwanted = False
        self._opened = hall.clock.steady()
        self.thread = threading.Thread(target=self._serve, name="fix-connection", daemon=True)

    def wake(self, stop: bool = False) -> None:
        """From any thread: something waits to be sent; or, the session is to be logged out."""
        self._stopping |= stop
        try:
            self._waker.send(b"\0")
        except OSError:
            pass    # it is full, so it wakes; or closed, so it is over

    def turn_away(self) -> None:
        """From any thread: make room, if this is a stranger's still."""
        self._unwanted = True
        self.wake()

    def _serve(self) -> None:
        try:
            self._link.settimeout(self.hall.settings.send_timeout)
            self._waker.setblocking(False)
            with selectors.DefaultSelector() as selector:
                selector.register(self._link, selectors.EVENT_READ)
                selector.register(self._woken, selectors.EVENT_READ)
                while True:
                    pause = self.session.due() if self.session else STRANGER_SECONDS
                    ready = [key.fileobj for key, _ in selector.select(pause)]
                    self._step(self._link in ready, self._woken in ready)
        except Hangup as hangup:
            log.info("fix_hangup", session=self._name(), reason=str(hangup))
        except OSError as error:
            log.info("fix_link_lost", session=self._name(), error=type(error).__name__)
        except Exception as error:  # the numbers are as they were last written: the session resumes
            log.error("fix_connection_failed", session=self._name(), error=type(error).__name__)
        finally:
            self._close()

    def _step(self, bytes_in: bool, woken: bool) -> None:
        if woken:
            self._woken.recv(CHUNK)
        if bytes_in:
            data = self._link.recv(CHUNK)
            if not data:
                raise Hangup("the counterparty closed the connection")
            self._read(data)
        if self.session is None:
            late = self.hall.clock.steady() - self._opened > self.hall.settings.logon_timeout
            if self._stopping or self._unwanted or late:
                raise Hangup("no Logon came in time")
            return
        if woken:
            self.session.flush()
        if self._stopping:
            self.session.leave("the acceptor stops")
        self.session.tick()

    def _read(self, data: bytes) -> None:
        garbled = self._framer.garbled
        try:
            frames = self._framer.feed(data)
        except TooLong as error:
            if self.session is not None:
                self.session.break_off(str(error))
            raise Hangup(str(error)) from None
        if self._framer.garbled > garbled:
            log.warning("fix_garbled", session=self._name())
        for frame in frames:
            message = read(frame)
            if self.session is None:
                self._logon(message)
            else:
                self.session.receive(message)

    def _logon(self, message: Message) -> None:
        """The first message decides who it is. A stranger learns nothing of why not."""
        name, us = message.get(tags.SENDER_COMP_ID) or "", message.get(tags.TARGET_COMP_ID)
        username, password = message.get(tags.USERNAME) or "", message.get(tags.PASSWORD) or ""
        if message.type != types.LOGON:
            raise Hangup("the first message was no Logon")
        if us != self.hall.settings.comp_id or self.hall.settings.counterparty(name) is None:
            raise Hangup("CompIDs of no session")
        if not self.hall.authenticate(name, username, password):
            raise Hangup(f"wrong Username or Password of {name}")
        if not self.hall.enter(name, self):
            raise Hangup(f"{name} is logged on already")
        self.session = self.hall.open(name, self._link.sendall)
        self.session.logon(message)

    def _name(self) -> str | None:
        return self.session and self.session.name

    def _close(self) -> None:
        self.hall.leave(self)
        try:
            self._link.shutdown(socket.SHUT_WR)     # what was said arrives before the end
            self._link.settimeout(DRAIN_SECONDS / DRAIN_READS)
            for _ in range(DRAIN_READS if self.session else 0):     # to a stranger nothing was
                if not self._link.recv(CHUNK):
                    break
        except OSError:
            pass
        for one in (self._link, self._waker, self._woken):
            one.close()
        self.hall.closed(self)
