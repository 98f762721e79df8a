"""The parts of `check` that are about this machine: files, disk, database, Redis, ports."""

import os
import secrets
import shutil
import socket
import stat
import tempfile
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import redis
from sqlalchemy import text

from offchain.keystore import KeystoreError
from relayer.store import Store
from relayer.telemetry.metrics import address

DISK_BYTES = (2 << 30, 256 << 20)
"""Free space below the first is a WARN, below the second a FAIL."""


class Level(StrEnum):
    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


Finding = tuple[Level, str, str]
Findings = Iterator[tuple[Level, str] | Finding]


def mode(path: Path, most: int) -> Finding:
    """Whether nobody but the owner, who is us, can touch it; KeystoreError if it is not there."""
    try:
        found = path.stat()
    except FileNotFoundError:
        raise KeystoreError(f"there is no {path}") from None
    bits = stat.S_IMODE(found.st_mode)
    if bits & ~most or found.st_uid != os.geteuid():
        remedy = f"chown it to yourself, and chmod {most:o} {path}"
        return Level.FAIL, f"{path} is open to others (mode {bits:04o})", remedy
    return Level.OK, f"{path.name or path} has mode {bits:04o}", ""


def disk(folder: Path) -> Finding:
    """Free space, and whether a file can be written to the end."""
    free = shutil.disk_usage(folder).free
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".check") as file:
        file.write(secrets.token_bytes(1 << 16))
        file.flush()
        os.fsync(file.fileno())
    warn, fail = DISK_BYTES
    level = Level.FAIL if free < fail else Level.WARN if free < warn else Level.OK
    return level, f"{folder}: {free >> 20} MiB free, and it can be written", "" if level == Level.OK else "make room"


def database(store: Store) -> Finding:
    """Whether it can be written; what is written is undone."""
    with store.engine.connect() as connection, connection.begin() as change:
        connection.execute(text("CREATE TABLE check_write (number INTEGER)"))
        change.rollback()
    return Level.OK, f"{store.engine.dialect.name} answers, can be written, and is of this deployment", ""


def redis_server(url: str, password: str | None) -> Finding:
    try:
        with redis.Redis.from_url(url, password=password, socket_timeout=5) as client:
            client.ping()
    except redis.RedisError as error:
        remedy = "start it, or take the redis line out: proofs are then made in this process's pool"
        return Level.FAIL, f"Redis does not answer ({type(error).__name__})", remedy
    return Level.OK, "Redis answers", ""


def port(listen: str) -> Finding:
    """Whether HOST:PORT can be listened on."""
    host, number = address(listen)
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, number))
        except OSError:
            return Level.WARN, f"{listen} is in use", "fine if the service runs already; else name another port"
    return Level.OK, f"{listen} is free", ""
