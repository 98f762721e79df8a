"""Reference vectors of chain state: the events of a made-up pool as logs and as an indexer's rows, and what the
ledger and the holdings of Python make of them.

No proof is in it: what a contract would check is left to the tests that have one. Everything is repeatable.
"""

import random
from dataclasses import asdict
from typing import Any

from eth_abi import encode
from eth_utils.abi import collapse_if_tuple

from indexer.reading import args_json
from offchain import contracts
from offchain.babyjubjub import mul_base
from offchain.chain import Event, as_address
from offchain.events import EventType
from offchain.field import R, keccak256
from offchain.holdings import Holdings, PlacedOrder, reveal_ephemeral
from offchain.keys import EncryptionKey, ShieldedKey
from offchain.material import Credential
from offchain.merkle import ChunkTree
from offchain.notes import Note, Order, Side, Terms, pay
from offchain.records import MarketTerms
from offchain.state import State
from offchain.streams import (
    Context,
    output_blindings,
    seal_memo,
    seal_receipt,
    seal_reveal,
    shared_point,
    slot_seed,
    treasury_stream,
)
from tests.frontend.sdk_vectors import DEPLOYMENT

USD, BTC = DEPLOYMENT.asset("USD"), DEPLOYMENT.asset("BTC")
LEADER = as_address(0x1EAD)
PLACE = DEPLOYMENT.chain_id, DEPLOYMENT.pool
MARKET = MarketTerms(
    base=as_address(BTC), quote=as_address(USD), lot=1_000, min_quantity=1, fee_bps=10, bond_bps=500,
    jurisdictions=1 << 57, tier=2, start_block=40, commit_blocks=20, freeze_blocks=2, reveal_blocks=10,
    settle_blocks=10, capacity=8, quota=2, split_bps=6_000, deferral=10, source=DEPLOYMENT.contracts["Oracle"],
    max_age=(1 << 64) - 1, collar_bps=5_000,
)  # fmt: skip
HEAD = 130


class Followed(State):
    """A state that holdings can read as they read a ledger."""

    version = 0

    def context(self, market: int, epoch: int) -> Context:
        return self.settlement_context(*PLACE, market, epoch)


class Script:
    """Writes events down and lets the state follow them."""

    def __init__(self) -> None:
        self.rng = random.Random(20267)
        self.state, self.events, self.roots = Followed(), [], []
        self.own, self.other = (ShieldedKey(self.rng.randrange(1, R)) for _ in range(2))
        self.leader, self.treasury = (EncryptionKey(self.rng.randrange(1, 1 << 250)) for _ in range(2))
        self.block, self._transactions = 0, 0

    def word(self) -> int:
        return self.rng.randrange(R)

    def at(self, block: int) -> None:
        """From here on in a transaction of this block."""
        self.roots += [self._roots(block - 1)]
        self.block = block
        self._transactions += 1

    def emit(self, contract: str, name: str, **args: Any) -> None:
        names = [part["name"] for part in _entry(contract, name)["inputs"]]
        tx = "0x" + keccak256(b"transaction %d" % self._transactions).hex()
        place = self.block, block_hash(self.block), len(self.events), tx
        event = Event(contract, name, {part: args[part] for part in names}, *place)
        self.events.append(event)
        self.state.apply(event)

    # --- The pool ---

    def append(self, *leaves: int) -> int:
        position = self.state.next_leaf
        self.emit("Pool", "Appended", position=position, leaves=list(leaves))
        return position

    def memo(self, plain: list[int], key: ShieldedKey) -> list[int]:
        return seal_memo(plain, key.viewing.public, self.rng.randrange(1, 1 << 250))

    def transact(
        self, block: int, asset: int, spent: list[int], outputs: list[tuple[ShieldedKey, int]], public: dict | None = None
    ) -> list[tuple[Note, int]]:
        """Two notes out, (key, amount) each; nullifiers left out are a dummy's."""
        self.at(block)
        public = {"deposit": 0, "withdrawal": 0, "fee": 0, "account": 0, "carrier": 0} | (public or {})
        notes = [Note(asset, amount, key.owner, self.word()) for key, amount in outputs]
        self.emit("Pool", "Spent", nullifiers=(spent + [self.word(), self.word()])[:2])
        position = self.append(*(note.commitment for note in notes))
        memos = [
            self.memo([asset, note.amount, note.blinding, 0, 0], key) for note, (key, _) in zip(notes, outputs)
        ]
        shown = asset if any(public.values()) else 0
        addresses = {name: as_address(public[name]) for name in ("account", "carrier")}
        self.emit(
            "Pool", "Transacted", position=position, asset=as_address(shown), memo0=memos[0], memo1=memos[1],
            **(public | addresses),
        )  # fmt: skip
        return [(note, position + place) for place, note in enumerate(notes)]

    def advance(self, block: int) -> None:
        self.at(block)
        chunk = self.state.next_chunk
        leaves = self.state.chunk_leaves(chunk)
        tree = ChunkTree()
        for before in range(chunk):
            tree.insert_chunk(before, self.state.chunk_leaves(before))
        root = tree.insert_chunk(chunk, leaves)[1]
        self.emit("Pool", "Advanced", tree=0, chunk=chunk, count=len(leaves), root=root)

    # --- The market ---

    def open_epoch(self, epoch: int) -> None:
        versions = {"reveal_version": 1, "auditor_version": 1, "treasury_version": 1}
        self.emit("Market", "EpochOpened", market=0, epoch=epoch, leader=LEADER, **versions)

    def commit(self, key: ShieldedKey, epoch: int, index: int, terms: Terms, spent: tuple[Note, int]) -> PlacedOrder:
        note, position = spent
        order = Order(0, epoch, terms, key.owner, 1, self.word())
        asset, lock = MARKET.rules(0).lock(terms)
        change = Note(asset, note.amount - lock, key.owner, self.word())
        self.emit("Pool", "Spent", nullifiers=[note.nullifier(key, position), self.word()])
        place = self.append(change.commitment)
        plain = [terms.word, 1, order.salt, change.amount, change.blinding]
        nullifier, rk = key.quota_nullifier(0, epoch, index), key.order_account(0, epoch, index).address
        self.emit(
            "Market", "Committed", market=0, epoch=epoch, quota_nullifier=nullifier, oc=order.commitment, rk=rk,
            position=place, memo=self.memo(plain, key),
        )  # fmt: skip
        return PlacedOrder(order, index, nullifier, rk)

    def reveal(self, key: ShieldedKey, placed: PlacedOrder) -> int:
        """The slot's seed."""
        epoch, order = self.state.epochs[0, placed.order.epoch], placed.order
        scalar = reveal_ephemeral(key, order.commitment, epoch)
        seed = slot_seed(shared_point(scalar, self.leader.public), *PLACE, 0, order.epoch, order.commitment)
        reveal = seal_reveal(order.opening, order.commitment, scalar, seed)
        self.emit(
            "Market", "Revealed", market=0, epoch=order.epoch, slot=len(epoch.reveals),
            quota_nullifier=placed.quota_nullifier, oc=reveal.oc, point=list(reveal.point),
            ciphertext=list(reveal.ciphertext),
        )  # fmt: skip
        return seed

    def settle(self, epoch: int, price: int, slots: list[tuple[PlacedOrder, int, int]]) -> None:
        """(order, seed, fill in lots) by slot."""
        context = self.state.context(0, epoch).word
        leaves, words = [], []
        for placed, seed, fill in slots:
            order = placed.order
            payment = pay(order.terms, fill, price, MARKET.lot, MARKET.fee_bps)
            base, quote = output_blindings(order.salt, context)
            leaves += [Note(BTC, payment.base, order.owner, base).commitment]
            leaves += [Note(USD, payment.quote, order.owner, quote).commitment]
            words.append([seal_receipt(fill, price, seed, context), self.word()])
        audit = mul_base(self.rng.randrange(1, 1 << 250))
        ends = [self.word(), self.word()]
        position = self.append(*leaves, *ends)
        self.emit(
            "Market", "Settled", market=0, epoch=epoch, count=len(slots), invalid_mask=0,
            print_commitment=self.word(), audit_point=list(audit), audit=[self.word(), self.word()],
            treasury_pad=self.word(), leader_cm=ends[0], treasury_cm=ends[1], position=position, slots=words,
            memo=self.memo([USD, 1, self.word(), 0, 0], self.other),
        )  # fmt: skip

    def reclaim(self, key: ShieldedKey, placed: PlacedOrder, forfeit: bool) -> None:
        order = placed.order
        asset, lock = MARKET.rules(0).lock(order.terms)
        lost = order.terms.bond(MARKET.lot, MARKET.fee_bps, MARKET.bond_bps) if forfeit else 0
        refund = Note(asset, lock - lost, key.owner, self.word())
        scalar = self.rng.randrange(1, 1 << 250)
        _, pad = treasury_stream(shared_point(scalar, self.treasury.public), order.commitment, int(forfeit))
        position = self.append(refund.commitment, self.word())
        self.emit(
            "Market", "Reclaimed", market=0, epoch=order.epoch, quota_nullifier=placed.quota_nullifier,
            oc=order.commitment, forfeit=forfeit, position=position, point=list(mul_base(scalar)),
            treasury_pad=(lost + pad) % R, memo=self.memo([asset, refund.amount, refund.blinding, 0, 0], key),
        )  # fmt: skip

    def _roots(self, block: int) -> dict:
        state = self.state
        return {
            "block": block, "note_root": state.trees[-1].root, "next_leaf": state.next_leaf,
            "credential_root": state.credential_root,
        }  # fmt: skip


def chain() -> dict:
    script = Script()
    credentials = [Credential(key.owner, 57, 2, 2_000_000_000) for key in (script.other, script.own)]
    _registries(script, credentials)
    _play(script)
    script.at(HEAD)
    holdings = Holdings(script.state, script.own)
    holdings.refresh()
    assert len(holdings.orders) == 3 and len(holdings.fills) == 1 and not holdings.unreadable
    return {
        "key": script.own.sk,
        "head": HEAD,
        "credential": asdict(credentials[1]) | {"id": 1},
        "logs": [_log(event) for event in script.events],
        "rows": [_row(event) for event in script.events],
        "roots": script.roots,
        "expected": _expected(script, holdings),
        "topics": {
            f"{name}.{entry['name']}": EventType(name, entry).topic
            for name in contracts.FOLLOWED for entry in contracts.artifact(name).abi if entry["type"] == "event"
        },
    }  # fmt: skip


def _registries(script: Script, credentials: list[Credential]) -> None:
    script.at(11)
    script.emit("Market", "MarketOpened", market=0, terms=asdict(MARKET))
    script.at(12)
    x, y = script.treasury.public
    account = as_address(0x7EA)
    script.emit("Keys", "TreasurySet", version=1, account=account, owner_word=script.other.owner, x=x, y=y)
    script.emit("Keys", "AuditorKeySet", version=1, account=account, x=x, y=y)
    x, y = script.leader.public
    script.emit("Relayers", "KeyRegistered", relayer=LEADER, version=1, x=x, y=y)
    tree = Followed().credentials
    tree.update({place: credential.leaf for place, credential in enumerate(credentials)})
    leaves = [credential.leaf for credential in credentials]
    script.emit("Credentials", "LeavesSet", index=0, leaves=leaves, root=tree.root, additive=True)


def _play(script: Script) -> None:
    own, other = script.own, script.other
    account = {"account": 0xACC}
    usd, _ = script.transact(13, USD, [], [(own, 60_000), (own, 40_000)], account | {"deposit": 100_000})
    btc, _ = script.transact(14, BTC, [], [(own, 9_000), (own, 0)], account | {"deposit": 9_000})
    theirs, _ = script.transact(14, BTC, [], [(other, 50_000), (other, 0)], {"account": 0xBAD, "deposit": 50_000})
    script.advance(20)
    script.transact(25, USD, [script.word()], [(other, 7), (own, 5_000)])
    script.transact(26, BTC, [btc[0].nullifier(own, btc[1])], [(other, 2_500), (own, 6_400)], {"fee": 100, "carrier": 0xCA})

    script.at(41)
    script.open_epoch(0)
    bought = script.commit(own, 0, 0, Terms(Side.BUY, 30, 1_100), usd)
    second = next(one for one in _unspent(script, USD) if one[0].amount == 40_000)
    script.at(42)
    sold = script.commit(other, 0, 0, Terms(Side.SELL, 20, 900), theirs)
    cancelled = script.commit(own, 0, 1, Terms(Side.BUY, 5, 1_000), second)
    script.at(50)
    script.reclaim(own, cancelled, False)
    script.at(63)
    script.emit("Market", "ReferenceFixed", market=0, epoch=0, price=1_005, void=False)
    theirs_seed = script.reveal(other, sold)
    script.at(64)
    own_seed = script.reveal(own, bought)
    script.at(75)
    script.settle(0, 1_000, [(sold, theirs_seed, 20), (bought, own_seed, 20)])
    script.at(79)
    script.emit("Market", "Printed", market=0, epoch=0, price=1_000, volume=20)
    script.advance(80)

    script.at(81)
    script.open_epoch(2)
    rest = next(one for one in _unspent(script, BTC) if one[0].amount == 6_400)
    lost = script.commit(own, 2, 0, Terms(Side.SELL, 4, 900), rest)
    script.at(115)
    script.reclaim(own, lost, True)
    out = next(one for one in _unspent(script, USD) if one[0].amount == 5_000)
    script.transact(
        120, USD, [out[0].nullifier(own, out[1])], [(own, 1_995), (own, 0)],
        account | {"withdrawal": 3_000, "fee": 5, "carrier": 0xCA},
    )  # fmt: skip


def _unspent(script: Script, asset: int) -> list[tuple[Note, int]]:
    holdings = Holdings(script.state, script.own)
    holdings.refresh()
    return [(own.note, own.position) for own in holdings.notes if not own.spent and own.note.asset == asset]


def _expected(script: Script, holdings: Holdings) -> dict:
    state = script.state
    return {
        "notes": [
            {"asset": own.note.asset, "amount": own.note.amount, "blinding": own.note.blinding, "position": own.position,
             "nullifier": own.nullifier, "spent": own.spent, "advanced": own.advanced}
            for own in holdings.notes
        ],
        "orders": [
            {"epoch": one.order.epoch, "side": int(one.order.terms.side), "quantity": one.order.terms.quantity,
             "price": one.order.terms.price, "salt": one.order.salt, "index": one.index,
             "quota_nullifier": one.quota_nullifier, "rk": one.rk}
            for one in holdings.orders
        ],
        "fills": [
            {"quota_nullifier": nullifier, "fill": fill.fill, "price": fill.price, "fee": fill.payment.fee}
            for nullifier, fill in holdings.fills.items()
        ],
        "commit_chains": {str(epoch): "0x" + record.commit_chain.hex() for (_, epoch), record in state.epochs.items()},
        "reveal_chain": "0x" + state.epochs[0, 0].reveal_chain.hex(),
        "context": state.context(0, 0).word,
        "path": state.trees[0].path(1),
        "credential_path": state.credentials.path(1),
    }  # fmt: skip


def block_hash(block: int) -> bytes:
    return keccak256(b"block %d" % block)


def _entry(contract: str, name: str) -> dict:
    abi = contracts.artifact(contract).abi
    return next(entry for entry in abi if entry["type"] == "event" and entry["name"] == name)


def _log(event: Event) -> dict:
    """As a node gives it."""
    entry = _entry(event.contract, event.name)
    topics, types, values = [EventType(event.contract, entry).topic], [], []
    for part in entry["inputs"]:
        kind, value = collapse_if_tuple(part), event.args[part["name"]]
        if part["type"] == "tuple":
            value = tuple(value[one["name"]] for one in part["components"])
        if part["indexed"]:
            topics.append(encode([kind], [value]))
        else:
            types.append(kind)
            values.append(value)
    return {
        "address": DEPLOYMENT.contracts[event.contract], "topics": ["0x" + topic.hex() for topic in topics],
        "data": "0x" + encode(types, values).hex(), "blockNumber": hex(event.block),
        "blockHash": "0x" + event.block_hash.hex(), "logIndex": hex(event.index), "transactionHash": event.tx,
    }  # fmt: skip


def _row(event: Event) -> str:
    """The line of an indexer's `/v1/events`."""
    head = f'"block":{event.block},"hash":"0x{event.block_hash.hex()}","log_index":{event.index},"tx":"{event.tx}"'
    return f'{{{head},"contract":"{event.contract}","name":"{event.name}","args":{args_json(event.args)}}}'
