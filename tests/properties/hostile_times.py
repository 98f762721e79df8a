"""Attacks on time: what waits for its block, one block early, and in every other state."""

from dataclasses import replace

from tests.properties.actors import Actors, Cannot
from tests.properties.model import windows
from tests.properties.rules import Call


def eager(a: Actors) -> Call:
    """What has a first or a last block, in that block or beside it."""
    now: dict[str, list] = {}
    for kind, block, make in _waiting(a):
        if a.s.block <= block <= a.s.block + 1:
            now.setdefault(kind, []).append(make)
    kind = a.pick(now)
    return replace(a.pick(now[kind])(), label=f"{kind}, eager")


def _waiting(a: Actors):
    """(kind, block, how to make the call)."""
    s = a.s
    yield "advance", s.opened_at + 16, a.advance
    yield "former root", s.former_until, lambda: a.commit(_of_former_book(a), credential_root=s.former_root)
    for i, (_, ready) in enumerate(s.proposals):
        yield "execute", ready, lambda i=i: Call("Governor", "execute", [i], s.admin)
    for relayer, r in s.relayers.items():
        yield "withdraw stake", r.withdraw_from, lambda r=relayer: Call("Relayers", "withdraw", [], r)
    for key in a.epochs():
        w, record = windows(s.markets[key[0]], key[1]), s.epochs[key]
        for name in ("settle_from", "deadline"):
            yield "settle", w[name], lambda k=key: a.settle(*k)
        yield "fail", w["deadline"], lambda k=key: Call("Market", "fail", list(k), a.stranger())
        yield "release", w["settle_from"], lambda k=key: Call("Market", "release", list(k), a.stranger())
        if record.settled:
            yield "print", record.settled + s.markets[key[0]]["deferral"], lambda k=key: a.print(*k)
        for order in (o for o in a.orders() if (o.market, o.epoch) == key):
            for name in ("reveal_from", "settle_from"):
                yield "reveal", w[name], lambda o=order: a.reveal(o)
            for name in ("freeze", "reveal_from", "settle_from", "deadline"):
                yield "reclaim", w[name], lambda o=order: a.reclaim(o)
    for market, terms in enumerate(s.markets):
        epoch = (s.block + 1 - terms["start_block"]) // terms["commit_blocks"]
        for e in (epoch - 1, epoch):
            if e >= 0:
                opens = windows(terms, e)["open"]
                yield "commit", opens, lambda m=market, e=e: a.commit(a.terms(m, e, a.pick(a.traders)))
                yield "late commit", opens, lambda m=market, e=e: a.commit(a.terms(m, max(e - 1, 0), a.pick(a.traders)))


def _of_former_book(a: Actors):
    """An order whose credential stands in the former book too."""
    former = a.vault.books.get(a.s.former_root, ())
    market = a.rng.choice([0, 1])
    order = a.terms(market, a.current(market), a.pick(a.traders))
    if order.credential >= len(former) or former[order.credential].owner != order.holder.owner:
        raise Cannot("not in the former book")
    return order


def early(a: Actors) -> Call:
    """What waits for its time, at any time: fail, release, print, of any epoch."""
    key = a.pick([*a.epochs(), (0, 2**64), (99, 0), (0, 2**63)])
    kind = a.pick(["fail", "release", "print"])
    if kind == "print":
        call = a.print(*key)
        if a.rng.random() < 0.5:
            call.args[4] += a.pick([1, 2**64])
        return call
    return Call("Market", kind, list(key), a.stranger(), f"{kind} at any time")
