"""The gateway's state in PostgreSQL: keys, limits, decisions and webhooks as in SQLite, with many threads at once."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from offchain.agent.desk import Ticket
from offchain.gateway.controls import Controls
from offchain.gateway.keys import KeyRefused, Keys
from offchain.gateway.pretrade import Limits
from offchain.gateway.webhooks import Webhooks
from offchain.hashchain import LogBroken
from offchain.notes import Side
from offchain.store import Store
from scripts.services import postgres
from tests.agent.desk_double import DeskDouble


@pytest.fixture
def engine(tmp_path):
    with postgres(tmp_path / "pg") as server:
        store = Store.open(server.url)
        yield store.engine
        store.close()


def test_all_of_it(engine, desk, settings):
    controls = Controls(desk, engine)
    controls.put(Limits.model_validate({"markets": {"0": {"open_notional": "10000"}}}), "test")
    token = Keys(engine).new("a", ["read"])
    assert Keys(engine).holder(token).name == "a"

    def trade(number: int) -> None:
        desk.place(Ticket(f"o{number}", 0, Side.BUY, 1, 500))
        desk.fill(f"o{number}", 1, 499)
        controls.decisions.add("test", "test", str(number), "done")
        controls.book.catch_up()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(trade, range(20)))
    assert len(controls.book.fills(0, 100)) == 20 and controls.decisions.verify()[0] == 42
    again = Controls(DeskDouble(), engine)
    assert again.get(Limits)[0] == 1 and again.book.followed == controls.book.followed
    assert again.book.settled(desk.market_views) == controls.book.settled(desk.market_views)
    hooks = Webhooks(desk, engine, settings)
    hook, _ = hooks.add("http://127.0.0.1:9/", ["order"], None, "test")
    assert hooks.all()[0].secret == hook.secret
    Keys(engine).revoke("a")
    with pytest.raises(KeyRefused):
        Keys(engine).holder(token)
    change = text("UPDATE decision_log SET outcome = 'changed' WHERE number = 7")
    with pytest.raises(DBAPIError, match="the decision log is only added to"), engine.begin() as connection:
        connection.execute(change)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE decision_log DISABLE TRIGGER decision_log_kept"))
        connection.execute(change)
    with pytest.raises(LogBroken, match="row 7"):
        controls.decisions.verify()
