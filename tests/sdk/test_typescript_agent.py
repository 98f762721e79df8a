"""The agent's client in TypeScript against the real gateway, over a desk in memory."""

import json
import subprocess

from offchain.gateway.app import create
from offchain.gateway.keys import Keys
from offchain.gateway.serve import serving
from offchain.gateway.settings import Settings
from offchain.gateway.tables import prepare
from offchain.paths import BUILD, ROOT
from offchain.store import Store
from tests.agent.desk_double import USD, DeskDouble

SCOPES = "read", "trade", "move", "admin"
RECIPIENT = "0x" + "AC" * 20


def test_orders_events_and_movements(tmp_path):
    store = Store.open(f"sqlite:///{tmp_path}/agent.sqlite")
    prepare(store.engine)
    app = create(DeskDouble(), Settings(bytes(32)), store.engine)
    with serving(app, port=0) as url:
        told = {"url": url, "key": Keys(store.engine).new("web", SCOPES), "asset": USD, "recipient": RECIPIENT}
        # Node 20 has its WebSocket behind a flag.
        command = ["node", "--experimental-websocket", ROOT / "frontend" / "e2e" / "agent.mjs", BUILD / "sdk"]
        done = subprocess.run(command, input=json.dumps(told), capture_output=True, text=True, timeout=300)
    store.close()
    assert done.returncode == 0, done.stderr
    _check(json.loads(done.stdout))


def _check(got: dict) -> None:
    placed = got["placed"]
    assert (placed["clientId"], placed["side"], placed["quantity"], placed["price"]) == ("first", 0, f"{2**63}n", "1n")
    assert (placed["state"], placed["source"], placed["epoch"], placed["fill"]) == ("accepted", "rest", None, None)
    assert got["again"] == placed
    assert got["duplicate"] == [True, "duplicate_id"] and got["unknown"] == "not_found"
    assert got["cancelled"]["state"] == "cancelled" and got["orders"] == [got["order"]] and got["fills"] == []
    assert [event["sequence"] for event in got["events"]] == [1, 2]
    assert [event["order"] for event in got["events"]] == [placed, got["order"]]
    assert (got["quote"]["lock"], got["quote"]["fee"], got["quote"]["symbol"]) == ("4n", "0n", "USD")
    assert all(check["passed"] for check in got["quote"]["checks"])
    assert got["status"]["killed"] is False and got["status"]["problems"] == []
    assert {balance["symbol"]: balance["largestPair"] for balance in got["balances"]} == {
        "BTC": f"{10**12}n", "USD": f"{10**12}n",
    }  # fmt: skip
    assert (got["markets"][0]["lot"], got["markets"][0]["windows"]["freeze"]) == ("1000n", 340)
    assert [movement["kind"] for movement in got["moved"]] == ["withdrawal", "consolidation"]
    assert got["moved"][0]["amount"] == "5n" and len(got["movements"]) == 2
    assert got["killed"]["killed"] is True and got["killed"]["reason"] == "a test"
    assert got["refused"] == "killed" and got["stranger"] == "unauthorized"
