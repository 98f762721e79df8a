"""What the actors know and the chain does not: openings of commitments, and proofs of true statements.

A proof is made only for a statement that holds for a witness at hand: the relation is checked
here, in plain numbers, and then tagged for the stand-in verifier. Attackers prove through the
same door; what they may choose freely is everything that a relation does not fix, forged trees
and registries among it. Nothing here follows a reorganisation back: knowledge stays.
"""

from dataclasses import dataclass
from hashlib import blake2b

from tests.contracts import words
from tests.properties import deployed
from tests.properties.auction import TOP, Cleared, clear
from tests.properties.evm import CHAIN_ID
from tests.properties.points import R, Signer

EMPTY_NOTES = 21443572485391568159800782191812935835534334817699172242223315142338162256601
EMPTY_CREDENTIALS = 15019797232609675441998260052101280400536945603062888308240081994073687793470


class Unprovable(Exception):
    """The statement is false for this witness."""


def hashed(use: str, *parts) -> int:
    """Stands for the tagged Poseidon hashes, which no contract computes."""
    return int.from_bytes(blake2b(repr((use, parts)).encode(), digest_size=32).digest(), "big") % R


@dataclass(frozen=True)
class Holder:
    """Whoever owns notes."""

    name: str
    sk: int

    @property
    def owner(self) -> int:
        return hashed("owner", self.sk)


@dataclass(frozen=True)
class Note:
    asset: str
    amount: int
    owner: int
    blinding: int

    @property
    def cm(self) -> int:
        return hashed("note", self.asset, self.amount, self.owner, self.blinding)

    def nullifier(self, position: int, holder: Holder) -> int:
        return hashed("nullifier", self.cm, position, holder.sk)


@dataclass(frozen=True)
class Leaf:
    """A credential."""

    owner: int
    jurisdiction: int
    tier: int
    expiry: int

    @property
    def word(self) -> int:
        return hashed("credential", self)


NO_LEAF = Leaf(0, 0, 0, 0)


@dataclass(frozen=True)
class Terms:
    """An order, whole: what its commitment opens to."""

    market: int
    epoch: int
    side: int
    qty: int
    price: int
    holder: Holder
    credential: int
    salt: int
    place: int
    """Its j, below the market's quota."""
    lock: int
    bond: int
    asset: str

    @property
    def word(self) -> int:
        return self.side + 2 * self.qty + (self.price << 65)

    @property
    def oc(self) -> int:
        parts = (self.market, self.epoch, self.word, self.holder.owner, self.credential, self.salt)
        return hashed("order", *parts)

    @property
    def quota_nullifier(self) -> int:
        return hashed("quota", self.holder.sk, self.market, self.epoch, self.place)


@dataclass(frozen=True)
class Payout:
    """A settlement, whole."""

    cleared: Cleared
    orders: tuple[Terms | None, ...]
    """By reveal, None where it opens nothing."""
    salt: int


@dataclass(frozen=True)
class Proof:
    circuit: str
    d: tuple[int, ...]
    pool: str
    chain_id: int
    words: tuple[int, ...]
    digest: int


def require(holds: bool, what: str) -> None:
    if not holds:
        raise Unprovable(what)


class Vault:
    def __init__(self, pool: str):
        self.pool = pool
        self.notes: dict[int, Note] = {}
        self.holders: dict[int, Holder] = {}
        """By owner word."""
        self.signers: dict[str, Signer] = {}
        """Of reveals, by address."""
        self.orders: dict[int, Terms] = {}
        self.opened: dict[tuple, Terms | None] = {}
        """What a ciphertext holds, by (ephemeral point, ciphertext)."""
        self.trees: dict[int, tuple[int, int, tuple[int, ...]]] = {}
        """Root: the root before, the chunk put in, its leaves."""
        self.books: dict[int, tuple[Leaf, ...]] = {EMPTY_CREDENTIALS: ()}
        self.payouts: dict[int, Payout] = {}
        """By print commitment."""
        self.proofs: dict[int, Proof] = {}
        self.secrets: set[int] = set()
        """Words that nobody may read on the chain."""

    # Commitments

    def holder(self, name: str) -> Holder:
        made = Holder(name, hashed("sk", name))
        self.holders[made.owner] = made
        self.secrets.add(made.sk)
        return made

    def order(self, terms: Terms) -> None:
        """Keep it; its terms, salt and owner are secret, but the extreme prices say nothing."""
        self.orders[terms.oc] = terms
        words_ = {terms.word, terms.qty, terms.price, terms.salt, terms.holder.owner, terms.holder.sk}
        self.secrets |= words_ - {1, TOP}

    def note(self, asset: str, amount: int, owner: int, blinding: int) -> Note:
        made = Note(asset, amount, owner, blinding)
        self.notes[made.cm] = made
        self.secrets.add(blinding)
        return made

    def grow(self, root: int, chunk: int, leaves: list[int]) -> int:
        """The root after a chunk is put in."""
        made = hashed("tree", root, chunk, tuple(leaves))
        self.trees[made] = (root, chunk, tuple(leaves))
        return made

    def holds(self, root: int, position: int, cm: int) -> bool:
        """Whether the tree of a root has a leaf at a place of it."""
        while root in self.trees:
            root, chunk, leaves = self.trees[root]
            if chunk == position // 64:
                return position % 64 < len(leaves) and leaves[position % 64] == cm
        return False

    def book(self, leaves: tuple[Leaf, ...]) -> int:
        """The root of a credential tree."""
        root = hashed("book", leaves) if any(leaf != NO_LEAF for leaf in leaves) else EMPTY_CREDENTIALS
        self.books[root] = leaves
        return root

    # Proofs

    def prove(self, circuit: str, d: list[int], pool: str | None = None, chain_id: int = CHAIN_ID) -> Proof:
        """Tag a statement. Only the relations below, and attacks that change words that no contract takes."""
        pool = pool or self.pool
        tag, digest = deployed.prove(circuit, d, pool, chain_id)
        made = Proof(circuit, tuple(d), pool, chain_id, tuple(tag), digest)
        self.proofs[tag[0]] = made
        return made

    def _spends(self, c: dict, inputs: list[tuple[Note, int]], holder: Holder) -> None:
        for i, (note, position) in enumerate(inputs):
            require(note.owner == holder.owner, "another's note")
            require(c[f"nf{i}"] == note.nullifier(position, holder), "nullifier")
            inside = position >> 32 == c[f"tree{i}"] and self.holds(c[f"root{i}"], position & 2**32 - 1, note.cm)
            require(note.amount == 0 or inside, "not in the tree")

    def transact(self, t: dict, memos: list, inputs: list, outputs: list[Note], holder: Holder) -> Proof:
        self._spends(t, inputs, holder)
        notes = [note for note, _ in inputs if note.amount] + outputs
        require([t["cm0"], t["cm1"]] == [note.cm for note in outputs], "output")
        require(len({note.asset for note in notes}) == 1, "two assets")
        require(int(t["asset"], 16) == 0 or t["asset"] == notes[0].asset, "public asset")
        entering = sum(note.amount for note, _ in inputs) + t["deposit"]
        leaving = sum(note.amount for note in outputs) + t["withdrawal"] + t["fee"]
        require(entering == leaving and entering > 0, "not conserved")
        require(all(0 <= note.amount < 2**128 for note in notes), "range")
        return self.prove("transact", words.transact(t, *memos))

    def commit(self, c: dict, terms: dict, memo: list, inputs: list, order: Terms, change: Note) -> Proof:
        self._spends(c, inputs, order.holder)
        base, quote = terms["base"], terms["quote"]
        worth = order.qty * order.price
        lock = worth + worth * terms["fee_bps"] // 10_000 if order.side == 0 else order.qty * terms["lot"]
        require(order.asset == (quote if order.side == 0 else base), "asset")
        require(all(note.asset == order.asset for note, _ in inputs if note.amount), "asset of a note")
        require(order.lock == lock < 2**128 and change.asset == order.asset, "lock")
        require(sum(note.amount for note, _ in inputs) == lock + change.amount, "not funded")
        require(0 <= change.amount and change.cm == c["change_cm"], "change")
        require(terms["min_quantity"] <= order.qty < 2**64 and 0 < order.price < 2**64, "range")
        require((c["market"], c["epoch"]) == (order.market, order.epoch), "another epoch")
        require((c["oc"], c["quota_nullifier"]) == (order.oc, order.quota_nullifier), "commitment")
        require(0 <= order.place < terms["quota"], "quota")
        book = self.books.get(c["credential_root"], ())
        require(order.credential < len(book), "no credential")
        leaf = book[order.credential]
        require(leaf.owner == order.holder.owner and leaf.expiry > c["time"], "credential")
        require(leaf.tier >= terms["tier"] and terms["jurisdictions"] >> leaf.jurisdiction & 1 == 1, "not admitted")
        return self.prove("commit", words.commit(c, terms, memo))

    def reclaim(
        self, c: dict, terms: dict, forfeit: int, treasury: dict, memo: list, refund: Note, part: Note
    ) -> Proof:
        order = self.orders[c["oc"]]
        bond = order.lock * terms["bond_bps"] // 10_000 if forfeit else 0
        require((c["market"], c["epoch"]) == (order.market, order.epoch), "another epoch")
        require((c["refund_cm"], c["treasury_cm"]) == (refund.cm, part.cm), "output")
        require(refund.asset == part.asset == order.asset, "asset")
        require(refund.owner == order.holder.owner and refund.amount == order.lock - bond, "refund")
        require(part.owner == treasury["owner"] and part.amount == bond, "forfeit")
        return self.prove("reclaim", words.reclaim(c, terms, forfeit, treasury, memo))

    def settle(self, s: dict, slots: list[list[int]], facts: dict, memo: list, notes: list[Note]) -> Proof:
        """`notes`: base and quote output of each slot that opens, in order; the leader's; the treasury's."""
        terms, orders = facts["terms"], [self.reads(slot) for slot in slots]
        payout = self.payouts[s["print_commitment"]]
        require(payout.orders == tuple(orders), "print commitment")
        require(s["invalid_mask"] == sum(1 << k for k, o in enumerate(orders) if o is None), "mask")
        cleared = self.clearing(orders, facts)
        require(payout.cleared == cleared, "not the best price")
        valid = [order for order in orders if order]
        paid, fees = iter(notes[:-2]), sum(fill.fee for fill in cleared.fills)
        for order, fill in zip(valid, cleared.fills, strict=True):
            for asset, amount in ((terms["base"], fill.base), (terms["quote"], fill.quote)):
                note = next(paid)
                require((note.asset, note.amount, note.owner) == (asset, amount, order.holder.owner), "payment")
        leader_part = fees * terms["split_bps"] // 10_000
        for note, amount, owner in zip(
            notes[-2:], (leader_part, fees - leader_part), (facts["leader_owner"], facts["treasury_owner"]), strict=True
        ):
            require((note.asset, note.amount, note.owner) == (terms["quote"], amount, owner), "fee")
        leaves = iter(note.cm for note in notes)
        expected = [[next(leaves), next(leaves)] if order else [0, 0] for order in orders]
        require([slot[7:9] for slot in slots] == expected, "output")
        require([s["leader_cm"], s["treasury_cm"]] == list(leaves), "fee output")
        return self.prove(f"settle_{s['size']}", words.settle(s, slots, facts, memo))

    def reads(self, slot: list[int]) -> Terms | None:
        """What a leader finds in a reveal, None unless it opens the reveal's own commitment."""
        order = self.opened.get((tuple(slot[1:3]), tuple(slot[3:7])))
        return order if order is not None and order.oc == slot[0] else None

    def clearing(self, orders: list[Terms | None], facts: dict) -> Cleared:
        terms = facts["terms"]
        offset = hashed("offset", facts["reveal_chain"]) >> 126
        valid = [order for order in orders if order]
        return clear(valid, facts["reference"], terms["lot"], terms["fee_bps"], terms["collar_bps"], offset)

    def print(self, commitment: int, price: int, volume: int) -> Proof:
        cleared = self.payouts[commitment].cleared
        require((cleared.price, cleared.volume) == (price, volume), "not what was printed")
        return self.prove("print", [commitment, price, volume])

    def advance(self, old_root: int, chunk: int, leaves: list[int]) -> tuple[Proof, int]:
        """The proof and the new root."""
        new_root = self.grow(old_root, chunk, leaves)
        return self.prove("advance", words.advance(old_root, new_root, chunk, leaves)), new_root

    def possession(self, point: tuple[int, int], account: str) -> Proof:
        return self.prove("key", [*point, int(account, 16)])
