"""schemathesis against every operation: what its schema allows, and what it does not."""

from dataclasses import replace

from offchain.gateway import auth
from offchain.gateway.app import create
from offchain.gateway.keys import Keys
from scripts.bench.api import schemathesis_run
from tests.gateway.conftest import SCOPES

READS = {"/v1/status", "/v1/orders", "/v1/fills", "/v1/balances", "/v1/markets", "/v1/movements", "/v1/decisions", "/v1/webhooks"}


def test_schemathesis_finds_nothing(desk, engine, controls, settings, monkeypatch):
    monkeypatch.setattr(auth, "WRONG_BURST", 10**6)     # it tries wrong keys too
    token = Keys(engine).new("schema", SCOPES, per_second=1e6, burst=10**6)

    def beyond(case) -> bool:
        """Which orders, amounts and URLs are good depends on more than their form."""
        return case.method != "GET" or case.path not in READS

    app = create(desk, replace(settings, hosts=frozenset({"testserver"})), engine, controls=controls)
    found = schemathesis_run(app, examples=2, headers={"Authorization": f"Bearer {token}"}, beyond=beyond)
    assert found["cases"] > 60 and found["failures"] == [], found["failures"][:3]
    assert controls.decisions.verify()[0] > 10
