"""The model of pool and market (protocol §3, §5): which calls are accepted, and what then holds."""

import pickle

from tests.contracts import words
from tests.properties.deployed import EPOCH_STAKE, SIZES
from tests.properties.evm import CHAIN_ID
from tests.properties.offices import Credentials, Governor, Keys, Oracle, Relayers
from tests.properties.points import R
from tests.properties.rules import BARE, ZERO, Epoch, Order, Verdict, on_curve
from tests.properties.vault import EMPTY_NOTES

CHUNK, CHUNKS, DELAY, CAP = 64, 2**26, 16, 2**127
AHEAD = 3600
UNOPENED, COMMIT, FROZEN, REVEAL, SETTLING, SETTLED, EMPTY, FAILED, VOID = range(9)


def windows(terms: dict, epoch: int) -> dict[str, int]:
    opens = terms["start_block"] + epoch * terms["commit_blocks"]
    freeze = opens + terms["commit_blocks"]
    reveals = freeze + terms["freeze_blocks"]
    settles = reveals + terms["reveal_blocks"]
    return {
        "open": opens, "freeze": freeze, "reveal_from": reveals, "settle_from": settles,
        "deadline": settles + terms["settle_blocks"],
    }  # fmt: skip


class Pool(Relayers, Credentials):
    def append(self, leaves: list[int]) -> int:
        """The position of the first."""
        s, first = self.s, self.s.next_leaf
        for leaf in leaves:
            if s.next_leaf % CHUNK == 0:
                s.opened_at = s.block
            s.leaves[s.next_leaf] = leaf
            note = self.vault.notes.get(leaf)
            if note is not None:
                s.unspent[s.next_leaf] = leaf
                nullifier = note.nullifier(s.next_leaf, self.vault.holders[note.owner])
                s.nullifiers[nullifier] = (s.next_leaf, leaf)
            s.next_leaf += 1
        return first

    def _spendable(self, v: Verdict, c: dict) -> None:
        s = self.s
        known = (c["tree0"], c["root0"]) in s.roots and (c["tree1"], c["root1"]) in s.roots
        v.need(known, "pool: unknown root")
        fresh = c["nf0"] not in s.nullified and c["nf1"] not in s.nullified and c["nf0"] != c["nf1"]
        v.need(fresh, "pool: note spent")

    def _spend(self, c: dict) -> None:
        for nullifier in (c["nf0"], c["nf1"]):
            self.s.nullified.add(nullifier)
            if nullifier in self.s.nullifiers:
                self.s.unspent.pop(self.s.nullifiers[nullifier][0], None)

    def Pool_transact(self, sender, proof, digest, t, memo0, memo1):
        v, s = Verdict(), self.s
        moved, asset = t["deposit"] > 0 or t["withdrawal"] > 0, t["asset"]
        v.need(t["deposit"] == 0 or t["withdrawal"] == 0, "pool: deposit and withdrawal")
        v.need((t["account"] != ZERO) == moved, "pool: account without amount")
        v.need((t["carrier"] != ZERO) == (t["fee"] > 0), "pool: carrier without fee")
        v.need((asset != ZERO) == (moved or t["fee"] > 0), "pool: asset without amount")
        total = s.total.get(asset, 0)
        if t["deposit"] > 0:
            v.need(not s.paused, "pool: paused")
            v.need(t["account"] == sender, "pool: not the depositor")
            v.need(t["account"] in s.wallets, "pool: wallet not admitted")
            v.need(total + t["deposit"] < CAP, "pool: asset cap")
        if t["withdrawal"] > 0:
            v.need(self.may_withdraw(t["account"]), "pool: recipient not admitted")
        if t["fee"] > 0:
            v.need(self.may_withdraw(t["carrier"]), "pool: carrier not admitted")
        if t["fee"] > 0:
            v.need(self.may_withdraw(t["carrier"]), "pool: carrier not admitted")
        self.statement(v, "transact", words.transact(t, memo0, memo1), proof, digest)
        self._spendable(v, t)
        v.need(total + t["deposit"] >= t["withdrawal"] + t["fee"], BARE)
        if not v and t["deposit"] > 0:
            v.need(self.can_pay(asset, sender, t["deposit"], self.at["Pool"]), BARE)
            v.need(asset != self.at["Fee"] or t["deposit"] < 100, "pool: inexact transfer")
        if not v:
            self._spend(t)
            self.append([t["cm0"], t["cm1"]])
            if asset != ZERO:
                s.total[asset] = total + t["deposit"] - t["withdrawal"] - t["fee"]
            for amount, payer, payee in (
                (t["deposit"], sender, self.at["Pool"]),
                (t["withdrawal"], self.at["Pool"], t["account"]),
                (t["fee"], self.at["Pool"], t["carrier"]),
            ):
                if amount:
                    self.pay(asset, payer, payee, amount)
        return v

    def Pool_spend(self, sender, *_):
        return Verdict({"pool: not the market"})

    def Pool_append(self, sender, leaves):
        return Verdict({"pool: not the market"})

    def Pool_advance(self, sender, proof, digest, new_root, leaves):
        v, s = Verdict(), self.s
        first = s.next_chunk * CHUNK
        filled = min(s.next_leaf - first, CHUNK)
        if not v.need(filled > 0, "pool: nothing to advance"):
            return v
        v.need(filled == CHUNK or s.block >= s.opened_at + DELAY, "pool: chunk still open")
        v.need(len(leaves) == filled, "pool: wrong number of leaves")
        v.need(list(leaves) == [s.leaves[first + i] for i in range(filled)], "pool: other leaves")
        index = s.next_chunk % CHUNKS
        if len(leaves) <= CHUNK:
            self.statement(v, "advance", words.advance(s.root, new_root, index, list(leaves)), proof, digest)
        else:
            v.add(BARE)
        if not v:
            for i in range(filled):
                del s.leaves[first + i]
            s.next_leaf = max(s.next_leaf, first + CHUNK)
            s.roots.add((s.next_chunk // CHUNKS, new_root))
            s.root = EMPTY_NOTES if index == CHUNKS - 1 else new_root
            s.next_chunk += 1
        return v

    def Pool_pause(self, sender):
        v = Verdict()
        if v.need(sender in (self.at["Governor"], self.people["guardian"]), "pool: not the guardian"):
            self.s.paused = True
        return v

    def Pool_unpause(self, sender):
        v = Verdict()
        if v.need(sender == self.at["Governor"], "pool: not governance"):
            self.s.paused = False
        return v


class Model(Pool, Keys, Oracle, Governor):
    def save(self) -> bytes:
        return pickle.dumps(self.s)

    def restore(self, saved: bytes) -> None:
        self.s = pickle.loads(saved)

    # Epochs

    def reference(self, market: int, epoch: int) -> int | None:
        """The reference price of an epoch past its frozen blocks; None makes it Void."""
        terms = self.s.markets[market]
        freeze = windows(terms, epoch)["freeze"]
        found = self.price_at(freeze) if terms["source"] == self.at["Oracle"] else None
        return None if found is None or freeze - found[1] > terms["max_age"] else found[0]

    def state(self, market: int, epoch: int) -> int:
        record, w, block = self.s.epochs.get((market, epoch)), windows(self.s.markets[market], epoch), self.s.block
        if record is None:
            return UNOPENED
        if block < w["reveal_from"]:
            return COMMIT if block < w["freeze"] else FROZEN
        if self.reference(market, epoch) is None:
            return VOID
        if record.settled:
            return SETTLED
        if block < w["settle_from"]:
            return REVEAL
        if not record.reveals:
            return EMPTY
        return SETTLING if block < w["deadline"] else FAILED

    def _market(self, v: Verdict, market: int, epoch: int) -> dict | None:
        """The windows; None, with the reasons noted, where there can be none."""
        if not v.need(market < len(self.s.markets), "market: unknown market"):
            return None
        if not v.need(epoch < 2**64, "market: epoch out of range"):
            v.add(BARE)
            return None
        return windows(self.s.markets[market], epoch)

    def Market_open_market(self, sender, terms):
        v, t = Verdict(), terms
        v.need(sender == self.at["Governor"], "market: not governance")
        places = all(t[k] in self.name_of for k in ("base", "quote", "source"))
        v.need(places, "market: address without code")
        v.need(t["base"] != t["quote"], "market: base is quote")
        v.need(all(0 < t[k] < 2**64 for k in ("lot", "min_quantity")), "market: quantity out of range")
        rates = all(t[k] <= 10_000 for k in ("bond_bps", "split_bps", "collar_bps")) and t["fee_bps"] <= 1000
        v.need(rates, "market: rate out of range")
        v.need(0 < t["jurisdictions"] < 2**250 and t["tier"] < 256, "market: admission out of range")
        v.need(0 < t["quota"] < 2**16, "market: quota out of range")
        v.need(0 < t["capacity"] <= max(SIZES), "market: capacity out of range")
        v.need(self.s.block < t["start_block"] < 2**32, "market: start out of range")
        lengths = [t[k] for k in ("commit_blocks", "freeze_blocks", "reveal_blocks", "settle_blocks")]
        ranged = all(0 < n < 2**32 for n in lengths) and all(t[k] < 2**32 for k in ("deferral", "max_age"))
        v.need(ranged, "market: length out of range")
        if not v:
            self.s.markets.append(dict(terms))
        return v

    # Orders

    def Market_commit(self, sender, proof, digest, c, memo):
        v, s = Verdict(), self.s
        market, epoch = c["market"], c["epoch"]
        w = self._market(v, market, epoch)
        if w is None:
            return v
        terms, record = s.markets[market], s.epochs.get((market, epoch))
        v.need(w["open"] <= s.block < w["freeze"], "market: window closed")
        v.need(s.time <= c["time"] <= s.time + AHEAD, "market: time out of range")
        v.need(c["rk"] != ZERO, "market: no reveal key")
        v.need(c["quota_nullifier"] not in s.orders, "market: order exists")
        v.need(self.accepts(c["credential_root"]), "market: credential root")
        v.need(record is None or record.live < terms["capacity"], "market: epoch full")
        self.statement(v, "commit", words.commit(c, terms, memo), proof, digest)
        elected = None
        if record is None:
            v.need(len(s.auditors) > 0 and len(s.treasuries) > 0, "market: no auditor or treasury key")
            elected = self.elect(v, epoch, w["open"])
        v.need(not s.paused, "pool: paused")
        self._spendable(v, c)
        if not v:
            if record is None:
                leader, version = elected
                s.relayers[leader].reserved += EPOCH_STAKE
                record = Epoch(leader, (version, len(s.auditors), len(s.treasuries)))
                s.epochs[market, epoch] = record
            record.live += 1
            record.commit_chain = words.chained(record.commit_chain, c["oc"], c["rk"])
            s.orders[c["quota_nullifier"]] = Order(c["oc"], c["rk"], market, epoch)
            self._spend(c)
            self.append([c["change_cm"]])
        return v

    def reveal_hash(self, market: int, epoch: int, oc: int, point, ciphertext) -> bytes:
        """What an order's key signs as things stand."""
        record = self.s.epochs[market, epoch]
        return words.reveal_hash(
            CHAIN_ID, self.at["Pool"], market, epoch, oc, record.commit_chain, record.leader, record.versions[0],
            point, ciphertext,
        )  # fmt: skip

    def Market_reveal(self, sender, r, sig_v, sig_r, sig_s):
        v, s = Verdict(), self.s
        market, epoch, point, ciphertext = r["market"], r["epoch"], r["point"], r["ciphertext"]
        w = self._market(v, market, epoch)
        if w is None:
            return v
        v.need(w["reveal_from"] <= s.block < w["settle_from"], "market: window closed")
        v.need(on_curve(*point), "market: not a curve point")
        v.need(all(word < R for word in ciphertext), "statement: word not below r")
        record = s.epochs.get((market, epoch))
        if not v.need(record is not None, "market: epoch has no commits"):
            return v
        v.need(self.reference(market, epoch) is not None, "market: epoch void")
        order, signature = s.orders.get(r["quota_nullifier"]), (sig_v, sig_r, sig_s)
        fitting = order == Order(r["oc"], order.rk, market, epoch) if order else False
        if fitting:
            signer = self.vault.signers.get(order.rk)
            digest = self.reveal_hash(market, epoch, r["oc"], point, ciphertext)
            fitting = signer is not None and signature in (signer.sign(digest), signer.other_spelling(digest))
        if not v.need(fitting, "market: not this order's key"):
            v.add("market: no signature")
        if not v:
            record.reveal_chain = words.chained(
                record.reveal_chain if record.reveals else record.commit_chain, r["oc"], *point, *ciphertext
            )
            record.reveals.append((r["oc"], tuple(point), tuple(ciphertext)))
            order.slot = len(record.reveals)
        return v

    def facts(self, market: int, epoch: int) -> dict:
        """What a settlement's statement takes from the chain."""
        s, record = self.s, self.s.epochs[market, epoch]
        reveal, auditor, treasury = record.versions
        leader = s.relayers[record.leader]
        return {
            "chain_id": CHAIN_ID, "pool": self.at["Pool"], "terms": s.markets[market],
            "reveal_chain": record.reveal_chain, "reference": self.reference(market, epoch),
            "versions": record.versions, "reveal_key": leader.keys[reveal - 1][0],
            "auditor_key": s.auditors[auditor - 1]["key"], "treasury_key": s.treasuries[treasury - 1]["key"],
            "treasury_owner": s.treasuries[treasury - 1]["owner"], "leader_owner": leader.owner,
        }  # fmt: skip

    def Market_settle(self, sender, proof, digest, z, slots, memo):
        v, s = Verdict(), self.s
        market, epoch = z["market"], z["epoch"]
        w = self._market(v, market, epoch)
        if w is None:
            return v
        record = s.epochs.get((market, epoch))
        v.need(w["settle_from"] <= s.block < w["deadline"], "market: window closed")
        if not v.need(record is not None and sender == record.leader, "market: not the leader") and record is None:
            return v
        v.need(not record.settled, "market: already settled")
        count = len(slots)
        v.need(0 < count == len(record.reveals), "market: wrong number of reveals")
        v.need(z["invalid_mask"] < 1 << count, "market: mask out of range")
        v.need(z["size"] in SIZES and count <= z["size"], "market: no such size")
        revealed = [[oc, *point, *ciphertext] for oc, point, ciphertext in record.reveals]
        v.need([slot[:7] for slot in slots] == revealed, "market: other reveals")
        if not v:
            d = words.settle(z, slots, self.facts(market, epoch), memo)
            self.statement(v, f"settle_{z['size']}", d, proof, digest)
        if not v:
            record.settled, record.mask = s.block, z["invalid_mask"]
            record.print_commitment = z["print_commitment"]
            s.relayers[record.leader].reserved -= EPOCH_STAKE
            self.append([cm for slot in slots for cm in slot[7:9]] + [z["leader_cm"], z["treasury_cm"]])
        return v

    def forfeits(self, market: int, epoch: int, slot: int) -> int | None:
        """Whether a reclaim of an order pays the bond; None where it is refused."""
        state = self.state(market, epoch)
        if state == SETTLED:
            shown_invalid = slot > 0 and self.s.epochs[market, epoch].mask >> (slot - 1) & 1 == 1
            return 1 if slot == 0 or shown_invalid else None
        return {COMMIT: 0, EMPTY: 1, FAILED: 0, VOID: 0}.get(state)

    def Market_reclaim(self, sender, proof, digest, c, memo):
        v, s = Verdict(), self.s
        market, epoch = c["market"], c["epoch"]
        if self._market(v, market, epoch) is None:
            return v
        order = s.orders.get(c["quota_nullifier"])
        named = Order(c["oc"], c["rk"], market, epoch, c["slot"])
        if not v.need(order == named, "market: no such order"):
            return v
        state, record = self.state(market, epoch), s.epochs[market, epoch]
        forfeit = self.forfeits(market, epoch, c["slot"])
        if not v.need(forfeit is not None, "market: order settled"):
            v.add("market: not reclaimable now")
            return v
        treasury = s.treasuries[record.versions[2] - 1]
        d = words.reclaim(c, s.markets[market], forfeit, treasury, memo)
        self.statement(v, "reclaim", d, proof, digest)
        if not v:
            if state == COMMIT:
                record.live -= 1
                record.commit_chain = words.chained(record.commit_chain, c["oc"], 0)
            order.reclaimed = True
            self.append([c["refund_cm"], c["treasury_cm"]])
        return v

    def Market_fail(self, sender, market, epoch):
        v = Verdict()
        if self._market(v, market, epoch) is None:
            return v
        if v.need(self.state(market, epoch) == FAILED, "market: epoch not failed"):
            record = self.s.epochs[market, epoch]
            if v.need(not record.slashed, "market: already slashed"):
                record.slashed = True
                self.slash(record.leader, sender)
        return v

    def Market_release(self, sender, market, epoch):
        v = Verdict()
        w = self._market(v, market, epoch)
        if w is None:
            return v
        record = self.s.epochs.get((market, epoch))
        v.need(self.s.block >= w["reveal_from"], "market: epoch not over")
        if v.need(record is not None, "market: epoch has no commits"):
            v.need(self.state(market, epoch) in (EMPTY, VOID), "market: epoch not over")
            v.need(not record.released, "market: already released")
        if not v:
            record.released = True
            self.s.relayers[record.leader].reserved -= EPOCH_STAKE
        return v

    def Market_print_epoch(self, sender, proof, digest, market, epoch, price, volume):
        v = Verdict()
        if not v.need(epoch < 2**64, "market: epoch out of range"):
            return v
        record = self.s.epochs.get((market, epoch))
        if not v.need(record is not None and record.settled > 0, "market: not settled"):
            v.need(market < 2**192, BARE)
            return v
        deferral = self.s.markets[market]["deferral"]
        v.need(self.s.block >= record.settled + deferral, "market: print deferred")
        v.need(record.printed is None, "market: already printed")
        v.need(price < 2**64 and volume < 2**128, "market: print out of range")
        self.statement(v, "print", [record.print_commitment, price, volume], proof, digest)
        if not v:
            record.printed = (price, volume)
        return v
