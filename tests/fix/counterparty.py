"""Both sides of a session without a wire between them: bytes are handed over, time and death are a test's."""

from offchain.fix.application import Application
from offchain.fix.reporter import Reporter
from offchain.fix.session import Clock, Session
from offchain.fix.store import FixStore
from offchain.fix.wire import read, stamp
from tests.fix.conftest import settings
from tests.fix.peer import PASSWORD, counted, decode, encode

NAME = "DESK"


class Hands(Clock):
    """A clock that a test moves."""

    def __init__(self):
        super().__init__(lambda: self.time, lambda: self.time)

    time = 1_750_000_000.0

    def move(self, seconds: float) -> None:
        object.__setattr__(self, "time", self.time + seconds)


class Ours:
    """The acceptor's side, as one process has it: `said` is what it put on the wire."""

    def __init__(self, desk, store: FixStore, clock: Clock):
        self.desk, self.store, self.clock = desk, store, clock
        self.said: list[dict[int, str]] = []
        self.reporter = Reporter(desk, store, lambda name: None)
        self.session = Session(NAME, settings(), store, Application(desk, settings(), store), self._send, clock)

    def _send(self, data: bytes) -> None:
        counted["messages"] += 1
        self.said.append(decode(data))

    def hear(self, kind: str, number: int, *body: tuple[int, object], dup: bool = False) -> None:
        """Give the session a message of the counterparty's."""
        counted["messages"] += 1
        time = stamp(int(self.clock.wall() * 1000))
        again = [(43, "Y"), (122, time)] if dup else []
        header = [(35, kind), (49, NAME), (56, "SHADOWPOOL"), (34, number), *again, (52, time)]
        message = read(encode([*header, *body]))
        if kind == "A":
            self.session.logon(message)
        else:
            self.session.receive(message)

    def logon(self, number: int, heartbeat: int = 30) -> None:
        self.hear("A", number, (98, 0), (108, heartbeat), (554, PASSWORD))

    def report(self) -> None:
        """What the reporter's thread does, and the wake that follows."""
        self.reporter.take(self.desk.events(self.store.cursor()))
        self.session.flush()

    def take(self) -> list[dict[int, str]]:
        """What was said since the last time."""
        said, self.said = self.said, []
        return said
