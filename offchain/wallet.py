"""An institution's wallet: notes, orders, and every action on them (protocol §4, §5).

All that it knows comes from its key and the chain, so restoring it is making it again. The
randomness of a transaction is PRFs of the key over one fresh nonce.
"""

import secrets
from dataclasses import replace

from eth_account.signers.local import LocalAccount

from offchain import admission, claims
from offchain.admission import OrderRefused
from offchain.calls import Call, build_commit, build_reclaim, build_reveal, build_transact
from offchain.carrier import Carrier, send
from offchain.chain import Chain, Receipt
from offchain.coins import choose
from offchain.field import check_range
from offchain.holdings import Holdings, OwnedNote, PlacedOrder, reveal_ephemeral
from offchain.issuer import Issued
from offchain.keys import Address, EncryptionKey, ShieldedKey
from offchain.ledger import Ledger
from offchain.material import Rules, Spendable
from offchain.notes import AMOUNT_BITS, Note, Order, Terms, split_position
from offchain.orders import ENDED, FORFEITS, Fate, OrderStatus, order_status
from offchain.records import EpochState, OrderRecord
from offchain.streams import reveal_message, seal_memo, seal_reveal, shared_point, slot_seed

__all__ = ["Fate", "OrderStatus", "Wallet"]

TIME_AHEAD = 600
"""Seconds past the head at which a commit shows its credential still valid (an hour at most)."""


class Wallet:
    """The wallet of `key`; `account` is the EVM account that pays and deposits, None where neither is done here.

    Assets are words (`Deployment.asset` gives one by symbol), amounts base units. What
    is private names the `carrier` that sends it, an account or a service: `account`, whose deposits
    everyone has seen, would show whose it is.
    Actions raise `admission.Refused`, `coins.InsufficientFunds`, RangeError or, where events and
    contracts differ, `ledger.Diverged` before anything is sent, and `chain.Reverted` if a contract
    refuses. `treasury_key` is the treasury's alone.
    """

    def __init__(
        self,
        chain: Chain,
        ledger: Ledger,
        key: ShieldedKey,
        account: LocalAccount | None,
        treasury_key: EncryptionKey | None = None,
    ):
        self.chain, self.ledger, self.key, self.account = chain, ledger, key, account
        self.deployment = chain.deployment
        self.holdings = Holdings(ledger, key, treasury_key)
        # Notes and quota places of transactions that the ledger has not reached: the block.
        self._in_flight: dict[int, int] = {}
        self.held: frozenset[int] = frozenset()     # those that its user keeps for what is not sent yet

    @property
    def address(self) -> Address:
        """Where others send notes to."""
        return self.key.address

    def sync(self) -> int:
        """Follow the chain; the block that this wallet now stands at."""
        with self.ledger.lock:
            block = self.ledger.sync()
            self.holdings.refresh()
        self._in_flight = {word: at for word, at in self._in_flight.items() if at > block}
        return block

    def notes(self) -> list[OwnedNote]:
        """Unspent notes, those not yet in an advanced root included."""
        self.sync()
        taken = self._in_flight.keys() | self.held
        return [own for own in self.holdings.notes if not own.spent and own.nullifier not in taken]

    def balances(self) -> dict[int, int]:
        """Units by asset."""
        totals: dict[int, int] = {}
        for own in self.notes():
            totals[own.note.asset] = totals.get(own.note.asset, 0) + own.note.amount
        return totals

    # --- Moving value ---

    def deposit(self, asset: int, amount: int, notes: int = 1) -> Receipt:
        """Bring tokens of `account` into one or two `notes` of this key; approves the pool first if needed.

        Two halves can pay for two orders at once: a change note waits until it is in the tree.
        """
        _check_amount(amount)
        check_range(notes, 1, 3, "notes of a deposit")
        admission.check_not_paused(self.chain)
        self._approve(asset, amount)
        account = int(self.account.address, 16)
        parts = [amount] if notes == 1 else [amount - amount // 2, amount // 2]
        outputs = [(part, self.address) for part in parts]
        call = self.build_transact(asset, [], outputs, deposit=amount, account=account)
        return self._send(call, self.account)

    def withdraw(self, asset: int, amount: int, recipient: str, fee: int = 0, carrier: Carrier | None = None) -> Receipt:
        """Pay tokens to an EVM address; `fee`, of the same asset, goes to the carrier."""
        _check_amount(amount)
        carrier = carrier or self.account
        paid = int(carrier.address, 16) if fee else 0
        call = self.build_transact(
            asset, self._pick(asset, amount + fee), [], withdrawal=amount, fee=fee,
            account=int(recipient, 16), carrier=paid,
        )  # fmt: skip
        return self._send(call, carrier)

    def transfer(self, asset: int, amount: int, to: Address, fee: int = 0, *, carrier: Carrier) -> Receipt:
        """Send a note to another owner, unseen; `fee` as for a withdrawal."""
        _check_amount(amount)
        paid = int(carrier.address, 16) if fee else 0
        call = self.build_transact(asset, self._pick(asset, amount + fee), [(amount, to)], fee=fee, carrier=paid)
        return self._send(call, carrier)

    def consolidate(self, asset: int, fee: int = 0, *, carrier: Carrier) -> list[Receipt]:
        """Join the spendable notes of an asset two by two: half as many are left. `fee` is for each pair."""
        usable = [own for own in self.notes() if own.advanced and own.note.asset == asset]
        usable.sort(key=lambda own: own.note.amount)
        pairs = zip(usable[::2], usable[1::2])
        public = {"fee": fee, "carrier": int(carrier.address, 16) if fee else 0}
        return [self._send(self.build_transact(asset, list(pair), [], **public), carrier) for pair in pairs]

    def name_successor(self, address: str) -> Receipt:
        """Let another EVM address be paid in the stead of `account`, should that one be lost."""
        return self.chain.send(self.account, self.chain.contract("Credentials").functions.name_successor(address))

    def build_transact(
        self,
        asset: int,
        inputs: list[OwnedNote],
        outputs: list[tuple[int, Address]],
        deposit: int = 0,
        withdrawal: int = 0,
        fee: int = 0,
        account: int = 0,
        carrier: int = 0,
    ) -> Call:
        """Prove a join-split: up to two inputs and, the change included, two outputs.

        `outputs` are (amount, address) pairs; what is left over returns to this key.
        """
        nonce = _fresh_nonce()
        held = sum(own.note.amount for own in inputs) + deposit
        left = held - withdrawal - fee - sum(amount for amount, _ in outputs)
        outputs = [*outputs, (left, self.address)] if len(outputs) < 2 else outputs
        outputs = (outputs + [(0, self.address)])[:2]
        if nonce & 1:
            outputs.reverse()   # so that a place says nothing about which one is the change
        notes = tuple(
            Note(asset, amount, to.owner, self.key.prf("note", nonce, i)) for i, (amount, to) in enumerate(outputs)
        )
        memos = tuple(self._note_memo(note, to, nonce, i) for i, (note, (_, to)) in enumerate(zip(notes, outputs)))
        with self.ledger.lock:
            spent = self._spendables(asset, inputs, nonce)
        public = (deposit, withdrawal, fee, account, carrier)
        claim = claims.Transact(self.key, spent, notes, memos, *public)
        return build_transact(self.deployment, claim)

    # --- Orders ---

    def commit(self, market: int, epoch: int, terms: Terms, credential: Issued | None, *, carrier: Carrier) -> PlacedOrder:
        """Commit a sealed order to an epoch whose window is open."""
        placed, call = self.build_commit(market, epoch, terms, credential)
        return replace(placed, receipt=self._send(call, carrier))

    def build_commit(
        self, market: int, epoch: int, terms: Terms, credential: Issued | None
    ) -> tuple[PlacedOrder, Call]:
        """Check an order against market, credential, window and funds, and prove it."""
        placed, claim = self.claim_commit(market, epoch, terms, credential)
        return placed, build_commit(self.deployment, claim)

    def claim_commit(
        self, market: int, epoch: int, terms: Terms, credential: Issued | None, index: int | None = None
    ) -> tuple[PlacedOrder, claims.Commit]:
        """Check an order as `build_commit` does, unproven; `index` is its place in the quota, the first free one if None."""
        with self.ledger.lock:
            return self._commit_claim(market, epoch, terms, credential, index)

    def _commit_claim(
        self, market: int, epoch: int, terms: Terms, credential: Issued | None, index: int | None
    ) -> tuple[PlacedOrder, claims.Commit]:
        self.sync()
        rules, time = self._admit(market, epoch, terms, credential)
        index = self._free_place(market, epoch) if index is None else index
        asset, lock = rules.lock(terms)
        nonce = _fresh_nonce()
        inputs = self._pick(asset, lock)
        order = Order(market, epoch, terms, self.key.owner, credential.id, self.key.prf("salt", nonce))
        change = sum(own.note.amount for own in inputs) - lock
        blinding = self.key.prf("note", nonce)
        plain = [terms.word, order.credential_id, order.salt, change, blinding]
        rk = self.key.order_account(market, epoch, index).address
        tree = self.ledger.credentials
        claim = claims.Commit(
            key=self.key,
            rules=rules,
            order=order,
            spent=self._spendables(asset, inputs, nonce),
            change_blinding=blinding,
            credential=credential.credential,
            credential_root=tree.root,
            credential_siblings=tuple(tree.path(credential.id)),
            quota_index=index,
            rk=int(rk, 16),
            time=time,
            memo=seal_memo(plain, self.key.viewing.public, self.key.ephemeral("memo", nonce)),
        )
        nullifier = self.holdings.quota_nullifiers(market, epoch)[index]
        return PlacedOrder(order, index, nullifier, rk), claim

    def reveal(self, placed: PlacedOrder, *, carrier: Carrier) -> Receipt:
        """Open an order to its epoch's leader, once the frozen set is as deep as the ledger stays."""
        return self._send(self.build_reveal(placed), carrier)

    def build_reveal(self, placed: PlacedOrder, opening: tuple[int, int, int, int] | None = None) -> Call:
        """The signed reveal of an order; `opening` overrides what it says, to no good end."""
        with self.ledger.lock:
            return self._reveal_call(placed, opening or placed.order.opening)

    def _reveal_call(self, placed: PlacedOrder, opening: tuple[int, int, int, int]) -> Call:
        self.sync()
        record, order = self._record(placed), placed.order
        windows = self.ledger.markets[order.market].windows(order.epoch)
        if record.reveal or record.reclaim:
            raise OrderRefused("the order was revealed already" if record.reveal else "the order was reclaimed")
        if self.ledger.block < windows.freeze:
            raise OrderRefused(
                f"a reveal waits until block {windows.freeze}, where the set froze, is {self.ledger.depth} deep; "
                f"the ledger stands at {self.ledger.block}"
            )
        admission.check_window(self.chain.head(), windows.reveal, windows.settle, "reveal")
        epoch = self.ledger.epochs[order.market, order.epoch]
        leader_key = admission.check_leader(self.ledger, epoch)
        scalar = reveal_ephemeral(self.key, record.oc, epoch)
        place = (self.deployment.chain_id, self.deployment.pool, order.market, order.epoch)
        seed = slot_seed(shared_point(scalar, leader_key), *place, record.oc)
        reveal = seal_reveal(opening, record.oc, scalar, seed)
        message = reveal_message(*place, epoch.commit_chain, int(epoch.leader, 16), epoch.reveal_version, reveal)
        account = self.key.order_account(order.market, order.epoch, placed.index)
        signature = account.unsafe_sign_hash(message)
        return build_reveal(order.market, order.epoch, placed.quota_nullifier, reveal, signature)

    def reclaim(self, placed: PlacedOrder, *, carrier: Carrier) -> Receipt:
        """Cancel an order before its freeze, or take back one whose epoch ended without it."""
        return self._send(self.build_reclaim(placed), carrier)

    def build_reclaim(self, placed: PlacedOrder) -> Call:
        """Prove the refund that is due now, less the bond where the epoch's end forfeits it."""
        with self.ledger.lock:
            record, claim = self._reclaim_claim(placed)
        slot = record.reveal.slot + 1 if record.reveal else 0
        return build_reclaim(self.deployment, claim, placed.quota_nullifier, record.rk, slot)

    def _reclaim_claim(self, placed: PlacedOrder) -> tuple[OrderRecord, claims.Reclaim]:
        self.sync()
        record, order, nonce = self._record(placed), placed.order, _fresh_nonce()
        forfeit = self._forfeits(record)
        rules = self.ledger.markets[order.market].rules(order.market)
        treasury = self.ledger.treasuries[self.ledger.epochs[order.market, order.epoch].treasury_version]
        claim = claims.Reclaim(
            key=self.key,
            rules=rules,
            order=order,
            forfeit=forfeit,
            blinding=self.key.prf("note", nonce),
            ephemeral=self.key.ephemeral("treasury", nonce),
            treasury_owner=treasury.owner,
            treasury_key=treasury.key,
            memo=[0] * 8,
        )
        return record, replace(claim, memo=self._note_memo(claim.refund, self.address, nonce, 0))

    def orders(self) -> list[OrderStatus]:
        """Every order of this key with its fate, by epoch and place in the quota."""
        with self.ledger.lock:
            self.sync()
            return [self.status(placed) for placed in self.holdings.orders]

    def status(self, placed: PlacedOrder) -> OrderStatus:
        """The fate of one, as the ledger stands."""
        record = self._record(placed)
        fill = self.holdings.fills.get(placed.quota_nullifier)
        return order_status(placed, record, self.epoch_state(record), fill, self.bond(placed))

    def bond(self, placed: PlacedOrder) -> int:
        """What an order forfeits where it must, in units of the asset locked."""
        market = self.ledger.markets[placed.order.market]
        return placed.order.terms.bond(market.lot, market.fee_bps, market.bond_bps)

    def epoch_state(self, record: OrderRecord) -> EpochState:
        """The state of an order's epoch at the ledger's block."""
        state = self.chain.contract("Market").functions.state(record.market, record.epoch)
        return EpochState(self.chain.call(state, self.ledger.block))

    # --- Within ---

    def _forfeits(self, record: OrderRecord) -> bool:
        """Whether a reclaim forfeits the bond; OrderRefused if none is due now."""
        windows = self.ledger.markets[record.market].windows(record.epoch)
        state = self.epoch_state(record)
        if record.reclaim:
            raise OrderRefused("the order was reclaimed already")
        if record.quota_nullifier in self.holdings.fills:
            raise OrderRefused("the order was settled: its notes are in the wallet")
        if state == EpochState.COMMIT:
            admission.check_window(self.chain.head(), windows.open, windows.freeze, "cancel")
        elif state not in ENDED:
            raise OrderRefused(
                f"the epoch is {state.name.lower()} at block {self.ledger.block}; it ends by block {windows.deadline}"
            )
        return state in FORFEITS

    def _admit(self, market: int, epoch: int, terms: Terms, credential: Issued | None) -> tuple[Rules, int]:
        """(rules, time in seconds) for a commit that nothing speaks against."""
        found = admission.market_terms(self.ledger, market)
        windows, head = found.windows(epoch), self.chain.head()
        time = self.chain.timestamp(head) + TIME_AHEAD
        admission.check_window(head, windows.open, windows.freeze, "commit")
        admission.check_credential(self.ledger, found, credential, self.key.owner, time)
        admission.check_order(found, terms)
        admission.check_not_paused(self.chain)
        admission.check_root(self.chain, self.ledger)
        admission.check_place(self.chain, market, epoch, found.capacity)
        return found.rules(market), time

    def _free_place(self, market: int, epoch: int) -> int:
        taken = self.ledger.orders.keys() | self._in_flight.keys() | self.held
        for index, nullifier in enumerate(self.holdings.quota_nullifiers(market, epoch)):
            if nullifier not in taken:
                return index
        raise admission.QuotaUsed(f"all orders that a credential has in epoch {epoch} are used: try the next epoch")

    def _record(self, placed: PlacedOrder) -> OrderRecord:
        if placed.quota_nullifier not in self.ledger.orders:
            raise OrderRefused(f"the order is not on the chain up to block {self.ledger.block}; wait and try again")
        return self.ledger.orders[placed.quota_nullifier]

    def _pick(self, asset: int, amount: int) -> list[OwnedNote]:
        return choose((own for own in self.notes() if own.note.asset == asset), amount)

    def _spendables(self, asset: int, inputs: list[OwnedNote], nonce: int) -> tuple[Spendable, Spendable]:
        """The inputs with their paths, filled up with dummies under a root that holds any."""
        found = [self._spendable(own) for own in inputs]
        place = (found[0].position >> 32, found[0].root) if found else (0, self.ledger.trees[0].root)
        while len(found) < 2:
            blinding = self.key.prf("dummy", nonce, len(found))
            found.append(Spendable.dummy(self.key, asset, blinding, *place))
        return found[0], found[1]

    def _spendable(self, own: OwnedNote) -> Spendable:
        number, leaf = split_position(own.position)
        tree = self.ledger.trees[number]
        return Spendable(own.note, own.position, tree.root, tuple(tree.path(leaf)))

    def _note_memo(self, note: Note, to: Address, nonce: int, index: int) -> list[int]:
        plain = [note.asset, note.amount, note.blinding, 0, 0]
        return seal_memo(plain, to.viewing, self.key.ephemeral("memo", nonce, index))

    def _approve(self, asset: int, amount: int) -> None:
        token, pool = self.chain.token(asset), self.deployment.contracts["Pool"]
        if self.chain.call(token.functions.allowance(self.account.address, pool)) < amount:
            self.chain.send(self.account, token.functions.approve(pool, amount))

    def _send(self, call: Call, carrier: Carrier) -> Receipt:
        """Send a call, and hold back what it spends until the ledger has seen it."""
        receipt = send(self.chain, carrier, call)
        words = call.args[2] if len(call.args) > 2 and isinstance(call.args[2], dict) else {}
        for name in ("nf0", "nf1", "quota_nullifier"):
            if name in words:
                self._in_flight[words[name]] = receipt.block
        return replace(receipt, proof_seconds=call.proof_seconds)


def _check_amount(amount: int) -> None:
    check_range(amount, 1, 1 << AMOUNT_BITS, "amount")


def _fresh_nonce() -> int:
    """31 random bytes, whose PRFs are all of one transaction's randomness."""
    return secrets.randbits(248)
