"""The client's stream over connections that end: each that opens counts, however little is told on it."""

import json
import threading
from contextlib import contextmanager
from dataclasses import asdict
from types import SimpleNamespace

import pytest
from websockets.sync.server import serve

from offchain import agent_client
from offchain.agent.desk import DeskEvent
from offchain.agent_client import RETRY_SECONDS, AgentClient, AgentError

LOST = 5
HEARTBEAT = {"kind": "heartbeat"}


@contextmanager
def serving(*connections):
    """What each connection is told before it ends; the last is all that follow."""
    count = iter(range(10**6))

    def serve_one(socket):
        socket.recv()
        for told in connections[min(next(count), len(connections) - 1)]:
            socket.send(json.dumps(told))

    with serve(serve_one, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def clock(monkeypatch):
    """Time passes while the client waits to ask again, and else not."""
    found = SimpleNamespace(now=1.0)
    found.sleep = lambda seconds: setattr(found, "now", found.now + seconds)
    monkeypatch.setattr(agent_client, "time", SimpleNamespace(monotonic=lambda: found.now, sleep=found.sleep))
    return found


def test_a_quiet_stream_that_is_lost_again_and_again_goes_on(clock):
    event = DeskEvent(1, 0, "agent", None, {"problem": "none"})
    with serving(*[[HEARTBEAT]] * LOST, [HEARTBEAT, asdict(event)]) as url:
        with AgentClient(url, "key", patience=RETRY_SECONDS / 2) as client:
            assert next(client.stream()) == event
    assert clock.now == 1 + LOST * RETRY_SECONDS


def test_an_agent_that_never_takes_the_stream_is_given_up(clock):
    with serving([{"kind": "error", "status": 503, "code": "busy", "detail": "later"}]) as url:
        with AgentClient(url, "key", patience=3 * RETRY_SECONDS) as client, pytest.raises(AgentError, match="no stream"):
            next(client.stream())
