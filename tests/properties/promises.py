"""Promises P1–P12 of the protocol, checked on every accepted call.

What is counted here comes from the chain's own logs and views, and from what the actors know,
not from the model's rules; so a rule that is wrong in both the contract and the model still
has to keep its promise.
"""

import pickle
from collections import Counter
from dataclasses import dataclass, field

from tests.properties.auction import candidates, demand, supply
from tests.properties.deployed import BOUNTY, EPOCH_STAKE, Deployed
from tests.properties.evm import Outcome
from tests.properties.model import EMPTY, SETTLED, Model
from tests.properties.points import R
from tests.properties.rules import Call
from tests.properties.vault import Terms

# Bytes that each entry of a list adds, by event and by function: (per entry, where the list is).
LISTS = {"Settled": 64, "Appended": 32, "settle": 352, "advance": 32}
OFFICES = {"LeavesSet", "Proposed", "MarketOpened"}
TOP = 2**64 - 1


class Violation(Exception):
    def __init__(self, promise: str, message: str):
        self.promise = promise
        super().__init__(message)


@dataclass
class Record:
    """What the logs told so far."""

    spent: set = field(default_factory=set)
    committed: set = field(default_factory=set)
    revealed: dict = field(default_factory=dict)
    """Market and epoch: [(oc, point, ciphertext)]."""
    reveals: set = field(default_factory=set)
    reclaimed: set = field(default_factory=set)
    settled: dict = field(default_factory=dict)
    """Market and epoch: (block, print commitment)."""
    paid: set = field(default_factory=set)
    failed: set = field(default_factory=set)
    printed: set = field(default_factory=set)
    leaders: dict = field(default_factory=dict)
    """Market and epoch: (leader, versions)."""
    auditors: dict = field(default_factory=dict)


class Promises:
    def __init__(self, chain: Deployed, model: Model):
        self.chain, self.model, self.vault = chain, model, model.vault
        self.record = Record()
        self.checked: Counter[str] = Counter()
        """How often each promise had something to say."""
        self.public: set[int] = set()
        """Words that a print, a deposit or a withdrawal has made public."""
        self.sizes: dict[str, int] = {}

    def save(self) -> bytes:
        return pickle.dumps(self.record)

    def restore(self, saved: bytes) -> None:
        self.record = pickle.loads(saved)

    def need(self, promise: str, holds: bool, message: str) -> None:
        self.checked[promise] += 1
        if not holds:
            raise Violation(promise, message)

    # Before and after a call

    def before(self, call: Call) -> dict:
        if call.function == "fail":
            leader = self.record.leaders.get(tuple(call.args), (call.sender,))[0]
            return {"stake": self._stake(leader), "caller": self._stake_tokens(call.sender)}
        if call.function == "commit":
            return {"nullified": set(self.model.s.nullified)}
        return {}

    def after(self, call: Call, raw: bytes, before: dict, outcome: Outcome) -> None:
        logs = self._read(outcome)
        for name, topics, data in logs:
            self._log(name, topics, data)
        self._dark(call, raw, logs)
        check = getattr(self, f"_after_{call.function}", None)
        if check and call.contract in ("Market", "Pool"):
            check(call, before)
        if call.contract in ("Market", "Pool"):
            self._conserved()

    def _read(self, outcome: Outcome) -> list[tuple[str, list[int], list[int]]]:
        """Name, topics and data of each log, in words."""
        found = []
        for log in outcome.logs:
            abi = self.chain.interface_of[log.address]
            data = [int.from_bytes(log.data[i : i + 32], "big") for i in range(0, len(log.data), 32)]
            topics = [int.from_bytes(topic, "big") for topic in log.topics[1:]]
            found.append((abi.events.get(log.topics[0], "Transfer"), topics, data))
        return found

    def _once(self, where: set, item, what: str) -> None:
        self.need("P11", item not in where, f"{what} counts twice")
        where.add(item)

    def _log(self, name: str, topics: list[int], data: list[int]) -> None:
        r = self.record
        if name == "Spent":
            self._once(r.spent, data[0], "a nullifier")
            self._once(r.spent, data[1], "a nullifier")
            self.need("P11", max(data) < R, "a nullifier in a second spelling")
        elif name == "EpochOpened":
            r.leaders[tuple(topics)] = (f"0x{data[0]:040x}", tuple(data[1:4]))
        elif name == "AuditorKeySet":
            r.auditors[topics[0]] = tuple(data[1:3])
        elif name == "Committed":
            self._once(r.committed, data[0], "an order")
        elif name == "Revealed":
            self._once(r.reveals, data[1], "a reveal")
            entries = r.revealed.setdefault(tuple(topics), [])
            self.need("P4", data[1] in r.committed and data[1] not in r.reclaimed, "reveals no order of the set")
            entries.append((data[2], tuple(data[3:5]), tuple(data[5:9])))
        elif name == "Reclaimed":
            self._once(r.reclaimed, data[0], "a reclaim")
            self.need("P11", data[1] not in r.paid, "an order settled and reclaimed")
        elif name == "Settled":
            self.need("P11", tuple(topics) not in r.settled, "an epoch settled twice")
            r.settled[tuple(topics)] = (self.model.s.block, data[2])
        elif name == "Printed":
            self._once(r.printed, tuple(topics), "a print")
        elif name == "Failed":
            self._once(r.failed, tuple(topics), "a slash")

    # P1, P2: what is seen

    def _dark(self, call: Call, raw: bytes, logs) -> None:
        if call.function == "print_epoch":
            self.public.update(call.args[4:6])
        if call.function == "transact":
            self.public.update(call.args[2][name] for name in ("deposit", "withdrawal", "fee"))
        seen = {int.from_bytes(raw[i : i + 32], "big") for i in range(4, len(raw), 32)}
        entries = {"settle": lambda: len(call.args[3]), "advance": lambda: len(call.args[3])}
        self._size("P1", call.function, len(raw), entries.get(call.function, lambda: 0)(), call.contract == "Governor")
        for name, topics, data in logs:
            seen.update(topics, data)
            count = {"Appended": lambda d: d[1], "Settled": lambda d: d[0]}.get(name, lambda d: 0)(data)
            self._size("P2", name, 32 * len(data), count, name in OFFICES)
        told = seen & self.vault.secrets - self.public
        self.need("P1", not told, f"plain words of an order or a key: {[hex(word) for word in told]}")

    def _size(self, promise: str, name: str, size: int, count: int, office: bool) -> None:
        if office or name == "set_leaves":
            return
        fixed = size - LISTS.get(name, 0) * count
        known = self.sizes.setdefault(name, fixed)
        self.need(promise, fixed == known, f"{name} has {fixed} bytes besides its list; it had {known}")

    # P3

    def _after_commit(self, call: Call, before: dict) -> None:
        c, s = call.args[2], self.model.s
        order, t = self.vault.orders[c["oc"]], s.markets[c["market"]]
        spent = [s.nullifiers[c[nf]] for nf in ("nf0", "nf1") if c[nf] in s.nullifiers]
        fresh = not {c["nf0"], c["nf1"]} & before["nullified"]
        worth = sum(self.vault.notes[cm].amount for _, cm in spent)
        worst = order.qty * order.price * (10_000 + t["fee_bps"]) // 10_000 if order.side == 0 else order.qty * t["lot"]
        change = self.vault.notes[c["change_cm"]].amount
        self.need("P3", fresh and worth - change == order.lock >= worst, "not funded by unspent notes")
        held = [leaf for root in (s.credential_root, s.former_root) for leaf in self.vault.books.get(root, ())]
        admitted = any(
            leaf.owner == order.holder.owner and leaf.expiry > s.time and leaf.tier >= t["tier"]
            and t["jurisdictions"] >> leaf.jurisdiction & 1
            for leaf in held
        )  # fmt: skip
        self.need("P3", admitted, "without a current credential that the market admits")

    # P4, P5, P7

    def _after_settle(self, call: Call, before: dict) -> None:
        z, slots = call.args[2], call.args[3]
        key = (z["market"], z["epoch"])
        d = self.vault.proofs[call.args[0][0]].d
        revealed = self.record.revealed.get(key, [])
        proven = [list(d[34 + 11 * k : 41 + 11 * k]) for k in range(z["size"])]
        expected = [[oc, *point, *ciphertext] for oc, point, ciphertext in revealed]
        expected += [[0] * 7] * (z["size"] - len(revealed))
        self.need("P4", proven == expected and d[23] == len(revealed), "not every reveal of the epoch, in order")
        orders = [self.vault.reads(slot) for slot in slots]
        mask = sum(1 << k for k, order in enumerate(orders) if order is None)
        self.need("P4", z["invalid_mask"] == d[24] == mask, "an order left out that opens its own commitment")
        self._best(z, d, [order for order in orders if order])
        auditor = self.record.leaders[key][1][1]
        self.need(
            "P7", tuple(d[11:13]) == self.record.auditors[auditor], "another auditor key than at the first commit"
        )
        self.need("P7", all(d[44 + 11 * k] == slot[10] for k, slot in enumerate(slots)), "an audit word not proven")
        self.record.paid.update(order.oc for order in orders if order)

    def _best(self, z: dict, d, orders: list[Terms]) -> None:
        t, cleared = self.model.s.markets[z["market"]], self.vault.payouts[z["print_commitment"]].cleared
        reference, price, volume = d[5], cleared.price, cleared.volume
        source = self.chain.view("Oracle", "at", t["start_block"] + (z["epoch"] + 1) * t["commit_blocks"])
        self.need("P5", reference == source[0], "another reference than the source's at the freeze")
        fair = (d[20], d[19], d[22]) == (t["fee_bps"], t["lot"], t["collar_bps"])
        self.need("P5", fair, "cleared under other terms")
        lots = {
            side: sum(f.lots for o, f in zip(orders, cleared.fills, strict=True) if o.side == side) for side in (0, 1)
        }
        self.need("P5", lots[0] == lots[1] == volume, "fills do not sum to the volume")
        within = all(
            f.lots <= o.qty and (f.lots == 0 or (price <= o.price if o.side == 0 else price >= o.price))
            for o, f in zip(orders, cleared.fills, strict=True)
        )
        self.need("P5", within, "a fill beyond its order or its limit")
        most = max((min(demand(orders, p), supply(orders, p)) for p in candidates(orders, reference)), default=0)
        self.need("P5", volume in (0, most), "another price has more volume")

    # P6

    def _conserved(self) -> None:
        """Unspent notes and locked orders, as their openings say, against the tokens."""
        s, vault = self.model.s, self.vault
        held: Counter[str] = Counter()
        for cm in s.unspent.values():
            note = vault.notes[cm]
            held[note.asset] += note.amount
        for record in s.orders.values():
            if not record.reclaimed and record.oc not in self.record.paid:
                order = vault.orders[record.oc]
                held[order.asset] += order.lock
        for token in ("Base", "Quote", "Fee"):
            asset = self.chain.at[token]
            total, balance = (
                self.chain.view("Pool", "total", asset),
                self.chain.view(token, "balanceOf", self.chain.at["Pool"]),
            )
            self.need(
                "P6", held[asset] == total, f"notes and locks hold {held[asset]} of {token}, the pool counts {total}"
            )
            self.need("P6", balance >= total, f"the pool has {balance} of {token} for {total}")

    # P9, P10

    def _after_reclaim(self, call: Call, before: dict) -> None:
        c = call.args[2]
        order = self.vault.orders[c["oc"]]
        state = self.chain.view("Market", "state", c["market"], c["epoch"])
        part, refund = (self.vault.notes[c[name]].amount for name in ("treasury_cm", "refund_cm"))
        due = order.bond if state in (SETTLED, EMPTY) else 0
        self.need("P9", part == due and refund == order.lock - due, f"forfeits {part} where {due} is due")
        entries = self.record.revealed.get((c["market"], c["epoch"]), [])
        truly = any(self.vault.opened.get(entry[1:]) == order for entry in entries if entry[0] == order.oc)
        self.need("P9", not (truly and due), "an order revealed truly forfeits")
        if (c["market"], c["epoch"]) in self.record.failed:
            self.need("P10", part == 0 and refund == order.lock, "not reclaimed in full after a failure")

    def _after_reveal(self, call: Call, before: dict) -> None:
        r = call.args[0]
        signer = self.vault.signers[self.model.s.orders[r["quota_nullifier"]].rk]
        digest = self.model.reveal_hash(r["market"], r["epoch"], r["oc"], r["point"], r["ciphertext"])
        mine = tuple(call.args[1:]) in (signer.sign(digest), signer.other_spelling(digest))
        self.need("P9", mine, "another than its owner revealed an order")

    def _after_fail(self, call: Call, before: dict) -> None:
        key = tuple(call.args)
        self.need("P10", bool(self.record.revealed.get(key)) and key not in self.record.settled, "no failure")
        leader = self.record.leaders[key][0]
        taken = before["stake"] - self._stake(leader)
        self.need("P10", taken == EPOCH_STAKE, f"the leader lost {taken}")
        self.need("P10", self._stake_tokens(call.sender) - before["caller"] == BOUNTY, "another bounty")

    # P12

    def _after_print_epoch(self, call: Call, before: dict) -> None:
        market, epoch, price, volume = call.args[2:]
        block, commitment = self.record.settled[market, epoch]
        deferral = self.model.s.markets[market]["deferral"]
        self.need("P12", self.model.s.block >= block + deferral, "printed before the deferral was over")
        cleared = self.vault.payouts[commitment].cleared
        self.need("P12", (price, volume) == (cleared.price, cleared.volume), "printed something else than was proven")

    def _stake(self, account: str) -> int:
        bonded, unbonding, _, _ = self.chain.view("Relayers", "stakes", account)
        return bonded + unbonding

    def _stake_tokens(self, account: str) -> int:
        return self.chain.view("Stake", "balanceOf", account)
