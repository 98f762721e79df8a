"""The FIX acceptor of an agent: `Acceptor(desk, settings, engine)`, `start()`, `stop()`."""

import socket
import threading
from collections.abc import Callable

import structlog
from sqlalchemy import Engine

from offchain.agent.desk import Desk
from offchain.fix.application import Application
from offchain.fix.connection import Connection
from offchain.fix.reporter import Reporter
from offchain.fix.session import Clock, Session
from offchain.fix.settings import Authenticate, Settings
from offchain.fix.store import FixStore

RETRY_SECONDS = 0.5
TURN_AWAY_SECONDS = 1.0
log = structlog.get_logger()


class Acceptor:
    """Counterparties log on and trade on `desk`; what must be remembered is in tables of its own under `engine`.

    `authenticate` None: by the settings' passwords. One process has one acceptor; the desk's lease sees to it.
    """

    def __init__(
        self,
        desk: Desk,
        settings: Settings,
        engine: Engine,
        authenticate: Authenticate | None = None,
        clock: Clock = Clock(),
    ):
        self.settings, self.clock = settings, clock
        self.authenticate = authenticate or settings.authenticate
        self.store = FixStore(engine)
        self.application = Application(desk, settings, self.store)
        self._reporter = Reporter(desk, self.store, self._wake, self.application.settle)
        self._listener: socket.socket | None = None
        self._thread = threading.Thread(target=self._accept, name="fix-acceptor", daemon=True)
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._connections: dict[Connection, None] = {}      # in the order in which they came
        self._sessions: dict[str, Connection] = {}

    def start(self) -> None:
        """Listen. OSError if the port is taken."""
        self.application.resume()
        self._listener = socket.create_server((self.settings.host, self.settings.port))
        self._reporter.start()
        self._thread.start()
        log.info("fix_listens", host=self.settings.host, port=self.port)

    def stop(self) -> None:
        """Log every session out, and wait until all is closed."""
        if self._listener is None:
            return
        self._stopping.set()
        self._reporter.stop()
        try:
            self._listener.shutdown(socket.SHUT_RDWR)   # else `accept` would not end
        except OSError:
            pass
        self._listener.close()
        self._thread.join()
        with self._lock:
            open_now = list(self._connections)
        for connection in open_now:
            connection.wake(stop=True)
        for connection in open_now:
            connection.thread.join()
        self._reporter.join()
        self._listener = None

    @property
    def port(self) -> int:
        """Where it listens, also if the settings said 0."""
        return self._listener.getsockname()[1]

    def logged_on(self) -> list[str]:
        """CompIDs of the sessions that are connected."""
        with self._lock:
            return sorted(self._sessions)

    # --- Connections ---

    def enter(self, name: str, connection: Connection) -> bool:
        """Take the session; False if another connection has it."""
        with self._lock:
            return self._sessions.setdefault(name, connection) is connection

    def open(self, name: str, send: Callable[[bytes], None]) -> Session:
        """The session, as it was left."""
        return Session(name, self.settings, self.store, self.application, send, self.clock)

    def leave(self, connection: Connection) -> None:
        """Give the session up, which another connection may take from now on."""
        with self._lock:
            self._sessions = {name: one for name, one in self._sessions.items() if one is not connection}

    def closed(self, connection: Connection) -> None:
        with self._lock:
            self._connections.pop(connection, None)

    def _accept(self) -> None:
        while True:
            try:
                link, _ = self._listener.accept()
            except OSError as error:
                if self._stopping.wait(RETRY_SECONDS):
                    return
                log.warning("fix_accept_failed", error=type(error).__name__)
                continue
            self._make_room()
            try:
                self._serve(Connection(self, link))
            except (OSError, RuntimeError) as error:    # no descriptor or thread is left now
                log.warning("fix_accept_failed", error=type(error).__name__)
                link.close()

    def _make_room(self) -> None:
        """Turn the oldest stranger away where there are too many: the one that comes now may be a counterparty, which
        logs on at once. Sessions need no limit, for each is of one counterparty."""
        with self._lock:
            named = set(self._sessions.values())
            strangers = [one for one in self._connections if one not in named]
        if len(strangers) >= self.settings.max_strangers:   # this thread alone adds any
            log.warning("fix_too_many_strangers", most=self.settings.max_strangers)
            strangers[0].turn_away()
            strangers[0].thread.join(TURN_AWAY_SECONDS)

    def _serve(self, connection: Connection) -> None:
        with self._lock:
            self._connections[connection] = None
        try:
            connection.thread.start()
        except RuntimeError:
            self.closed(connection)
            raise

    def _wake(self, name: str) -> None:
        with self._lock:
            connection = self._sessions.get(name)
        if connection is not None:
            connection.wake()
