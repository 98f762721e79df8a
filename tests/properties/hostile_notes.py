"""Attacks on notes and their tree: double spends, forged roots, deposits and chunks that break a rule."""

from tests.properties.actors import Actors, Cannot, account
from tests.properties.model import CAP, CHUNK
from tests.properties.points import R
from tests.properties.rules import Call
from tests.properties.vault import EMPTY_NOTES


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
        return a.transact(
            holder, asset, dummies, deposit=amount, account=wallet, sender=wallet, label="deposit to the cap"
        )
    if kind == 4:  # a token that keeps a part
        token = at["Fee"]
        dummies = [a.dummy(token, holder), a.dummy(token, holder)]
        amount = rng.choice([50, 100, 2**60])
        return a.transact(
            holder, token, dummies, deposit=amount, account=wallet, sender=wallet, label="deposit less fee"
        )
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
    kind, old, index = (
        a.pick(["as is", "more", "fewer", "order", "other", "index", "root", "none", "spelling"]),
        s.root,
        s.next_chunk,
    )
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
