"""What attackers try: honest calls bent in one place, and true statements about the wrong thing.

Each attack returns a call that the chain may or may not take; the model says which.
"""

import copy
from dataclasses import replace

from tests.properties import honest
from tests.properties.actors import Actors, Cannot, account
from tests.properties.auction import TOP
from tests.properties.model import CAP, CHUNK, windows
from tests.properties.points import R
from tests.properties.rules import ZERO, Call
from tests.properties.vault import EMPTY_NOTES, NO_LEAF, Unprovable



def _some(a: Actors, *moves) -> Call:
    """The first of the moves, tried in random order, that can be made."""
    for move in a.rng.sample(moves, len(moves)):
        try:
            return move(a)
        except (Cannot, Unprovable):
            continue
    raise Cannot("none can be made")


PROOFS = (
    honest.deposit, honest.transfer, honest.withdraw, honest.commit, honest.settle, honest.reclaim, honest.cancel,
    honest.print_, honest.advance, honest.register_key,
)  # fmt: skip


# Any call


def _leaves(value, path=()):
    """The places of all plain values in nested arguments."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _leaves(inner, (*path, key))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from _leaves(inner, (*path, place))
    else:
        yield path, value


def _put(args, path, value):
    for step in path[:-1]:
        args = args[step]
    args[path[-1]] = value


def tamper(a: Actors) -> Call:
    """One word of a call changed after it was proven or signed."""
    call = copy.deepcopy(_some(a, *PROOFS, honest.reveal, honest.push))
    path, value = a.pick(_leaves(call.args))
    if isinstance(value, bool) or isinstance(value, str):
        value = a.pick([ZERO, a.stranger(), a.wallets["trader 3"], a.model.at["Base"], a.model.at["Fee"]])
    else:
        value = a.pick([value + 1, max(0, value - 1), (value + R) % 2**256, 0, 1, TOP, a.word(), 2**256 - 1])
    _put(call.args, path, value)
    call.label += f" tampered at {path}"
    return call


def cut(a: Actors) -> Call:
    """Input that ends too soon. A list at its end would be read on as zeros, so none ends in one here."""
    call = _some(a, honest.reveal, *(m for m in PROOFS if m not in (honest.settle, honest.advance)))
    return replace(call, cut=a.pick([1, 31, 32]), label=f"{call.label} cut short")


def swap_proof(a: Actors) -> Call:
    """A proof of other words, of another circuit, pool or chain, for the same call."""
    call = copy.deepcopy(_some(a, *PROOFS))
    proof = a.vault.proofs[call.args[0][0]]
    d, circuit, pool, chain_id = list(proof.d), proof.circuit, None, proof.chain_id
    kind = a.pick(["word", "word", "word", "circuit", "pool", "chain"])
    if kind == "word":
        place = a.rng.randrange(len(d))
        d[place] = a.pick([(d[place] + 1) % R, 0 if d[place] else 1, a.word()])
    elif kind == "circuit":
        circuit = a.pick(c for c in ("transact", "commit", "reclaim", "settle_16") if c != circuit)
    elif kind == "pool":
        pool = account("another pool")
    else:
        chain_id = 1
    other = a.vault.prove(circuit, d, pool, chain_id)
    call.args[0], call.args[1] = list(other.words), other.digest
    call.label += f" with a proof of another {kind}"
    return call


def second_spelling(a: Actors) -> Call:
    """A word w written as w + r, in the call and in what is proven: for the circuit the same statement."""
    call = copy.deepcopy(_some(a, *PROOFS))
    proof = a.vault.proofs[call.args[0][0]]
    known = {word: place for place, word in enumerate(proof.d)}
    path, value = a.pick((p, v) for p, v in _leaves(call.args) if type(v) is int and p[0] != 0 and v in known)
    d = list(proof.d)
    d[known[value]] = value + R
    _put(call.args, path, value + R)
    other = a.vault.prove(proof.circuit, d)
    call.args[0], call.args[1] = list(other.words), other.digest
    call.label += f" respelled at {path}"
    return call


def other_sender(a: Actors) -> Call:
    moves = [move for move in honest.MOVES if move not in (honest.transfer, honest.reveal)]
    call = _some(a, *moves)
    everyone = [*a.strangers, *a.leaders, *a.wallets.values(), a.model.people["guardian"], a.s.issuer, a.s.admin]
    return replace(call, sender=a.pick(who for who in everyone if who != call.sender), label=f"{call.label} by another")


# Notes


def double_spend(a: Actors) -> Call:
    """A note that was spent, under a root that still holds it; or one note as both inputs."""
    holder = a.pick(a.traders)
    asset = a.model.at[a.rng.choice(["Base", "Quote"])]
    if a.rng.random() < 0.5:
        note, position = a.pick(a.notes_of(holder, asset))
        inputs = [(note, position)] * 2
    else:
        spent = [
            (note, position)
            for nullifier, (position, cm) in a.s.nullifiers.items()
            if nullifier in a.s.nullified
            for note in [a.vault.notes[cm]]
            if note.owner == holder.owner and note.asset == asset and note.amount
        ]
        inputs = [a.pick(spent), a.dummy(asset, holder)]
        a.rng.shuffle(inputs)
    return _spend(a, holder, asset, inputs, "double spend")


def _spend(a: Actors, holder, asset, inputs, label, spent=None) -> Call:
    """By transfer, withdrawal or commit."""
    worth = sum(note.amount for note, _ in inputs)
    kind = a.pick(["transfer", "withdraw", "commit"])
    if kind == "transfer":
        return a.transact(holder, asset, inputs, spent=spent, label=label)
    if kind == "withdraw":
        to = a.wallets["trader 0"]
        return a.transact(holder, asset, inputs, withdrawal=worth // 2 + 1, account=to, spent=spent, label=label)
    market = a.rng.randrange(len(a.s.markets))
    side = 0 if asset == a.s.markets[market]["quote"] else 1
    order = a.terms(market, a.current(market), holder, side)
    if order.lock > worth:
        raise Cannot("too little")
    return a.commit(order, inputs, spent=spent, label=label)


def forged_root(a: Actors) -> Call:
    """A rich note in a tree of the attacker's own; or a known root under another tree's number."""
    holder, asset = a.pick(a.traders), a.model.at[a.rng.choice(["Base", "Quote"])]
    note = a.vault.note(asset, 2**90, holder.owner, a.word())
    root = a.vault.grow(a.pick([EMPTY_NOTES, a.s.root]), 2**25, [note.cm])
    tree = a.pick([0, 0, 1])
    position = (tree << 32) + 2**25 * CHUNK
    inputs = [(note, position), a.dummy(asset, holder)]
    spent = {"tree0": tree, "root0": root, **dict(zip(("tree1", "root1"), a.pick(sorted(a.s.roots)), strict=True))}
    spent |= {f"nf{i}": n.nullifier(p, holder) for i, (n, p) in enumerate(inputs)}
    if a.rng.random() < 0.3:
        spent = {k: spent[s] for k, s in zip(spent, ("tree1", "root1", "tree0", "root0", "nf1", "nf0"), strict=True)}
        inputs.reverse()
    return _spend(a, holder, asset, inputs, "forged root", spent)


def other_tree(a: Actors) -> Call:
    """A note of a known root, said to stand in the next tree: the same note, another nullifier."""
    holder, asset = a.pick(a.traders), a.model.at[a.rng.choice(["Base", "Quote"])]
    note, position = a.pick(a.notes_of(holder, asset))
    tree, root = a.root_for(position, note.cm) or a.pick([])
    moved = position + 2**32
    inputs = [(note, moved), a.dummy(asset, holder)]
    spent = {"tree0": tree + 1, "root0": root, "tree1": tree, "root1": root}
    spent |= {f"nf{i}": n.nullifier(p, holder) for i, (n, p) in enumerate(inputs)}
    return _spend(a, holder, asset, inputs, "other tree", spent)


def odd_transact(a: Actors) -> Call:
    """Deposits and withdrawals that break one rule of the pool, provable all the same."""
    at, rng = a.model.at, a.rng
    holder = a.pick(a.traders)
    wallet = a.wallets[holder.name]
    asset = at[rng.choice(["Base", "Quote"])]
    dummies = [a.dummy(asset, holder), a.dummy(asset, holder)]
    kind = rng.randrange(10)
    if kind == 0:  # both at once
        return a.transact(
            holder, asset, dummies, deposit=2**60, withdrawal=2**59, account=wallet, sender=wallet, label="both"
        )
    if kind == 1:  # someone else's deposit
        return a.transact(holder, asset, dummies, deposit=2**60, account=wallet, label="deposit of another")
    if kind == 2:  # not admitted
        who = a.stranger()
        return a.transact(holder, asset, dummies, deposit=1, account=who, sender=who, label="deposit of a stranger")
    if kind == 3:  # beyond the cap, or just below it
        amount = CAP - a.s.total.get(asset, 0) - rng.randrange(2)
        return a.transact(holder, asset, dummies, deposit=amount, account=wallet, sender=wallet, label="deposit to the cap")
    if kind == 4:  # a token that keeps a part
        token = at["Fee"]
        dummies = [a.dummy(token, holder), a.dummy(token, holder)]
        amount = rng.choice([50, 100, 2**60])
        return a.transact(holder, token, dummies, deposit=amount, account=wallet, sender=wallet, label="deposit less fee")
    if kind == 5:  # nothing, from nothing
        note = a.vault.note(asset, 1, holder.owner, a.word())
        return a.transact(holder, asset, [(note, 7), a.dummy(asset, holder)], label="from nothing")
    inputs = a.inputs(holder, asset, 2**20)
    worth = sum(note.amount for note, _ in inputs)
    if kind == 6:
        to = a.pick([*a.strangers, account("nobody"), a.model.at["Governor"]])
        return a.transact(holder, asset, inputs, withdrawal=worth // 2, account=to, label="withdraw to anyone")
    if kind == 7:
        return a.transact(holder, asset, inputs, withdrawal=worth // 2, label="withdraw to nobody")
    if kind == 8:
        return a.transact(holder, asset, inputs, fee=worth // 2, label="fee to nobody")
    return a.transact(holder, asset, inputs, account=a.stranger(), carrier=a.stranger(), label="account without amount")


def odd_advance(a: Actors) -> Call:
    """Early; other leaves, fewer, in another order; at another place of the tree."""
    s, first = a.s, a.s.next_chunk * CHUNK
    leaves = [s.leaves[first + i] for i in range(min(s.next_leaf - first, CHUNK))]
    kind, old, index = a.pick(["as is", "more", "fewer", "order", "other", "index", "root", "none", "spelling"]), s.root, s.next_chunk
    if kind == "more":
        leaves = [*leaves, a.vault.note(a.model.at["Base"], 2**90, a.traders[0].owner, a.word()).cm][:CHUNK]
    elif kind == "fewer":
        leaves = leaves[:-1]
    elif kind == "order":
        a.rng.shuffle(leaves)
    elif kind == "other" and leaves:
        leaves[a.rng.randrange(len(leaves))] = a.vault.note(a.model.at["Base"], 2**90, a.traders[0].owner, a.word()).cm
    elif kind == "index":
        index += a.pick([1, 2**20])
    elif kind == "root":
        old = a.pick(root for _, root in sorted(s.roots))
    elif kind == "none":
        leaves = []
    proof, root = a.vault.advance(old, index % 2**26, leaves)
    if kind == "spelling":
        root += R
        proof = a.vault.prove("advance", [proof.d[0], root, *proof.d[2:]])
    return Call("Pool", "advance", [list(proof.words), proof.digest, root, leaves], a.stranger(), f"advance, {kind}")


# Orders


def _epoch(a: Actors, market: int) -> int:
    """Around the present one."""
    return max(0, a.current(market) + a.rng.choice([-2, -1, -1, 0, 1]))


def odd_commit(a: Actors) -> Call:
    rng, market = a.rng, a.rng.randrange(len(a.s.markets))
    holder, terms = a.pick(a.traders), a.s.markets[market]
    kind = a.pick(["epoch", "time", "time", "terms", "book", "rk", "again", "expired", "place", "root", "root", "root"])
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
        return a.commit(replace(order, place=terms["quota"]), proven_terms=terms | {"quota": 99}, label="commit past quota")
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
        root = a.pick(list(a.vault.books)[-5:])
        return a.commit(order, credential_root=root, label="commit by another credential root")
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
    kind = a.pick(["time", "again", "key", "chain", "spelling", "curve", "word", "cancelled", "other order"])
    orders = a.orders(reclaimed=True)
    if kind in ("key", "chain", "spelling", "curve", "word", "other order"):
        orders = a.to_reveal() or orders
    if kind == "cancelled":
        orders = [o for o in orders if a.record_of(o).reclaimed]
    order = a.pick(orders)
    if kind == "key":
        return a.reveal(order, signer=next(a.signers), label="reveal by another key")
    if kind == "curve":
        return a.reveal(order, point=a.pick([(1, 1), (0, 0), (0, R + 1), (R, 1), (0, R - 1)]), label="reveal off the curve")
    call = a.reveal(order, label=f"reveal, {kind}")
    r = call.args[0]
    signer = a.vault.signers[a.record_of(order).rk]
    digest = a.model.reveal_hash(order.market, order.epoch, order.oc, r["point"], r["ciphertext"])
    if kind == "spelling":
        call.args[1:] = signer.other_spelling(digest)
    elif kind == "word":
        r["ciphertext"][a.rng.randrange(4)] += R
        call.args[1:] = signer.sign(a.model.reveal_hash(order.market, order.epoch, order.oc, r["point"], r["ciphertext"]))
    elif kind == "chain":
        record = a.s.epochs[order.market, order.epoch]
        kept = record.commit_chain
        record.commit_chain = bytes(32)
        call.args[1:] = signer.sign(a.model.reveal_hash(order.market, order.epoch, order.oc, r["point"], r["ciphertext"]))
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
        "as is", "omit", "order", "twice", "reference", "terms", "leader", "treasury", "owner", "auditor", "size", "mask",
        "versions", "chain", "epoch",
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
        "terms": {"terms": facts["terms"] | a.pick([{"fee_bps": 1000}, {"split_bps": 10_000}, {"collar_bps": 1}, {"lot": 7}])},
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
        return a.reclaim(order, proven_terms=a.s.markets[order.market] | {"bond_bps": a.pick([0, 1, 9999])}, label=label)
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


def eager(a: Actors) -> Call:
    """What has a first or a last block, in that block or beside it."""
    s = a.s
    waiting = [(s.opened_at + 16, a.advance)]
    waiting += [(ready, lambda i=i: Call("Governor", "execute", [i], s.admin, "execute")) for i, (_, ready) in enumerate(s.proposals)]
    for account_, r in s.relayers.items():
        waiting.append((r.withdraw_from, lambda w=account_: Call("Relayers", "withdraw", [], w, "withdraw stake")))
    for key in a.epochs():
        w, record = windows(s.markets[key[0]], key[1]), s.epochs[key]
        orders = [o for o in a.orders() if (o.market, o.epoch) == key]
        waiting += [(w[name], lambda k=key: a.settle(*k)) for name in ("settle_from", "deadline")]
        waiting += [(w["deadline"], lambda k=key: Call("Market", "fail", list(k), a.stranger(), "fail"))]
        waiting += [(w["settle_from"], lambda k=key: Call("Market", "release", list(k), a.stranger(), "release"))]
        waiting += [(w[name], lambda o=o: a.reveal(o)) for name in ("reveal_from", "settle_from") for o in orders]
        waiting += [(w[name], lambda o=o: a.reclaim(o)) for name in ("freeze", "reveal_from", "settle_from", "deadline") for o in orders]
        if record.settled:
            waiting.append((record.settled + s.markets[key[0]]["deferral"], lambda k=key: a.print(*k)))
    for market, terms in enumerate(s.markets):
        if s.block + 1 >= terms["start_block"]:
            epoch = (s.block + 1 - terms["start_block"]) // terms["commit_blocks"]
            for e in (epoch - 1, epoch):
                opens = windows(terms, max(e, 0))["open"]
                waiting.append((opens, lambda m=market, e=e: a.commit(a.terms(m, max(e, 0), a.pick(a.traders)))))
    waiting.append((s.former_until, lambda: a.commit(_of_former_book(a), credential_root=s.former_root)))
    call = a.pick(make for block, make in waiting if s.block <= block <= s.block + 1)()
    return replace(call, label=f"{call.label}, eager")


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


# Offices


def intrude(a: Actors) -> Call:
    """Calls that only another contract or an office may make."""
    who, at = a.pick([*a.strangers, *a.leaders, a.s.admin]), a.model.at
    note = a.vault.note(at["Base"], 2**90, a.traders[0].owner, a.word())
    tree, root = a.pick(sorted(a.s.roots))
    calls = [
        ("Pool", "spend", [tree, root, tree, root, a.word(), a.word()]),
        ("Pool", "append", [[note.cm]]),
        ("Pool", "pause", []), ("Pool", "unpause", []),
        ("Relayers", "reserve", [1, a.s.block + 5]), ("Relayers", "release", [a.leaders[0]]),
        ("Relayers", "slash", [a.leaders[0], who]),
        ("Market", "open_market", [a.market_terms()]),
        ("Credentials", "admit_wallet", [who]), ("Credentials", "set_issuer", [who]),
        ("Credentials", "name_successor", [who]),
        ("Governor", "set_admin", [who]), ("Governor", "accept_admin", []),
    ]  # fmt: skip
    contract, function, args = a.pick(calls)
    return Call(contract, function, args, who, f"{function} by anyone")


def odd_office(a: Actors) -> Call:
    """Offices that overstep: the timelock, the registry's ranges, stakes, keys, observations."""
    at, governor, rng = a.model.at, a.model.at["Governor"], a.rng
    leader = a.pick(a.leaders)
    terms = a.market_terms(**a.pick([
        {"fee_bps": 1001}, {"bond_bps": 10_001}, {"quote": at["Base"]}, {"capacity": 65}, {"capacity": 0},
        {"freeze_blocks": 0}, {"start_block": a.s.block}, {"lot": 0}, {"lot": 2**64}, {"tier": 256}, {"quota": 0},
        {"source": account("no code")}, {"jurisdictions": 0}, {"max_age": 2**32}, {"source": at["Base"]},
    ]))  # fmt: skip
    root = a.vault.book((*a.book(), a.leaf(a.traders[0])))
    made = [
        lambda: Call("Governor", "execute", [rng.randrange(len(a.s.proposals) + 2)], a.s.admin, "execute any"),
        lambda: Call("Governor", "cancel", [rng.randrange(len(a.s.proposals) + 2)], a.pick([a.s.admin, a.stranger()]), "cancel any"),
        lambda: replace(a.propose(Call("Pool", "unpause", [], governor, "x")), sender=a.stranger()),
        lambda: a.propose(Call("Market", "open_market", [terms], governor, "odd market")),
        lambda: a.propose(Call("Pool", "advance", a.advance().args, governor, "advance")),
        lambda: Call("Governor", "propose", [account("no code"), Call("Pool", "pause", [], governor)], a.s.admin, "no code"),
        lambda: Call("Credentials", "set_leaves", [2**20 - 1, [5, 6], root, True], a.s.issuer, "past the end"),
        lambda: Call("Credentials", "set_leaves", [3, [R], root, True], a.s.issuer, "leaf r"),
        lambda: Call("Credentials", "set_leaves", [3, [NO_LEAF.word], a.pick([0, R, R + 5]), True], a.s.issuer, "root r"),
        lambda: Call("Relayers", "register", [a.pick([0, R, a.word()])], a.pick([leader, a.stranger()]), "register again"),
        lambda: Call("Relayers", "bond", [a.pick([0, 1, 2**120, 2**119])], leader, "bond any"),
        lambda: Call("Relayers", "bond", [2000], a.stranger(), "bond unregistered"),
        lambda: Call("Relayers", "unbond", [a.pick([0, 2**100, 1])], a.pick([leader, a.stranger()]), "unbond any"),
        lambda: replace(a.key(leader), sender=a.pick(who for who in a.leaders if who != leader), label="key of another"),
        lambda: a.key(a.stranger()),
        lambda: a.push(price=a.pick([2**64, 2**64 - 1, 1])),
        lambda: a.push(time=a.s.time + a.pick([30, 31, 4000, -3600, -3601, -100])),
        lambda: Call("Source", "push", [5, a.s.time, *next(a.signers).sign(a.model.observation_hash(5, a.s.time))], a.stranger(), "push of another"),
        lambda: Call("Credentials", "drop_wallet", [account("nobody")], a.s.issuer, "drop nobody"),
        lambda: Call("Credentials", "admit_wallet", [ZERO], a.s.issuer, "admit zero"),
        lambda: a.propose(replace(a.auditor_call(account("auditor 2")), sender=governor)),
    ]  # fmt: skip
    return a.pick(made)()


ATTACKS = {
    tamper: 8, cut: 1, swap_proof: 8, second_spelling: 4, eager: 14, other_sender: 6, double_spend: 6, forged_root: 4, other_tree: 2, odd_transact: 6,
    odd_advance: 6, odd_commit: 18, odd_reveal: 10, odd_settle: 8, odd_reclaim: 8, early: 6, intrude: 4, odd_office: 7,
}  # fmt: skip

