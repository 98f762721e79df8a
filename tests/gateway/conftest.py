"""A gateway over the desk in memory, and keys for it."""

from types import SimpleNamespace

import pytest
from fastapi.testclient import TestClient

from offchain.gateway.app import create
from offchain.gateway.controls import Controls
from offchain.gateway.keys import Keys
from offchain.gateway.settings import Settings
from offchain.gateway.tables import prepare
from offchain.store import Store
from tests.agent.desk_double import DeskDouble

SEALING_KEY = bytes(range(32))
SCOPES = ("read", "trade", "move", "admin")


@pytest.fixture
def engine(tmp_path):
    store = Store.open(f"sqlite:///{tmp_path}/agent.sqlite")
    prepare(store.engine)
    yield store.engine
    store.close()


@pytest.fixture
def desk():
    return DeskDouble()


@pytest.fixture
def controls(desk, engine):
    return Controls(desk, engine)


@pytest.fixture
def settings():
    return Settings(SEALING_KEY, origins=frozenset({"http://desk.test"}), heartbeat_seconds=0.2, hook_first_wait=0.01)


@pytest.fixture
def gateway(desk, engine, controls, settings):
    """`app`, and `ask(method, path, …, scopes=)` by a key with all scopes but where others are given."""
    app = create(desk, settings, engine, controls=controls)
    keys, made = Keys(engine), {}

    def key(*scopes: str) -> str:
        if scopes not in made:
            made[scopes] = keys.new("-".join(scopes), scopes, per_second=1e6, burst=10**6)
        return made[scopes]

    with TestClient(app, base_url="http://127.0.0.1:8700") as client:
        def ask(method: str, path: str, json=None, scopes=SCOPES, **options):
            headers = {"Authorization": f"Bearer {key(*scopes)}"} | options.pop("headers", {})
            return client.request(method, f"/v1{path}", json=json, headers=headers, **options)

        yield SimpleNamespace(app=app, client=client, ask=ask, key=key, keys=keys, desk=desk, controls=controls)


def terms(**changes) -> dict:
    return {"market": 0, "side": "buy", "quantity": "4", "price": "500"} | changes


def refused(answer, status: int, code: str) -> str:
    """The detail of a problem document of such a status and code."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    told = answer.json()
    assert (answer.status_code, told["status"], told["code"]) == (status, status, code), told
    return told["detail"]
