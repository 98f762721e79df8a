"""Attacks on orders and epochs: true statements about another batch, market, registry, key or time."""

from dataclasses import replace

from tests.properties.actors import Actors, Cannot
from tests.properties.points import R
from tests.properties.rules import ZERO, Call


def _epoch(a: Actors, market: int) -> int:
    """Around the present one."""
    return max(0, a.current(market) + a.rng.choice([-2, -1, -1, 0, 1]))


def odd_commit(a: Actors) -> Call:
    market = a.rng.randrange(len(a.s.markets))
    holder, terms = a.pick(a.traders), a.s.markets[market]
    kind = a.pick(
        ["epoch", "time", "time", "terms", "book", "rk", "again", "expired", "place", "root", *["former"] * 4]
    )
    if kind == "epoch":
        return a.commit(a.terms(market, _epoch(a, market), holder), label="commit another epoch")
    epoch = a.current(market)
    if kind == "again":
        used = a.pick(o for o in a.orders(reclaimed=True) if (o.market, o.epoch) == (market, epoch))
        order = replace(a.terms(market, epoch, used.holder), place=used.place)
        return a.commit(order, label="commit on a used quota")
    order = a.terms(market, epoch, holder)
    if kind == "time":
        time = a.s.time + a.pick([-1, -7200, 3601, 3600, 86400])
        return a.commit(order, time=time, label="commit at another time")
    if kind == "rk":
        return a.commit(order, rk=ZERO, label="commit without a key")
    if kind == "place":
        return a.commit(
            replace(order, place=terms["quota"]), proven_terms=terms | {"quota": 99}, label="commit past quota"
        )
    if kind == "terms":
        name, value = a.pick(
            [("lot", 1), ("min_quantity", 1), ("fee_bps", 0), ("tier", 0), ("jurisdictions", 2**250 - 1)]
            + [("base", terms["quote"]), ("quota", 7)]
        )
        changed = terms | {name: value}
        if name in ("lot", "fee_bps"):
            order = _relock(order, changed)
        return a.commit(order, proven_terms=changed, label=f"commit under another {name}")
    if kind == "root":
        return a.commit(order, credential_root=a.pick(a.vault.books), label="commit by another credential root")
    if kind == "former":
        return a.commit(order, credential_root=a.pick(a.s.former_roots[-2:]), label="commit by a former root")
    if kind == "expired":
        time = max(0, a.book()[order.credential].expiry - 1)
        return a.commit(order, time=time, label="commit by an expired credential")
    book = (*a.book(), a.leaf(holder))
    order = replace(order, credential=len(book) - 1)
    return a.commit(order, credential_root=a.vault.book(book), label="commit by a forged credential")


def _relock(order, terms):
    worth = order.qty * order.price
    lock = worth + worth * terms["fee_bps"] // 10_000 if order.side == 0 else order.qty * terms["lot"]
    return replace(order, lock=lock)


def odd_reveal(a: Actors) -> Call:
    """Out of time; again; by another key; for another set; in another spelling; off the curve."""
    kind = a.pick(["time", "again", "key", "chain", "spelling", "curve", "curve", "word", "cancelled", "other order"])
    orders = a.orders(reclaimed=True)
    if kind in ("key", "chain", "spelling", "curve", "word", "other order"):
        orders = a.to_reveal() or orders
    if kind == "cancelled":
        orders = [o for o in orders if a.record_of(o).reclaimed]
    order = a.pick(orders)
    if kind == "key":
        return a.reveal(order, signer=next(a.signers), label="reveal by another key")
    if kind == "curve":
        return a.reveal(
            order, point=a.pick([(1, 1), (0, 0), (0, R + 1), (R, 1), (0, R - 1)]), label="reveal off the curve"
        )
    call = a.reveal(order, label=f"reveal, {kind}")
    r = call.args[0]
    signer = a.vault.signers[a.record_of(order).rk]
    digest = a.model.reveal_hash(order.market, order.epoch, order.oc, r["point"], r["ciphertext"])
    if kind == "spelling":
        call.args[1:] = signer.other_spelling(digest)
    elif kind == "word":
        r["ciphertext"][a.rng.randrange(4)] += R
        call.args[1:] = signer.sign(
            a.model.reveal_hash(order.market, order.epoch, order.oc, r["point"], r["ciphertext"])
        )
    elif kind == "chain":
        record = a.s.epochs[order.market, order.epoch]
        kept = record.commit_chain
        record.commit_chain = bytes(32)
        call.args[1:] = signer.sign(
            a.model.reveal_hash(order.market, order.epoch, order.oc, r["point"], r["ciphertext"])
        )
        record.commit_chain = kept
    elif kind == "other order":
        r["quota_nullifier"] = a.pick(a.orders(reclaimed=True)).quota_nullifier
    return call


def odd_settle(a: Actors) -> Call:
    """True statements of another batch, another reference, other terms, keys, owners or sizes."""
    key = a.pick(a.to_settle() if a.rng.random() < 0.8 else a.epochs())
    record = a.s.epochs[key]
    if not record.reveals:
        raise Cannot("no reveals")
    facts, reveals = a.model.facts(*key), list(record.reveals)
    kind = a.pick([
        "as is", "omit", "order", "twice", "reference", "terms", "leader", "treasury", "owner", "auditor", "size",
        "mask", "versions", "chain", "epoch", "sender", "sender", "sender",
    ])  # fmt: skip
    label = f"settle, another {kind}"
    if kind == "as is":
        return a.settle(*key, label="settle at any time")
    if kind == "size":
        return a.settle(*key, size=a.pick([1, 8, 16, 64, 32]), label=label)
    if kind in ("omit", "order", "twice"):
        if kind == "omit":
            reveals.pop(a.rng.randrange(len(reveals)))
        elif kind == "order":
            reveals.reverse()
        else:
            reveals.append(a.pick(reveals))
        return a.settle(*key, reveals=reveals, facts=facts, label=label)
    if kind == "sender":
        return a.settle(*key, sender=a.pick([*a.strangers, *a.leaders]), label=label)
    if kind == "mask":
        call = a.settle(*key, label=label)
        call.args[2]["invalid_mask"] ^= 1 << a.rng.randrange(len(reveals) + 1)
        return call
    if kind == "epoch":
        other = a.pick(k for k in a.epochs() if k != key)
        call = a.settle(*key, label=label)
        call.args[2]["market"], call.args[2]["epoch"] = other
        return call
    changed = {
        "reference": {"reference": a.pick([1, facts["reference"] + 2**35, 2**41])},
        "terms": {
            "terms": facts["terms"] | a.pick([{"fee_bps": 1000}, {"split_bps": 10_000}, {"collar_bps": 1}, {"lot": 7}])
        },
        "leader": {"leader_owner": a.traders[0].owner},
        "treasury": {"treasury_owner": a.traders[0].owner},
        "owner": {"reveal_key": a.point()},
        "auditor": {"auditor_key": a.point()},
        "versions": {"versions": tuple(v + 1 for v in facts["versions"])},
        "chain": {"reveal_chain": record.commit_chain},
    }[kind]
    return a.settle(*key, facts=facts | changed, label=label)


def odd_reclaim(a: Actors) -> Call:
    """Out of time; after settlement; again; without the forfeit; under other terms; to another treasury."""
    kind = a.pick(["time", "forfeit", "bond", "treasury", "slot", "rk", "epoch", "again"])
    orders = a.orders(reclaimed=kind == "again")
    if kind in ("forfeit", "bond", "treasury", "slot"):
        orders = a.to_reclaim() or orders
    order = a.pick(orders)
    label = f"reclaim, {kind}"
    if kind == "forfeit":
        due = a.model.forfeits(order.market, order.epoch, a.record_of(order).slot)
        return a.reclaim(order, forfeit=1 - (due or 0), label=label)
    if kind == "bond":
        return a.reclaim(
            order, proven_terms=a.s.markets[order.market] | {"bond_bps": a.pick([0, 1, 9999])}, label=label
        )
    if kind == "treasury":
        own = {"owner": order.holder.owner, "key": a.point()}
        return a.reclaim(order, treasury=own, label=label)
    call = a.reclaim(order, label=label)
    c = call.args[2]
    if kind == "slot":
        c["slot"] = a.pick([0, 1, 2, 3, 200, 2**200])
    elif kind == "rk":
        c["rk"] = a.stranger()
    elif kind == "epoch":
        c["epoch"] = max(0, c["epoch"] + a.pick([-1, 1]))
    return call
