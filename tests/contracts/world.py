"""The whole deployment on one chain, with keys of known trapdoor, and its users' moves."""

from dataclasses import dataclass, field, replace
from itertools import count

import rlp
from eth_account import Account
from eth_utils import keccak, to_canonical_address, to_checksum_address

from offchain.babyjubjub import mul_base
from scripts.deploy import UNBOUNDED
from tests.contracts import words
from tests.contracts.chain import Chain, Contract, Receipt
from tests.contracts.groth import R, key, prove_words

ZERO = "0x" + "00" * 20
EMPTY_NOTES = 21443572485391568159800782191812935835534334817699172242223315142338162256601
EMPTY_CREDENTIALS = 15019797232609675441998260052101280400536945603062888308240081994073687793470
EPOCH_STAKE, BOUNTY, UNBONDING, LAG, KEY_MAX_AGE, DELAY = 1000, 100, 60, 5, 400, 3
SETTLE_SIZES = [8, 16, 64]

UNOPENED, COMMIT, FROZEN, REVEAL, SETTLING, SETTLED, EMPTY, FAILED, VOID = range(9)


@dataclass
class Order:
    """A commit's words, its memo, and the key that signs its reveal."""

    c: dict
    memo: list[int]
    signer: object
    point: list[int] = field(default_factory=list)
    ciphertext: list[int] = field(default_factory=list)

    def __getitem__(self, name):
        return self.c[name]


class World:
    def __init__(self, chain: Chain):
        self.chain = chain
        accounts = chain.accounts
        self.admin, self.guardian, self.issuer, self.auditor, self.treasury = accounts[:5]
        self.leaders, self.traders, self.stranger = accounts[5:7], accounts[7:11], accounts[11]
        self.feeder = Account.from_key(keccak(text="feeder"))
        self._seeds = count()
        self._deploy()
        self._set_keys()
        for place, leader in enumerate(self.leaders):
            self.join(leader, 3000 + 2000 * place)
        for trader in self.traders:
            self.credentials.admit_wallet(trader, sender=self.issuer)
            for token in (self.base, self.quote):
                token.mint(trader, 10**30)
                token.approve(self.pool.address, 2**256 - 1, sender=trader)
        self.push(1000)
        self.open_market()

    # Deployment

    def _deploy(self):
        deploy = self.chain.deploy
        self.base = deploy("Token", "Base", "BASE", 8)
        self.quote = deploy("Token", "Quote", "QUOTE", 6)
        self.stake = deploy("Token", "Stake", "STAKE", 18)
        self.governor = deploy("Governor", self.admin, DELAY)
        self.credentials = deploy("Credentials", self.issuer, self.governor.address)
        self.oracle = self.deploy_oracle([self.feeder])
        circuits = ["transact", "commit", "reclaim", "advance", "print", "key"]
        circuits += [f"settle_{size}" for size in SETTLE_SIZES]
        self.verifiers = {name: deploy("Verifier", key(name).words) for name in circuits}
        at = {name: verifier.address for name, verifier in self.verifiers.items()}
        nonce = int(self.chain.rpc("eth_getTransactionCount", self.admin, "latest"), 16)
        market = self._created(nonce + 3)
        governor = self.governor.address
        self.pool = deploy(
            "Pool", market, self.credentials.address, at["transact"], at["advance"], governor, self.guardian
        )
        self.keys = deploy("Keys", self.pool.address, at["key"], governor)
        self.relayers = deploy(
            "Relayers", market, self.pool.address, self.stake.address, at["key"], self.keys.address,
            EPOCH_STAKE, BOUNTY, UNBONDING, LAG, KEY_MAX_AGE,
        )  # fmt: skip
        self.market = deploy(
            "Market", self.pool.address, self.relayers.address, self.keys.address, self.credentials.address,
            at["commit"], at["reclaim"], at["print"], [at[f"settle_{size}"] for size in SETTLE_SIZES],
            SETTLE_SIZES, governor,
        )  # fmt: skip
        assert self.market.address == market

    def deploy_oracle(self, feeders: list, **bounds: int) -> Contract:
        """An oracle of these signers, whose bounds bind nothing but what is named."""
        args = [feeder.address for feeder in feeders], replace(UNBOUNDED, **bounds).words(len(feeders))
        return self.chain.deploy("Oracle", *args, self.governor.address, self.guardian)

    def _created(self, nonce: int) -> str:
        return to_checksum_address(keccak(rlp.encode([to_canonical_address(self.admin), nonce]))[12:])

    def govern(self, contract: Contract, name: str, *arguments) -> Receipt:
        """Propose, wait and execute a call."""
        proposal = self.governor.proposal_count()
        self.governor.propose(contract.address, bytes.fromhex(contract.encode(name, *arguments)[2:]))
        self.chain.mine(DELAY)
        return self.governor.execute(proposal)

    def _set_keys(self):
        self.auditor_key = self.point("auditor")
        self.treasury_key, self.treasury_owner = self.point("treasury"), 777
        account, spot = self.auditor, self.auditor_key
        self.govern(self.keys, "set_auditor", account, *spot, *self.possession(account, spot))
        account, spot = self.treasury, self.treasury_key
        arguments = (account, self.treasury_owner, *spot, *self.possession(account, spot))
        self.govern(self.keys, "set_treasury", *arguments)

    def open_market(self, **changes) -> int:
        """A market that starts in 30 blocks, unless told otherwise; its id."""
        self.terms = {
            "base": self.base.address, "quote": self.quote.address, "lot": 10**6, "min_quantity": 5,
            "fee_bps": 25, "bond_bps": 300, "jurisdictions": 0b1011, "tier": 2,
            "start_block": self.chain.block + 30, "commit_blocks": 30, "freeze_blocks": 4,
            "reveal_blocks": 24, "settle_blocks": 30, "capacity": 8, "quota": 3, "split_bps": 6000,
            "deferral": 20, "source": self.oracle.address, "max_age": 2000, "collar_bps": 1500,
        } | changes  # fmt: skip
        receipt = self.govern(self.market, "open_market", tuple(self.terms.values()))
        return self.market.logs(receipt, "MarketOpened")[0]["market"]

    # Numbers

    def restart(self):
        """So that every test draws the same numbers."""
        self._seeds = count()

    def fresh(self) -> int:
        """A field element not seen before in this test."""
        return int.from_bytes(keccak(text=f"word {next(self._seeds)}"), "big") % R

    def fresh_words(self, how_many: int) -> list[int]:
        return [self.fresh() for _ in range(how_many)]

    def point(self, seed=None) -> list[int]:
        scalar = self.fresh() if seed is None else int.from_bytes(keccak(text=seed), "big")
        return [int(c) for c in mul_base(scalar % 2**250)]

    def prove(self, circuit: str, d: list[int]) -> tuple[list[int], int]:
        return prove_words(circuit, d, self.chain.id, self.pool.address)

    def windows(self, epoch: int, market: int = 0) -> dict:
        return self.market.fields("windows", market, epoch)

    def epoch(self, epoch: int, market: int = 0) -> dict:
        return self.market.fields("epochs", market, epoch)

    # Relayers, oracle

    def possession(self, account: str, spot: list[int]) -> tuple[list[int], int]:
        return self.prove("key", [*spot, int(account, 16)])

    def join(self, relayer: str, amount: int):
        self.relayers.register(int(keccak(text=relayer).hex(), 16) % R, sender=relayer)
        self.bond(relayer, amount)
        self.register_key(relayer, self.point(relayer))

    def bond(self, relayer: str, amount: int) -> Receipt:
        self.stake.mint(relayer, amount)
        self.stake.approve(self.relayers.address, amount, sender=relayer)
        return self.relayers.bond(amount, sender=relayer)

    def register_key(self, relayer: str, spot: list[int]) -> Receipt:
        return self.relayers.register_key(*self.possession(relayer, spot), *spot, sender=relayer)

    def push(self, price: int, time: int | None = None, signer=None, oracle: Contract | None = None) -> Receipt:
        oracle = oracle or self.oracle
        time = self.chain.time if time is None else time
        domain = keccak(text="shadowpool.v1.observation")
        digest = words.chained(domain, self.chain.id, oracle.address, price, time)
        sig = (signer or self.feeder).unsafe_sign_hash(digest)
        return oracle.push(price, time, sig.v, sig.r, sig.s, sender=self.stranger)

    # Notes

    def transaction(self, **changes) -> dict:
        """The words of a `transact`: by default a private transfer."""
        names = ["nf0", "nf1", "cm0", "cm1"]
        t = {"tree0": 0, "root0": EMPTY_NOTES, "tree1": 0, "root1": EMPTY_NOTES}
        t |= dict(zip(names, self.fresh_words(4), strict=True))
        t |= {"asset": ZERO, "deposit": 0, "withdrawal": 0, "fee": 0, "account": ZERO, "carrier": ZERO}
        return t | changes

    def transact(self, t: dict, sender: str | None = None, proven: list[int] | None = None) -> Receipt:
        """`proven` are the words that the proof is for, if not those of `t`."""
        memos = [list(range(1, 9)), list(range(11, 19))]
        proof, digest = self.prove("transact", proven or words.transact(t, *memos))
        return self.pool.transact(proof, digest, tuple(t.values()), *memos, sender=sender or self.stranger)

    def deposit(self, amount: int, token: Contract | None = None, trader: str | None = None) -> Receipt:
        trader = trader or self.traders[0]
        asset = (token or self.base).address
        return self.transact(self.transaction(asset=asset, deposit=amount, account=trader), trader)

    def advance(self, leaves: list[int], new_root: int, proven: list[int] | None = None) -> Receipt:
        chunk = self.pool.next_chunk() % 2**26
        d = proven or words.advance(self.pool.root(), new_root, chunk, leaves)
        return self.pool.advance(*self.prove("advance", d), new_root, leaves, sender=self.stranger)

    def leaves(self) -> list[int]:
        """All leaves appended so far, as anyone finds them on the chain."""
        topic = "0x" + keccak(text="Appended(uint256,uint256[])").hex()
        query = {"fromBlock": "0x0", "toBlock": "latest", "address": self.pool.address, "topics": [topic]}
        data = [bytes.fromhex(log["data"][2:])[64:] for log in self.chain.rpc("eth_getLogs", query)]
        return [int.from_bytes(raw[i : i + 32], "big") for raw in data for i in range(0, len(raw), 32)]

    # Orders

    def order(self, epoch: int, market: int = 0, **changes) -> Order:
        signer = Account.from_key(self.fresh().to_bytes(32, "big"))
        names = ["nf0", "nf1", "change_cm", "quota_nullifier", "oc"]
        c = {"market": market, "epoch": epoch}
        c |= {"tree0": 0, "root0": EMPTY_NOTES, "tree1": 0, "root1": EMPTY_NOTES}
        c |= dict(zip(names, self.fresh_words(5), strict=True))
        c |= {"rk": signer.address, "credential_root": self.credentials.root(), "time": self.chain.time + 100}
        return Order(c | changes, self.fresh_words(8), signer)

    def commit(self, order: Order, proven: list[int] | None = None) -> Receipt:
        d = proven or words.commit(order.c, self.terms, order.memo)
        proof, digest = self.prove("commit", d)
        return self.market.commit(proof, digest, tuple(order.c.values()), order.memo, sender=self.stranger)

    def seal(self, order: Order) -> Order:
        """Choose what the order reveals."""
        order.point, order.ciphertext = self.point(), self.fresh_words(4)
        return order

    def sign(self, order: Order, **changes) -> tuple[int, int, int]:
        """The signature that its reveal needs, of other words if told so."""
        e = self.epoch(order["epoch"], order["market"])
        w = {"chain_id": self.chain.id, "pool": self.pool.address, "market": order["market"]}
        w |= {"epoch": order["epoch"], "oc": order["oc"], "frozen": e["commit_chain"]}
        w |= {"leader": e["leader"], "version": e["reveal_key_version"], "point": order.point, "ciphertext": order.ciphertext}
        sig = order.signer.unsafe_sign_hash(words.reveal_hash(**(w | changes)))
        return sig.v, sig.r, sig.s

    def reveal(self, order: Order, signature: tuple | None = None, gas: int = 8_000_000) -> Receipt:
        if not order.point:
            self.seal(order)
        r = (order["market"], order["epoch"], order["quota_nullifier"], order["oc"])
        signature = signature or self.sign(order)
        words_ = (*r, order.point, order.ciphertext)
        return self.market.reveal(words_, *signature, sender=self.stranger, gas=gas)

    def reclaim_words(self, order: Order, slot: int) -> tuple[dict, list[int]]:
        c = {name: order[name] for name in ("market", "epoch", "quota_nullifier", "oc", "rk")}
        c |= {"slot": slot, "refund_cm": self.fresh(), "treasury_cm": self.fresh(), "point": self.point()}
        return c | {"treasury_pad": self.fresh()}, self.fresh_words(8)

    def reclaim(self, order: Order, forfeit: int, slot: int = 0) -> Receipt:
        """Accepted only where the contract says the same of `forfeit`."""
        c, memo = self.reclaim_words(order, slot)
        treasury = {"owner": self.treasury_owner, "key": self.treasury_key}
        proof, digest = self.prove("reclaim", words.reclaim(c, self.terms, forfeit, treasury, memo))
        return self.market.reclaim(proof, digest, tuple(c.values()), memo, sender=self.stranger)

    # Epochs

    def committed(self, epoch: int, how_many: int, market: int = 0) -> list[Order]:
        """Orders committed from the first block of the epoch's window."""
        self.chain.before(self.windows(epoch, market)["open"])
        orders = [self.order(epoch, market) for _ in range(how_many)]
        for order in orders:
            self.commit(order)
        return orders

    def revealed(self, epoch: int, how_many: int, silent: int = 0, market: int = 0) -> list[Order]:
        """The same, `how_many` of them revealed; the silent ones come last."""
        orders = self.committed(epoch, how_many + silent, market)
        self.chain.before(self.windows(epoch, market)["reveal_from"])
        for order in orders[:how_many]:
            self.reveal(order)
        return orders

    def settlement(self, epoch: int, orders: list[Order], size: int = 8, market: int = 0) -> tuple[dict, list, list]:
        """Words, slots and memo of a settlement of revealed orders."""
        s = {"market": market, "epoch": epoch, "size": size, "invalid_mask": 0}
        s |= {"print_commitment": self.fresh(), "audit_point": self.point(), "audit": self.fresh_words(2)}
        s |= {"treasury_pad": self.fresh(), "leader_cm": self.fresh(), "treasury_cm": self.fresh()}
        slots = [[o["oc"], *o.point, *o.ciphertext, *self.fresh_words(4)] for o in orders]
        return s, slots, self.fresh_words(8)

    def settle_facts(self, epoch: int, market: int = 0) -> dict:
        """What the statement takes from the chain, by another way than the contract."""
        e = self.epoch(epoch, market)
        leader = e["leader"]
        return {
            "chain_id": self.chain.id, "pool": self.pool.address, "terms": self.terms,
            "reveal_chain": e["reveal_chain"], "reference": e["reference"],
            "versions": [e["reveal_key_version"], e["auditor_version"], e["treasury_version"]],
            "reveal_key": self.point(to_checksum_address(leader)),
            "auditor_key": self.auditor_key, "treasury_key": self.treasury_key,
            "treasury_owner": self.treasury_owner, "leader_owner": self.relayers.owner_of(leader),
        }  # fmt: skip

    def leader(self, epoch: int, market: int = 0) -> str:
        return to_checksum_address(self.epoch(epoch, market)["leader"])

    def settle(self, s: dict, slots: list, memo: list, sender=None, proven: list[int] | None = None) -> Receipt:
        epoch, market = s["epoch"], s["market"]
        d = proven or words.settle(s, slots, self.settle_facts(epoch, market), memo)
        proof, digest = self.prove(f"settle_{s['size']}", d)
        sender = sender or self.leader(epoch, market)
        return self.market.settle(proof, digest, tuple(s.values()), slots, memo, sender=sender)

    def settled(self, epoch: int, how_many: int, silent: int = 0, mask: int = 0) -> tuple[list[Order], dict]:
        """An epoch of market 0 taken to Settled; its orders and the settlement's words."""
        orders = self.revealed(epoch, how_many, silent)
        self.chain.before(self.windows(epoch)["settle_from"])
        s, slots, memo = self.settlement(epoch, orders[:how_many])
        s["invalid_mask"] = mask
        self.settle(s, slots, memo)
        return orders, s

    def print(self, epoch: int, commitment: int, price: int, volume: int, market: int = 0) -> Receipt:
        proof, digest = self.prove("print", [commitment, price, volume])
        return self.market.print_epoch(proof, digest, market, epoch, price, volume, sender=self.stranger)
