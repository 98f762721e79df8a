"""A pool in memory that keeps the contract's rules, and an agent over it: for what must hold whoever dies when.

Blocks come by `Pool.mine`. Everything durable that an agent does passes a `Bomb`, which can end its
process there: from then on nothing that it does has any effect.
"""

import hashlib
import threading
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from types import SimpleNamespace

import sqlalchemy

from offchain.admission import QuotaUsed
from offchain.agent.agent import Agent
from offchain.agent.book import Book
from offchain.agent.core import Core, Settings
from offchain.agent.courier import Courier
from offchain.agent.purse import Built, Purse
from offchain.calls import Call
from offchain.chain import ChainError, Inclusion, Reverted
from offchain.coins import choose
from offchain.deployment import Deployment, Token
from offchain.field import check_range
from offchain.holdings import Fill, OwnedNote, PlacedOrder
from offchain.keys import ShieldedKey
from offchain.notes import AMOUNT_BITS, Note, Order, Side, Terms, pay
from offchain.records import EpochRecord, EpochState, MarketTerms, OrderRecord, ReclaimRecord, RevealRecord

BTC, USD = "0x" + "b7" * 20, "0x" + "5d" * 20
DEPLOYMENT = Deployment(31337, 1, {"Pool": "0x" + "11" * 20}, {}, {"BTC": Token(BTC, 8), "USD": Token(USD, 6)})
KEY = ShieldedKey(7)
DEPTH, PRICE, SETTLES = 2, 500, 2
MARKET = MarketTerms(
    base=BTC, quote=USD, lot=1_000, min_quantity=1, fee_bps=10, bond_bps=500, jurisdictions=1, tier=0, start_block=100,
    commit_blocks=20, freeze_blocks=3, reveal_blocks=10, settle_blocks=8, capacity=8, quota=2, split_bps=0, deferral=1,
    source="0x" + "22" * 20, max_age=100, collar_bps=500,
)  # fmt: skip


class Died(BaseException):
    """The process is no more."""


class Bomb:
    """Counts steps, and ends the process at one."""

    def __init__(self, at: int | None = None):
        self.at, self.count, self.lock = at, 0, threading.Lock()

    @property
    def dead(self) -> bool:
        return self.at is not None and self.count >= self.at

    def step(self) -> None:
        with self.lock:
            if not self.dead:
                self.count += 1
            if self.dead:
                raise Died


@dataclass
class State:
    """What the pool holds after some block."""

    orders: dict[int, dict] = field(default_factory=dict)
    spent: set[int] = field(default_factory=set)
    notes: list[tuple[str, int]] = field(default_factory=list)     # (asset, amount) by position
    marks: dict[int, int] = field(default_factory=dict)     # what movements left, by number


class Pool:
    """Calls that a block took, in order; everything else follows from them."""

    def __init__(self, *notes: tuple[str, int]):
        self.head, self.first = 100, list(notes)
        self.waiting: list[tuple[str, Call]] = []
        self.taken: list[tuple[int, str, Call]] = []
        self.kept: list[tuple[int, Call]] = []
        self.frozen = bytes(32)     # the commit chain of every epoch's frozen set
        self._states: dict[int, State] = {}

    def send(self, call: Call) -> str:
        """As a node: simulated first, taken once."""
        tx = "0x" + hashlib.sha256(repr(call).encode()).hexdigest()
        if tx not in {known for known, _ in self.waiting} | {known for _, known, _ in self.taken}:
            self._apply(self.at(self.head), call, self.head + 1)
            self.waiting.append((tx, call))
        return tx

    def keep(self, call: Call, blocks: int) -> None:
        """Somebody has the call, and sends it only so many blocks later."""
        self.kept.append((self.head + blocks, call))

    def mine(self) -> None:
        for call in [call for block, call in self.kept if block == self.head]:
            try:
                self.send(call)
            except Reverted:
                pass
        self.head += 1
        for tx, call in self.waiting:
            try:
                self._apply(self.at(self.head), call, self.head)
                self.taken.append((self.head, tx, call))
            except Reverted:
                pass
        self.waiting = []

    def at(self, block: int) -> State:
        """The state after a block, which is the caller's to change."""
        known = max((number for number in self._states if number <= block), default=None)
        state = State(notes=list(self.first)) if known is None else deepcopy(self._states[known])
        for number in range(100 if known is None else known + 1, block + 1):
            for taken, _, call in self.taken:
                if taken == number:
                    self._apply(state, call, number)
            self._settle(state, number)
            if number < self.head:      # a block that is being made may take more
                self._states[number] = deepcopy(state)
        return state

    def spent(self, position: int) -> bool:
        return (1 << 64) + position in self.at(self.head).spent

    def _apply(self, state: State, call: Call, block: int) -> None:
        said = call.args[0]
        if call.function == "transact":
            _demand(not state.spent & set(said["spent"]), "note spent")
            state.spent |= set(said["spent"])
            state.notes.append(tuple(said["change"]))
            state.marks[len(state.marks)] = said["mark"]
            return
        order = state.orders.get(said["word"])
        windows = MARKET.windows(said["epoch"] if order is None else order["epoch"])
        _demand(call.function == "commit" or order is not None, "no such order")
        if call.function == "commit":
            _demand(windows.open <= block < windows.freeze, "window")
            _demand(order is None, "quota used")
            _demand(not state.spent & set(said["spent"]), "note spent")
            state.spent |= set(said["spent"])
            state.notes.append(tuple(said["change"]))
            state.orders[said["word"]] = dict(said) | {"block": block}
        elif call.function == "reveal":
            _demand(windows.reveal <= block < windows.settle and "revealed" not in order, "window, or revealed")
            _demand("reclaimed" not in order, "reclaimed")
            _demand(said["frozen"] == self.frozen.hex(), "another set")
            order["revealed"] = block
        else:
            over = block >= windows.settle + SETTLES and "filled" not in order
            _demand((block < windows.freeze or over) and "reclaimed" not in order, "no reclaim is due")
            order["reclaimed"], order["cancelled"] = block, block < windows.freeze
            forfeit = over and "revealed" not in order and _terms(order).bond(MARKET.lot, MARKET.fee_bps, MARKET.bond_bps)
            order["forfeit"] = bool(forfeit)
            asset, lock = _lock(order)
            state.notes.append((asset, lock - (forfeit or 0)))

    def _settle(self, state: State, block: int) -> None:
        for order in state.orders.values():
            if block == MARKET.windows(order["epoch"]).settle + SETTLES and "revealed" in order:
                order["filled"] = block
                paid = _payment(order)
                state.notes += [(BTC, paid.base), (USD, paid.quote)]


def _demand(fact: bool, reason: str) -> None:
    if not fact:
        raise Reverted("call", reason)


def _terms(order: dict) -> Terms:
    return Terms.from_word(order["terms"])


def _lock(order: dict) -> tuple[str, int]:
    terms = _terms(order)
    return (USD if terms.side == Side.BUY else BTC), terms.lock(MARKET.lot, MARKET.fee_bps)


def _payment(order: dict):
    terms = _terms(order)
    return pay(terms, terms.quantity, PRICE, MARKET.lot, MARKET.fee_bps)


class SimLedger:
    """As `offchain.ledger.Ledger` shows it, `DEPTH` blocks behind."""

    def __init__(self, pool: Pool):
        self.pool, self.lock, self.depth = pool, threading.RLock(), DEPTH
        self.markets, self.epochs, self.orders, self.leaves = {0: MARKET}, {}, {}, {}
        self.spent: set[int] = set()
        self.state = State()
        self.block = 0

    def sync(self) -> int:
        with self.lock:
            self.block, self.state = self.pool.head - DEPTH, self.pool.at(self.pool.head - DEPTH)
            self.orders = {word: self._record(order) for word, order in self.state.orders.items()}
            self.spent, self.leaves = self.state.spent, self.state.marks
            numbers = {order["epoch"] for order in self.state.orders.values()}
            self.epochs = {
                (0, number): EpochRecord(0, number, "", 1, 1, 1, self.pool.frozen, reference=PRICE) for number in numbers
            }
            return self.block

    def _record(self, order: dict) -> OrderRecord:
        record = OrderRecord(0, order["epoch"], order["word"], order["oc"], "", 0, (), order["block"])
        if "revealed" in order:
            record.reveal = RevealRecord(0, order["word"], None, order["revealed"])
        if "reclaimed" in order:
            record.reclaim = ReclaimRecord(order["forfeit"], order["cancelled"], 0, None, 0, order["reclaimed"])
        return record


class SimWallet:
    def __init__(self, pool: Pool):
        self.ledger, self.key, self.deployment, self.held = SimLedger(pool), KEY, DEPLOYMENT, frozenset()
        self.chain = SimChain(pool)
        self.holdings = SimpleNamespace(notes=[], orders=[], fills={}, unreadable=[])

    def sync(self) -> int:
        with self.ledger.lock:
            block, state = self.ledger.sync(), self.ledger.state
            notes = enumerate(state.notes)
            self.holdings.notes = [_owned(n, *note, (1 << 64) + n in state.spent) for n, note in notes if note[1]]
            mine = state.orders.values()
            self.holdings.orders = [_placed(order) for order in mine]
            self.holdings.fills = {
                order["word"]: Fill(_terms(order).quantity, PRICE, _payment(order)) for order in mine if "filled" in order
            }
            return block

    def notes(self) -> list[OwnedNote]:
        self.sync()
        return [own for own in self.holdings.notes if not own.spent and own.nullifier not in self.held]

    def epoch_state(self, record: OrderRecord) -> EpochState:
        windows, block = MARKET.windows(record.epoch), self.ledger.block
        if block >= windows.settle + SETTLES:
            return EpochState.SETTLED
        ends = {EpochState.COMMIT: windows.freeze, EpochState.FROZEN: windows.reveal, EpochState.REVEAL: windows.settle}
        return next((state for state, end in ends.items() if block < end), EpochState.SETTLING)

    def bond(self, placed: PlacedOrder) -> int:
        return placed.order.terms.bond(MARKET.lot, MARKET.fee_bps, MARKET.bond_bps)


def _owned(position: int, asset: str, amount: int, spent: bool) -> OwnedNote:
    return OwnedNote(Note(int(asset, 16), amount, KEY.owner, position), position, (1 << 64) + position, spent, True)


def _placed(order: dict) -> PlacedOrder:
    made = Order(0, order["epoch"], _terms(order), KEY.owner, 0, order["salt"])
    return PlacedOrder(made, order["index"], order["word"], "")


class SimChain:
    chain_id, confirmations, deployment = DEPLOYMENT.chain_id, DEPTH, DEPLOYMENT

    def __init__(self, pool: Pool):
        self.pool = pool

    def head(self) -> int:
        return self.pool.head

    def timestamp(self, block: int) -> int:
        return block

    def inclusions(self, hashes: list[str]) -> dict[str, Inclusion]:
        return {tx: Inclusion(block, "", 0, True) for block, tx, _ in self.pool.taken if tx in hashes}

    def at(self, *_):
        raise ChainError("no oracle here")


class SimPurse(Purse):
    """Calls without proofs."""

    def __init__(self, wallet: SimWallet, bomb: Bomb):
        super().__init__(wallet, [])
        self.bomb, self.salt = bomb, 0

    def commit(self, holder, market, epoch, terms, index):
        with self._claims:
            self.wallet.held = self._held_by_others(holder)
            taken = self.ledger.orders.keys() | self.wallet.held
            words = [KEY.quota_nullifier(0, epoch, place) for place in range(MARKET.quota)]
            index = next((n for n, word in enumerate(words) if word not in taken), None) if index is None else index
            if index is None:
                raise QuotaUsed("both places are used")
            asset, lock = MARKET.rules(0).lock(terms)
            inputs = choose((own for own in self.wallet.notes() if own.note.asset == asset), lock)
            spent = [own.nullifier for own in inputs]
            self._hold(holder, (words[index], *spent))
        self.bomb.step()
        self.salt = int.from_bytes(hashlib.sha256(f"{holder} {self.chain.head()} {self.salt}".encode()).digest()[:16], "big")
        order = Order(0, epoch, terms, KEY.owner, 0, self.salt)
        change = sum(own.note.amount for own in inputs) - lock
        said = {
            "word": words[index], "oc": order.commitment, "epoch": epoch, "terms": terms.word, "index": index,
            "salt": self.salt, "spent": spent, "change": [USD if asset == int(USD, 16) else BTC, change],
        }  # fmt: skip
        return Built(Call("Market", "commit", (said,)), words[index], order.commitment, (words[index], *spent), index)

    def transact(self, asset, inputs, withdrawal=0, deposit=0, **public):
        self.bomb.step()
        self.salt += 1
        brought = sum(own.note.amount for own in inputs) + deposit
        left = check_range(brought - withdrawal, 0, 1 << AMOUNT_BITS, "change")
        change = [USD if asset == int(USD, 16) else BTC, left]
        spent = [own.nullifier for own in inputs]
        mark = (self.chain.head() << 64) + self.salt
        word = spent[0] if spent else mark      # a deposit's is a dummy's
        said = {"word": word, "spent": spent or [word], "change": change, "mark": mark}
        return Built(Call("Pool", "transact", (said,)), word, mark, tuple(spent))

    def reveal(self, placed):
        said = {"word": placed.quota_nullifier, "frozen": self.ledger.epochs[0, placed.order.epoch].commit_chain.hex()}
        return Built(Call("Market", "reveal", (said,)), placed.quota_nullifier, 0, ())

    def reclaim(self, placed):
        said = {"word": placed.quota_nullifier, "at": self.chain.head()}
        return Built(Call("Market", "reclaim", (said,)), placed.quota_nullifier, 0, ())


class SimRoute:
    """A carrier; `fault(call)` says what goes wrong: nothing (None), or it is down; lost: taken, not answered; dropped:
    answered, not taken; late: sent some blocks later; liar: says that the contract refuses it, and sends it later."""

    def __init__(self, pool: Pool, name: str, bomb: Bomb, fault=lambda call: None):
        self.pool, self.name, self.bomb, self.fault = pool, name, bomb, fault

    def give(self, key: str, call: Call) -> str | None:
        self.bomb.step()
        fault = self.fault(call)
        if fault == "down":
            raise ChainError("does not answer")
        if fault == "dropped":
            return "0x" + "00" * 32
        if fault in ("late", "liar"):
            self.pool.keep(call, 4)
            if fault == "liar":
                raise Reverted("call", "a lie")
            return None
        tx = self.pool.send(call)
        self.bomb.step()
        if fault == "lost":
            raise ChainError("the answer was lost")
        return tx


class SimBook(Book):
    bomb: Bomb

    def write(self, *changes, **options) -> None:
        self.bomb.step()
        super().write(*changes, **options)
        self.bomb.step()


@contextmanager
def life(pool: Pool, url: str, bomb: Bomb, faults=(lambda call: None,), own: str | None = None, **settings):
    """An agent from its start to its end, whichever way that comes; `own` is the account that deposits."""
    book = SimBook.open(url, DEPLOYMENT)
    if book.engine.dialect.name == "sqlite":    # only the process dies here, not the machine
        sqlalchemy.event.listen(book.engine, "connect", lambda link, _: link.execute("PRAGMA synchronous=OFF"))
        book.engine.dispose()
    book.bomb = bomb
    try:
        book.load(KEY)
        wallet = SimWallet(pool)
        purse = SimPurse(wallet, bomb)
        routes = [SimRoute(pool, f"route {number}", bomb, fault) for number, fault in enumerate(faults)]
        courier = Courier(wallet.chain, book, routes, purse.landed, own and SimRoute(pool, own, bomb))
        core = Core(wallet.chain, book, purse, courier, Settings(commit_seconds=2.0, workers=1, alert_blocks=4, **settings))
        try:
            yield Agent(core)
        finally:
            core.close()
    finally:
        book.close()


def day(agent: Agent, pool: Pool) -> None:
    """A round at the head, what it starts done, and a block after it."""
    agent.round(pool.head)
    agent.core.wait()
    pool.mine()


def rounds(agent: Agent, pool: Pool, count: int = 1) -> None:
    """So many of them."""
    for _ in range(count):
        day(agent, pool)


def days(agent: Agent, pool: Pool, last: int) -> None:
    """Up to a block, and a round of that."""
    while pool.head < last:
        day(agent, pool)
    agent.round(pool.head)
    agent.core.wait()
