"""What a trader adds to a wallet: whole tokens, and waiting."""

from decimal import Decimal
from types import SimpleNamespace

import pytest

from offchain.admission import EpochFull, NotAdmitted, WindowClosed
from offchain.chain import Reverted
from offchain.coins import NotSpendableYet
from offchain.deployment import Deployment, DeploymentError, Token
from offchain.holdings import PlacedOrder
from offchain.notes import Order, Side, Terms
from offchain.orders import Fate
from offchain.records import MarketTerms
from offchain.sdk import Trader, TooLong

TOKENS = {"BTC": Token("0x" + "00" * 19 + "01", 8), "USD": Token("0x" + "00" * 19 + "02", 6)}
MARKET = MarketTerms(
    "", "", 1, 1, 0, 0, 0, 0, start_block=10, commit_blocks=20, freeze_blocks=2, reveal_blocks=6, settle_blocks=6,
    capacity=8, quota=2, split_bps=0, deferral=5, source="", max_age=0, collar_bps=0,
)  # fmt: skip
ORDER = PlacedOrder(Order(0, 0, Terms(Side.BUY, 10, 500), 1, 0, 1), 0, 77, "")


class FakeChain:
    """A block passes whenever the head is asked for."""

    deployment, poll_seconds = Deployment(31337, 0, {}, {}, TOKENS), 0.0

    def __init__(self, block: int = 0):
        self.block = block

    def head(self) -> int:
        self.block += 1
        return self.block


class FakeWallet:
    """Refuses what its `refusals` say, one after the other, and then does it."""

    def __init__(self, *refusals: Exception, block: int = 10):
        self.chain, self.refusals, self.asked = FakeChain(block), list(refusals), []
        self.deployment = self.chain.deployment
        self.ledger = SimpleNamespace(markets={0: MARKET}, depth=5, block=0)
        self.account = SimpleNamespace(address="0xOwn")
        self.fates = []

    def sync(self) -> None: ...

    def _do(self, *given, **named):
        self.asked.append((self.chain.block, given))
        if self.refusals:
            raise self.refusals.pop(0)
        return ORDER

    commit = withdraw = deposit = reveal = _do

    def balances(self):
        return {1: (1 << 127) + 1, 2: 5}

    def orders(self):
        return [SimpleNamespace(placed=ORDER, fate=self.fates.pop(0))]


def trader(wallet: FakeWallet) -> Trader:
    return Trader(wallet, None, "carrier")


def test_amounts_are_whole_tokens_and_exact():
    wallet = FakeWallet()
    btc = Decimal("1701411834604692317316873037158.84105729")
    assert trader(wallet).balances() == {"BTC": btc, "USD": Decimal("0.000005")}
    trader(wallet).deposit("USD", "2500.000001")
    trader(wallet).withdraw("BTC", Decimal("0.00000001"))
    assert [given for _, given in wallet.asked] == [(2, 2_500_000_001), (1, 1, "0xOwn")]


@pytest.mark.parametrize("amount", ["0.0000001", "x", "", "NaN", "Infinity", "1." + "0" * 90 + "1", 1.5, 1, None])
def test_an_amount_that_is_none_is_refused(amount):
    with pytest.raises(ValueError):
        trader(FakeWallet()).deposit("USD", amount)


def test_an_unknown_token_is_named():
    with pytest.raises(DeploymentError, match="known: BTC, USD"):
        trader(FakeWallet()).deposit("EUR", "1")


def test_a_commit_waits_for_what_passes():
    late = Reverted("commit", "market: window closed")     # while it was proven
    wallet = FakeWallet(NotSpendableYet("later"), EpochFull("later"), WindowClosed("later"), late)
    assert trader(wallet).commit("buy", 10, 500) == ORDER
    blocks = [block for block, _ in wallet.asked]
    assert len(blocks) == 5 and blocks == sorted(set(blocks)), "in another block each"
    assert wallet.asked[-1][1][2:] == (Terms(Side.BUY, 10, 500), None)


def test_a_window_that_is_about_to_close_is_left_alone():
    wallet = FakeWallet(block=22)
    trader(wallet).commit(Side.SELL, 10, 500)
    ((block, (market, epoch, *_)),) = wallet.asked
    assert epoch == 1 and block >= 30


def test_a_market_that_is_not_open_yet_is_waited_for():
    wallet = FakeWallet(block=0)
    trader(wallet).commit("sell", 10, 500)
    assert wallet.asked[0][0] >= 10


def test_what_will_not_pass_is_raised_at_once():
    with pytest.raises(NotAdmitted):
        trader(FakeWallet(NotAdmitted("never"))).commit("buy", 10, 500)
    with pytest.raises(Reverted, match="paused"):
        trader(FakeWallet(Reverted("commit", "pool: paused"))).commit("buy", 10, 500)
    with pytest.raises(ValueError, match="neither buy nor sell"):
        trader(FakeWallet()).commit("long", 10, 500)


def test_a_trade_is_revealed_when_it_may_be_and_ends_with_its_fate():
    wallet = FakeWallet()
    wallet.fates = [Fate.COMMITTED, Fate.REVEALED, Fate.FILLED]
    assert trader(wallet).trade("buy", 10, 500).fate == Fate.FILLED
    windows = MARKET.windows(0)
    assert wallet.asked[1][0] >= max(windows.reveal, windows.freeze + 5)


def test_waiting_ends():
    wallet = FakeWallet()
    wallet.fates = [Fate.REVEALED] * 10_000
    wallet.chain.head = lambda: 40
    with pytest.raises(TooLong, match="goes on"):
        trader(wallet).outcome(ORDER, timeout=0.05)
    wallet.refusals = [NotSpendableYet("the chunk is open")] * 10_000
    with pytest.raises(TooLong, match="the chunk is open"):
        trader(wallet).withdraw("BTC", "1", timeout=0.05)
