"""API keys: shown once, kept as hashes, with scopes, an end, and a way to end them."""

import pytest
from sqlalchemy import text

from offchain.gateway.decisions import Decisions
from offchain.gateway.keys import KeyRefused, Keys, Scope


def test_a_key_is_its_holder_s(engine):
    keys = Keys(engine)
    token = keys.new("desk-1", ["trade", "read", "read"])
    holder = keys.holder(token)
    assert (holder.name, holder.scopes) == ("desk-1", {Scope.READ, Scope.TRADE}) and keys.still(holder)
    assert Keys(engine).holder(token) == holder


def test_the_database_does_not_hold_keys(engine):
    token = Keys(engine).new("a", ["read"])
    with engine.begin() as connection:
        kept = [str(row) for table in ("gateway_key", "decision_log") for row in connection.execute(text(f"SELECT * FROM {table}"))]
    assert token.split("_", 2)[2] not in "".join(kept) and len(kept) == 2


def test_a_revoked_key_ends_here_at_once_and_elsewhere_soon(engine, monkeypatch):
    keys, others = Keys(engine), Keys(engine)
    token = keys.new("a", ["read"])
    holder = others.holder(token)
    keys.revoke("a")
    keys.revoke("a")
    monkeypatch.setattr("offchain.gateway.keys.FRESH_SECONDS", -1.0)
    for one in (keys, others):
        with pytest.raises(KeyRefused, match="revoked"):
            one.holder(token)
        assert not one.still(holder)
    assert [(row.kind, row.subject, row.outcome) for row in Decisions(engine).page(0, 9)] == [("key", "a", "made"), ("key", "a", "revoked")]
    with pytest.raises(KeyRefused, match="was called a already"):
        keys.new("a", ["read"])
    with pytest.raises(KeyRefused, match="no key is called b"):
        keys.revoke("b")


def test_a_key_may_expire(engine):
    now = [1_000_000.0]
    keys = Keys(engine, lambda: now[0])
    token = keys.new("a", ["read"], days=2)
    now[0] += 2 * 86_400 - 1
    holder = keys.holder(token)
    now[0] += 1
    assert not keys.still(holder)
    with pytest.raises(KeyRefused, match="expired"):
        keys.holder(token)


@pytest.mark.parametrize(
    "wrong",
    [{"name": ""}, {"name": "a b"}, {"name": "x" * 41}, {"scopes": []}, {"scopes": ["all"]}, {"per_second": 0}, {"burst": 0}, {"days": 0}],
    ids=str,
)
def test_keys_that_cannot_be(engine, wrong):
    with pytest.raises(KeyRefused):
        Keys(engine).new(**({"name": "a", "scopes": ["read"]} | wrong))
    assert Keys(engine).all() == []
