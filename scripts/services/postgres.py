"""A private PostgreSQL server that only its owner's processes reach, through a Unix socket.

PostgreSQL refuses to run as root: it then runs as Debian's user postgres.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psycopg

from scripts.network import process
from scripts.services.server import Server, ServiceError
from scripts.setup.tools import postgres_programs

SOCKET = ".s.PGSQL.5432"
MAX_SOCKET_PATH = 107
# Durable as shipped, since faults are what it is for; but small, and on no network.
SETTINGS = {
    "listen_addresses": "",
    "shared_buffers": "16MB",
    "max_connections": "60",
    "autovacuum_max_workers": "1",
    "max_wal_size": "128MB",
}


class PostgresServer(Server):
    """Its cluster is `folder/data`, or where that link points; both go with `wipe`."""

    gentle = signal.SIGINT   # SIGTERM waits for every client to leave

    def __init__(self, folder: Path):
        super().__init__(folder)
        self.programs = postgres_programs()
        if self.programs is None:
            raise ServiceError("PostgreSQL 15 or newer is missing: as root, apt-get install postgresql")
        self.link = self.folder / "data"

    @property
    def data(self) -> Path:
        return self.link.resolve()

    @property
    def url(self) -> str:
        """For SQLAlchemy with psycopg."""
        return f"postgresql+psycopg://postgres@/postgres?host={self.data}"

    @property
    def conninfo(self) -> str:
        """For psycopg itself."""
        return f"host={self.data} user=postgres dbname=postgres"

    def wipe(self) -> None:
        self.stop()
        shutil.rmtree(self.data, ignore_errors=True)
        super().wipe()

    def _launch(self) -> None:
        if not (self.data / "PG_VERSION").exists():
            self._create()
        options = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        place = ["-D", str(self.data), "-c", f"unix_socket_directories={self.data}"]
        process.launch([*_as_owner(), str(self.programs / "postgres"), *place, *options], self.folder)

    def _create(self) -> None:
        """A cluster whose socket lies in its own folder, of mode 0700: that is the lock."""
        if self.link.is_symlink():
            self.link.unlink()
        if _fits(self.link):
            self.link.mkdir(mode=0o700, exist_ok=True)
        else:
            self.link.symlink_to(tempfile.mkdtemp(prefix="shadowpool-"))
        if os.geteuid() == 0:
            shutil.chown(self.data, "postgres", "postgres")
        command = [self.programs / "initdb", "-D", self.data, "-U", "postgres", "-E", "UTF8", "--no-sync", "--auth=trust"]
        done = subprocess.run([*_as_owner(), *map(str, command), "--locale=C"], cwd="/", capture_output=True, text=True)
        if done.returncode:
            raise ServiceError(f"initdb failed: {done.stderr[-1000:]}")

    def _answers(self) -> bool:
        try:
            with psycopg.connect(self.conninfo, connect_timeout=30) as connection:
                return connection.execute("SELECT 1").fetchone() == (1,)
        except psycopg.OperationalError:
            return False


def postgres(folder: Path) -> PostgresServer:
    """A running server, for use in `with`, which deletes its data at the end; ServiceError if it cannot be started."""
    server = PostgresServer(folder)
    server.start()
    return server


def _as_owner() -> list[str]:
    """Before a command: replaces itself by it, so that the pid is the server's."""
    return ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups"] if os.geteuid() == 0 else []


def _fits(data: Path) -> bool:
    """Whether a socket's path fits in, and PostgreSQL's user passes every folder above."""
    if len(str(data / SOCKET)) > MAX_SOCKET_PATH:
        return False
    return os.geteuid() != 0 or all(folder.stat().st_mode & 0o001 for folder in data.parents)
