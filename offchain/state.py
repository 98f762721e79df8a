"""The public state that a deployment's events add up to."""

from offchain.babyjubjub import Point
from offchain.chain import Event
from offchain.field import to_field
from offchain.merkle import CHUNK, ChunkTree, CredentialTree
from offchain.records import (
    EpochRecord,
    MarketTerms,
    NoteMemo,
    OrderRecord,
    ReclaimRecord,
    RevealRecord,
    Settlement,
    Treasury,
)
from offchain.streams import Context, Reveal, commit_link


class Diverged(Exception):
    """What was rebuilt from events differs from what the contracts hold."""


class State:
    """Applies events in chain order. Nothing here needs a key.

    trees            note trees by number, each with its advanced chunks
    leaves           note commitments by position, advanced or not
    leaf_blocks      block in which the first leaf of each chunk (by global number) was appended
    next_leaf        position of the next leaf
    spent            nullifiers of spent notes
    memos            memos that may open a note, in chain order
    markets          terms by market id
    epochs, orders   by (market, epoch); by quota nullifier
    credentials      the issuer's tree; credential_count ids were ever given a leaf
    credential_root  the root that the issuer gave it, which nothing proves
    auditors, treasuries, reveal_keys   by version; the last by (relayer, version)
    relayer_owners   note owner by relayer
    """

    def __init__(self) -> None:
        self.trees: list[ChunkTree] = [ChunkTree()]
        self.leaves: dict[int, int] = {}
        self.leaf_blocks: dict[int, int] = {}
        self.next_leaf = 0
        self.spent: set[int] = set()
        self.memos: list[NoteMemo] = []
        self.markets: dict[int, MarketTerms] = {}
        self.epochs: dict[tuple[int, int], EpochRecord] = {}
        self.orders: dict[int, OrderRecord] = {}
        self.credentials = CredentialTree()
        self.credential_count = 0
        self.credential_root = self.credentials.root
        self.auditors: dict[int, Point] = {}
        self.treasuries: dict[int, Treasury] = {}
        self.reveal_keys: dict[tuple[str, int], Point] = {}
        self.relayer_owners: dict[str, int] = {}

    @property
    def next_chunk(self) -> int:
        """The chunk, numbered across trees, that is advanced next."""
        return (len(self.trees) - 1 << 26) + self.trees[-1].chunks

    def chunk_leaves(self, chunk: int) -> list[int]:
        """The leaves of a chunk, numbered across trees, so far."""
        found = (self.leaves.get(position) for position in range(chunk * CHUNK, (chunk + 1) * CHUNK))
        return [leaf for leaf in found if leaf is not None]

    def tree(self, number: int) -> ChunkTree:
        """Tree `number`, empty if nothing was advanced into it yet."""
        return self.trees[number] if number < len(self.trees) else ChunkTree()

    @property
    def credentials_fit(self) -> bool:
        """Whether the issuer's root is that of its leaves; no commit can be proven where it is not."""
        return self.credential_root == self.credentials.root

    def advanced(self, position: int) -> bool:
        """Whether a leaf is in its tree, so that its note can be spent."""
        return position // CHUNK < self.next_chunk

    def apply(self, event: Event) -> None:
        """Take in one event; those that say nothing here are passed over."""
        handler = getattr(self, f"_{event.contract.lower()}_{event.name.lower()}", None)
        if handler is not None:
            handler(event, event.args)

    # --- Pool ---

    def _pool_appended(self, event: Event, args: dict) -> None:
        for offset, leaf in enumerate(args["leaves"]):
            position = args["position"] + offset
            self.leaf_blocks.setdefault(position // CHUNK, event.block)
            self.leaves[position] = leaf
        self.next_leaf = args["position"] + len(args["leaves"])

    def _pool_spent(self, event: Event, args: dict) -> None:
        self.spent.update(args["nullifiers"])

    def _pool_transacted(self, event: Event, args: dict) -> None:
        self.memos.append(NoteMemo(args["position"], tuple(args["memo0"])))
        self.memos.append(NoteMemo(args["position"] + 1, tuple(args["memo1"])))

    def _pool_advanced(self, event: Event, args: dict) -> None:
        tree, chunk = args["tree"], args["chunk"]
        if tree == len(self.trees):
            self.trees.append(ChunkTree())
        first = (tree << 32) + chunk * CHUNK
        leaves = [self.leaves[first + offset] for offset in range(args["count"])]
        *_, root, _ = self.trees[tree].insert_chunk(chunk, leaves)
        if root != args["root"]:
            raise Diverged(f"chunk {chunk} of tree {tree} gives another root than the pool's")
        self.next_leaf = max(self.next_leaf, first + CHUNK)

    # --- Registries ---

    def _credentials_leavesset(self, event: Event, args: dict) -> None:
        for offset, leaf in enumerate(args["leaves"]):
            self.credentials.set(args["index"] + offset, leaf)
        self.credential_root = args["root"]
        self.credential_count = max(self.credential_count, args["index"] + len(args["leaves"]))

    def _keys_auditorkeyset(self, event: Event, args: dict) -> None:
        self.auditors[args["version"]] = Point(args["x"], args["y"])

    def _keys_treasuryset(self, event: Event, args: dict) -> None:
        key = Point(args["x"], args["y"])
        self.treasuries[args["version"]] = Treasury(args["account"], args["owner_word"], key)

    def _relayers_registered(self, event: Event, args: dict) -> None:
        self.relayer_owners[args["relayer"]] = args["owner_word"]

    def _relayers_keyregistered(self, event: Event, args: dict) -> None:
        self.reveal_keys[args["relayer"], args["version"]] = Point(args["x"], args["y"])

    # --- Market ---

    def _market_marketopened(self, event: Event, args: dict) -> None:
        self.markets[args["market"]] = MarketTerms.of(args["terms"])

    def _market_epochopened(self, event: Event, args: dict) -> None:
        versions = (args["reveal_version"], args["auditor_version"], args["treasury_version"])
        key = args["market"], args["epoch"]
        self.epochs[key] = EpochRecord(*key, args["leader"], *versions)

    def _market_committed(self, event: Event, args: dict) -> None:
        order = OrderRecord(
            market=args["market"],
            epoch=args["epoch"],
            quota_nullifier=args["quota_nullifier"],
            oc=args["oc"],
            rk=args["rk"],
            position=args["position"],
            memo=tuple(args["memo"]),
            block=event.block,
        )
        epoch = self._epoch(args)
        epoch.orders.append(order)
        epoch.commit_chain = commit_link(epoch.commit_chain, order.oc, int(order.rk, 16))
        self.orders[order.quota_nullifier] = order

    def _market_revealed(self, event: Event, args: dict) -> None:
        reveal = Reveal(args["oc"], Point(*args["point"]), tuple(args["ciphertext"]))
        record = RevealRecord(args["slot"], args["quota_nullifier"], reveal, event.block)
        self._epoch(args).reveals.append(record)
        self.orders[record.quota_nullifier].reveal = record

    def _market_referencefixed(self, event: Event, args: dict) -> None:
        epoch = self._epoch(args)
        epoch.reference, epoch.void = args["price"], args["void"]

    def _market_settled(self, event: Event, args: dict) -> None:
        position = args["position"]
        self._epoch(args).settlement = Settlement(
            count=args["count"],
            invalid_mask=args["invalid_mask"],
            print_commitment=args["print_commitment"],
            audit_point=Point(*args["audit_point"]),
            audit=tuple(args["audit"]),
            treasury_pad=args["treasury_pad"],
            leader_cm=args["leader_cm"],
            treasury_cm=args["treasury_cm"],
            position=position,
            slots=tuple(tuple(slot) for slot in args["slots"]),
            memo=tuple(args["memo"]),
            block=event.block,
        )
        self.memos.append(NoteMemo(position + 2 * args["count"], tuple(args["memo"])))

    def _market_reclaimed(self, event: Event, args: dict) -> None:
        order, epoch = self.orders[args["quota_nullifier"]], self._epoch(args)
        cancelled = event.block < self.markets[epoch.market].windows(epoch.epoch).freeze
        order.reclaim = ReclaimRecord(
            forfeit=args["forfeit"],
            cancelled=cancelled,
            position=args["position"],
            point=Point(*args["point"]),
            treasury_pad=args["treasury_pad"],
            block=event.block,
        )
        if cancelled:
            epoch.commit_chain = commit_link(epoch.commit_chain, order.oc, 0)
        self.memos.append(NoteMemo(args["position"], tuple(args["memo"])))

    def _market_failed(self, event: Event, args: dict) -> None:
        self._epoch(args).failed_block = event.block

    def _market_released(self, event: Event, args: dict) -> None:
        self._epoch(args).released = True

    def _market_printed(self, event: Event, args: dict) -> None:
        self._epoch(args).printed = args["price"], args["volume"]

    def _epoch(self, args: dict) -> EpochRecord:
        return self.epochs[args["market"], args["epoch"]]

    def settlement_context(self, chain_id: int, pool: int, market: int, epoch: int) -> Context:
        """Where the settlement of an epoch stands; its reference must be fixed."""
        record = self.epochs[market, epoch]
        return Context(
            chain_id=chain_id,
            pool=pool,
            market=market,
            epoch=epoch,
            reveal_chain=to_field(record.reveal_chain),
            reference=record.reference,
            reveal_version=record.reveal_version,
            auditor_version=record.auditor_version,
            treasury_version=record.treasury_version,
        )
