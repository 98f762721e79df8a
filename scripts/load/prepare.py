"""What traders' own machines do, done ahead on this one: notes, and a real proof for every commit.

A commit's proof binds market, epoch, rules, credential root, its inputs' root and a time at most an
hour after its block; neither the market's first block nor the moment of proving. So everything is
proven for the market that is opened afterwards, dated at the end of the run.
"""

import random
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from offchain.calls import Call, build_commit
from offchain.claims import Commit
from offchain.holdings import OwnedNote, PlacedOrder
from offchain.material import Rules, Spendable
from offchain.notes import Order, Side, Terms, split_position
from offchain.records import MarketTerms
from offchain.streams import seal_memo
from scripts.demo.world import Institution, World
from scripts.load.plan import Plan
from scripts.venue import world as venue

T = TypeVar("T")
R = TypeVar("R")

AT_ONCE = 3
SAY_EVERY = 20.0
MARKET = 0
DEPOSIT_GAS = 900_000


@dataclass(frozen=True)
class Prepared:
    """An order with the call that commits it."""

    who: Institution
    placed: PlacedOrder
    call: Call


def sharing(items: Iterable[T], action: Callable[[T], R], say: Callable[[str], None], what: str) -> list[R]:
    """`action` of each, a few at once, with progress and the time that is left."""
    items = list(items)
    began = said = time.monotonic()
    found = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            for done in pool.map(action, items):
                found.append(done)
                if (now := time.monotonic()) - said > SAY_EVERY:
                    said, left = now, (now - began) / len(found) * (len(items) - len(found))
                    say(f"{what}: {len(found)} of {len(items)}, about {left / 60:.1f} min left")
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)     # or an interrupt would wait for all of them
            raise
    say(f"{what}: {len(items)} in {(time.monotonic() - began) / 60:.1f} min")
    return found


def fund(world: World, plan: Plan) -> None:
    """A note for every order, in the tree at the end: half of each token, two of each deposit's proof."""
    traders, tokens = world.members(), tuple(venue.DEPOSIT)
    each = -(-_most_of_one(plan, len(traders)) // 4) + 1    # half of each token, two notes a deposit
    for who in traders:
        venue.endow(world, who, each)
    jobs = [(who, token) for _ in range(each) for who in traders for token in tokens]

    def deposit(job: tuple[Institution, str]):
        who, token = job
        asset, amount = world.chain.deployment.asset(token), venue.DEPOSIT[token]
        halves = [(amount - amount // 2, who.wallet.address), (amount // 2, who.wallet.address)]
        call = who.wallet.build_transact(asset, [], halves, deposit=amount, account=int(who.account.address, 16))
        return world.chain.submit(who.account, call.on(world.chain), gas=DEPOSIT_GAS)

    pending = sharing(jobs, deposit, world.say.line, "deposits proven")
    world.last_block = max(world.chain.receipt(one).block for one in pending)
    world.sync()
    while world.ledger.chunk_leaves(world.ledger.next_chunk):
        world.advance_tree()


def _most_of_one(plan: Plan, traders: int) -> int:
    """Orders of the trader with the most."""
    return -(-plan.per_epoch // traders) * plan.epochs


def commits(world: World, plan: Plan, terms: dict, dated: int, most: int | None = None) -> list[list[Prepared]]:
    """By epoch, every order (the first `most`) with its commit's proof, valid until `dated` (Unix seconds)."""
    rules = MarketTerms(**terms).rules(MARKET)
    notes = {who.name: _by_asset(who) for who in world.members()}
    drawn, jobs = random.Random(1), []
    for epoch in range(plan.epochs):
        for number in range(plan.per_epoch):
            who = world.members()[number % len(world.members())]
            order_terms = _terms(drawn, epoch + number // len(world.members()))
            asset, _ = rules.lock(order_terms)
            jobs.append((who, epoch, number // len(world.members()), order_terms, notes[who.name][asset].pop()))

    def prove(job) -> Prepared:
        who, epoch, index, order_terms, note = job
        placed, claim = _claim(world, rules, who, epoch, index, order_terms, note, dated)
        return Prepared(who, placed, build_commit(world.chain.deployment, claim))

    found = sharing(jobs[:most], prove, world.say.line, "commits proven")
    return [found[first : first + plan.per_epoch] for first in range(0, len(found), plan.per_epoch)]


def _terms(drawn: random.Random, place: int) -> Terms:
    """Each trader buys and sells in turn, about the reference, so that most of a batch trades."""
    away, buys = drawn.randrange(-300, 700), place % 2 == 0
    return Terms(Side.BUY if buys else Side.SELL, drawn.randrange(1, 200), venue.PRICE + (away if buys else -away))


def _by_asset(who: Institution) -> dict[int, list[OwnedNote]]:
    found: dict[int, list[OwnedNote]] = {}
    for own in who.wallet.notes():
        if own.advanced:
            found.setdefault(own.note.asset, []).append(own)
    return found


def _claim(
    world: World, rules: Rules, who: Institution, epoch: int, index: int, terms: Terms, note: OwnedNote, dated: int
) -> tuple[PlacedOrder, Commit]:
    """As a wallet makes it, but for a market that is not open yet."""
    key, nonce, asset = who.key, random.SystemRandom().getrandbits(248), note.note.asset
    _, lock = rules.lock(terms)
    order = Order(MARKET, epoch, terms, key.owner, who.credential.id, key.prf("salt", nonce))
    blinding = key.prf("note", nonce)
    plain = [terms.word, order.credential_id, order.salt, note.note.amount - lock, blinding]
    with world.ledger.lock:
        tree_number, leaf = split_position(note.position)
        tree, credentials = world.ledger.trees[tree_number], world.ledger.credentials
        spent = Spendable(note.note, note.position, tree.root, tuple(tree.path(leaf)))
        siblings, root = tuple(credentials.path(who.credential.id)), credentials.root
    rk = key.order_account(MARKET, epoch, index).address
    claim = Commit(
        key=key,
        rules=rules,
        order=order,
        spent=(spent, Spendable.dummy(key, asset, key.prf("dummy", nonce, 1), tree_number, spent.root)),
        change_blinding=blinding,
        credential=who.credential.credential,
        credential_root=root,
        credential_siblings=siblings,
        quota_index=index,
        rk=int(rk, 16),
        time=dated,
        memo=seal_memo(plain, key.viewing.public, key.ephemeral("memo", nonce)),
    )
    return PlacedOrder(order, index, key.quota_nullifier(MARKET, epoch, index), rk), claim

