"""A trader in Node on the SDK in TypeScript against one on Python's: real proofs, one chain, the same from both."""

from dataclasses import replace

import pytest

from offchain.chain import as_address
from offchain.notes import Side, Terms
from tests.carrying import FEE, GENEROUS, carrier_account, carrying
from tests.frontend.scene import served
from tests.sdk.trader import Refusal, node_trader
from tests.world import CONFIRMATIONS, World, anvil, build_world

pytestmark = pytest.mark.timeout(1200)

REFERENCE = 500
DEPOSIT = 10**7


@pytest.fixture(scope="module")
def stage(tmp_path_factory):
    folder = tmp_path_factory.mktemp("typescript")
    with anvil() as url:
        world = build_world(url, folder, price=REFERENCE)
        with node_trader(world, url, folder) as trader:
            yield world, url, trader


def test_a_trade_from_key_to_withdrawal(stage):
    """Every action of a wallet, by the one SDK and the other; what a chain sees tells neither from the other."""
    world, _, trader = stage
    usd, btc = (world.deployment.tokens[symbol].address for symbol in ("USD", "BTC"))
    birch, carrier, credential = world.wallet("birch"), world.accounts["carrier"], world.traders["birch"].credential

    address = world.traders["ash"].key.address
    assert trader("open") == {"owner": str(address.owner), "viewing": [str(address.viewing.x), str(address.viewing.y)]}
    deposits = trader("deposit", usd, str(DEPOSIT)), birch.deposit(world.asset("BTC"), DEPOSIT, notes=2)
    world.advance_tree()

    epoch = world.open_epoch()
    commits = [trader("commit", Side.BUY, "6", price) for price in ("520", "510")]
    kept, cancelled = (one["placed"] for one in commits)
    with pytest.raises(Refusal, match="QuotaUsed"):
        trader("commit", Side.BUY, "1", "500")
    mine = birch.commit(0, epoch, Terms(Side.SELL, 6, 480), credential, carrier=carrier)
    other = birch.commit(0, epoch, Terms(Side.SELL, 1, 900), credential, carrier=carrier)
    world.confirm()
    reclaims = trader("reclaim", cancelled), birch.reclaim(other, carrier=carrier)
    world.go_to(world.market.windows(epoch).reveal + CONFIRMATIONS)
    reveals = trader("reveal", kept), birch.reveal(mine, carrier=carrier)
    world.settle(0, epoch)
    world.confirm()
    world.advance_tree()

    found = trader("holdings")
    assert {order["fate"]: order["fill"] for order in found["orders"]} == {"filled": "6", "cancelled": None}
    assert next(order["price"] for order in found["orders"] if order["fill"]) == str(REFERENCE)
    _hold_the_same(world, found)
    accounts = [world.traders[name].account.address for name in ("ash", "birch")]
    held = world.chain.token(btc).functions.balanceOf(accounts[0])
    before = world.chain.call(held)
    withdrawals = (
        trader("withdraw", btc, "2000", accounts[0]),
        birch.withdraw(world.asset("USD"), 1000, accounts[1], carrier=carrier),
    )
    assert world.chain.call(held) == before + 2000
    world.confirm()
    _hold_the_same(world, trader("holdings"))
    with pytest.raises(Refusal, match="InsufficientFunds"):
        trader("withdraw", btc, str(10**12), accounts[0])

    for theirs, own in (deposits, (commits[0]["receipt"], mine.receipt), reclaims, reveals, withdrawals):
        assert _shape(world, theirs["hash"]) == _shape(world, own.hash)


def test_a_carrier_s_service_sends_and_an_indexer_tells(stage, tmp_path):
    """What the trade left is found again through an indexer, down to how it came about."""
    world, url, trader = stage
    usd = world.deployment.tokens["USD"].address
    world.issuer.admit_carrier(carrier_account().address)
    account = world.traders["ash"].account.address
    with carrying(world.chain, tmp_path, replace(GENEROUS, fees={int(usd, 16): FEE})) as service:
        trader("withdraw", usd, "3000", account, service.url)
    world.confirm()
    with served(world, url, tmp_path) as indexer, node_trader(world, url, tmp_path, indexer) as again:
        again("open")
        found = again("holdings")
        again("check")
    _hold_the_same(world, found)
    for _ in range(2):
        with node_trader(world, url, tmp_path, journal=tmp_path / "journal") as kept:
            kept("open")
            assert kept("holdings") == found
        assert sum(path.stat().st_size for path in (tmp_path / "journal").iterdir()) > 10_000
    kinds = [(one["kind"], one["account"], one["fee"]) for one in found["history"]]
    assert [kind for kind, *_ in kinds] == ["deposit", "fill", "fill", "withdrawal", "withdrawal"]
    assert kinds[-1] == ("withdrawal", account, str(FEE))
    sums: dict[str, int] = {}
    for one in found["history"]:
        sums[one["asset"]] = sums.get(one["asset"], 0) + int(one["amount"])
    assert {asset: str(total) for asset, total in sums.items()} == found["balances"]


def _hold_the_same(world: World, found: dict) -> None:
    """What Node's wallet holds is what Python's finds from the same key alone."""
    restored = world.restore("ash")
    expected = {
        (str(own.note.asset), str(own.note.amount), str(own.note.blinding), own.position) for own in restored.notes()
    }
    names = ("asset", "amount", "blinding", "position")
    assert {tuple(note[name] for name in names) for note in found["notes"]} == expected
    assert found["balances"] == {as_address(asset): str(amount) for asset, amount in restored.balances().items()}
    statuses = [(str(one.fate), one.placed.rk) for one in restored.orders()]
    assert statuses == [(one["fate"], one["placed"]["rk"]) for one in found["orders"]]


def _shape(world: World, transaction: str) -> tuple:
    """All that a transaction shows but its random words: target, function, type, which of its words are small."""
    sent = world.chain.web3.eth.get_transaction(transaction)
    data = bytes(sent["input"])
    words = [data[at : at + 32] for at in range(4, len(data), 32)]
    return sent["to"], data[:4], len(data), [len(word.lstrip(b"\0")) <= 20 for word in words], sent["value"]
