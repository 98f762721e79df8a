"""The people of a world, and how each of their calls is made: who holds which key, note and order.

Builders raise `Cannot` where the caller lacks what the call needs (notes, an epoch, a key).
Whether the chain should accept the call is not their business: the model judges it.
"""

from dataclasses import replace
from random import Random

from tests.properties.auction import TOP
from tests.properties.deployed import SIZES
from tests.properties.model import REVEAL, SETTLING, Model, windows
from tests.properties.points import baby_jubjub, signers
from tests.properties.rules import ZERO, Call
from tests.properties.vault import NO_LEAF, Holder, Leaf, Note, Payout, Proof, Terms, Vault, hashed

PRICE = 2**40
TICK = 2**34
DAY = 86_400
TRADERS, LEADERS = 4, 3


class Cannot(Exception):
    """The caller lacks what the call needs."""


def account(name: str) -> str:
    return "0x" + f"{hashed('account', name) | 1 << 159:064x}"[-40:]


class Actors:
    def __init__(self, rng: Random, model: Model, vault: Vault):
        self.rng, self.model, self.vault = rng, model, vault
        self.points, self.signers = baby_jubjub(), signers()
        self.traders = [vault.holder(f"trader {i}") for i in range(TRADERS)]
        self.leaders = [account(f"leader {i}") for i in range(LEADERS)]
        self.lead_holders = {address: vault.holder(f"leader {i}") for i, address in enumerate(self.leaders)}
        self.treasurers = [vault.holder(f"treasury {i}") for i in range(2)]
        self.wallets = {holder.name: account(holder.name) for holder in self.traders}
        self.strangers = [account(f"stranger {i}") for i in range(2)]

    # Numbers

    def word(self) -> int:
        return self.rng.getrandbits(250)

    def memo(self) -> list[int]:
        return [self.word() for _ in range(8)]

    def point(self) -> tuple[int, int]:
        return next(self.points)

    def stranger(self) -> str:
        return self.rng.choice(self.strangers)

    @property
    def s(self):
        return self.model.s

    # Notes

    def root_for(self, position: int, cm: int) -> tuple[int, int] | None:
        """A known root whose tree has the note there: the latest, sometimes an older one."""
        known = sorted((t, r) for t, r in self.s.roots if t == position >> 32)
        self.rng.shuffle(known)
        latest = (self.s.next_chunk // 2**26, self.s.root)
        for tree, root in ([latest] if latest in self.s.roots and self.rng.random() < 0.8 else []) + known:
            if self.vault.holds(root, position & 2**32 - 1, cm):
                return tree, root
        return None

    def notes_of(self, holder: Holder, asset: str | None = None) -> list[tuple[Note, int]]:
        """Unspent notes that stand in a tree, with their positions."""
        found = []
        for position, cm in self.s.unspent.items():
            note = self.vault.notes[cm]
            if position // 64 < self.s.next_chunk and note.owner == holder.owner and note.amount:
                if asset is None or note.asset == asset:
                    found.append((note, position))
        return found

    def dummy(self, asset: str, holder: Holder) -> tuple[Note, int]:
        return self.vault.note(asset, 0, holder.owner, self.word()), self.rng.getrandbits(32)

    def inputs(self, holder: Holder, asset: str, least: int) -> list[tuple[Note, int]]:
        """Two notes of at least that much together; dummies where fewer do."""
        owned = self.notes_of(holder, asset)
        self.rng.shuffle(owned)
        taken = owned[: self.rng.choice([1, 2])]
        if sum(note.amount for note, _ in taken) < least:
            taken = sorted(owned, key=lambda entry: -entry[0].amount)[:2]
        if sum(note.amount for note, _ in taken) < least:
            raise Cannot("too few notes")
        while len(taken) < 2:
            taken.append(self.dummy(asset, holder))
        self.rng.shuffle(taken)
        return taken

    def spent_words(self, inputs: list[tuple[Note, int]], holder: Holder) -> dict:
        """tree, root and nullifier of both."""
        found = {}
        for i, (note, position) in enumerate(inputs):
            place = self.root_for(position, note.cm) if note.amount else self.rng.choice(sorted(self.s.roots))
            if place is None:
                raise Cannot("no root has the note")
            found[f"tree{i}"], found[f"root{i}"] = place
            found[f"nf{i}"] = note.nullifier(position, holder)
        return {k: found[k] for k in ("tree0", "root0", "tree1", "root1", "nf0", "nf1")}

    def transact(
        self, holder, asset, inputs, deposit=0, withdrawal=0, fee=0, account=ZERO, carrier=ZERO, to=None, sender=None,
        spent=None, label="transfer",
    ) -> Call:  # fmt: skip
        left = sum(note.amount for note, _ in inputs) + deposit - withdrawal - fee
        if left < 0:
            raise Cannot("too few notes")
        part = self.rng.randrange(left + 1)
        owners = (holder.owner, (to or holder).owner)
        outputs = [self.vault.note(asset, n, o, self.word()) for n, o in zip((left - part, part), owners, strict=True)]
        spent = spent or self.spent_words(inputs, holder)
        t = spent | {"cm0": outputs[0].cm, "cm1": outputs[1].cm}
        t |= {"asset": asset if deposit or withdrawal or fee else ZERO, "deposit": deposit, "withdrawal": withdrawal}
        t |= {"fee": fee, "account": account, "carrier": carrier}
        memos = [self.memo(), self.memo()]
        proof = self.vault.transact(t, memos, inputs, outputs, holder)
        return Call("Pool", "transact", [*_proof(proof), t, *memos], sender or self.stranger(), label)

    def deposit(self, trader: Holder, asset: str, amount: int) -> Call:
        inputs, wallet = [self.dummy(asset, trader), self.dummy(asset, trader)], self.wallets[trader.name]
        return self.transact(trader, asset, inputs, deposit=amount, account=wallet, sender=wallet, label="deposit")

    def withdraw(self, holder: Holder, asset: str, amount: int, to: str, fee: int = 0, carrier: str = ZERO) -> Call:
        inputs = self.inputs(holder, asset, amount + fee)
        return self.transact(
            holder, asset, inputs, withdrawal=amount, fee=fee, account=to, carrier=carrier, label="withdraw"
        )

    def advance(self) -> Call:
        s, first = self.s, self.s.next_chunk * 64
        leaves = [s.leaves[first + i] for i in range(min(s.next_leaf - first, 64))]
        if not leaves:
            raise Cannot("nothing to advance")
        proof, root = self.vault.advance(s.root, s.next_chunk % 2**26, leaves)
        return Call("Pool", "advance", [*_proof(proof), root, leaves], self.stranger(), "advance")

    # Orders

    def terms(self, market: int, epoch: int, holder: Holder, side: int | None = None) -> Terms:
        """A random order; Cannot without a credential, or with its quota used up."""
        rng, t = self.rng, self.s.markets[market]
        credential = next((i for i, leaf in enumerate(self.book()) if leaf.owner == holder.owner), None)
        if credential is None:
            raise Cannot("no credential")
        side = rng.randrange(2) if side is None else side
        qty, price = rng.randrange(2**20, 2**21), PRICE + TICK * rng.randrange(-4, 5)
        if rng.random() < 0.04:
            price = rng.choice([1, TOP])
        worth = qty * price
        lock = worth + worth * t["fee_bps"] // 10_000 if side == 0 else qty * t["lot"]
        order = Terms(
            market, epoch, side, qty, price, holder, credential, self.word(), 0, lock,
            lock * t["bond_bps"] // 10_000, t["quote"] if side == 0 else t["base"],
        )  # fmt: skip
        places = [replace(order, place=j) for j in range(t["quota"])]
        return self.pick(o for o in places if o.quota_nullifier not in self.s.orders)

    def book(self) -> tuple[Leaf, ...]:
        return self.vault.books.get(self.s.credential_root, ())

    def commit(self, order: Terms, inputs=None, spent=None, label="commit", proven_terms=None, **changes) -> Call:
        """`changes` replace words of the call before it is proven; `proven_terms` those of the market."""
        holder, asset = order.holder, order.asset
        inputs = inputs or self.inputs(holder, asset, order.lock)
        left = sum(note.amount for note, _ in inputs) - order.lock
        change = self.vault.note(asset, left, holder.owner, self.word())
        self.vault.order(order)
        signer = next(self.signers)
        self.vault.signers[signer.address] = signer
        own = {"change_cm": change.cm, "quota_nullifier": order.quota_nullifier, "oc": order.oc, "rk": signer.address}
        own |= {"credential_root": self.s.credential_root, "time": self.s.time + self.rng.randrange(3600)}
        c = {"market": order.market, "epoch": order.epoch} | (spent or self.spent_words(inputs, holder)) | own | changes
        memo = self.memo()
        terms = proven_terms or self.s.markets[order.market]
        proof = self.vault.commit(c, terms, memo, inputs, order, change)
        return Call("Market", "commit", [*_proof(proof), c, memo], self.stranger(), label)

    def record_of(self, order: Terms):
        return self.s.orders[order.quota_nullifier]

    def reveal(self, order: Terms, opened: Terms | None = None, point=None, label="reveal", signer=None, digest=None):
        """`opened` is what the ciphertext holds, if not the order itself; nothing if it is another's point."""
        record = self.record_of(order)
        vanishing = point is not None
        point, ciphertext = point or self.point(), [self.word() for _ in range(4)]
        self.vault.opened[point, tuple(ciphertext)] = None if vanishing else opened or order
        if (order.market, order.epoch) not in self.s.epochs:
            raise Cannot("no such epoch")
        digest = digest or self.model.reveal_hash(order.market, order.epoch, order.oc, point, ciphertext)
        signer = signer or self.vault.signers[record.rk]
        r = {"market": order.market, "epoch": order.epoch, "quota_nullifier": order.quota_nullifier}
        r |= {"oc": order.oc, "point": list(point), "ciphertext": ciphertext}
        return Call("Market", "reveal", [r, *signer.sign(digest)], self.stranger(), label)

    def reclaim(self, order: Terms, forfeit: int | None = None, label="reclaim", proven_terms=None, treasury=None):
        s, record = self.s, self.record_of(order)
        terms = proven_terms or s.markets[order.market]
        if forfeit is None:
            forfeit = self.model.forfeits(order.market, order.epoch, record.slot) or 0
        versions = s.epochs[order.market, order.epoch].versions
        treasury = treasury or s.treasuries[versions[2] - 1]
        bond = order.lock * terms["bond_bps"] // 10_000 if forfeit else 0
        refund = self.vault.note(order.asset, order.lock - bond, order.holder.owner, self.word())
        part = self.vault.note(order.asset, bond, treasury["owner"], self.word())
        c = {"market": order.market, "epoch": order.epoch, "quota_nullifier": order.quota_nullifier}
        c |= {"oc": order.oc, "rk": record.rk, "slot": record.slot, "refund_cm": refund.cm}
        c |= {"treasury_cm": part.cm, "point": list(self.point()), "treasury_pad": self.word()}
        memo = self.memo()
        proof = self.vault.reclaim(c, terms, forfeit, treasury, memo, refund, part)
        return Call("Market", "reclaim", [*_proof(proof), c, memo], self.stranger(), label)

    # Settlements

    def settle(self, market: int, epoch: int, reveals=None, facts=None, size=None, sender=None, label="settle") -> Call:
        """`reveals` and `facts` replace what the chain holds, for statements true of something else."""
        record = self.s.epochs.get((market, epoch))
        if record is None or not record.reveals:
            raise Cannot("nothing to settle")
        reveals, facts = reveals or record.reveals, facts or self.model.facts(market, epoch)
        slots = [[oc, *point, *ciphertext] for oc, point, ciphertext in reveals]
        orders = [self.vault.reads(slot) for slot in slots]
        cleared = self.vault.clearing(orders, facts)
        payout = Payout(cleared, tuple(orders), self.word())
        commitment = hashed("print", cleared.price, cleared.volume, payout.salt)
        self.vault.payouts[commitment] = payout
        notes, terms = [], facts["terms"]
        for order, fill in zip([o for o in orders if o], cleared.fills, strict=True):
            for asset, amount in ((terms["base"], fill.base), (terms["quote"], fill.quote)):
                notes.append(self.vault.note(asset, amount, order.holder.owner, self.word()))
        fees = sum(fill.fee for fill in cleared.fills)
        part = fees * terms["split_bps"] // 10_000
        for amount, owner in ((part, facts["leader_owner"]), (fees - part, facts["treasury_owner"])):
            notes.append(self.vault.note(terms["quote"], amount, owner, self.word()))
        paid = iter(note.cm for note in notes)
        for slot, order in zip(slots, orders, strict=True):
            slot += [next(paid), next(paid)] if order else [0, 0]
            slot += [self.word(), self.word()]
        size = size or next(n for n in SIZES if n >= len(slots))
        z = {"market": market, "epoch": epoch, "size": size}
        z |= {"invalid_mask": sum(1 << k for k, order in enumerate(orders) if order is None)}
        z |= {"print_commitment": commitment, "audit_point": list(self.point()), "audit": [self.word(), self.word()]}
        z |= {"treasury_pad": self.word(), "leader_cm": next(paid), "treasury_cm": next(paid)}
        memo = self.memo()
        proof = self.vault.settle(z, slots, facts, memo, notes)
        args = [*_proof(proof), z, slots, memo]
        return Call("Market", "settle", args, sender or record.leader, label)

    def print(self, market: int, epoch: int) -> Call:
        record = self.s.epochs.get((market, epoch))
        if record is None or not record.settled:
            raise Cannot("not settled")
        cleared = self.vault.payouts[record.print_commitment].cleared
        proof = self.vault.print(record.print_commitment, cleared.price, cleared.volume)
        args = [*_proof(proof), market, epoch, cleared.price, cleared.volume]
        return Call("Market", "print_epoch", args, self.stranger(), "print")

    # Offices

    def push(self, price: int | None = None, time: int | None = None) -> Call:
        price = price or PRICE + 1 + 2 * self.rng.randrange(-(2**36), 2**36)
        time = self.s.time - self.rng.randrange(20) if time is None else time
        signed = self.model.people["feeder_key"].sign(self.model.observation_hash(price, time))
        return Call("Oracle", "push", [price, time, *signed], self.stranger(), "push")

    def key(self, relayer: str) -> Call:
        point = self.point()
        args = [*_proof(self.vault.possession(point, relayer)), *point]
        return Call("Relayers", "register_key", args, relayer, "register key")

    def set_leaf(self, index: int, leaf: Leaf, additive: bool) -> Call:
        book = list(self.book()) + [NO_LEAF] * (index + 1 - len(self.book()))
        book[index] = leaf
        args = [index, [leaf.word], self.vault.book(tuple(book)), additive]
        return Call("Credentials", "set_leaves", args, self.s.issuer, "set leaf")

    def leaf(self, holder: Holder, lasting: bool = True) -> Leaf:
        expiry = self.s.time + (300 * DAY if lasting else self.rng.randrange(2 * 3600))
        return Leaf(holder.owner, self.rng.choice([1, 1, 1, 0, 249]), self.rng.randrange(2, 5), expiry)

    def auditor_call(self, account: str) -> Call:
        point = self.point()
        args = [account, *point, *_proof(self.vault.possession(point, account))]
        return Call("Keys", "set_auditor", args, self.model.at["Governor"], "set auditor")

    def treasury_call(self, account: str, holder: Holder) -> Call:
        point = self.point()
        args = [account, holder.owner, *point, *_proof(self.vault.possession(point, account))]
        return Call("Keys", "set_treasury", args, self.model.at["Governor"], "set treasury")

    def market_terms(self, **changes) -> dict:
        rng, at = self.rng, self.model.at
        return {
            "base": at["Base"], "quote": at["Quote"], "lot": rng.choice([3, 1000, 10**9]),
            "min_quantity": rng.choice([1, 2**20]), "fee_bps": rng.choice([0, 25, 1000]),
            "bond_bps": rng.choice([0, 300, 10_000]), "jurisdictions": rng.choice([0b11 | 1 << 249, 2**250 - 1, 0b10]),
            "tier": rng.choice([0, 2, 3]), "start_block": self.s.block + rng.randrange(8, 20),
            "commit_blocks": rng.randrange(10, 22), "freeze_blocks": rng.randrange(1, 4),
            "reveal_blocks": rng.randrange(6, 12), "settle_blocks": rng.randrange(4, 10),
            "capacity": rng.choice([3, 6, 8, 12]), "quota": rng.choice([1, 2, 3]),
            "split_bps": rng.choice([0, 6000, 10_000]), "deferral": rng.choice([0, 1, 12]),
            "source": at["Oracle"], "max_age": rng.choice([15, 60, 500]), "collar_bps": rng.choice([0, 300, 10_000]),
        } | changes  # fmt: skip

    def propose(self, inner: Call) -> Call:
        return Call(
            "Governor", "propose", [self.model.at[inner.contract], inner], self.s.admin, f"propose {inner.label}"
        )

    # What there is to act on

    def epochs(self) -> list[tuple[int, int]]:
        """Those opened, of late."""
        return [key for key in list(self.s.epochs)[-12:]]

    def current(self, market: int) -> int:
        """The epoch whose window holds this block."""
        terms = self.s.markets[market]
        if self.s.block < terms["start_block"]:
            raise Cannot("market not started")
        return (self.s.block - terms["start_block"]) // terms["commit_blocks"]

    def orders(self, reclaimed: bool = False) -> list[Terms]:
        """Orders of late; those already reclaimed if asked."""
        recent = set(self.epochs())
        return [
            self.vault.orders[o.oc]
            for o in self.s.orders.values()
            if (o.market, o.epoch) in recent and (reclaimed or not o.reclaimed)
        ]

    def to_reveal(self) -> list[Terms]:
        return [o for o in self.orders() if self.record_of(o).slot == 0 and self._in(o, REVEAL)]

    def to_settle(self) -> list[tuple[int, int]]:
        return [key for key in self.epochs() if self.model.state(*key) == SETTLING]

    def to_reclaim(self) -> list[Terms]:
        return [
            o
            for o in self.orders()
            if self.model.forfeits(o.market, o.epoch, self.record_of(o).slot) is not None
            and self.s.block >= windows(self.s.markets[o.market], o.epoch)["freeze"]
        ]

    def _in(self, order: Terms, state: int) -> bool:
        return self.model.state(order.market, order.epoch) == state

    def pick(self, options):
        options = list(options)
        if not options:
            raise Cannot("nothing there")
        return self.rng.choice(options)


def _proof(proof: Proof) -> tuple[list[int], int]:
    return list(proof.words), proof.digest
