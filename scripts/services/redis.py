"""A private redis-server on 127.0.0.1. It holds nothing of worth, so nothing of it is on disk."""

from __future__ import annotations

import secrets
import shutil
from pathlib import Path

from redis import Redis, RedisError
from redis.backoff import NoBackoff
from redis.retry import Retry

from scripts.network import process
from scripts.network.files import write_private
from scripts.network.plan import free_port
from scripts.services.server import Server, ServiceError

CONFIG = "redis.conf"


class RedisServer(Server):
    """Port and password stay the same as long as its folder does."""

    def __init__(self, folder: Path):
        super().__init__(folder)
        if not (self.folder / CONFIG).exists():
            self._configure()
        settings = dict(line.split(" ", 1) for line in (self.folder / CONFIG).read_text().splitlines())
        self.port, self.password = int(settings["port"]), settings["requirepass"]

    @property
    def url(self) -> str:
        """Without the password: that is `password`."""
        return f"redis://127.0.0.1:{self.port}/0"

    def client(self) -> Redis:
        """One that says at once when nothing answers."""
        return Redis(host="127.0.0.1", port=self.port, password=self.password, retry=Retry(NoBackoff(), 0))

    def _configure(self) -> None:
        """The password lies in a file of mode 0600, so that no list of processes shows it."""
        settings = {
            "bind": "127.0.0.1",
            "port": str(free_port()),
            "requirepass": secrets.token_urlsafe(32),
            "dir": str(self.folder),
            "save": '""',
            "appendonly": "no",
            "daemonize": "no",
            "logfile": '""',
            "rdbcompression": "no",     # so that a scan of DUMP for secrets sees all that is stored
        }
        write_private(self.folder / CONFIG, "".join(f"{name} {value}\n" for name, value in settings.items()))

    def _launch(self) -> None:
        program = shutil.which("redis-server")
        if program is None:
            raise ServiceError("redis-server is missing: as root, apt-get install redis-server")
        process.launch([program, str(self.folder / CONFIG)], self.folder)

    def _answers(self) -> bool:
        try:
            with self.client() as client:
                return bool(client.ping())
        except (RedisError, OSError):
            return False


def redis(folder: Path) -> RedisServer:
    """A running server, for use in `with`; ServiceError if it cannot be started."""
    server = RedisServer(folder)
    server.start()
    return server
