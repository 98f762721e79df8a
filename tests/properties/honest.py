"""What people do who mean no harm, each with its weight. Timing may still be against them."""

from tests.properties.actors import Actors, Cannot, account
from tests.properties.deployed import EPOCH_STAKE
from tests.properties.model import EMPTY, FAILED, VOID, windows
from tests.properties.rules import ZERO, Call
from tests.properties.vault import NO_LEAF


def _asset(a: Actors) -> str:
    return a.model.at[a.rng.choice(["Base", "Quote"])]


def deposit(a: Actors) -> Call:
    return a.deposit(a.pick(a.traders), _asset(a), a.rng.randrange(2**70, 2**75))


def transfer(a: Actors) -> Call:
    holder = a.pick(a.traders)
    asset = _asset(a)
    fee = a.rng.choice([0, a.rng.randrange(1, 2**40)])
    carrier = a.pick([*a.wallets.values(), *a.strangers]) if fee else ZERO
    inputs = a.inputs(holder, asset, fee + 1)
    return a.transact(holder, asset, inputs, fee=fee, carrier=carrier, to=a.pick(a.traders), label="transfer")


def withdraw(a: Actors) -> Call:
    holder = a.pick([*a.traders, *a.lead_holders.values(), *a.treasurers])
    note, _ = a.pick(a.notes_of(holder))
    fee = a.rng.choice([0, note.amount // 1000])
    share = a.rng.choice([1, 3])
    carrier = a.pick(a.wallets.values()) if fee else ZERO
    to = a.pick([a.wallets.get(holder.name, a.wallets["trader 0"]), a.wallets["trader 1"], a.strangers[1]])
    return a.withdraw(holder, note.asset, max(1, note.amount // share - fee), to, fee, carrier)


def commit(a: Actors) -> Call:
    market = a.rng.choice([0, 0, 1, 1, a.rng.randrange(len(a.s.markets))])
    return a.commit(a.terms(market, a.current(market), a.pick(a.traders)))


def reveal(a: Actors) -> Call:
    """Sometimes as something else: garbage, another order, or a point that vanishes."""
    order = a.pick(a.to_reveal())
    chance = a.rng.random()
    if chance < 0.06:
        return a.reveal(order, point=(0, 1), label="reveal nothing")
    if chance < 0.14:
        return a.reveal(order, opened=a.pick(a.orders(reclaimed=True)), label="reveal another")
    return a.reveal(order)


def settle(a: Actors) -> Call:
    key = a.pick(a.to_settle())
    # One leader in eight sleeps.
    if hash(key) % 8 == 0:
        raise Cannot("asleep")
    return a.settle(*key)


def cancel(a: Actors) -> Call:
    now = [o for o in a.orders() if a.s.block < windows(a.s.markets[o.market], o.epoch)["freeze"]]
    return a.reclaim(a.pick(now), label="cancel")


def reclaim(a: Actors) -> Call:
    return a.reclaim(a.pick(a.to_reclaim()))


def fail(a: Actors) -> Call:
    failed = [k for k in a.epochs() if a.model.state(*k) == FAILED and not a.s.epochs[k].slashed]
    return Call("Market", "fail", list(a.pick(failed)), a.stranger(), "fail")


def release(a: Actors) -> Call:
    over = [k for k in a.epochs() if a.model.state(*k) in (EMPTY, VOID) and not a.s.epochs[k].released]
    return Call("Market", "release", list(a.pick(over)), a.stranger(), "release")


def print_(a: Actors) -> Call:
    return a.print(*a.pick(k for k in a.epochs() if a.s.epochs[k].settled and not a.s.epochs[k].printed))


def advance(a: Actors) -> Call:
    first = a.s.next_chunk * 64
    if a.s.next_leaf - first < 64 and a.s.block < a.s.opened_at + 16:
        raise Cannot("too early")
    return a.advance()


def push(a: Actors) -> Call:
    return a.push()


def bond(a: Actors) -> Call:
    return Call("Relayers", "bond", [a.rng.choice([EPOCH_STAKE, 2500, 4000])], a.pick(a.leaders), "bond")


def unbond(a: Actors) -> Call:
    leader = a.pick(a.leaders)
    bonded = a.s.relayers[leader].bonded
    return Call("Relayers", "unbond", [a.rng.choice([bonded, bonded // 3 + 1])], leader, "unbond")


def withdraw_stake(a: Actors) -> Call:
    return Call("Relayers", "withdraw", [], a.pick(a.leaders), "withdraw stake")


def register_key(a: Actors) -> Call:
    return a.key(a.pick(a.leaders))


def admit(a: Actors) -> Call:
    """A new credential for a trader who may have one already."""
    return a.set_leaf(len(a.book()), a.leaf(a.pick(a.traders), a.rng.random() < 0.8), True)


def revoke(a: Actors) -> Call:
    """Takes a credential away, or makes another of it."""
    index = a.rng.randrange(len(a.book()))
    leaf = a.pick([NO_LEAF, a.leaf(a.pick(a.traders))])
    return a.set_leaf(index, leaf, False)


def admit_wallet(a: Actors) -> Call:
    return Call("Credentials", "admit_wallet", [a.pick(a.wallets.values())], a.s.issuer, "admit wallet")


def drop_wallet(a: Actors) -> Call:
    return Call("Credentials", "drop_wallet", [a.pick(sorted(a.s.wallets))], a.s.issuer, "drop wallet")


def successor(a: Actors) -> Call:
    heir = a.pick([ZERO, a.strangers[1], a.wallets["trader 2"], a.model.at["Pool"]])
    return Call("Credentials", "name_successor", [heir], a.pick(a.wallets.values()), "name successor")


def donate(a: Actors) -> Call:
    pool, wallet = a.model.at["Pool"], a.pick(a.wallets.values())
    return Call(a.pick(["Base", "Quote"]), "transfer", [pool, a.rng.randrange(2**60)], wallet, "donate")


def pause(a: Actors) -> Call:
    return Call("Pool", "pause", [], a.model.people["guardian"], "pause")


def propose(a: Actors) -> Call:
    governor = a.model.at["Governor"]
    made = [
        lambda: a.auditor_call(account("auditor 2")),
        lambda: a.treasury_call(account("treasury 2"), a.treasurers[1]),
        lambda: Call("Market", "open_market", [a.market_terms()], governor, "open market"),
        lambda: Call("Credentials", "set_issuer", [account("issuer 2")], governor, "set issuer"),
        lambda: Call("Governor", "set_admin", [account("admin 2")], governor, "set admin"),
    ]
    return a.propose(a.pick(made)())


def unpause(a: Actors) -> Call:
    """Proposed where the pool is paused."""
    if not a.s.paused or any(ready and call.function == "unpause" for call, ready in a.s.proposals):
        raise Cannot("not needed")
    return a.propose(Call("Pool", "unpause", [], a.model.at["Governor"], "unpause"))


def execute(a: Actors) -> Call:
    ready = [i for i, (_, ready) in enumerate(a.s.proposals) if 0 < ready <= a.s.block]
    return Call("Governor", "execute", [a.pick(ready)], a.s.admin, "execute")


def cancel_proposal(a: Actors) -> Call:
    pending = [i for i, (_, ready) in enumerate(a.s.proposals) if ready]
    return Call("Governor", "cancel", [a.pick(pending)], a.s.admin, "cancel proposal")


def accept_admin(a: Actors) -> Call:
    if a.s.pending_admin == ZERO:
        raise Cannot("nobody named")
    return Call("Governor", "accept_admin", [], a.s.pending_admin, "accept admin")


MOVES = {
    deposit: 4, transfer: 4, withdraw: 4, commit: 40, reveal: 45, settle: 12, cancel: 2, reclaim: 12, fail: 6,
    release: 5, print_: 6, advance: 6, push: 6, bond: 3, unbond: 2, withdraw_stake: 3, register_key: 2.5,
    admit: 1, revoke: 1, admit_wallet: 1, drop_wallet: 0.4, successor: 0.8, donate: 0.5, pause: 0.2, propose: 0.8,
    unpause: 8, execute: 8, cancel_proposal: 0.2, accept_admin: 1,
}  # fmt: skip
