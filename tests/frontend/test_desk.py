"""The web app in a browser with a wallet that signs by itself: connect, deposit, order, reveal, fill, withdraw."""

import csv
import io
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import pytest

from offchain.notes import Terms, pay
from offchain.orders import Fate
from offchain.paths import BUILD
from tests.frontend import desk
from tests.frontend import scene as stage
from tests.world import anvil, build_world

pytestmark = pytest.mark.timeout(1800)

PICTURES = BUILD / "shots"
DEPOSIT, ANOTHER = "100", "20"
WITHDRAWAL = "10.5"
TRADER = "ash"
LARGE = {"Quantity": "2.1", "Limit": "52"}
"""109.3092 USD with its fee: less than the 120 that are held, and more than any two notes of 50, 50 and 20."""


@dataclass
class Use:
    """A walk's report, and the chain that it left."""

    chain: desk.Chain
    report: dict


@pytest.fixture(scope="module")
def use(tmp_path_factory):
    folder = tmp_path_factory.mktemp("desk")
    with pytest.MonkeyPatch.context() as patch, anvil() as url:
        patch.setenv("XDG_STATE_HOME", str(folder))
        world = build_world(url, folder, price=stage.REFERENCE)
        world.fund("birch", BTC=10**6)
        trader = world.traders[TRADER]
        with (
            stage.served(world, url, folder) as address,
            desk.office(world, url, TRADER, folder, address) as office,
        ):
            chain = desk.Chain(world, office)
            credential = (folder / "credential.json").read_text()[:50]
            secrets = {"key": f"{trader.key.sk:064x}", "credential": credential}
            plan = {
                "base": address, "rpc": url, "key": trader.account.key.hex(), "out": str(PICTURES), "looks": desk.LOOKS,
                "services": [office.address], "patience": 300_000, "secrets": secrets,
                "steps": _steps(folder / "credential.json", office),
            }  # fmt: skip
            yield Use(chain, desk.walk(plan, chain, folder))


def _steps(credential: Path, office: desk.Office) -> list[dict]:
    return [
        *_connecting(), *_setting_up(credential), *_depositing(), *_joining(), *_cancelling(), *_trading(), *_after(),
        *_handing_over(office), *_coming_back(), *_left_alone(),
    ]  # fmt: skip


def _connecting() -> list[dict]:
    """On the wrong chain first, and with a signature that is declined once."""
    return [
        {"go": "/desk"}, {"see": ".wallets button", "text": "Local wallet"}, {"shot": "connect"},
        {"onto": 1}, {"click": "Local wallet"}, {"see": ".way.on", "text": "Your wallet is on chain 1"},
        {"shot": "chain"}, {"click": "Change the chain in the wallet"},
        {"decline": "eth_signTypedData_v4"}, {"click": "Sign"}, {"see": "[role=alert]", "text": "declined"},
        {"shot": "key"}, {"click": "Sign"}, {"see": "h1", "text": "Balances"}, {"see": ".empty"}, {"shot": "empty"},
    ]  # fmt: skip


def _setting_up(credential: Path) -> list[dict]:
    return [
        {"go": "/desk/settings"}, {"file": "The issuer’s file", "path": str(credential)}, {"see": "dt", "text": "Tier"},
        {"fill": "Passphrase", "text": desk.PASSPHRASE}, {"fill": "The same again", "text": desk.PASSPHRASE},
        {"click": "Seal in this browser"}, {"see": ".badge", "text": "sealed in this browser"}, {"shot": "settings"},
        {"permit": []}, _NOTIFY, {"see": "[role=alert]", "text": "does not allow it"},
        {"count": "main input:checked", "of": 0},
    ]  # fmt: skip


_NOTIFY = {"click": "Tell me when an order is filled", "role": "checkbox"}


def _depositing() -> list[dict]:
    form = "form[aria-label=Deposit]"
    return [
        {"go": "/desk"}, {"choose": "Asset", "text": "USD", "within": form},
        {"fill": "Amount", "text": DEPOSIT, "within": form}, {"hold": True}, {"click": "Deposit", "within": form},
        {"see": ".task-stages .on", "text": "Proof"}, {"shot": "proving"}, {"hold": False},
        {"see": ".task-done"}, {"say": "confirm"}, {"see": ".badge", "text": "waits for the tree"},
        {"say": "advance"}, {"see": ".badge", "text": "spendable"}, {"shot": "balances"},
    ]  # fmt: skip


def _joining() -> list[dict]:
    """A ticket that three notes cover and no two of them."""
    form = "form[aria-label=Deposit]"
    ticket = [{"fill": name, "text": text} for name, text in LARGE.items()]
    return [
        {"fill": "Amount", "text": ANOTHER, "within": form}, {"click": "One note", "role": "radio", "within": form},
        {"click": "Deposit", "within": form}, {"see": ".task-done", "text": f"Deposit {ANOTHER}"}, {"say": "advance"},
        {"count": "td .tone-good", "of": 3}, {"go": "/desk/order"}, *ticket,
        {"see": ".desk-checks .bad", "text": "join them"}, {"shot": "joining"}, {"click": "Join 2 notes"},
        {"see": ".task-done", "text": "Join notes in USD"}, {"gone": ".ticket-side .form"}, {"say": "advance"},
        {"see": ".desk-checks .good", "text": "120 USD held, 109.3092 USD locked"},
    ]  # fmt: skip


def _ticket(terms: Terms, lots_to_base: int = 5) -> list[dict]:
    """Quantity in BTC, whose lot here is 0.00001, and the limit in USD for one, whose tick is 0.1."""
    return [
        {"fill": "Quantity", "text": f"0.{terms.quantity:0{lots_to_base}}"},
        {"fill": "Limit", "text": f"{terms.price // 10}.{terms.price % 10}"},
    ]


def _cancelling() -> list[dict]:
    """A ticket that is refused, one whose proof is cancelled, and an order that is cancelled on chain."""
    return [
        {"ask": "open"}, {"go": "/desk/order"},
        {"fill": "Quantity", "text": "7"}, {"fill": "Limit", "text": "52"},
        {"see": ".desk-checks .bad", "text": "deposit more"}, {"shot": "refused"},
        *_ticket(desk.BUYS), {"see": ".desk-checks .good", "text": "Order 1 of your 2"}, {"gone": ".desk-checks .bad"},
        {"shot": "order"}, {"hold": True}, {"click": "Prove and send"}, *_meanwhile(),
        {"click": "Cancel", "within": ".task"}, {"see": ".task-cancelled", "text": "Nothing was sent"}, {"hold": False},
        {"go": "/desk/order"}, *_ticket(desk.BUYS), {"click": "Prove and send"}, {"see": ".task-done"}, {"say": "confirm"},
        {"go": "/desk/blotter"}, {"see": "td .badge", "text": "sealed"}, {"see": ".notice-warn", "text": "Keep this page open"},
        {"shot": "sealed"}, {"click": "Cancel", "within": "td", "loose": True}, {"shot": "cancelling"}, {"click": "Cancel the order"},
        {"see": ".task-done", "text": "Cancel"}, {"say": "confirm"}, {"see": "td .badge", "text": "cancelled"}, {"gone": ".notice-warn"},
    ]  # fmt: skip


def _meanwhile() -> list[dict]:
    """The page turns to others while it proves."""
    proving = {"see": ".task-running .on", "text": "Proof"}
    return [proving, {"go": "/desk/blotter"}, {"see": "h1", "text": "Blotter"}, proving]


def _trading() -> list[dict]:
    """Revealed by the page itself, since no agent is paired: declined in the wallet, and then by hand."""
    return [
        {"go": "/desk/order"}, *_ticket(desk.BUYS), {"see": ".desk-checks .good", "text": "Order 2 of your 2"},
        {"click": "Prove and send"}, {"see": ".task-done"}, {"say": "confirm"},
        {"go": "/desk/blotter"}, {"see": "td .badge", "text": "sealed"},
        {"decline": "eth_sendTransaction"}, {"say": "meet"}, {"see": ".task-failed", "text": "You declined it"},
        {"see": ".due [role=alert]", "text": "declined"},
        {"see": ".due", "text": "Reveal due in"}, {"see": "td .warn", "text": "reveal due in"}, {"shot": "due"},
        {"click": "Reveal", "within": ".due"}, {"see": ".task-done", "text": "Reveal"}, {"count": ".due", "of": 0},
        {"say": "confirm"},
        {"see": "td .badge", "text": "revealed"}, {"say": "settle"}, {"see": "td .badge", "text": "filled"},
        {"shot": "blotter"},
    ]  # fmt: skip


def _after() -> list[dict]:
    form = "form[aria-label=Withdraw]"
    return [
        {"go": "/desk/history"}, {"see": "td", "text": "Deposit"}, {"shot": "history"},
        {"go": "/desk"}, {"choose": "Asset", "text": "USD", "within": form},
        {"fill": "Amount", "text": WITHDRAWAL, "within": form}, {"click": "Withdraw", "within": form},
        {"see": ".task-done", "text": "Withdraw"}, {"say": "confirm"},
    ]  # fmt: skip


def _handing_over(office: desk.Office) -> list[dict]:
    """To the agent, which commits and reveals while no page is open."""
    return [
        {"say": "agent"}, {"go": "/desk/settings"}, {"fill": "Agent’s address", "text": office.address},
        {"fill": "API key", "text": office.token}, {"click": "Pair"}, {"see": ".lamp-good"},
        {"permit": ["notifications"]}, _NOTIFY, {"see": "main input:checked"}, {"shot": "paired"},
        {"ask": "open"}, {"go": "/desk/order"}, *_ticket(desk.HANDED),
        {"count": ".desk-checks .bad", "of": 0}, {"shot": "handing"}, {"click": "Hand it over"},
        {"see": ".task-done", "text": "by the agent"}, {"say": "committed"}, {"go": "/desk/blotter"},
        {"see": "td .badge", "text": "sealed"}, {"count": ".notice-warn", "of": 0}, {"shot": "handed"},
        {"leave": True}, {"say": "meet"}, {"say": "revealed"}, {"say": "confirm"},
    ]  # fmt: skip


def _coming_back() -> list[dict]:
    """The passphrase opens what is kept, without a signature; the agent is paired again by itself."""
    return [
        {"clock": True}, {"go": "/desk"}, {"fill": "Passphrase", "text": "quite another passphrase"}, {"click": "Unlock"},
        {"see": "[role=alert]", "text": "wrong passphrase"}, {"shot": "unlock"},
        {"fill": "Passphrase", "text": desk.PASSPHRASE}, {"click": "Unlock"}, {"see": "h1", "text": "Balances"},
        {"see": ".lamp-good"}, {"go": "/desk/blotter"}, {"see": "td .badge", "text": "revealed"}, {"say": "settle"},
        {"count": "td .tone-good", "of": 2}, {"shot": "filled"},
        {"go": "/desk/history"}, {"see": "td", "text": "Withdrawal"}, {"save": "Export as CSV", "into": "csv"},
    ]  # fmt: skip


def _left_alone() -> list[dict]:
    """A quarter of an hour without a key or click: the page forgets its secrets, and asks again."""
    return [
        {"heap": "open"}, {"pass": "10:00"}, {"see": "h1", "text": "History"}, {"gone": ".notice-warn"},
        {"pass": "06:00"}, {"see": "h1", "text": "Desk"}, {"see": "label", "text": "Passphrase"},
        {"heap": "locked", "tries": 60},
    ]  # fmt: skip


def test_the_whole_way_is_walked(use):
    assert use.report["failed"] is None


def test_axe_finds_nothing_on_any_page_in_any_look(use):
    found = {(shot["name"], shot["look"]): shot["violations"] for shot in use.report["shots"] if shot["violations"]}
    assert not found


def test_no_page_is_wider_than_its_screen(use):
    assert not [(shot["name"], shot["look"]) for shot in use.report["shots"] if shot["overflow"] > 0]


def test_nothing_is_asked_of_another_machine_but_the_agent(use):
    assert use.report["outside"] == [] and use.report["console"] == []


def test_one_signature_gives_the_key_and_one_more_proves_it(use):
    """Declined once, given once, and once more before the first deposit; none on coming back."""
    assert use.report["asked"].count("eth_signTypedData_v4") == 3


def test_the_chain_holds_what_the_page_showed(use):
    """The same key in Python finds the same order, fill and movements, to the unit."""
    world = use.chain.world
    cancelled, status, handed = world.restore(TRADER).orders()
    assert (cancelled.fate, cancelled.forfeited) == (Fate.CANCELLED, 0)
    assert (status.placed.order.terms, status.fill) == (desk.BUYS, desk.SELLS.quantity)
    assert (handed.placed.order.terms, handed.fill) == (desk.HANDED, desk.HANDED.quantity)


def test_the_history_exported_is_what_the_chain_holds_to_the_unit(use):
    """Its amounts sum to the balances that the same key has in Python, and each row is of its transaction."""
    world = use.chain.world
    rows = list(csv.DictReader(io.StringIO(use.report["read"]["csv"])))
    balances = defaultdict(int)
    for row in rows:
        balances[int(row["asset"], 16)] += int(row["amount"])
        assert world.chain.web3.eth.get_transaction(row["transaction"])["blockNumber"] == int(row["block"])
    restored = world.restore(TRADER)
    assert {asset: amount for asset, amount in balances.items() if amount} == restored.balances()
    moved = [(row["kind"], int(row["amount"])) for row in rows if row["kind"] in ("deposit", "withdrawal")]
    assert moved == [("deposit", 100 * 10**6), ("deposit", 20 * 10**6), ("withdrawal", -10_500_000)]
    assert [row["kind"] for row in rows].count("joined") == 1
    account = world.traders[TRADER].account.address
    assert {row["account"] for row in rows if row["kind"] in ("deposit", "withdrawal")} == {account}


def test_fills_are_exported_with_their_order_and_what_it_gained(use):
    world, terms = use.chain.world, use.chain.world.market
    rows = list(csv.DictReader(io.StringIO(use.report["read"]["csv"])))
    for status in world.restore(TRADER).orders()[1:]:
        order = status.placed.order.terms
        mine = [row for row in rows if row["kind"] == "fill" and int(row["epoch"]) == status.placed.order.epoch]
        base, quote = sorted(mine, key=lambda row: int(row["asset"], 16) != int(terms.base, 16))
        payment = pay(order, status.fill, status.price, terms.lot, terms.fee_bps)
        assert int(base["amount"]) == payment.base
        assert int(quote["amount"]) == payment.quote - order.lock(terms.lot, terms.fee_bps)
        for row in (base, quote):
            said = [row[name] for name in ("market", "side", "quantity", "limit", "fill", "price")]
            assert said == ["0", "buy", *map(str, (order.quantity, order.price, status.fill, status.price))]
            assert int(row["against limit"]) == (order.price - status.price) * status.fill
            assert int(row["against reference"]) == (int(row["reference"]) - status.price) * status.fill


def test_a_fill_is_told_of_where_that_is_allowed_and_without_amounts(use):
    """The first came while the browser refused it, the second after it was allowed."""
    *_, handed = use.chain.world.restore(TRADER).orders()
    assert use.report["told"] == [["Shadowpool", f"An order of epoch {handed.placed.order.epoch} was filled."]]


def test_a_page_left_alone_forgets_its_secrets(use):
    before, after = use.report["read"]["open"], use.report["read"]["locked"]
    assert before["texts"] == ["key", "credential"] and before["keys"] > 0
    assert after == {"keys": 0, "texts": []}
