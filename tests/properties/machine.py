"""Random steps on the contracts and on the model at once, from a seed.

Every call is judged by the model first; then the contracts must say the same, for a reason that
the model knows, and hold the same state afterwards. `Promises` adds what must be true besides.
"""

from dataclasses import dataclass
from random import Random

from tests.properties import honest, hostile
from tests.properties.actors import LEADERS, Actors, Cannot, account
from tests.properties.compare import compare
from tests.properties.deployed import Deployed, Mutation, slot_of
from tests.properties.evm import Outcome, Reverted
from tests.properties.model import Model, windows
from tests.properties.points import signers
from tests.properties.promises import Promises, Violation
from tests.properties.rules import Call
from tests.properties.vault import Unprovable, Vault

ONCE = {
    "transact", "advance", "commit", "reveal", "settle", "reclaim", "fail", "release", "print_epoch", "register",
    "execute", "push",
}  # fmt: skip
TRACE = 12
FULL_COMPARE = 25


class Diverged(Exception):
    """A promise is broken; says which, by which seed and step, and what led there."""

    def __init__(self, promise: str, message: str):
        self.promise = promise
        super().__init__(message)


@dataclass
class Mark:
    """A block to come back to."""

    evm: object
    model: bytes
    record: bytes


class Machine:
    def __init__(self, seed: int, mutation: Mutation | None = None, choices: Random | None = None):
        self.seed, self.rng, self.step = seed, choices or Random(seed), 0
        feeder = next(signers())
        people = {"admin": account("admin"), "guardian": account("guardian"), "issuer": account("issuer")}
        self.chain = Deployed(people | {"feeder": feeder.address}, mutation)
        vault = Vault(self.chain.at["Pool"])
        self.model = Model(self.chain.at, people | {"feeder_key": feeder}, vault)
        self.actors = Actors(self.rng, self.model, vault)
        self.promises = Promises(self.chain, self.model)
        self.trace: list[str] = []
        self.accepted = self.refused = 0
        self.done: list[Call] = []
        """Accepted calls of late, for replays."""
        self.orphaned: list[Call] = []

    # One call

    def submit(self, call: Call) -> bool:
        """Whether it was accepted; Diverged if contracts and model differ, or a promise is broken."""
        s = self.model.s
        self.trace = [*self.trace[1 - TRACE :], f"block {s.block} time {s.time}: {call}"]
        before = self.promises.before(call)
        verdict = self.model.judge(call)
        try:
            outcome = self.chain.evm.call(call.sender, self.chain.at[call.contract], self.input(call))
        except Reverted as error:
            if not verdict:
                self._diverged("agreement", f"refused ({str(error)!r}), which the model accepts")
            if str(error) not in verdict:
                self._diverged("agreement", f"refused for {str(error)!r}; the model knows {sorted(verdict)}")
            self.refused += 1
            return False
        if verdict:
            self._diverged("agreement", f"accepted, which the model refuses: {sorted(verdict)}")
        self.accepted += 1
        self._check(call, before, outcome)
        return True

    def input(self, call: Call) -> bytes:
        abi = self.chain.interface_of[self.chain.at[call.contract]]
        arguments = [self.input(value) if isinstance(value, Call) else value for value in call.args]
        raw = abi.encode(call.function, *arguments)
        return raw[: len(raw) - call.cut]

    def _check(self, call: Call, before: dict, outcome: Outcome) -> None:
        try:
            self.promises.after(call, self.input(call), before, outcome)
            compare(self.chain, self.model, call if self.accepted % FULL_COMPARE else None)
        except Violation as error:
            self._diverged(error.promise, str(error))

    def _diverged(self, promise: str, message: str):
        led = "\n  ".join(self.trace)
        raise Diverged(promise, f"{promise}: {message}\nseed {self.seed}, step {self.step}, after\n  {led}")

    def must(self, call: Call, promise: str = "agreement") -> None:
        """A call that cannot be refused, lest a promise be broken."""
        self.promises.checked[promise] += 1
        if not self.submit(call):
            self._diverged(promise, "refused")

    # Time

    def move(self, blocks: int) -> None:
        s = self.model.s
        s.block += blocks
        s.time += sum(self.rng.randrange(1, 16) for _ in range(min(blocks, 50))) + (
            3000 if self.rng.random() < 0.003 else 0
        )
        self.chain.evm.move_to(s.block, s.time)

    def pass_time(self) -> None:
        """Mostly none or a block; now and then to the brink of a window."""
        chance = self.rng.random()
        if chance < 0.82:
            return None
        if chance < 0.98:
            return self.move(1 if chance < 0.965 else self.rng.randrange(2, 6))
        market = self.rng.randrange(len(self.model.s.markets))
        terms = self.model.s.markets[market]
        epoch = max(0, (self.model.s.block - terms["start_block"]) // terms["commit_blocks"] - self.rng.randrange(3))
        block = self.rng.choice(list(windows(terms, epoch).values())) + self.rng.choice([-1, 0])
        if 0 < block - self.model.s.block <= 12:
            return self.move(block - self.model.s.block)
        return None

    def mark(self) -> Mark:
        return Mark(self.chain.evm.snapshot(), self.model.save(), self.promises.save())

    def go_back(self, mark: Mark) -> None:
        """A reorganisation to that block: all that is known off chain stays known."""
        self.chain.evm.revert(mark.evm)
        self.model.restore(mark.model)
        self.promises.restore(mark.record)

    # Steps

    def begin(self) -> None:
        """Set the world up, by calls like any other. One world in five is about to fill its first tree."""
        a, at = self.actors, self.chain.at
        if self.seed % 5 == 4:
            self.near_the_end_of_the_tree(2)
        deployer = self.chain.deployer
        holders = [*a.wallets.values()]
        for token in ("Base", "Quote", "Fee"):
            for wallet in holders:
                self.must(Call(token, "mint", [wallet, 2**100], deployer, "mint"))
                self.must(Call(token, "approve", [at["Pool"], 2**256 - 1], wallet, "approve"))
        for wallet in holders:
            self.must(Call("Credentials", "admit_wallet", [wallet], a.s.issuer, "admit wallet"))
        for i, trader in enumerate(a.traders[:-1]):
            self.must(a.set_leaf(i, a.leaf(trader), True))
        first = [a.auditor_call(account("auditor")), a.treasury_call(account("treasury"), a.treasurers[0])]
        governor = at["Governor"]
        for changes in ({}, {}, {"source": at["Base"], "capacity": 3}):
            terms = a.market_terms(**changes) | {"start_block": self.rng.randrange(60, 75)}
            first.append(Call("Market", "open_market", [terms], governor, "open market"))
        for inner in first:
            self.must(a.propose(inner))
        self.move(3)
        for i in range(len(first)):
            self.must(Call("Governor", "execute", [i], a.s.admin, "execute"))
        for i in range(LEADERS):
            self._join(a.leaders[i], self.rng.choice([1000, 3000, 9000]))
        for trader in a.traders:
            for token in ("Base", "Quote"):
                for _ in range(2):
                    self.must(a.deposit(trader, at[token], self.rng.randrange(2**70, 2**75)))
        self.move(16)
        self.must(a.advance())
        self.move(60 - a.s.block)

    def _join(self, leader: str, stake: int) -> None:
        a = self.actors
        self.must(Call("Stake", "mint", [leader, 10**6], self.chain.deployer, "mint"))
        self.must(Call("Stake", "approve", [self.chain.at["Relayers"], 2**256 - 1], leader, "approve"))
        self.must(Call("Relayers", "register", [a.lead_holders[leader].owner], leader, "register"))
        self.must(Call("Relayers", "bond", [stake], leader, "bond"))
        self.must(a.key(leader))

    def near_the_end_of_the_tree(self, chunks: int) -> None:
        """As if all chunks but a few had been filled, with nothing in them."""
        s = self.model.s
        s.next_chunk, s.next_leaf = 2**26 - chunks, (2**26 - chunks) * 64
        for variable in ("next_chunk", "next_leaf"):
            self.chain.evm.poke(self.chain.at["Pool"], slot_of("Pool", variable), getattr(s, variable))

    def choose(self) -> Call | None:
        """A call; None where the chosen move cannot be made."""
        if self.orphaned and self.rng.random() < 0.3:
            return self.orphaned.pop(self.rng.randrange(len(self.orphaned)))
        chance = self.rng.random()
        if self.done and chance < 0.04:
            return self.rng.choice(self.done)
        menu = hostile.ATTACKS if chance < 0.38 else honest.MOVES
        try:
            move = self.rng.choices(list(menu), list(menu.values()))[0]
            return move(self.actors)
        except (Cannot, Unprovable):
            return None

    def run(self, steps: int) -> None:
        """That many calls, then the exit of every owner. A replay at once, and a reorganisation, come on top."""
        self.begin()
        last, back, since = self.step + steps, None, 0
        while self.step < last:
            call = self.choose()
            if call is None:
                continue
            self.step += 1
            if self.submit(call) and call not in self.done:
                self.done = [*self.done[-30:], call]
                if call.function in ONCE and self.submit(call):
                    self._diverged("P11", "accepted twice")
            if back is None and self.rng.random() < 0.01:
                back, since = self.mark(), self.step + self.rng.randrange(2, 25)
                self.orphaned = []
            elif back is not None:
                self.orphaned.append(call)
                if self.step >= since:
                    self.go_back(back)
                    back = None
            self.pass_time()
        self.exit()

    # The end of the world

    def exit(self) -> None:
        """P8: paused, every credential and wallet gone, every office silent, each owner leaves with all it has."""
        a, s = self.actors, self.model.s
        self.must(Call("Pool", "pause", [], self.model.people["guardian"], "pause"))
        for wallet in sorted(s.wallets):
            self.must(Call("Credentials", "drop_wallet", [wallet], s.issuer, "drop wallet"))
        gone = [len(a.book()) or 1, [0], a.vault.book(()), False]
        self.must(Call("Credentials", "set_leaves", gone, s.issuer, "revoke all"))
        deadlines = [windows(s.markets[m], e)["deadline"] for m, e in s.epochs]
        self.move(max([s.block + 1, *deadlines]) - s.block)
        for record in list(s.orders.values()):
            if self.model.forfeits(record.market, record.epoch, record.slot) is not None and not record.reclaimed:
                self.must(a.reclaim(a.vault.orders[record.oc], label="reclaim at the end"), "P8")
        while s.next_chunk * 64 < s.next_leaf:
            self.move(16)
            self.must(a.advance(), "P8")
        for holder in a.vault.holders.values():
            for note, position in a.notes_of(holder):
                inputs = [(note, position), a.dummy(note.asset, holder)]
                call = a.transact(
                    holder, note.asset, inputs, withdrawal=note.amount, account=a.wallets["trader 0"], label="leave"
                )
                self.must(call, "P8")
        left = {asset: total for asset, total in s.total.items() if total}
        if left:
            self._diverged("P8", f"value stays behind: {left}")
