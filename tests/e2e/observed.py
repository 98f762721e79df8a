"""An epoch that settles and one that fails, remembered with all that was secret in them.

Quantities, prices and amounts are large and random, so that no value stands anywhere by chance: six whole bytes of
each, wherever in a byte it begins.
"""

import secrets
from dataclasses import dataclass, field

from offchain.field import R
from offchain.keys import EncryptionKey, from_wallet
from offchain.notes import Side, Terms
from offchain.wallet import Fate, PlacedOrder, Wallet
from relayer.leader import SettleReport
from tests.e2e.observed_index import Index, Told
from tests.e2e.observers import Traffic, storage
from tests.world import CONFIRMATIONS, JURISDICTION, TIER, Trader, World, account

MOMENTS = ("start", "deposit", "commit", "reveal", "settlement", "reclaim", "print", "withdrawal")
REFERENCE = 10**17 + 3
FAR = 10**13
"""How far limits may be from the reference: well within the collar."""

NAME, EXPIRY = "Sycamore Stewardship", 2**62 + 1234567890123


@dataclass
class Placed:
    who: Trader
    order: PlacedOrder
    change: int


@dataclass
class Run:
    """What happened, with all that is secret in it; `heads`, `stored` and what the indexer `told` by moment. Deposits
    and the withdrawal are (wallet, amount)."""

    world: World
    index: Index
    traders: list[Trader]
    rsk: EncryptionKey
    heads: dict[str, int] = field(default_factory=dict)
    stored: dict[str, Traffic] = field(default_factory=dict)
    told: dict[str, Told] = field(default_factory=dict)
    deposits: list[tuple[int, int]] = field(default_factory=list)
    payment: int = 0
    withdrawal: tuple[int, int] = (0, 0)
    settled: list[Placed] = field(default_factory=list)
    unrevealed: Placed | None = None
    invalid: Placed | None = None
    failed: Placed | None = None
    fills: list[int] = field(default_factory=list)
    report: SettleReport | None = None

    def mark(self, moment: str) -> None:
        self.heads[moment], self.stored[moment] = self.world.chain.head(), storage(self.world.chain)
        self.told[moment] = self.index.look()

    @property
    def orders(self) -> list[Placed]:
        return [*self.settled, self.unrevealed, self.invalid, self.failed]


def play(world: World, index: Index) -> Run:
    [rsk] = [world.leader.keys.load(key) for key in world.ledger.reveal_keys.values()]
    made = Run(world, index, [*world.traders.values(), newcomer(world)], rsk)
    made.mark("start")
    deposit(made)
    made.mark("deposit")
    first, second = commit_both(made)
    reveal_and_settle(made, first, second)
    give_back(made)
    world.mine(world.market.deferral)
    world.ledger.sync()
    world.leader.print(0, second)
    made.mark("print")
    dogwood, amount = world.traders["dogwood"], secrets.randbits(100) | 1 << 99
    dogwood.wallet.withdraw(world.asset("USD"), amount, dogwood.account.address, carrier=world.accounts["carrier"])
    made.withdrawal = int(dogwood.account.address, 16), amount
    made.mark("withdrawal")
    return made


def newcomer(world: World) -> Trader:
    """An institution with a name and an expiry that would be found if they went anywhere."""
    who, deployment = account(14), world.deployment
    key = from_wallet(who, world.chain.chain_id, deployment.contracts["Pool"])
    credential = world.issuer.admit(NAME, key.owner, who.address, JURISDICTION, TIER, EXPIRY)
    world.issuer.publish()
    world.confirm()
    return Trader(NAME, who, key, Wallet(world.chain, world.ledger, key, who), credential)


def terms(side: Side, away: int) -> Terms:
    """Random lots at a limit on that side of the reference: negative where it would not trade there."""
    price = REFERENCE + (away if side == Side.BUY else -away) * FAR + secrets.randbelow(FAR)
    return Terms(side, secrets.randbits(57) | 1 << 57, price)


def deposit(made: Run) -> None:
    """A note for each order, larger than what it locks by an amount of its own; one is paid on to another."""
    world = made.world
    for who, symbol, count in zip(made.traders, ("USD", "BTC", "USD", "USD", "BTC"), (2, 2, 1, 3, 1)):
        token = world.chain.token(world.asset(symbol))
        world.chain.send(world.accounts["deployer"], token.functions.mint(who.account.address, 2**124))
        for _ in range(count):
            amount = secrets.randbits(118) | 1 << 118
            who.wallet.deposit(world.asset(symbol), amount)
            made.deposits.append((int(who.account.address, 16), amount))
    world.advance_tree()
    dogwood, cedar = world.traders["dogwood"], world.traders["cedar"]
    made.payment = secrets.randbits(90) | 1 << 90
    dogwood.wallet.transfer(world.asset("USD"), made.payment, cedar.wallet.address, carrier=world.accounts["carrier"])
    world.advance_tree()


def commit(made: Run, who: Trader, epoch: int, wanted: Terms) -> Placed:
    before = {own.nullifier: own.note.amount for own in who.wallet.notes()}
    order = who.wallet.commit(0, epoch, wanted, who.credential, carrier=made.world.accounts["carrier"])
    after = {own.nullifier for own in who.wallet.notes()}
    spent = sum(amount for nullifier, amount in before.items() if nullifier not in after)
    market = made.world.market
    return Placed(who, order, spent - wanted.lock(market.lot, market.fee_bps))


def commit_both(made: Run) -> tuple[int, int]:
    """An order for an epoch that will fail, and while that is revealed, a batch for the next."""
    world = made.world
    ash, birch, cedar, dogwood, sycamore = made.traders
    first = world.open_epoch()
    made.failed = commit(made, ash, first, terms(Side.BUY, 50))
    world.go_to(world.market.windows(first).freeze)
    world.ledger.sync()
    second = first + 1
    # Two buyers who are filled whole, so that the volume is nobody's; of the sellers one is rationed.
    for who, wanted in (
        (ash, terms(Side.BUY, 40)),
        (dogwood, terms(Side.BUY, 30)),
        (birch, terms(Side.SELL, 30)),
        (sycamore, large(terms(Side.SELL, 20))),
    ):
        made.settled.append(commit(made, who, second, wanted))
    made.unrevealed = commit(made, cedar, second, terms(Side.BUY, 60))
    made.invalid = commit(made, birch, second, terms(Side.SELL, 60))
    made.mark("commit")
    world.go_to(world.market.windows(first).reveal + CONFIRMATIONS)
    made.failed.who.wallet.reveal(made.failed.order, carrier=world.accounts["carrier"])
    return first, second


def large(one: Terms) -> Terms:
    return Terms(one.side, one.quantity << 2, one.price)


def reveal_and_settle(made: Run, first: int, second: int) -> None:
    world, carrier = made.world, made.world.accounts["carrier"]
    world.go_to(world.market.windows(first).deadline)
    world.chain.send(world.accounts["stranger"], world.chain.contract("Market").functions.fail(0, first))
    world.go_to(world.market.windows(second).reveal + CONFIRMATIONS)
    for one in made.settled:
        one.who.wallet.reveal(one.order, carrier=carrier)
    words = tuple(map(secrets.randbelow, [R] * 4))
    call = made.invalid.who.wallet.build_reveal(made.invalid.order, words)
    world.chain.send(carrier, call.on(world.chain))
    world.go_to(world.market.windows(second).settle - 1)
    made.mark("reveal")
    made.report = world.settle(0, second)
    world.confirm()
    made.mark("settlement")


def give_back(made: Run) -> None:
    """What did not settle comes back; the fills of what did are read by their owners."""
    for one in (made.unrevealed, made.invalid, made.failed):
        one.who.wallet.reclaim(one.order, carrier=made.world.accounts["carrier"])
    made.world.confirm()
    fates = {seen.placed.quota_nullifier: seen for who in made.traders for seen in who.wallet.orders()}
    made.fills = [fates[one.order.quota_nullifier].fill for one in made.settled]
    assert [fates[one.order.quota_nullifier].fate for one in made.settled] == [Fate.FILLED] * 4
    assert fates[made.failed.order.quota_nullifier].forfeited == 0
    made.mark("reclaim")
    made.world.advance_tree()
