"""Deposits, withdrawals and joins: those asked for, and joins ahead of need.

Every attempt of a movement spends the same notes, so at most one of them lands. A deposit spends none:
it is built once, and sent by one account's outbox under one key.
"""

from dataclasses import replace
from typing import Any

from offchain.agent.book import Parcel, Transfer
from offchain.agent.core import Core
from offchain.agent.courier import REFUSALS, AccountRoute, Route, ServiceRoute
from offchain.agent.desk import AUTO, Movement, MovementState
from offchain.carrier import CarrierError, CarrierSilent
from offchain.chain import as_address
from offchain.clock import unix_ms
from offchain.coins import InsufficientFunds, NeedsConsolidation, NotSpendableYet
from offchain.holdings import OwnedNote

ROUNDS = 3
"""How often each carrier is tried; one that does not answer, as often as what it was given: `REFUSALS`."""

PAUSE = 50
"""Blocks after which a join ahead of need that failed is tried again."""

OPEN = (MovementState.ACCEPTED, MovementState.SENT)


class Moves:
    def __init__(self, core: Core):
        self.core, self.book, self.purse = core, core.book, core.purse
        self._refused: dict[str, list[Parcel]] = {}     # by failed movement: what carriers said they would not send

    def settle(self) -> None:
        """Movements that landed after all, for a carrier that refused them sent them: failed, or tried again since."""
        for key, transfer in list(self.book.transfers.items()):
            if transfer.movement.state not in (MovementState.FAILED, *OPEN) or not transfer.attempts:
                continue
            landed = next((parcel for parcel in self._refused_of(transfer) if self.purse.landed(parcel)), None)
            if landed is not None:
                self.purse.release(key)
                reason = "sent late, by a carrier that had refused it"
                done = replace(transfer.movement, state=MovementState.DONE, reason=reason)
                transfer = replace(transfer, movement=done, fee=landed.fee, booked=False)
                self.book.write(transfer, tell="balance", **_facts(done))

    def _refused_of(self, transfer: Transfer) -> list[Parcel]:
        """Those of its parcels that nobody would send; read once for each that has failed."""
        key, failed = transfer.movement.key, transfer.movement.state == MovementState.FAILED
        if failed and key in self._refused:
            return self._refused[key]
        self._refused.pop(key, None)    # a join ahead of need that is tried again
        found = (self.book.parcel(f"move:{key}:{number}") for number in range(1, transfer.attempts + 1))
        refused = [one for one in found if one is not None and one.state == "refused"]
        if failed:
            self._refused[key] = refused
        return refused

    def round(self, wanting: list[tuple[int, int]], head: int) -> None:
        """`wanting` are (asset, units) that tickets need joined."""
        for key in [one.movement.key for one in self._opened()]:
            if f"move:{key}" in self.core.at_work():
                continue
            transfer = self.book.transfers[key]     # only now: who was at work until a moment ago may have sent it
            parcel = next((one for one in list(self.book.parcels.values()) if one.holder == key), None)
            if parcel is not None:
                self._explain(transfer, parcel)
                continue
            if (last := self.book.parcel(f"move:{key}:{transfer.attempts}")) is not None and last.state != "open":
                self._conclude(transfer, last)
            if self.book.transfers[key].movement.state in OPEN and head >= transfer.next_block:
                self.core.work(f"move:{key}", head, lambda key=key: self._attempt(key, head))
        self._ahead(wanting)

    def _explain(self, transfer: Transfer, parcel: Parcel) -> None:
        """Say why a movement stays sent: nobody takes it, who had it too, for a carrier that is down may have it."""
        movement, reason = transfer.movement, parcel.reason if parcel.given is None else None
        if movement.reason != reason:
            self._change(replace(transfer, movement=replace(movement, reason=reason)))

    def _opened(self) -> list[Transfer]:
        return [one for one in list(self.book.transfers.values()) if one.movement.state in OPEN]

    # --- Joining ahead of need ---

    def _ahead(self, wanting: list[tuple[int, int]]) -> None:
        """Start a join for every asset that lacks pairs of notes, one at a time."""
        joining = {one.movement.asset for one in self._opened() if one.inputs}
        needs = [(asset, ahead.amount, ahead.pairs) for asset, ahead in self.core.settings.ahead.items()]
        needs += [(asset, amount, 1) for asset, amount in wanting]
        for asset, amount, pairs in needs:
            if as_address(asset) in joining:
                continue
            chosen = to_join(self.purse.free(asset), amount, pairs)
            key, words = _auto(chosen), tuple(own.nullifier for own in chosen)
            before = self.book.transfers.get(key)
            if before is not None and self.core.view.head < before.next_block:
                continue
            if chosen and (held := self.purse.pick_these(key, words)):
                movement = Movement(
                    key, "consolidation", as_address(asset), sum(own.note.amount for own in held), None,
                    MovementState.ACCEPTED, created=unix_ms(),
                )  # fmt: skip
                joining.add(movement.asset)
                self.book.write(Transfer(movement, words))

    # --- One attempt ---

    def _attempt(self, key: str, head: int) -> None:
        transfer = self.book.transfers[key]
        movement, asset = transfer.movement, int(transfer.movement.asset, 16)
        try:
            if movement.kind == "deposit":
                return self._deposit(transfer, asset, head)
            route = self._route(transfer)
            fee = self._fee(route, asset)
            inputs = self._inputs(transfer, asset, fee)
        except CarrierSilent as error:      # it may answer at the next block, and nothing was proven for it
            return self._put_off(replace(transfer, silent=transfer.silent + 1), str(error), head)
        except CarrierError as error:
            return self._put_off(replace(transfer, attempts=transfer.attempts + 1), str(error), head)
        except (NotSpendableYet, NeedsConsolidation) as error:
            return self._put_off(transfer, str(error), head)
        except InsufficientFunds as error:
            return self._fail(transfer, str(error))
        public = {"fee": fee, "carrier": self._payee(route)} if fee else {}
        if movement.kind == "withdrawal":
            public |= {"withdrawal": movement.amount, "account": int(movement.recipient, 16)}
        only = route.name if fee or isinstance(route, AccountRoute) else None
        self._send(transfer, asset, inputs, fee, only, head, public)

    def _send(
        self,
        transfer: Transfer,
        asset: int,
        inputs: list[OwnedNote],
        fee: int,
        only: str | None,
        head: int,
        public: dict,
    ) -> None:
        """Prove it, write it down, and only then give it to anybody."""
        built = self.purse.transact(asset, inputs, **public)
        self.book.took("transact", built.call.proof_seconds)
        movement = transfer.movement
        name = f"move:{movement.key}:{transfer.attempts + 1}"
        words = tuple(own.nullifier for own in inputs)
        parcel = Parcel(name, movement.key, "transact", built.word, built.mark, built.words, None, only, fee=fee)
        sent = replace(movement, state=MovementState.SENT, reason=None)
        transfer = replace(transfer, movement=sent, inputs=words, attempts=transfer.attempts + 1)
        if self._change(transfer, parcel, tell="balance", calls={name: built.call}, **_facts(sent)):
            self.core.courier.start(parcel, head)
        else:
            self.purse.release(movement.key)

    def _deposit(self, transfer: Transfer, asset: int, head: int) -> None:
        """Let the pool take the tokens, then bring them in; RuntimeError if that was sent before."""
        if transfer.attempts:
            raise RuntimeError("a deposit is made once, and this one was sent: its parcel tells what became of it")
        own, movement, chain = self.core.courier.own, transfer.movement, self.core.chain
        if own is None:
            return self._fail(transfer, "no account is configured to deposit from: name one in agent.account")
        token, pool = chain.token(asset), chain.deployment.contracts["Pool"]
        if self._behind_another(movement, own.name):
            return self._put_off(transfer, "waits for a deposit before it", head)
        if (allowed := chain.call(token.functions.allowance(own.name, pool))) < movement.amount:
            own.outbox.post(f"approve:{movement.key}:{allowed}", token.functions.approve(pool, movement.amount))
            return self._put_off(transfer, "waits for the token's approval", head)
        if chain.call(token.functions.balanceOf(own.name)) < movement.amount:
            return self._fail(transfer, f"{own.name} holds less than {movement.amount} units of {movement.asset}")
        public = {"deposit": movement.amount, "account": int(own.name, 16)}
        self._send(transfer, asset, [], 0, own.name, head, public)

    def _behind_another(self, movement: Movement, account: str) -> bool:
        """Whether an earlier deposit of the same token would use up this one's approval: the account's, no other's."""
        sent = {parcel.holder: parcel.only for parcel in list(self.book.parcels.values())}
        others = [one.movement for one in self._opened() if one.movement.kind == "deposit"]
        earlier = [one for one in others if (one.created, one.key) < (movement.created, movement.key)]
        return any(one.asset == movement.asset and sent.get(one.key, account) == account for one in earlier)

    def _inputs(self, transfer: Transfer, asset: int, fee: int) -> list[OwnedNote]:
        key, movement = transfer.movement.key, transfer.movement
        needed = fee + (movement.amount if movement.kind == "withdrawal" else 0)
        if transfer.inputs:
            found = self.purse.pick_these(key, transfer.inputs)
            if not found:
                raise InsufficientFunds("its notes were spent by another transaction")
        elif movement.kind == "withdrawal":
            return self.purse.pick(key, asset, needed)
        else:
            found = self.purse.pick_these(key, tuple(own.nullifier for own in self.purse.free(asset)[:2]))
            if len(found) < 2:
                raise InsufficientFunds("fewer than two notes can be spent now: nothing to join")
        if sum(own.note.amount for own in found) < needed:
            raise InsufficientFunds(f"its notes do not cover the carrier's fee of {fee} units: ask for it anew")
        return found

    # --- Who sends it ---

    def _route(self, transfer: Transfer) -> Route:
        """Carriers in turn; withdrawals by one's own account where there is one, for they name who is paid anyway."""
        courier = self.core.courier
        if transfer.movement.kind == "withdrawal" and courier.own is not None:
            return courier.own
        return courier.routes[(transfer.attempts + transfer.silent) % len(courier.routes)]

    def _fee(self, route: Route, asset: int) -> int:
        if not isinstance(route, ServiceRoute):
            return 0
        fee, most = route.client(anew=True).fee(asset), self.core.settings.max_fees.get(asset, 0)
        if fee > most:
            raise CarrierError(f"the carrier {route.name} asks {fee} units, and max_fees allows {most}")
        return fee

    def _payee(self, route: Route) -> int:
        return int(route.client().address, 16)

    # --- How it ends ---

    def _conclude(self, transfer: Transfer, parcel: Parcel) -> None:
        movement = transfer.movement
        if parcel.state == "landed":
            self.purse.release(movement.key)
            done = replace(movement, state=MovementState.DONE, tx=parcel.tx, reason=None)
            self._change(replace(transfer, movement=done, fee=parcel.fee), tell="balance", **_facts(done))
        elif parcel.state == "lost" or transfer.attempts >= ROUNDS * len(self.core.courier.routes):
            self._fail(transfer, parcel.reason or "nobody would send it")
        elif movement.kind == "deposit":
            self._fail(transfer, parcel.reason or "the deposit was refused")

    def _put_off(self, transfer: Transfer, reason: str, head: int) -> None:
        carriers = max(1, len(self.core.courier.routes))
        if transfer.attempts >= ROUNDS * carriers or transfer.silent >= REFUSALS * carriers:
            return self._fail(transfer, reason)
        self._change(replace(transfer, movement=replace(transfer.movement, reason=reason), next_block=head + 1))

    def _fail(self, transfer: Transfer, reason: str) -> None:
        self.purse.release(transfer.movement.key)
        failed = replace(transfer.movement, state=MovementState.FAILED, reason=reason)
        again = self.core.view.head + PAUSE
        self._change(replace(transfer, movement=failed, next_block=again), tell="balance", **_facts(failed))

    def _change(self, transfer: Transfer, *parcels: Parcel, **told: Any) -> bool:
        """Write it down, and that it was; not where it has ended while an attempt of it was at work."""
        with self.book.lock:
            if self.book.transfers[transfer.movement.key].movement.state not in OPEN:
                return False
            self.book.write(transfer, *parcels, **told)
            return True


def to_join(notes: list[OwnedNote], amount: int, pairs: int) -> list[OwnedNote]:
    """Two of these spendable notes, the smallest first, whose join brings `pairs` disjoint pairs of `amount` nearer.

    None if there are such pairs, or no join would help. Greedy: the largest note with the smallest that completes it.
    Of what is left, the two largest are joined.
    """
    left = list(notes)
    for _ in range(pairs):
        if not left:
            return []
        largest = left.pop()
        if largest.note.amount >= amount:
            continue
        mate = next((own for own in left if own.note.amount + largest.note.amount >= amount), None)
        if mate is None:
            enough = len(left) >= 2 and largest.note.amount + sum(own.note.amount for own in left) >= amount
            return [left[-1], largest] if enough else []
        left.remove(mate)
    return []


def _auto(notes: list[OwnedNote]) -> str:
    """A name that the same notes have again."""
    return f"{AUTO}{sum(own.nullifier for own in notes) % (1 << 128):x}"


def _facts(movement: Movement) -> dict:
    return {
        "movement": movement.key, "type": movement.kind, "asset": movement.asset, "amount": str(movement.amount),
        "state": str(movement.state), "tx": movement.tx, "reason": movement.reason,
    }  # fmt: skip
