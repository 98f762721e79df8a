"""The web app in a browser with a wallet that signs by itself: connect, deposit, order, reveal, fill, withdraw."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import pytest

from offchain.notes import Terms, pay
from offchain.orders import Fate
from offchain.paths import BUILD
from tests.frontend import desk
from tests.frontend import scene as stage
from tests.world import anvil, build_world

PICTURES = BUILD / "shots"
DEPOSIT = "100"
WITHDRAWAL = "10.5"
TRADER = "ash"


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
            plan = {
                "base": address, "rpc": url, "key": trader.account.key.hex(), "out": str(PICTURES), "looks": desk.LOOKS,
                "services": [office.address], "patience": 120_000, "steps": _steps(folder / "credential.json", office),
            }  # fmt: skip
            yield Use(chain, desk.walk(plan, chain, folder))


def _steps(credential: Path, office: desk.Office) -> list[dict]:
    return [
        *_connecting(), *_setting_up(credential), *_depositing(), *_cancelling(), *_trading(), *_after(),
        *_handing_over(office), *_coming_back(),
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
    ]  # fmt: skip


def _depositing() -> list[dict]:
    form = "form[aria-label=Deposit]"
    return [
        {"go": "/desk"}, {"choose": "Asset", "text": "USD", "within": form},
        {"fill": "Amount", "text": DEPOSIT, "within": form}, {"click": "Deposit", "within": form},
        {"see": ".task-stages .on", "text": "Proof"}, {"shot": "proving"},
        {"see": ".task-done"}, {"say": "confirm"}, {"see": ".badge", "text": "waits for the tree"},
        {"say": "advance"}, {"see": ".badge", "text": "spendable"}, {"shot": "balances"},
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
        {"say": "open"}, {"go": "/desk/order"},
        {"fill": "Quantity", "text": "7"}, {"fill": "Limit", "text": "52"},
        {"see": ".desk-checks .bad", "text": "deposit more"}, {"shot": "refused"},
        *_ticket(desk.BUYS), {"see": ".desk-checks .good", "text": "Order 1 of your 2"}, {"gone": ".desk-checks .bad"},
        {"shot": "order"}, {"click": "Prove and send"},
        {"click": "Cancel"}, {"see": ".task-cancelled", "text": "Nothing was sent"},
        {"click": "Prove and send"}, {"see": ".task-done"}, {"say": "confirm"},
        {"go": "/desk/blotter"}, {"see": "td .badge", "text": "sealed"}, {"see": ".notice-warn", "text": "Keep this page open"},
        {"shot": "sealed"}, {"click": "Cancel", "within": "td", "loose": True}, {"shot": "cancelling"}, {"click": "Cancel the order"},
        {"see": ".task-done"}, {"say": "confirm"}, {"see": "td .badge", "text": "cancelled"}, {"gone": ".notice-warn"},
    ]  # fmt: skip


def _trading() -> list[dict]:
    """Revealed by the page itself, since no agent is paired."""
    return [
        {"go": "/desk/order"}, *_ticket(desk.BUYS), {"see": ".desk-checks .good", "text": "Order 2 of your 2"},
        {"click": "Prove and send"}, {"see": ".task-done"}, {"say": "confirm"},
        {"go": "/desk/blotter"}, {"see": "td .badge", "text": "sealed"},
        {"say": "meet"}, {"see": ".task-done", "text": "Reveal"}, {"say": "confirm"},
        {"see": "td .badge", "text": "revealed"}, {"say": "settle"}, {"see": "td .badge", "text": "filled"},
        {"shot": "blotter"},
    ]  # fmt: skip


def _after() -> list[dict]:
    form = "form[aria-label=Withdraw]"
    return [
        {"go": "/desk/history"}, {"see": "td", "text": "Deposit"}, {"shot": "history"},
        {"save": "Export as CSV", "into": "csv"},
        {"go": "/desk"}, {"choose": "Asset", "text": "USD", "within": form},
        {"fill": "Amount", "text": WITHDRAWAL, "within": form}, {"click": "Withdraw", "within": form},
        {"see": ".task-done", "text": "Withdraw"}, {"say": "confirm"},
    ]  # fmt: skip


def _handing_over(office: desk.Office) -> list[dict]:
    """To the agent, which commits and reveals while no page is open."""
    return [
        {"say": "agent"}, {"go": "/desk/settings"}, {"fill": "Agent’s address", "text": office.address},
        {"fill": "API key", "text": office.token}, {"click": "Pair"}, {"see": ".lamp-good"}, {"shot": "paired"},
        {"say": "open"}, {"go": "/desk/order"}, *_ticket(desk.HANDED),
        {"count": ".desk-checks .bad", "of": 0}, {"shot": "handing"}, {"click": "Hand it over"},
        {"see": ".task-done", "text": "by the agent"}, {"say": "committed"}, {"go": "/desk/blotter"},
        {"see": "td .badge", "text": "sealed"}, {"count": ".notice-warn", "of": 0}, {"shot": "handed"},
        {"leave": True}, {"say": "meet"}, {"say": "revealed"}, {"say": "settle"},
    ]  # fmt: skip


def _coming_back() -> list[dict]:
    """The passphrase opens what is kept, without a signature; the agent is paired again by itself."""
    return [
        {"go": "/desk"}, {"fill": "Passphrase", "text": "quite another passphrase"}, {"click": "Unlock"},
        {"see": "[role=alert]", "text": "wrong passphrase"}, {"shot": "unlock"},
        {"fill": "Passphrase", "text": desk.PASSPHRASE}, {"click": "Unlock"}, {"see": "h1", "text": "Balances"},
        {"see": ".lamp-good"}, {"go": "/desk/blotter"}, {"count": "td .tone-good", "of": 2}, {"shot": "filled"},
        {"go": "/desk/history"}, {"see": "td", "text": "Withdrawal"}, {"click": "Lock"}, {"see": "h1", "text": "Desk"},
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
    rows = list(csv.DictReader(io.StringIO(use.report["read"]["csv"])))
    [deposited] = [row for row in rows if row["kind"] == "deposit"]
    assert int(deposited["amount"]) == 100 * 10**6
    fills = {row["asset"].lower(): row for row in rows if row["kind"] == "fill"}
    terms = world.market
    payment = pay(desk.BUYS, status.fill, status.price, terms.lot, terms.fee_bps)
    assert int(fills[terms.base.lower()]["amount"]) == payment.base
    paid = desk.BUYS.lock(terms.lot, terms.fee_bps) - payment.quote
    assert int(fills[terms.quote.lower()]["amount"]) == -paid
