"""Steps 3 and 4: deposit, commit sealed orders, be refused, reveal, misreveal, stay silent."""

import secrets
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from math import ceil
from statistics import median

from offchain.admission import CredentialExpired, NoCredential
from offchain.chain import Reverted
from offchain.field import R
from offchain.holdings import PlacedOrder
from offchain.notes import Side, Terms
from scripts.demo import terms
from scripts.demo.narration import units
from scripts.demo.world import AT_ONCE, EXPIRED, WITHOUT_CREDENTIAL, DemoError, Institution, World, side_by_side
from scripts.orders import INSTITUTIONS, OrderRow

NEVER_REVEALS, REVEALS_WRONGLY = "cedar", "elder"
# Beside the file's orders in the first epoch: their limits are far from any market, and they
# never enter the clearing.
MISBEHAVING = (
    OrderRow(0, NEVER_REVEALS, Terms(Side.BUY, 7, 1_000_000)),
    OrderRow(0, REVEALS_WRONGLY, Terms(Side.SELL, 9, 9_000_000)),
)
# A commit's proof is larger than a deposit's.
COMMIT_TO_DEPOSIT = 1.5
SPARE_BLOCKS = 4


@dataclass
class Placed:
    """An order of the batch and what its owner does with it."""

    who: Institution
    row: OrderRow
    order: PlacedOrder


@dataclass
class Batch:
    """One epoch's orders in the order of their commits."""

    market: int
    epoch: int
    placed: list[Placed] = field(default_factory=list)

    def of(self, row: OrderRow) -> Placed:
        return next(one for one in self.placed if one.row is row)

    @property
    def honest(self) -> list[Placed]:
        return [one for one in self.placed if one.row not in MISBEHAVING]


# --- Deposits ---


def symbol(order: Terms) -> str:
    """The token that an order locks."""
    return "BTC" if order.side == Side.SELL else "USD"


def deposits(epochs: list[list[OrderRow]]) -> list[tuple[str, int]]:
    """(token, amount) of the deposits that each institution makes, whatever it will trade.

    Everyone sees them, so they are the same for all: of either token, round, and enough for the
    largest trader. A deposit becomes two notes, since an order holds its own until the epoch is over.
    """
    at_once, locks = Counter(), Counter()
    for number, rows in enumerate(epochs):
        for row in rows:
            at_once[number, row.trader, symbol(row.terms)] += 1
            locks[row.trader, symbol(row.terms)] += terms.lock(row.terms)
    covers = 10 ** len(str(max(locks.values())))
    return [(token, 2 * covers) for token in ("BTC", "USD") for _ in range(ceil(max(at_once.values()) / 2))]


def deposit_all(world: World, epochs: list[list[OrderRow]]) -> None:
    """Every institution deposits the same: in public, shielded afterwards."""
    first, *others = epochs
    wanted = dict.fromkeys(INSTITUTIONS, deposits([[*first, *MISBEHAVING], *others]))
    wanted[EXPIRED] = [("USD", 1_000_000)]
    _endow(world, wanted)
    side_by_side(list(wanted.items()), lambda job: _deposit(world, world.institutions[job[0]], job[1]))
    count = sum(map(len, wanted.values()))
    world.say.line(f"{count} deposits by {len(wanted)} wallets, seen by all; what follows is not")


def _endow(world: World, wanted: dict[str, list[tuple[str, int]]]) -> None:
    """Give each institution the test tokens it will deposit, and let the pool take them."""
    chain, pending = world.chain, []
    pool = chain.deployment.contracts["Pool"]
    for name, notes in wanted.items():
        account = world.institutions[name].account
        for token in sorted({token for token, _ in notes}):
            total = sum(amount for other, amount in notes if other == token)
            functions = chain.token(chain.deployment.tokens[token].address).functions
            pending.append(chain.submit(world.accounts["deployer"], functions.mint(account.address, total)))
            pending.append(chain.submit(account, functions.approve(pool, total)))
    for sent in pending:
        chain.receipt(sent)


def _deposit(world: World, who: Institution, notes: list[tuple[str, int]]) -> None:
    for token, amount in notes:
        asset = world.chain.deployment.tokens[token]
        world.sent("deposit", who.wallet.deposit(asset.word, amount, notes=2), who.name)
        world.say.line(f"{who.name} deposits {units(amount, asset.decimals)} {token}")


# --- Commits ---


def commit_batch(world: World, rows: list[OrderRow], misbehaving: bool = False) -> Batch:
    """Every row committed in one window, with a real proof each, carried by somebody else."""
    everyone = [*rows, *(MISBEHAVING if misbehaving else ())]
    batch = Batch(world.market, open_window(world, len(everyone)))
    if misbehaving:
        refuse_commits(world, batch)
    by_trader = defaultdict(list)
    for row in everyone:
        by_trader[row.trader].append(row)

    def commit_each(name: str) -> list[Placed]:
        who = world.institutions[name]
        return [Placed(who, row, commit(world, who, batch, row)) for row in by_trader[name]]

    placed = [one for some in side_by_side(by_trader, commit_each) for one in some]
    batch.placed = sorted(placed, key=lambda one: everyone.index(one.row))
    return batch


def open_window(world: World, orders: int) -> int:
    """The epoch whose commit window is open with time for `orders`, waiting for it if need be."""
    market = world.ledger.markets[world.market]
    head = max(world.chain.head(), market.start_block)
    epoch = market.epoch_at(head)
    if market.windows(epoch).freeze - head < blocks_for(world, orders):
        epoch += 1
    opens = market.windows(epoch).open
    world.say.line(f"epoch {epoch} takes commits in blocks {opens} to {market.windows(epoch).freeze - 1}")
    world.chain.wait_for(opens)
    return epoch


def blocks_for(world: World, orders: int) -> int:
    """How many blocks of a second a batch of commits takes, by what deposits took on this machine."""
    deposits = [step.seconds for step in world.report.steps if step.name == "deposit"]
    return SPARE_BLOCKS + ceil(COMMIT_TO_DEPOSIT * median(deposits)) * ceil(orders / AT_ONCE)


def commit(world: World, who: Institution, batch: Batch, row: OrderRow) -> PlacedOrder:
    carrier = world.accounts["carrier"]
    order = who.wallet.commit(batch.market, batch.epoch, row.terms, who.credential, carrier=carrier)
    world.sent("commit", order.receipt, who.name)
    world.say.line(f"{who.name} commits a sealed order, proved in {order.receipt.proof_seconds:.1f} s")
    return order


def refuse_commits(world: World, batch: Batch) -> None:
    """No credential, and an expired one: refused with the reason, nothing sent."""
    order = OrderRow(0, "", Terms(Side.BUY, 1, 1))
    for name, reason in ((WITHOUT_CREDENTIAL, NoCredential), (EXPIRED, CredentialExpired)):
        try:
            commit(world, world.institutions[name], batch, order)
        except reason as error:
            world.say.refused(name, error)
        else:
            raise DemoError(f"{name} committed an order without a current credential")


def refuse_deposit(world: World) -> None:
    """A wallet that the issuer does not know cannot bring tokens in: the pool itself refuses."""
    stranger, token = world.institutions[WITHOUT_CREDENTIAL], world.chain.deployment.tokens["USD"]
    _endow(world, {WITHOUT_CREDENTIAL: [("USD", 1_000_000)]})
    try:
        stranger.wallet.deposit(token.word, 1_000_000)
    except Reverted as error:
        world.say.refused(stranger.name, error)
    else:
        raise DemoError(f"{stranger.name} deposited though the issuer never admitted its wallet")


# --- Reveals ---


def reveal_batch(world: World, batch: Batch) -> None:
    """After the freeze is deep enough: true reveals, one of random words, and one silence."""
    windows = world.ledger.markets[batch.market].windows(batch.epoch)
    world.say.line(f"the set freezes at block {windows.freeze}; reveals wait until that is final enough")
    world.chain.wait_for(max(windows.reveal, windows.freeze + world.chain.confirmations))
    speaking = [one for one in batch.placed if one.row is not MISBEHAVING[0]]
    by_trader = defaultdict(list)
    for one in speaking:
        by_trader[one.who.name].append(one)
    side_by_side(by_trader.values(), lambda some: [reveal(world, one) for one in some])
    if len(speaking) < len(batch.placed):
        world.say.line(f"{NEVER_REVEALS} never reveals one of its orders")


def reveal(world: World, one: Placed) -> None:
    carrier, wallet = world.accounts["carrier"], one.who.wallet
    if one.row is MISBEHAVING[1]:
        words = tuple(secrets.randbelow(R) for _ in range(4))
        call = wallet.build_reveal(one.order, opening=words)
        receipt = world.chain.send(carrier, call.on(world.chain))
        world.say.line(f"{one.who.name} reveals four random words, signed by its order's key")
    else:
        receipt = wallet.reveal(one.order, carrier=carrier)
        world.say.line(f"{one.who.name} reveals to the leader")
    world.sent("reveal", receipt, one.who.name)
