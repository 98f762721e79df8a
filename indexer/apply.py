"""Events, in chain order, made rows: what each says is held to what was followed before it.

Handlers are named for their events. One that finds what cannot follow raises Diverged.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from sqlalchemy import Connection, Table
from sqlmodel import SQLModel

from indexer import models, statements
from indexer.memory import EpochMemory, Memory
from indexer.reading import Call, Range, args_json
from indexer.statements import Stated
from offchain.babyjubjub import Point
from offchain.deployment import Deployment
from offchain.events import Event
from offchain.merkle import CHUNK
from offchain.records import MarketTerms
from offchain.state import Diverged
from offchain.streams import Reveal, commit_link, reveal_link

Rows = dict[Table, list[dict[str, Any]]]


class Interpreter:
    """Turns ranges of blocks into rows, and keeps `memory` in step with them.

    `touched`: epochs that had an event since somebody emptied it.
    """

    def __init__(self, deployment: Deployment, memory: Memory, read_call: Callable[[str, bytes], Call | None]):
        """`read_call` reads calldata (Reader.call)."""
        self.memory, self.deployment, self._read_call = memory, deployment, read_call
        self.touched: set[tuple[int, int]] = set()
        self._ids = {name: entry.id for name, entry in deployment.verifiers.items()}
        self._handlers = {name: getattr(self, name) for name in dir(self) if name.startswith("_on_")}

    def rows(self, connection: Connection, found: Range) -> Rows:
        """The rows that a range adds, by table. Diverged if an event does not follow from those before it."""
        self._connection, self._range = connection, found
        self._rows: Rows = defaultdict(list)
        self._rows[models.Block.__table__] = found.blocks
        self._rows[models.Transaction.__table__] = [one.row for one in found.transactions.values()]
        for event in found.events:
            self._add(models.Event, event, tx=event.tx, contract=event.contract, name=event.name, args=args_json(event.args))
            handler = self._handlers.get(f"_on_{event.contract}_{event.name}".lower())
            if handler is not None:
                self._follow(handler, event)
        return self._rows

    def _follow(self, handler: Callable[[Event, dict], None], event: Event) -> None:
        try:
            handler(event, event.args)
        except (LookupError, ValueError) as error:
            what = f"{event.contract}.{event.name} of block {event.block}"
            raise Diverged(f"{what} does not follow from the events before it: {error}") from error

    def _add(self, model: type[SQLModel], event: Event, **values: Any) -> None:
        values["block"], values["log_index"] = event.block, event.index
        self._rows[model.__table__].append(values)

    def _epoch(self, args: dict) -> EpochMemory:
        key = args["market"], args["epoch"]
        self.touched.add(key)
        return self.memory.epoch(self._connection, *key)

    # --- Proofs ---

    def _call(self, event: Event, contract: str, method: str) -> Call | None:
        """The call behind an event: the transaction's own, or the proposal's that it executes."""
        call = self._range.transactions[event.tx].call
        if call is not None and (call.contract, call.method) == ("Governor", "execute"):
            target, data = self.memory.proposals[call.args["id"]]
            call = self._read_call(target, data)
        return call if call is not None and (call.contract, call.method) == (contract, method) else None

    def _prove(self, event: Event, stated: Stated | None, circuit: str = "", **epoch: int) -> None:
        """Keep the proof behind an event, to be verified; as hidden where there is no call to see."""
        if stated is None:
            kept = {"circuit": circuit, "words": (), "statement": (), "publics": (), "status": models.ProofStatus.HIDDEN}
        else:
            if stated.circuit not in self._ids:
                raise ValueError(f"the deployment has no circuit {stated.circuit}")
            here = self.deployment.chain_id, self.deployment.pool
            kept = {
                "circuit": stated.circuit,
                "words": stated.words,
                "statement": stated.d,
                "publics": stated.publics(self._ids[stated.circuit], *here),
                "status": models.ProofStatus.PENDING,
            }
        self._add(models.Proof, event, tx=event.tx, **{"market": None, "epoch": None} | epoch, **kept)

    def _held(self, what: dict[str, Any], to: dict[str, Any]) -> None:
        """ValueError unless the call's words are those of the event."""
        for name in what.keys() & to.keys():
            if what[name] != to[name]:
                raise ValueError(f"its {name} is not that of the call")

    def _leaves(self, position: int, leaves: Iterable[int]) -> None:
        """ValueError unless these leaves were appended from `position` on."""
        for place, leaf in enumerate(leaves, position):
            if self.memory.leaves.get(place) != leaf:
                raise ValueError(f"the leaf at {place} is not that of the call")

    # --- Pool ---

    def _on_pool_appended(self, event: Event, args: dict) -> None:
        memory, position = self.memory, args["position"]
        if position != memory.next_leaf:
            raise ValueError(f"leaves stand from {position} on, and {memory.next_leaf} is next")
        for place, leaf in enumerate(args["leaves"], position):
            memory.leaves[place] = leaf
            self._add(models.Note, event, position=place, commitment=leaf)
        memory.next_leaf = position + len(args["leaves"])

    def _on_pool_spent(self, event: Event, args: dict) -> None:
        for place, nullifier in enumerate(args["nullifiers"]):
            self._add(models.Nullifier, event, nullifier=nullifier, place=place)

    def _on_pool_transacted(self, event: Event, args: dict) -> None:
        position = args["position"]
        for offset, memo in enumerate((args["memo0"], args["memo1"])):
            self._add(models.Memo, event, position=position + offset, kind="transact", words=tuple(memo))
        names = ("asset", "deposit", "withdrawal", "fee", "account", "carrier")
        self._add(models.Transact, event, position=position, **{name: args[name] for name in names})
        stated = None
        if call := self._call(event, "Pool", "transact"):
            self._held(call.args["t"] | {"memo0": call.args["memo0"], "memo1": call.args["memo1"]}, args)
            self._leaves(position, (call.args["t"]["cm0"], call.args["t"]["cm1"]))
            stated = statements.transact(call)
        self._prove(event, stated, "transact")

    def _on_pool_advanced(self, event: Event, args: dict) -> None:
        memory, before = self.memory, self.memory.edge
        if (args["tree"], args["chunk"]) != (before.tree, before.chunk):
            raise ValueError(f"chunk {before.chunk} of tree {before.tree} is next")
        filled = min(memory.next_leaf - before.position, CHUNK)
        if args["count"] != filled:
            raise ValueError(f"the chunk has {filled} leaves")
        leaves = [memory.leaves[before.position + offset] for offset in range(filled)]
        root, after = before.insert(leaves)
        if root != args["root"]:
            raise Diverged(f"chunk {before.chunk} of tree {before.tree} gives another root than the pool's, in block {event.block}")
        place = {"tree": before.tree, "chunk": before.chunk}
        self._add(models.Root, event, **place, count=args["count"], root=root, frontier=after.frontier)
        stated = None
        if call := self._call(event, "Pool", "advance"):
            stated = statements.advance(call, before.root, before.chunk)
            if call.args["new_root"] != root or call.args["leaves"] != leaves:
                raise ValueError("root or leaves are not those of the call")
        memory.edge = after
        memory.next_leaf = max(memory.next_leaf, after.position)
        for position in range(before.position, after.position):
            memory.leaves.pop(position, None)
        self._prove(event, stated, "advance")

    def _on_pool_paused(self, event: Event, args: dict) -> None:
        self._add(models.Pause, event, by=args["by"], paused=args["paused"])

    # --- Market ---

    def _on_market_marketopened(self, event: Event, args: dict) -> None:
        self.memory.markets[args["market"]] = MarketTerms.of(args["terms"])
        self._add(models.Market, event, market=args["market"], **args["terms"])

    def _on_market_epochopened(self, event: Event, args: dict) -> None:
        key = args["market"], args["epoch"]
        versions = args["reveal_version"], args["auditor_version"], args["treasury_version"]
        self.memory.epochs[key] = EpochMemory(*key, args["leader"], versions)
        self._add(models.Epoch, event, **args)

    def _on_market_committed(self, event: Event, args: dict) -> None:
        epoch, oc = self._epoch(args), args["oc"]
        epoch.commit_chain = commit_link(epoch.commit_chain, oc, int(args["rk"], 16))
        names = ("market", "epoch", "quota_nullifier", "oc", "rk", "position")
        row = {name: args[name] for name in names} | {"place": len(epoch.orders), "chain": _hex(epoch.commit_chain)}
        self._add(models.Order, event, **row)
        epoch.orders[args["quota_nullifier"]] = oc
        self._add(models.Memo, event, position=args["position"], kind="commit", words=tuple(args["memo"]))
        stated = None
        if call := self._call(event, "Market", "commit"):
            self._held(call.args["c"] | {"memo": call.args["memo"]}, args)
            self._leaves(args["position"], [call.args["c"]["change_cm"]])
            stated = statements.commit(call, self.memory.markets[epoch.market])
        self._prove(event, stated, "commit", market=epoch.market, epoch=epoch.epoch)

    def _on_market_revealed(self, event: Event, args: dict) -> None:
        epoch = self._epoch(args)
        if epoch.orders[args["quota_nullifier"]] != args["oc"]:
            raise ValueError("it opens another commitment than the order's")
        if args["slot"] != epoch.reveals:
            raise ValueError(f"slot {epoch.reveals} is next")
        reveal = Reveal(args["oc"], Point(*args["point"]), tuple(args["ciphertext"]))
        epoch.reveal_chain = reveal_link(epoch.revealed, reveal)
        epoch.reveals += 1
        self._add(
            models.Reveal, event, market=epoch.market, epoch=epoch.epoch, slot=args["slot"],
            quota_nullifier=args["quota_nullifier"], oc=reveal.oc, x=reveal.point.x, y=reveal.point.y,
            ciphertext=reveal.ciphertext, chain=_hex(epoch.reveal_chain),
        )  # fmt: skip

    def _on_market_referencefixed(self, event: Event, args: dict) -> None:
        epoch = self._epoch(args)
        epoch.reference, epoch.void = args["price"], args["void"]
        self._add(models.Fixing, event, **args)

    def _on_market_settled(self, event: Event, args: dict) -> None:
        epoch, position = self._epoch(args), args["position"]
        if args["count"] != epoch.reveals or len(args["slots"]) != epoch.reveals:
            raise ValueError(f"the epoch has {epoch.reveals} reveals")
        names = ("market", "epoch", "count", "invalid_mask", "print_commitment", "treasury_pad", "leader_cm", "treasury_cm")
        row = {name: args[name] for name in names} | {"position": position, "audit": tuple(args["audit"])}
        self._add(models.Settlement, event, audit_x=args["audit_point"][0], audit_y=args["audit_point"][1], **row)
        for slot, (receipt, audit) in enumerate(args["slots"]):
            invalid = bool(args["invalid_mask"] >> slot & 1)
            place = {"market": epoch.market, "epoch": epoch.epoch, "slot": slot, "position": position + 2 * slot}
            self._add(models.Slot, event, receipt=receipt, audit=audit, invalid=invalid, **place)
        leaders = position + 2 * args["count"]
        self._add(models.Memo, event, position=leaders, kind="settle", words=tuple(args["memo"]))
        epoch.print_commitment = args["print_commitment"]
        stated = None
        if call := self._call(event, "Market", "settle"):
            stated = self._settlement(call, args, epoch)
        self._prove(event, stated, "settle", market=epoch.market, epoch=epoch.epoch)

    def _settlement(self, call: Call, args: dict, epoch: EpochMemory) -> Stated:
        self._held(call.args["s"] | {"memo": call.args["memo"]}, args)
        slots = call.args["slots"]
        if [list(slot[9:]) for slot in slots] != [list(slot) for slot in args["slots"]]:
            raise ValueError("its receipts are not those of the call")
        made = [leaf for slot in slots for leaf in slot[7:9]] + [args["leader_cm"], args["treasury_cm"]]
        self._leaves(args["position"], made)
        terms, parties = self.memory.markets[epoch.market], self.memory.parties(epoch)
        here = self.deployment.chain_id, self.deployment.pool
        return statements.settle(call, *here, terms, parties, epoch.revealed, epoch.reference, epoch.reveals)

    def _on_market_reclaimed(self, event: Event, args: dict) -> None:
        epoch, terms = self._epoch(args), self.memory.markets[args["market"]]
        if epoch.orders[args["quota_nullifier"]] != args["oc"]:
            raise ValueError("it names another commitment than the order's")
        cancelled = event.block < terms.windows(epoch.epoch).freeze
        if cancelled:
            epoch.cancelled += 1
            epoch.commit_chain = commit_link(epoch.commit_chain, args["oc"], 0)
        names = ("market", "epoch", "quota_nullifier", "oc", "forfeit", "position", "treasury_pad")
        row = {name: args[name] for name in names} | {"x": args["point"][0], "y": args["point"][1]}
        self._add(models.Reclaim, event, cancelled=cancelled, chain=_hex(epoch.commit_chain) if cancelled else None, **row)
        self._add(models.Memo, event, position=args["position"], kind="reclaim", words=tuple(args["memo"]))
        stated = None
        if call := self._call(event, "Market", "reclaim"):
            self._held(call.args["c"] | {"memo": call.args["memo"]}, args)
            self._leaves(args["position"], (call.args["c"]["refund_cm"], call.args["c"]["treasury_cm"]))
            *treasury, owner = self.memory.treasuries[epoch.versions[2]]
            stated = statements.reclaim(call, terms, args["forfeit"], tuple(treasury), owner)
        self._prove(event, stated, "reclaim", market=epoch.market, epoch=epoch.epoch)

    def _on_market_failed(self, event: Event, args: dict) -> None:
        self._epoch(args)
        self._add(models.Failure, event, **args)

    def _on_market_released(self, event: Event, args: dict) -> None:
        self._epoch(args)
        self._add(models.Release, event, **args)

    def _on_market_printed(self, event: Event, args: dict) -> None:
        epoch = self._epoch(args)
        if epoch.print_commitment is None:
            raise ValueError("the epoch was not settled")
        self._add(models.Print, event, **args)
        stated = None
        if call := self._call(event, "Market", "print_epoch"):
            self._held(call.args, args)
            stated = statements.print_epoch(call, epoch.print_commitment)
        self._prove(event, stated, "print", market=epoch.market, epoch=epoch.epoch)

    # --- Relayers ---

    def _on_relayers_registered(self, event: Event, args: dict) -> None:
        self.memory.owners[args["relayer"]] = args["owner_word"]
        self._add(models.Relayer, event, **args)

    def _on_relayers_keyregistered(self, event: Event, args: dict) -> None:
        self.memory.reveal_keys[args["relayer"], args["version"]] = (args["x"], args["y"])
        self._add(models.RevealKey, event, **args)
        call = self._call(event, "Relayers", "register_key")
        self._possession(event, args, call, args["relayer"])

    def _possession(self, event: Event, args: dict, call: Call | None, account: str) -> None:
        if call:
            self._held(call.args, args)
        self._prove(event, statements.possession(call, account) if call else None, "key")

    def _stake(self, event: Event, kind: str, args: dict, **more: Any) -> None:
        more = {"withdraw_from": None, "caller": None, "bounty": None} | more
        self._add(models.Stake, event, relayer=args["relayer"], kind=kind, amount=args["amount"], **more)

    def _on_relayers_bonded(self, event: Event, args: dict) -> None:
        self._stake(event, "bonded", args)

    def _on_relayers_unbondrequested(self, event: Event, args: dict) -> None:
        self._stake(event, "unbonding", args, withdraw_from=args["withdraw_from"])

    def _on_relayers_withdrawn(self, event: Event, args: dict) -> None:
        self._stake(event, "withdrawn", args)

    def _on_relayers_reserved(self, event: Event, args: dict) -> None:
        self._stake(event, "reserved", args)

    def _on_relayers_releasedstake(self, event: Event, args: dict) -> None:
        self._stake(event, "released", args)

    def _on_relayers_slashed(self, event: Event, args: dict) -> None:
        self._stake(event, "slashed", args, caller=args["caller"], bounty=args["bounty"])

    # --- Keys, credentials, governance, prices ---

    def _on_keys_auditorkeyset(self, event: Event, args: dict) -> None:
        self.memory.auditors[args["version"]] = (args["x"], args["y"])
        self._add(models.AuditorKey, event, **args)
        self._possession(event, args, self._call(event, "Keys", "set_auditor"), args["account"])

    def _on_keys_treasuryset(self, event: Event, args: dict) -> None:
        self.memory.treasuries[args["version"]] = (args["x"], args["y"], args["owner_word"])
        self._add(models.Treasury, event, **args)
        self._possession(event, args, self._call(event, "Keys", "set_treasury"), args["account"])

    def _on_credentials_leavesset(self, event: Event, args: dict) -> None:
        memory, leaves = self.memory, dict(enumerate(args["leaves"], args["index"]))
        if call := self._call(event, "Credentials", "set_leaves"):
            self._held(call.args | {"root": call.args["new_root"]}, args)
        memory.credentials.update(leaves)
        memory.credential_root = args["root"]
        fits = memory.credentials.root == args["root"]
        row = {"first": args["index"], "count": len(leaves), "root": args["root"], "additive": args["additive"]}
        self._add(models.CredentialRoot, event, fits=fits, **row)
        for id, leaf in leaves.items():
            self._add(models.CredentialLeaf, event, id=id, leaf=leaf)

    def _on_credentials_walletset(self, event: Event, args: dict) -> None:
        self._add(models.Wallet, event, **args)

    def _on_credentials_successornamed(self, event: Event, args: dict) -> None:
        self._add(models.Successor, event, **args)

    def _on_credentials_issuerset(self, event: Event, args: dict) -> None:
        self._add(models.Issuer, event, **args)

    def _on_governor_proposed(self, event: Event, args: dict) -> None:
        self.memory.proposals[args["id"]] = (args["target"], args["data"])
        row = {name: args[name] for name in ("target", "data", "ready")}
        self._add(models.Proposal, event, proposal=args["id"], **row)

    def _on_governor_executed(self, event: Event, args: dict) -> None:
        self._add(models.ProposalEnd, event, proposal=args["id"], outcome="executed")

    def _on_governor_cancelled(self, event: Event, args: dict) -> None:
        self._add(models.ProposalEnd, event, proposal=args["id"], outcome="cancelled")

    def _on_governor_adminchanged(self, event: Event, args: dict) -> None:
        self._add(models.Admin, event, **args)

    def _on_oracle_observed(self, event: Event, args: dict) -> None:
        self._add(models.Observation, event, **args)

    def _quote(self, event: Event, args: dict) -> None:
        nothing = dict.fromkeys(("price", "agreeing", "anchor", "account"))
        self._add(models.Quote, event, kind=event.name.lower(), **nothing | args)

    _on_oracle_median = _on_oracle_unpriced = _on_oracle_halted = _on_oracle_released = _on_oracle_resumed = _quote


def _hex(word: bytes) -> str:
    return "0x" + word.hex()
