"""The explorer in a browser, against the real API over a real chain: every page, light and dark, wide and narrow."""

import json
import subprocess
import threading
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import pytest

from offchain import keystore
from offchain.auditor import open_epoch
from offchain.paths import BUILD, ROOT
from tests.frontend import scene as stage
from tests.world import World, anvil, build_world

pytestmark = pytest.mark.timeout(1800)

PASSWORD = "a passphrase for one test"
PICTURES = BUILD / "tests" / "explorer"
LOOKS = [
    {"name": "1440-light", "width": 1440, "height": 900, "scheme": "light"},
    {"name": "390-dark", "width": 390, "height": 844, "scheme": "dark"},
]


@dataclass
class Walk:
    scene: stage.Scene
    plan: dict
    report: dict

    def pages(self, name: str) -> list[dict]:
        return [page for page in self.report["pages"] if page["name"] == name]


@pytest.fixture(scope="module")
def walk(tmp_path_factory):
    folder = tmp_path_factory.mktemp("explorer")
    with anvil() as url:
        world = build_world(url, folder, price=stage.REFERENCE, deferral=stage.DEFERRAL)
        scene = stage.play(world)
        keystore.save(folder / "auditor.json", keystore.Kind.ENCRYPTION, world.auditor.scalar, PASSWORD)
        with stage.served(world, url, folder) as address:
            plan = {"base": address, "out": str(PICTURES), "looks": LOOKS, "patience": 300_000}
            plan["pages"] = _pages(scene, folder / "auditor.json")
            yield Walk(scene, plan, _browse(plan, world, folder))


def _pages(scene: stage.Scene, key: Path) -> list[dict]:
    at = f"/epochs/0/{scene.sealed}"
    settled = scene.world.ledger.epochs[0, scene.sealed].settlement
    tx = _settling(scene)
    relayer = scene.world.leader.account.address
    return [
        _page("markets", "/", "BTC/USD now", "Held in the pool"),
        _page("market", "/markets/0", "Terms", "20 blocks"),
        _page("epochs", "/epochs", "All epochs", "Failed"),
        _page("epoch-printed", f"/epochs/0/{scene.printed}", "Printed in"),
        _page("epoch-failed", f"/epochs/0/{scene.failed}", "slashed"),
        _page("epoch-sealed", at, "Settlement", steps=[
            {"read": ".dark .unseen", "into": "dark"}, {"read": ".lit", "into": "lit"},
        ]),
        _page("transactions", "/transactions", "settle"),
        _page("transaction", f"/tx/{tx}", "Settled", "print_commitment"),
        _page("block", f"/blocks/{settled.block}", "Header", "settle"),
        _page("proofs", "/proofs", "settle_8", "holds"),
        _page("proof", f"/proofs/{tx}", "slot 1 · receipt", steps=[
            {"click": "Verify"}, {"see": ".verdict", "text": "holds"}, {"count": ".checks .good", "of": 5},
        ]),
        _page("relayers", "/relayers", "By seat"),
        _page("relayer", f"/relayers/{relayer}", "Faults", "Slashed"),
        _page("credentials", "/credentials", "Leaves in force", "adds only"),
        _page("contracts", "/contracts", "settle_8", "open_market"),
        _page("liquidity", "/liquidity", "By hour", "INCR", "100 %", steps=[{"see": ".series canvas"}]),
        _page("liquidity-weekly", "/liquidity?venue=UBSA", "36,010,782", steps=[{"see": ".series canvas"}]),
        _page("search", f"/search?q={tx}", "Transaction: settle", steps=[{"url": f"/tx/{tx}"}]),
        _page("missing", "/epochs/0/999999", "Not found", missing="/v1/epochs/0/999999"),
        _page("auditor", "/auditor", "Load a key", steps=[
            {"file": "Key file", "path": str(key)}, {"fill": "Passphrase", "text": "wrong"}, {"click": "Open"},
            {"see": "[role=alert]", "text": "wrong passphrase"},
        ]),
        _page("auditor-loaded", "/auditor", "Load a key", steps=[
            {"file": "Key file", "path": str(key)}, {"fill": "Passphrase", "text": PASSWORD}, {"click": "Open"},
            {"see": ".key-chip"}, {"see": ".badge", "text": "epochs under version 1"}, {"see": "td .lit"},
        ]),
        _page("epoch-open", at, "Opened with the auditor", steps=[
            {"see": ".verdict", "text": "agrees"}, {"read": "table .lit", "into": "lit"},
            {"read": ".stats .lit", "into": "printed"},
        ], after=[{"click": "Forget the auditor key"}, {"gone": ".lit"}, {"gone": ".key-chip"}]),
        _page("shortcuts", "/", "BTC/USD now", steps=[
            {"press": ["g", "r"]}, {"url": "/relayers"}, {"press": ["/"]}, {"see": "input[type=search]:focus"},
            {"press": ["Tab"]}, {"press": ["?"]}, {"see": "dialog[open]"}, {"press": ["Escape"]}, {"gone": "dialog[open]"},
        ]),
        _page("live", f"/epochs/0/{scene.under_way}", "Orders", steps=[
            {"see": ".steps .on", "text": "Commit"}, {"say": "freeze"}, {"see": ".steps .on", "text": "Frozen"},
        ], looks=["1440-light"]),
    ]  # fmt: skip


def _page(name: str, path: str, *expect: str, **more) -> dict:
    return {"name": name, "path": path, "expect": list(expect)} | more


def _settling(scene: stage.Scene) -> str:
    chain = scene.world.chain
    block = scene.world.ledger.epochs[0, scene.sealed].settlement.block
    [event] = [one for one in chain.events(block, block) if one.name == "Settled"]
    return event.tx


def _browse(plan: dict, world: World, folder: Path) -> dict:
    """Run the walk; where it says a word, do what that asks of the chain."""
    (folder / "plan.json").write_text(json.dumps(plan))
    command = ["node", "e2e/browse.mjs", folder / "plan.json"]
    walking = subprocess.Popen(
        command, cwd=ROOT / "frontend", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    said = []

    def listen() -> None:
        for line in walking.stderr:
            said.append(line)
            if line.strip() == "say freeze":
                world.go_to(world.market.windows(world.market.epoch_at(world.chain.head())).freeze)

    listener = threading.Thread(target=listen)
    listener.start()
    try:
        output = walking.stdout.read()
        assert walking.wait(60) == 0, "".join(said)
    finally:
        walking.kill()
        listener.join()
    return json.loads(output)


def test_every_page_shows_what_it_should_in_every_look(walk):
    failed = {(page["name"], page["look"]): page["failed"] for page in walk.report["pages"] if page["failed"]}
    assert not failed
    assert len(walk.report["pages"]) == sum(len(page.get("looks", LOOKS)) for page in walk.plan["pages"])


def test_nothing_is_asked_of_another_machine_and_nothing_is_sent(walk):
    assert walk.report["outside"] == [] and walk.report["posted"] == []


def test_the_console_stays_silent(walk):
    assert walk.report["console"] == []


def test_axe_finds_nothing(walk):
    found = {(page["name"], page["look"]): page["violations"] for page in walk.report["pages"] if page["violations"]}
    assert not found


def test_no_page_is_wider_than_its_screen(walk):
    wide = {(page["name"], page["look"]): page["overflow"] for page in walk.report["pages"] if page["overflow"] > 0}
    assert not wide


def test_the_key_opens_exactly_what_the_auditor_s_own_tool_does(walk):
    """Each order's words, in the order of commits, which is that of the reveals here."""
    world, market = walk.scene.world, walk.scene.world.market
    view = open_epoch(world.ledger, world.auditor, 0, walk.scene.sealed)
    expected = [
        word
        for order in view.orders
        for word in (
            order.terms.side.name.capitalize(), _base(order.terms.quantity, market.lot),
            _price(order.terms.price, market.lot), _base(order.fill, market.lot), f"0x{order.owner:064x}"[:8], str(order.credential_id),
        )
    ]  # fmt: skip
    pages = walk.pages("epoch-open")
    assert len(pages) == len(LOOKS) and view.volume
    for page in pages:
        assert [word[:8] for word in page["read"]["lit"]] == [word[:8] for word in expected]
        assert page["read"]["printed"] == [_price(view.price, market.lot), _base(view.volume, market.lot)]


def test_without_the_key_the_same_rows_are_dark(walk):
    """Six sealed words an order, price and volume, and none of them in the page's text."""
    orders = len(walk.scene.world.ledger.epochs[0, walk.scene.sealed].orders)
    for page in walk.pages("epoch-sealed"):
        assert page["read"]["dark"] == ["sealed"] * (6 * orders + 2)
        assert page["read"]["lit"] == []


def _base(lots: int, lot: int) -> str:
    """Lots as whole BTC, as the page writes them."""
    return f"{Decimal(lots * lot).scaleb(-8):f}".rstrip("0").rstrip(".")


def _price(price: int, lot: int) -> str:
    """Quote units a lot as USD for one BTC."""
    return f"{Decimal(price * 10**8 // lot).scaleb(-6):.2f}"
