"""Contracts with one thing wrong. The machine must notice every one of them.

(contract, file, what stands there, what stands there instead), by what goes wrong. A mutation
whose text is gone fails to compile, so the list follows the contracts.
"""

from tests.properties.deployed import Mutation

EPOCH, TERMS, LAYOUT = "modules/epoch_record.vy", "modules/market_terms.vy", "modules/layout.vy"
STATEMENT, ROTATION = "modules/statement.vy", "modules/rotation.vy"


def _in(contract: str, old: str, new: str, file: str | None = None) -> Mutation:
    return Mutation(contract, file or f"{contract}.vy", old, new)


POOL = {
    "a first note spent twice": _in("Pool", 'assert not self.nullified[nf0], "pool: note spent"', "pass"),
    "a second note spent twice": _in("Pool", 'assert not self.nullified[nf1], "pool: note spent"', "pass"),
    "one note as both inputs": _in(
        "Pool",
        'assert not self.nullified[nf0], "pool: note spent"\n    self.nullified[nf0] = True',
        'assert not self.nullified[nf0], "pool: note spent"',
    ),
    "the second input's root unchecked": _in(
        "Pool", "self.is_root[tree0][root0] and self.is_root[tree1][root1]", "self.is_root[tree0][root0]"
    ),
    "roots known under any tree": _in(
        "Pool",
        "self.is_root[tree][new_root] = True",
        ("self.is_root[tree][new_root] = True\n    self.is_root[tree + 1][new_root] = True"),
    ),
    "words in a second spelling": _in("Pool", 'assert word < R, "statement: word not below r"', "pass"),
    "deposits while paused": _in("Pool", 'assert not self.paused, "pool: paused"', "pass"),
    "withdrawals that a pause stops": _in(
        "Pool", "if t.withdrawal > 0:", 'if t.withdrawal > 0:\n        assert not self.paused, "pool: paused"'
    ),
    "deposits in another's name": _in("Pool", 'assert t.account == msg.sender, "pool: not the depositor"', "pass"),
    "withdrawals to anyone": _in("Pool", ".may_withdraw(t.account)", ".accepts(0) or True"),
    "withdrawals to present wallets alone": _in("Pool", ".may_withdraw(t.account)", ".is_wallet(t.account)"),
    "a fee that is not proven": _in(
        "Pool", "        t.fee,\n        convert(t.account", "        0,\n        convert(t.account"
    ),
    "a recipient that is not proven": _in("Pool", "convert(t.account, uint256),\n", "0,\n"),
    "fees missing from the total": _in("Pool", "- t.withdrawal - t.fee", "- t.withdrawal"),
    "a chunk that its chain forgets": _in("Pool", "self.chunk_chain[position // CHUNK] = link", "pass"),
    "a chunk closed early": _in("Pool", "self.opened_at + APPEND_DELAY", "self.opened_at + APPEND_DELAY - 1"),
    "other leaves advanced": _in("Pool", 'assert link == self.chunk_chain[chunk], "pool: other leaves"', "pass"),
    "skipped positions used again": _in("Pool", "self.next_leaf = (chunk + 1) * CHUNK", "pass"),
    "anyone spends": _in("Pool", 'assert msg.sender == market, "pool: not the market"', "pass"),
    "anyone pauses": _in("Pool", "msg.sender == governance or msg.sender == guardian", "True"),
    "a tree that is not followed by an empty one": _in(
        "Pool", "EMPTY_ROOT if index == CHUNKS_PER_TREE - 1 else new_root", "new_root"
    ),
}

COMMIT = {
    "commits at the freeze": _in("Market", "block.number < w.freeze, ", "block.number <= w.freeze, "),
    "commits before the window": _in("Market", "block.number >= w.open and ", ""),
    "a commit dated before the block": _in("Market", "block.timestamp <= c.time and ", ""),
    "an order committed twice": _in(
        "Market", 'assert self.order_record[c.quota_nullifier] == empty(bytes32), "market: order exists"', "pass"
    ),
    "any credential root": _in("Market", ".accepts(c.credential_root)", ".accepts(c.credential_root) or True"),
    "one order more than the capacity": _in("Market", "status & MASK16 < self", "status & MASK16 <= self"),
    "a commit chain that forgets the key": _in(
        "Market",
        "abi_encode(self.records[key].chain_or_print, c.oc, c.rk)",
        "abi_encode(self.records[key].chain_or_print, c.oc, c.oc)",
    ),
    "notes not spent by a commit": _in(
        "Market",
        "extcall IPool(pool).spend(c.tree0, c.root0, c.tree1, c.root1, c.nf0, c.nf1)",
        "extcall IPool(pool).spend(c.tree0, c.root0, c.tree1, c.root1, c.nf0, c.change_cm)",
    ),
    "a minimum that is not proven": _in("Market", "(t0 >> 160) & MASK64,", "1,", LAYOUT),
    "a tier that is not proven": _in("Market", "(t1 >> 240) & 255,", "0,", LAYOUT),
    "orders not bound to their epoch": _in(
        "Market",
        "return keccak256(abi_encode(oc, rk, market, epoch, slot))",
        "return keccak256(abi_encode(oc, rk, market, empty(uint256), slot))",
    ),
    "a former root accepted for ever": _in("Credentials", "block.number < self.previous_until and ", ""),
    "a revocation that waits": _in("Credentials", "    if additive:", "    if True:"),
}

REVEAL = {
    "reveals before their window": _in(
        "Market", "block.number >= w.reveal_from and block.number < w.settle_from", ("block.number < w.settle_from")
    ),
    "reveals off the curve": _in("Market", "babyjubjub._on_curve(r.point[0], r.point[1])", "r.point[0] < R"),
    "a ciphertext in a second spelling": _in(
        "Market", '    for word: uint256 in r.ciphertext:\n        assert word < R, "statement: word not below r"\n', ""
    ),
    "a reveal of a Void epoch": _in("Market", "status & epoch_record.IS_VOID == 0", "True"),
    "a reveal signed for another set": _in("Market", "r.oc, frozen, reader", "r.oc, empty(bytes32), reader"),
    "an order revealed twice": _in(
        "Market",
        "self.order_record[r.quota_nullifier] = self._order(r.oc, signer, r.market, r.epoch, slot + 1)",
        "self.order_record[r.quota_nullifier] = self._order(r.oc, signer, r.market, r.epoch, 0)",
    ),
    "a reveal by any key": _in(
        "Market",
        "self._order(r.oc, signer, r.market, r.epoch, 0), ",
        "self.order_record[r.quota_nullifier], ",
    ),
    "a reveal chain that does not grow": _in(
        "Market",
        "previous: bytes32 = frozen if slot == 0 else self.records[key].reveal_chain",
        "previous: bytes32 = frozen",
    ),
    "a price fixed after the freeze": _in(
        "Market",
        "reference: uint256 = self._reference(market, w.freeze)",
        "reference: uint256 = self._reference(market, w.reveal_from)",
    ),
    "a stale price": _in("Market", " or freeze - stored > max_age", "", EPOCH),
}

SETTLE = {
    "a settlement by anyone": _in(
        "Market", 'assert convert(msg.sender, uint256) == parties & MASK160, "market: not the leader"', "pass"
    ),
    "a settlement after its deadline": _in(
        "Market", "block.number >= w.settle_from and block.number < w.deadline", "block.number >= w.settle_from"
    ),
    "a settlement while reveals go on": _in(
        "Market", "block.number >= w.settle_from and block.number < w.deadline", "block.number < w.deadline"
    ),
    "a settlement twice": _in(
        "Market", 'assert (status >> epoch_record.SETTLED_BLOCK) & MASK64 == 0, "market: already settled"', "pass"
    ),
    "other reveals": _in("Market", 'assert link == self.records[key].reveal_chain, "market: other reveals"', "pass"),
    "a mask that is not stored": _in("Market", " | (s.invalid_mask << epoch_record.INVALID)", ""),
    "a mask that is not proven": _in("Market", "        s.invalid_mask,", "        0,", LAYOUT),
    "fees to whom the leader likes": _in(
        "Market", "        p[4],\n        l[0],", "        s.audit[0],\n        l[0],", LAYOUT
    ),
    "another auditor's key": _in("Market", "        p[0],\n        p[1],", "        p[2],\n        p[3],", LAYOUT),
    "another reference": _in("Market", "(status >> epoch_record.REFERENCE) & MASK64", "s.audit[0]", LAYOUT),
    "the auditor key of the day": _in(
        "Keys", "words[0] = self.auditors[auditor_version].x", "words[0] = self.auditors[self.auditor_version].x"
    ),
    "outputs not appended": _in("Market", "leaves.append(s.treasury_cm)", "leaves.append(s.leader_cm)"),
    "stake kept reserved": _in("Market", "extcall IRelayers(relayers).release(msg.sender)", "pass"),
    "a statement of fewer slots": _in(
        "Market",
        "for i: uint256 in range(s.size, bound=MAX_SLOTS)",
        ("for i: uint256 in range(count, bound=MAX_SLOTS)"),
    ),
    "the pool missing from the challenge": _in(
        "Market", "abi_encode(chain.id, pool, circuit,", "abi_encode(chain.id, empty(address), circuit,", STATEMENT
    ),
    "any proof": _in(
        "Market",
        "assert staticcall IVerifier(verifier).verify(proof, [digest, challenge, evaluation % R])",
        ("assert staticcall IVerifier(verifier).verify(proof, [digest, challenge, evaluation % R]) or True"),
        STATEMENT,
    ),
}

RECLAIM = {
    "a settled order reclaimed": _in("Market", "assert c.slot == 0 or ((status", "assert True or ((status"),
    "an invalid order not reclaimed": _in(
        "Market",
        "assert c.slot == 0 or ((status >> epoch_record.INVALID) >> (c.slot - 1)) & 1 == 1",
        "assert c.slot == 0",
    ),
    "no forfeit where an epoch is Empty": _in(
        "Market",
        "elif state == epoch_record.EMPTY:\n        forfeit = 1",
        "elif state == epoch_record.EMPTY:\n        forfeit = 0",
    ),
    "no forfeit after a settlement": _in(
        "Market", '"market: order settled"\n        forfeit = 1', '"market: order settled"\n        forfeit = 0'
    ),
    "a forfeit after a failure": _in(
        "Market", '"market: not reclaimable now"', '"market: not reclaimable now"\n        forfeit = 1'
    ),
    "a reclaim while frozen": _in(
        "Market",
        "state == epoch_record.FAILED or state == epoch_record.VOID",
        "state == epoch_record.FAILED or state == epoch_record.VOID or state == epoch_record.FROZEN",
    ),
    "an order reclaimed twice": _in("Market", "self.order_record[c.quota_nullifier] = RECLAIMED", "pass"),
    "a cancel that the chain takes for a commit": _in(
        "Market",
        "abi_encode(self.records[key].chain_or_print, c.oc, empty(bytes32))",
        "abi_encode(self.records[key].chain_or_print, c.oc, c.rk)",
    ),
    "a cancel that keeps its slot": _in("Market", "        status -= 1\n", ""),
    "a bond rate that is not proven": _in(
        "Market", "        t0 >> 240,\n        forfeit", "        t0 & 1,\n        forfeit", LAYOUT
    ),
    "reclaims that a pause stops": _in(
        "Pool", '"pool: not the market"\n    return', '"pool: not the market"\n    assert not self.paused\n    return'
    ),
}

ENDS = {
    "a failure before the deadline": _in(
        "Market", "block.number < w.deadline else FAILED", "block.number + 1 < w.deadline else FAILED", EPOCH
    ),
    "a leader slashed twice": _in(
        "Market", 'assert status & epoch_record.IS_SLASHED == 0, "market: already slashed"', "pass"
    ),
    "a reservation freed twice": _in(
        "Market", 'assert status & epoch_record.IS_RELEASED == 0, "market: already released"', "pass"
    ),
    "a reservation freed early": _in(
        "Market",
        "state == epoch_record.EMPTY or state == epoch_record.VOID",
        ("state == epoch_record.EMPTY or state == epoch_record.VOID or state == epoch_record.SETTLING"),
    ),
    "a print before its time": _in(
        "Market", "block.number >= settled_block + deferral", "block.number + 1 >= settled_block + deferral"
    ),
    "a print twice": _in("Market", 'assert status & epoch_record.IS_PRINTED == 0, "market: already printed"', "pass"),
    "a print of anything": _in("Market", "digest, [commitment, price, volume])", "digest, [commitment, price, 0])"),
    "the bounty paid twice": _in(
        "Relayers", "epoch_stake - bounty, default_return_value=True)", "epoch_stake, default_return_value=True)"
    ),
    "a slash that spares unbonding stake": _in(
        "Relayers", "stake.unbonding - (epoch_stake - bonded)", "stake.unbonding"
    ),
    "a slash that leaves the weight": _in(
        "Relayers", "    self._checkpoint(leader)\n    log Slashed", "    log Slashed"
    ),
    "stake withdrawn early": _in(
        "Relayers", "block.number >= stake.withdraw_from", "block.number + 1 >= stake.withdraw_from"
    ),
    "reserved stake withdrawn": _in(
        "Relayers", "min(stake.unbonding, stake.bonded + stake.unbonding - stake.reserved)", "stake.unbonding"
    ),
    "a leader without free stake": _in(
        "Relayers", "stake.bonded + stake.unbonding >= stake.reserved + epoch_stake", "True"
    ),
    "a leader with an old key": _in(
        "Relayers", "registered + key_max_age < open_block", "registered + key_max_age < 0"
    ),
    "a key registered too late": _in(
        "Relayers", "if above > 0 and self.reveal_keys[relayer][above].registered < open_block:", "if above > 0:"
    ),
    "a rotation by present stakes": _in("Relayers", "open_block - snapshot_lag)", "block.number)"),
    "a rotation that ignores the epoch": _in(
        "Relayers", "((epoch % 2**64) * GOLDEN)", "((epoch % 2) * GOLDEN)", ROTATION
    ),
    "a key of another account": _in(
        "Relayers", "[x, y, convert(msg.sender, uint256)]", "[x, y, convert(self, uint256)]"
    ),
    "a timelock without delay": _in("Governor", "block.number >= ready", "block.number + 1 >= ready"),
    "a proposal executed twice": _in(
        "Governor", "    self.proposals[id].ready = 0\n    log Executed", "    log Executed"
    ),
    "an admin who was not proposed": _in("Governor", "msg.sender == self, ", "True, "),
    "an observation by anyone": _in(
        "Oracle", "assert seat > 0, ", "assert True, "
    ),
    "observations out of order": _in("Oracle", "time > self.observed[seat] >> 64", "True"),
    "a price of a later block": _in(
        "Oracle",
        "self.records[middle] >> 64 <= number",
        "self.records[middle] >> 64 <= number + 1",
    ),
}

MUTANTS = POOL | COMMIT | REVEAL | SETTLE | RECLAIM | ENDS

# Tried on every run; the others on a long one.
QUICK = (
    "a first note spent twice", "one note as both inputs", "roots known under any tree", "withdrawals to anyone",
    "a recipient that is not proven", "a chunk that its chain forgets", "fees missing from the total",
    "the bounty paid twice", "stake kept reserved", "a slash that leaves the weight", "a leader with an old key",
    "a proposal executed twice", "a timelock without delay", "an observation by anyone", "a revocation that waits",
    "an order committed twice", "any credential root", "a reveal by any key", "a settlement twice",
    "a mask that is not stored", "a settled order reclaimed", "no forfeit where an epoch is Empty",
    "a reclaim while frozen", "a print before its time",
)  # fmt: skip
