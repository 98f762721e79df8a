"""Each statement, word by word: contracts lay out what §7 says, and accept nothing near it.

The layouts are written down once more in tests.contracts.words; a proof is bound to its words,
so a wrong order, a missing word or one taken from the wrong place turns these red (P11).
"""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.contracts import words
from tests.contracts.chain import Contract, Reverted, reverts
from tests.contracts.groth import R, key, prove_words
from tests.contracts.world import World

REFUSED = "statement: proof refused"


@dataclass
class Case:
    """A call that succeeds: `arguments(proof, digest, change)`; `change` alters one word of calldata."""

    contract: Contract
    function: str
    circuit: str
    d: list[int]
    arguments: Callable
    sender: str
    fields: tuple = ()

    def call(self, proof, digest, change=None):
        return self.contract.call(self.function, *self.arguments(proof, digest, change), sender=self.sender)


def altered(members: dict, change) -> tuple:
    """The members as a tuple, one of them or one of its words changed by `change` = (name, function)."""
    copy = dict(members)
    if change:
        name, function = change
        old = copy[name]
        copy[name] = [function(old[0]), *old[1:]] if isinstance(old, list) else function(old)
    return tuple(copy.values())


def transact(world: World) -> Case:
    trader, memos = world.traders[0], [world.fresh_words(8), world.fresh_words(8)]
    t = world.transaction(
        asset=world.base.address, deposit=10**9, fee=10**6, account=trader, carrier=world.traders[2]
    )
    return Case(
        world.pool, "transact", "transact", words.transact(t, *memos),
        lambda p, x, change: (p, x, altered(t, change), *memos), trader,
        ("nf0", "nf1", "cm0", "cm1"),
    )  # fmt: skip


def withdraw(world: World) -> Case:
    world.deposit(10**9)
    memos = [world.fresh_words(8), world.fresh_words(8)]
    t = world.transaction(
        asset=world.base.address, withdrawal=10**8, account=world.traders[1], fee=5, carrier=world.traders[2]
    )
    return Case(
        world.pool, "transact", "transact", words.transact(t, *memos),
        lambda p, x, change: (p, x, altered(t, change), *memos), world.stranger,
    )  # fmt: skip


def commit(world: World) -> Case:
    world.committed(0, 1)
    order = world.order(0)
    return Case(
        world.market, "commit", "commit", words.commit(order.c, world.terms, order.memo),
        lambda p, x, change: (p, x, altered(order.c, change), order.memo), world.stranger,
        ("nf0", "nf1", "change_cm", "quota_nullifier", "oc"),
    )  # fmt: skip


def reclaim(world: World, forfeit: int) -> Case:
    (order,) = world.committed(0, 1)
    if forfeit:
        world.chain.before(world.windows(0)["settle_from"] + 1)
    c, memo = world.reclaim_words(order, 0)
    treasury = {"owner": world.treasury_owner, "key": world.treasury_key}
    return Case(
        world.market, "reclaim", "reclaim", words.reclaim(c, world.terms, forfeit, treasury, memo),
        lambda p, x, change: (p, x, altered(c, change), memo), world.stranger,
        ("refund_cm", "treasury_cm", "point", "treasury_pad"),
    )  # fmt: skip


def advance(world: World) -> Case:
    leaves = []
    for _ in range(5):
        t = world.transaction()
        world.transact(t)
        leaves += [t["cm0"], t["cm1"]]
    world.chain.mine(16)
    root = world.fresh()
    return Case(
        world.pool, "advance", "advance", words.advance(world.pool.root(), root, 0, leaves),
        lambda p, x, change: (p, x, *altered({"new_root": root, "leaves": leaves}, change)), world.stranger,
        ("new_root",),
    )  # fmt: skip


def settle(world: World, size: int) -> Case:
    orders = world.revealed(0, 3)
    world.chain.before(world.windows(0)["settle_from"] + 1)
    s, slots, memo = world.settlement(0, orders, size)
    s["invalid_mask"] = 0b101
    fields = ("print_commitment", "audit_point", "audit", "treasury_pad", "leader_cm", "treasury_cm")
    return Case(
        world.market, "settle", f"settle_{size}", words.settle(s, slots, world.settle_facts(0), memo),
        lambda p, x, change: (p, x, altered(s, change), slots, memo), world.leader(0), fields,
    )  # fmt: skip


def print_(world: World) -> Case:
    _, s = world.settled(0, 2)
    world.chain.mine(world.terms["deferral"])
    out = {"price": 1234, "volume": 2**69}
    return Case(
        world.market, "print_epoch", "print", [s["print_commitment"], *out.values()],
        lambda p, x, change: (p, x, 0, 0, *altered(out, change)), world.stranger,
    )  # fmt: skip


def relayer_key(world: World) -> Case:
    spot, leader = world.point(), world.leaders[1]
    return Case(
        world.relayers, "register_key", "key", [*spot, int(leader, 16)],
        lambda p, x, change: (p, x, *spot), leader,
    )  # fmt: skip


def auditor_key(world: World) -> Case:
    spot, account = world.point(), world.auditor
    return Case(
        world.keys, "set_auditor", "key", [*spot, int(account, 16)],
        lambda p, x, change: (account, *spot, p, x), world.governor.address,
    )  # fmt: skip


def treasury_key(world: World) -> Case:
    spot, account = world.point(), world.treasury
    return Case(
        world.keys, "set_treasury", "key", [*spot, int(account, 16)],
        lambda p, x, change: (account, *altered({"owner_word": 5}, change), *spot, p, x),
        world.governor.address,
    )  # fmt: skip


CASES = {
    "transact": transact,
    "withdraw": withdraw,
    "commit": commit,
    "cancel": lambda world: reclaim(world, 0),
    "forfeit": lambda world: reclaim(world, 1),
    "advance": advance,
    "settle_8": lambda world: settle(world, 8),
    "settle_16": lambda world: settle(world, 16),
    "settle_64": lambda world: settle(world, 64),
    "print": print_,
    "relayer_key": relayer_key,
    "auditor_key": auditor_key,
    "treasury_key": treasury_key,
}
LENGTHS = {"transact": 16, "commit": 23, "reclaim": 18, "advance": 67, "print": 3, "key": 3}
LENGTHS |= {f"settle_{size}": 34 + 11 * size for size in (8, 16, 64)}


@pytest.fixture(params=CASES)
def case(request, world) -> Case:
    return CASES[request.param](world)


def test_accepts_the_layout_and_no_word_changed(world, case):
    assert len(case.d) == LENGTHS[case.circuit]
    case.call(*world.prove(case.circuit, case.d))
    places = range(len(case.d))
    if len(case.d) > 130:  # the larger sizes share the code of the smallest
        places = [*range(34), 34, 44, 34 + 11 * 2 + 10, 34 + 11 * 3, len(case.d) - 1]
    for place in places:
        d = list(case.d)
        d[place] = (d[place] + 1) % R
        with reverts(REFUSED):
            case.call(*world.prove(case.circuit, d))


def test_refuses_shorter_longer_and_swapped_layouts(world, case):
    shorter, longer, swapped = case.d[:-1], [*case.d, 0], list(case.d)
    swapped[0], swapped[1] = case.d[1], case.d[0]
    for d in (shorter, longer, swapped):
        if d != case.d:
            with reverts(REFUSED):
                case.call(*world.prove(case.circuit, d))


def test_refuses_another_chain_pool_circuit_or_digest(world, case):
    """P11: a proof is bound to chain, pool and circuit."""
    other_circuit = "print" if case.circuit != "print" else "key"
    proof, digest = world.prove(case.circuit, case.d)
    for wrong in (
        prove_words(case.circuit, case.d, world.chain.id + 1, world.pool.address),
        prove_words(case.circuit, case.d, world.chain.id, world.market.address),
        prove_words(other_circuit, case.d, world.chain.id, world.pool.address),
        (proof, (digest + 1) % R),
        (proof, digest + R),
    ):
        with reverts(REFUSED):
            case.call(*wrong)


def test_refuses_words_not_below_r(world, case):
    """P11: no second spelling of a word, also for what the proof shows in its first spelling."""
    proof, digest = world.prove(case.circuit, case.d)
    for name in case.fields:
        with reverts("statement: word not below r"):
            case.call(proof, digest, (name, lambda word: word + R))


@pytest.mark.parametrize("name", [name for name in CASES if not name.endswith("_key")])
def test_a_proof_is_accepted_once(world, name):
    """P11. (A key's proof may serve again: the key then has another version.)"""
    case = CASES[name](world)
    arguments = case.arguments(*world.prove(case.circuit, case.d), None)
    function = getattr(case.contract, case.function)
    function(*arguments, sender=case.sender)
    with pytest.raises(Reverted):
        function(*arguments, sender=case.sender)


def test_settle_words_not_below_r(world):
    orders = world.revealed(0, 2)
    world.chain.before(world.windows(0)["settle_from"] + 1)
    s, slots, memo = world.settlement(0, orders)
    d = words.settle(s, slots, world.settle_facts(0), memo)
    proof, digest = world.prove("settle_8", d)
    for place in range(7, 11):
        spelled = [list(slot) for slot in slots]
        spelled[1][place] += R
        with reverts("statement: word not below r"):
            world.market.call("settle", proof, digest, tuple(s.values()), spelled, memo, sender=world.leader(0))


def test_circuits_are_told_apart():
    names = ["transact", "commit", "reclaim", "advance", "print", "key", "settle_8", "settle_16", "settle_64"]
    assert len({key(name).circuit_id for name in names}) == len(names)
