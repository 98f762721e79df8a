"""Private servers: up at once, killed and restarted at the same place, nothing left behind."""

import os
import stat
import time
from pathlib import Path

import psycopg
import pytest
from redis import AuthenticationError, Redis
from typer.testing import CliRunner

from scripts.services import postgres, redis
from scripts.services.cli import app


@pytest.fixture(params=[redis, postgres], ids=["redis", "postgres"])
def server(request, tmp_path):
    with request.param(tmp_path / "server") as running:
        yield running


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_a_killed_server_comes_back_at_the_same_place(server):
    pid, url = server.pid, server.url
    server.kill()
    assert server.pid is None and not alive(pid) and not server._answers()
    server.restart()
    assert server.pid not in (None, pid) and server.url == url and server._answers()


def test_nothing_is_left_at_the_end(tmp_path):
    with redis(tmp_path / "a") as one, postgres(tmp_path / "b") as other:
        pids, data = (one.pid, other.pid), other.data
        children = Path(f"/proc/{other.pid}/task/{other.pid}/children").read_text().split()
        assert children
    deadline = time.monotonic() + 120
    while any(alive(pid) for pid in (*pids, *map(int, children))) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not any(alive(pid) for pid in (*pids, *map(int, children)))
    assert not data.exists() and not any(tmp_path.iterdir())


def test_several_run_at_once(tmp_path):
    with redis(tmp_path / "a") as one, redis(tmp_path / "b") as other:
        one.client().set("whose", "one")
        assert one.url != other.url and other.client().get("whose") is None


def test_redis_wants_a_password_that_only_a_private_file_shows(tmp_path):
    with redis(tmp_path / "redis") as server:
        with pytest.raises(AuthenticationError):
            Redis(port=server.port).ping()
        command = Path(f"/proc/{server.pid}/cmdline").read_bytes().decode()
        assert server.password not in command and server.password not in server.url
        assert stat.S_IMODE(os.stat(server.folder / "redis.conf").st_mode) == 0o600
        assert server.client().config_get("bind") == {"bind": "127.0.0.1"}


def test_postgres_keeps_what_it_acknowledged_through_a_kill(tmp_path):
    with postgres(tmp_path / "postgres") as server:
        with psycopg.connect(server.conninfo) as connection:
            connection.execute("CREATE TABLE kept (n numeric)")
            connection.execute("INSERT INTO kept VALUES (%s)", (2**256 - 1,))
        server.kill()
        server.restart()
        with psycopg.connect(server.conninfo) as connection:
            assert connection.execute("SELECT n FROM kept").fetchone() == (2**256 - 1,)
            assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        assert stat.S_IMODE(server.data.stat().st_mode) == 0o700


def test_the_command_starts_kills_and_wipes(tmp_path):
    where = ["--dir", str(tmp_path / "services")]
    run = CliRunner()
    try:
        assert '"pid": null' not in run.invoke(app, ["start", *where]).output
        assert run.invoke(app, ["kill", "redis", *where]).exit_code == 0
        assert run.invoke(app, ["status", *where]).output.count('"pid": null') == 1
        assert run.invoke(app, ["stop", *where]).exit_code == 0
        assert run.invoke(app, ["status", *where]).output.count('"pid": null') == 2
        assert run.invoke(app, ["start", "mysql", *where]).exit_code == 1
    finally:
        run.invoke(app, ["wipe", *where])
    assert not any((tmp_path / "services").iterdir())
