"""The model of tokens, credentials, keys, relayers, oracle and governor (protocol §2, §3, §5)."""

from eth_utils import keccak

from tests.contracts import words
from tests.properties.deployed import BOUNTY, DELAY, EPOCH_STAKE, KEY_MAX_AGE, LAG, UNBONDING
from tests.properties.evm import CHAIN_ID
from tests.properties.points import R
from tests.properties.rules import BARE, ZERO, Relayer, Rules, Verdict, on_curve

GRACE = 20  # blocks
CREDENTIALS = 2**20
TOKENS = ("Base", "Quote", "Stake", "Fee")


class Tokens(Rules):
    def balance(self, token: str, account: str) -> int:
        return self.s.balances.get((token, account), 0)

    def pay(self, token: str, sender: str, to: str, amount: int) -> None:
        """As the token moves it: the fee token burns a hundredth."""
        burnt = amount // 100 if token == self.at["Fee"] else 0
        self.s.balances[token, sender] = self.balance(token, sender) - amount
        self.s.balances[token, to] = self.balance(token, to) + amount - burnt

    def can_pay(self, token: str, sender: str, amount: int, spender: str | None = None) -> bool:
        allowed = spender is None or (token, sender, spender) in self.s.approved or amount == 0
        return self.name_of.get(token) in TOKENS and allowed and self.balance(token, sender) >= amount

    def _transfer(self, token: str, sender: str, to: str, amount: int) -> Verdict:
        v = Verdict()
        v.need(self.can_pay(self.at[token], sender, amount), BARE)
        if not v:
            self.pay(self.at[token], sender, to, amount)
        return v

    def _mint(self, token: str, to: str, amount: int) -> Verdict:
        self.s.balances[self.at[token], to] = self.balance(self.at[token], to) + amount
        return Verdict()

    def _approve(self, token: str, sender: str, spender: str) -> Verdict:
        """Always without limit."""
        self.s.approved.add((self.at[token], sender, spender))
        return Verdict()


for _token in TOKENS:
    setattr(Tokens, f"{_token}_transfer", lambda self, sender, to, n, t=_token: self._transfer(t, sender, to, n))
    setattr(Tokens, f"{_token}_mint", lambda self, sender, to, n, t=_token: self._mint(t, to, n))
    setattr(Tokens, f"{_token}_approve", lambda self, sender, to, n, t=_token: self._approve(t, sender, to))


class Credentials(Rules):
    def accepts(self, root: int) -> bool:
        s = self.s
        return root == s.credential_root or (s.block < s.former_until and root == s.former_root)

    def may_withdraw(self, account: str) -> bool:
        return account in self.s.ever_wallets or account in self.s.successors.values()

    def Credentials_set_leaves(self, sender, index, leaves, new_root, additive):
        v, s = Verdict(), self.s
        v.need(sender == s.issuer, "credentials: not the issuer")
        inside = len(leaves) > 0 and index < CREDENTIALS and index + len(leaves) <= CREDENTIALS
        v.need(inside, "credentials: index out of range")
        v.need(index + len(leaves) < 2**256, BARE)
        v.need(all(leaf < R for leaf in leaves), "credentials: leaf not below r")
        v.need(0 < new_root < R, "credentials: root out of range")
        if not v:
            s.former_root, s.former_until = (s.credential_root, s.block + GRACE) if additive else (0, 0)
            s.former_roots.append(s.credential_root)
            s.credential_root = new_root
        return v

    def Credentials_admit_wallet(self, sender, account):
        v = Verdict()
        v.need(sender == self.s.issuer, "credentials: not the issuer")
        v.need(account != ZERO, "credentials: zero address")
        if not v:
            self.s.wallets.add(account)
            self.s.ever_wallets.add(account)
        return v

    def Credentials_drop_wallet(self, sender, account):
        v = Verdict()
        v.need(sender == self.s.issuer, "credentials: not the issuer")
        v.need(account in self.s.wallets, "credentials: not a wallet")
        if not v:
            self.s.wallets.discard(account)
        return v

    def Credentials_name_successor(self, sender, account):
        v = Verdict()
        if v.need(sender in self.s.ever_wallets, "credentials: not a wallet"):
            self.s.successors.pop(sender, None)
            if account != ZERO:
                self.s.successors[sender] = account
        return v

    def Credentials_set_issuer(self, sender, account):
        v = Verdict()
        v.need(sender == self.at["Governor"], "credentials: not governance")
        v.need(account != ZERO, "credentials: zero address")
        if not v:
            self.s.issuer = account
        return v


class Keys(Rules):
    def _key(self, v, sender, account, point, proof, digest):
        v.need(sender == self.at["Governor"], "keys: not governance")
        v.need(account != ZERO, "keys: zero address")
        v.need(on_curve(*point), "keys: not a curve point")
        self.statement(v, "key", [*point, int(account, 16)], proof, digest)

    def Keys_set_auditor(self, sender, account, x, y, proof, digest):
        v = Verdict()
        self._key(v, sender, account, (x, y), proof, digest)
        if not v:
            self.s.auditors.append({"account": account, "key": (x, y)})
        return v

    def Keys_set_treasury(self, sender, account, owner, x, y, proof, digest):
        v = Verdict()
        v.need(0 < owner < R, "keys: owner out of range")
        self._key(v, sender, account, (x, y), proof, digest)
        if not v:
            self.s.treasuries.append({"account": account, "owner": owner, "key": (x, y)})
        return v


class Relayers(Tokens):
    def turn(self, epoch: int, opens: int) -> list[str]:
        """Who may lead an epoch, by the stakes `LAG` blocks before its window: whose share holds it, then the next."""
        weights = [self.weight(account, opens - LAG) for account in self.s.seats]
        first = words.leader(epoch, weights)
        if first is None:
            return []
        order = [*range(first, len(weights)), *range(first)]
        return [self.s.seats[place] for place in order if weights[place]]

    def weight(self, account: str, block: int) -> int:
        """In the rotation, after a block."""
        return next((w for since, w in reversed(self.s.relayers[account].weights) if since <= block), 0)

    def key_version(self, relayer: Relayer, opens: int) -> int:
        """The last key registered before a window opens; 0 if there is none or it is too old."""
        version = sum(1 for _, block in relayer.keys if block < opens)
        return version if version and relayer.keys[version - 1][1] + KEY_MAX_AGE >= opens else 0

    def elect(self, v: Verdict, epoch: int, opens: int) -> tuple[str, int] | None:
        """The first in turn that has a key and free stake, and the key's version."""
        for account in self.turn(epoch, opens):
            relayer = self.s.relayers[account]
            version = self.key_version(relayer, opens)
            if version and relayer.bonded + relayer.unbonding - relayer.reserved >= EPOCH_STAKE:
                return account, version
        v.add("relayers: no eligible leader")
        return None

    def _weigh(self, relayer: Relayer) -> None:
        relayer.weights.append((self.s.block, relayer.bonded if relayer.bonded >= EPOCH_STAKE else 0))

    def slash(self, leader: str, caller: str) -> None:
        relayer = self.s.relayers[leader]
        taken = min(relayer.bonded, EPOCH_STAKE)
        relayer.bonded -= taken
        relayer.unbonding -= EPOCH_STAKE - taken
        relayer.reserved -= EPOCH_STAKE
        self._weigh(relayer)
        stake, registry = self.at["Stake"], self.at["Relayers"]
        self.pay(stake, registry, caller, BOUNTY)
        self.pay(stake, registry, self.s.treasuries[-1]["account"], EPOCH_STAKE - BOUNTY)

    def Relayers_register(self, sender, owner):
        v = Verdict()
        v.need(0 < owner < R, "relayers: owner out of range")
        v.need(sender not in self.s.relayers, "relayers: already registered")
        if not v:
            self.s.relayers[sender] = Relayer(owner)
        return v

    def Relayers_bond(self, sender, amount):
        v, relayer = Verdict(), self.s.relayers.get(sender)
        v.need(relayer is not None, "relayers: not registered")
        v.need(0 < amount < 2**120, "relayers: amount out of range")
        bonded = amount + (relayer.bonded if relayer else 0)
        v.need(bonded >= EPOCH_STAKE, "relayers: less than one epoch's stake")
        v.need(bonded < 2**120, "relayers: amount out of range")
        v.need(self.can_pay(self.at["Stake"], sender, amount, self.at["Relayers"]), BARE)
        if not v:
            self.pay(self.at["Stake"], sender, self.at["Relayers"], amount)
            relayer.bonded = bonded
            if sender not in self.s.seats:
                self.s.seats.append(sender)
            self._weigh(relayer)
        return v

    def Relayers_unbond(self, sender, amount):
        v, relayer = Verdict(), self.s.relayers.get(sender)
        v.need(amount > 0, "relayers: amount out of range")
        v.need(relayer is not None and relayer.bonded >= amount, "relayers: not bonded")
        if not v:
            relayer.bonded -= amount
            relayer.unbonding += amount
            relayer.withdraw_from = self.s.block + UNBONDING
            self._weigh(relayer)
        return v

    def Relayers_withdraw(self, sender):
        v, relayer = Verdict(), self.s.relayers.get(sender)
        if not v.need(relayer is not None and relayer.unbonding > 0, "relayers: nothing unbonding"):
            return v
        v.need(self.s.block >= relayer.withdraw_from, "relayers: too early")
        amount = min(relayer.unbonding, relayer.bonded + relayer.unbonding - relayer.reserved)
        v.need(amount > 0, "relayers: stake reserved")
        if not v:
            relayer.unbonding -= amount
            self.pay(self.at["Stake"], self.at["Relayers"], sender, amount)
        return v

    def Relayers_register_key(self, sender, proof, digest, x, y):
        v, relayer = Verdict(), self.s.relayers.get(sender)
        v.need(relayer is not None, "relayers: not registered")
        v.need(on_curve(x, y), "relayers: not a curve point")
        self.statement(v, "key", [x, y, int(sender, 16)], proof, digest)
        if not v:
            relayer.keys.append(((x, y), self.s.block))
        return v

    def Relayers_reserve(self, sender, epoch, opens):
        return Verdict({"relayers: not the market"})

    def Relayers_release(self, sender, leader):
        return Verdict({"relayers: not the market"})

    def Relayers_slash(self, sender, leader, caller):
        return Verdict({"relayers: not the market"})


class Oracle(Rules):
    """Of one feeder, with bounds that bind nothing: every observation is a price."""

    def price_at(self, block: int) -> tuple[int, int] | None:
        """The last price stored at or before a block, and the block that stored it."""
        return next(((price, b) for price, b, _ in reversed(self.s.observations) if b <= block), None)

    def observation_hash(self, price: int, time: int) -> bytes:
        return words.chained(keccak(text="shadowpool.v1.observation"), CHAIN_ID, self.at["Oracle"], price, time)

    def Oracle_push(self, sender, price, time, r_v, r, s):
        v = Verdict()
        v.need(0 < price < 2**64, "oracle: price out of range")
        v.need(time <= self.s.time + 30, "oracle: time ahead")
        v.need(time + 3600 >= self.s.time, "oracle: too old")
        feeder, digest = self.people["feeder_key"], self.observation_hash(price, time)
        signed = (r_v, r, s) in (feeder.sign(digest), feeder.other_spelling(digest))
        v.need(signed, "oracle: not a feeder")
        v.need(time + 3600 < 2**256, BARE)
        v.need(not self.s.observations or time > self.s.observations[-1][2], "oracle: not later")
        if not v:
            self.s.observations.append((price, self.s.block, time))
        return v


class Governor(Rules):
    def Governor_propose(self, sender, target, call):
        """`call` is the Call that the data encodes."""
        v = Verdict()
        v.need(sender == self.s.admin, "governor: not the admin")
        v.need(target in self.name_of, "governor: target has no code")
        if not v:
            self.s.proposals.append([call, self.s.block + DELAY])
        return v

    def Governor_execute(self, sender, id):
        v = Verdict()
        v.need(sender == self.s.admin, "governor: not the admin")
        ready = self.s.proposals[id][1] if id < len(self.s.proposals) else 0
        v.need(ready > 0, "governor: not pending")
        v.need(self.s.block >= ready, "governor: too early")
        if not v:
            v = self.judge(self.s.proposals[id][0])
        if not v:
            self.s.proposals[id][1] = 0
        return v

    def Governor_cancel(self, sender, id):
        v = Verdict()
        v.need(sender == self.s.admin, "governor: not the admin")
        pending = id < len(self.s.proposals) and self.s.proposals[id][1] > 0
        v.need(pending, "governor: not pending")
        if not v:
            self.s.proposals[id][1] = 0
        return v

    def Governor_set_admin(self, sender, account):
        v = Verdict()
        if v.need(sender == self.at["Governor"], "governor: only by proposal"):
            self.s.pending_admin = account
        return v

    def Governor_accept_admin(self, sender):
        v = Verdict()
        if v.need(sender == self.s.pending_admin, "governor: not the pending admin"):
            self.s.admin, self.s.pending_admin = sender, ZERO
        return v
