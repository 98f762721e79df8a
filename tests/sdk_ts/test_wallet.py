"""The wallet in TypeScript, under Node, on a real chain with real proofs: it trades, and sees what Python's sees."""

import json
import subprocess
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from offchain.circuits import FOLDER
from offchain.notes import Side, Terms
from offchain.orders import OrderStatus
from offchain.paths import BUILD, ROOT
from offchain.wallet import Wallet
from tests.carrying import FEE, GENEROUS, carrier_account, carrying
from tests.frontend.scene import served
from tests.world import CONFIRMATIONS, MILLION, World, anvil, build_world

VITE = BUILD / "web" / "node_modules" / ".bin" / "vite"
TRADER = "ash"


class Refused(Exception):
    """What the driver answers where an action fails."""


class Driver:
    """The trader under Node."""

    def __init__(self, sdk: Path):
        command = ["node", ROOT / "tests" / "sdk_ts" / "driver.mjs", sdk, FOLDER]
        self._node = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, action: str, **given):
        self._node.stdin.write(json.dumps({"do": action} | given) + "\n")
        self._node.stdin.flush()
        answer = json.loads(self._node.stdout.readline())
        if "error" in answer:
            raise Refused(f"{answer['error']}: {answer['message']}")
        return answer["done"]

    def close(self) -> None:
        self._node.stdin.close()
        self._node.wait(timeout=60)


@pytest.fixture(scope="module")
def sdk(tmp_path_factory) -> Path:
    """The SDK as Node runs it."""
    folder = tmp_path_factory.mktemp("sdk")
    command = [VITE, "build", "--config", "sdk/vite.config.ts", "--outDir", folder, "--logLevel", "warn"]
    subprocess.run(command, cwd=ROOT / "frontend", check=True, timeout=600)
    return folder


@pytest.fixture
def driver(sdk):
    made = Driver(sdk)
    yield made
    made.close()


def test_a_trade_by_typescript_is_seen_by_python(tmp_path, driver, sdk):
    with anvil() as url:
        world = build_world(url, tmp_path)
        world.issuer.admit_carrier(carrier_account().address)
        with carrying(world.chain, tmp_path, replace(GENEROUS, fees={world.asset("USD"): FEE})) as carrier:
            _trade(world, url, driver, carrier.url)
        _same(driver("view"), world.restore(TRADER))
        driver("checkSpent")
        with served(world, url, tmp_path) as indexer:
            again = Driver(sdk)
            again("open", **_place(world, url), indexer=indexer)
            _same(again("view"), world.restore(TRADER))
            again.close()


def _place(world: World, url: str) -> dict:
    deployment = json.loads(json.dumps(asdict(world.deployment)))
    account = world.traders[TRADER].account.address
    return {"rpc": url, "deployment": deployment, "account": account, "depth": CONFIRMATIONS}


def _trade(world: World, url: str, driver: Driver, carrier: str) -> None:
    """Deposit, two orders, one cancelled and one filled, and a withdrawal, all but the settlement by TypeScript."""
    ash, birch = world.traders[TRADER], world.traders["birch"]
    usd = world.deployment.tokens["USD"].address
    assert driver("open", **_place(world, url))["owner"] == str(ash.key.owner)
    driver("deposit", asset=usd, amount=str(MILLION), notes=2)
    world.fund("birch", BTC=MILLION)

    world.open_epoch()
    credential = _credential(world)
    bought = {"side": int(Side.BUY), "quantity": "7", "price": "520"}
    order = driver("commit", market=0, credential=credential, order=bought, carrier=carrier)["placed"]
    other = driver("commit", market=0, credential=credential, order=bought | {"quantity": "1"}, carrier=carrier)["placed"]
    with pytest.raises(Refused, match="QuotaUsed"):
        driver("commit", market=0, credential=credential, order=bought, carrier=carrier)
    sold = birch.wallet.commit(
        0, order["epoch"], Terms(Side.SELL, 5, 480), birch.credential, carrier=world.accounts["carrier"]
    )
    world.confirm()
    driver("reclaim", order=other, carrier=carrier)
    with pytest.raises(Refused, match="OrderRefused: a reveal waits"):
        driver("reveal", order=order, carrier=carrier)
    world.go_to(world.market.windows(order["epoch"]).reveal + CONFIRMATIONS)
    driver("reveal", order=order, carrier=carrier)
    birch.wallet.reveal(sold, carrier=world.accounts["carrier"])
    world.settle(0, order["epoch"])
    world.advance_tree()

    token = world.chain.token(usd).functions
    before = world.chain.call(token.balanceOf(ash.account.address))
    driver("withdraw", asset=usd, amount="1000", to=ash.account.address, carrier=carrier)
    assert world.chain.call(token.balanceOf(ash.account.address)) == before + 1000
    world.confirm()


def _credential(world: World) -> str:
    issued = world.traders[TRADER].credential
    data = asdict(issued.credential) | {"id": issued.id}
    return json.dumps(data | {"owner": str(data["owner"])})


def _same(view: dict, wallet: Wallet) -> None:
    """Notes, orders, fills and balances, as far as either can tell."""
    wallet.ledger.depth = CONFIRMATIONS
    balances, orders = wallet.balances(), wallet.orders()
    notes = [
        {"asset": str(own.note.asset), "amount": str(own.note.amount), "blinding": str(own.note.blinding),
         "owner": str(own.note.owner), "position": own.position, "nullifier": str(own.nullifier),
         "spent": own.spent, "advanced": own.advanced}
        for own in wallet.holdings.notes
    ]  # fmt: skip
    assert view["block"] == wallet.ledger.block
    assert view["notes"] == notes
    assert {int(asset, 16): int(amount) for asset, amount in view["balances"].items()} == balances
    assert list(map(_told, view["orders"])) == list(map(_status, orders))
    assert {one["fate"] for one in view["orders"]} == {"filled", "cancelled"}
    fill = next(one for one in view["orders"] if one["fate"] == "filled")
    assert fill["fill"] == "5" and fill["reference"] == "500"
    sums = {}
    for movement in view["history"]:
        sums[movement["asset"]] = sums.get(movement["asset"], 0) + int(movement["amount"])
    assert {asset: total for asset, total in sums.items() if total} == {
        asset: int(amount) for asset, amount in view["balances"].items()
    }
    kinds = [movement["kind"] for movement in view["history"]]
    assert kinds == ["deposit", "fill", "fill", "withdrawal"] and view["rows"] == 5
    assert view["history"][-1]["fee"] == str(FEE)


def _told(order: dict) -> dict:
    placed, terms = order["placed"], order["placed"]["terms"]
    names = "market", "epoch", "index", "rk"
    return {name: placed[name] for name in names} | {
        "terms": [terms["side"], int(terms["quantity"]), int(terms["price"])], "salt": int(placed["salt"]),
        "quota_nullifier": int(placed["quotaNullifier"]), "state": order["epochState"], "fate": order["fate"],
        "reclaimable": order["reclaimable"],
    } | {name: None if order[name] is None else int(order[name]) for name in ("fill", "price", "forfeited")}  # fmt: skip


def _status(status: OrderStatus) -> dict:
    placed, order = status.placed, status.placed.order
    return {
        "market": order.market, "epoch": order.epoch, "index": placed.index, "rk": placed.rk,
        "terms": [int(order.terms.side), order.terms.quantity, order.terms.price], "salt": order.salt,
        "quota_nullifier": placed.quota_nullifier, "state": status.epoch_state.name.lower(), "fate": str(status.fate),
        "reclaimable": status.reclaimable, "fill": status.fill, "price": status.price, "forfeited": status.forfeited,
    }  # fmt: skip
