"""Gas of every transaction with real proofs, batches full, and what it is made of.

    python -m scripts.bench.gas [--sizes 8,16,64]

Runs on a chain of its own (anvil, London rules) and writes build/bench/gas.json.
"""

import json
import secrets
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import typer

from offchain.chain import Chain, Receipt
from offchain.field import R
from offchain.merkle import CHUNK
from offchain.notes import Side, Terms
from offchain.paths import BUILD
from offchain.wallet import Fate, PlacedOrder, Wallet
from scripts.bench.world import CONFIRMATIONS, World, anvil, build_world
from scripts.figures import report

SIZES = "8,16,64"
OUTPUT = BUILD / "bench" / "gas.json"
AIMS = {
    "transact_deposit": 380_000, "transact_private": 380_000, "transact_withdrawal": 380_000, "commit": 350_000,
    "reveal": 70_000, "advance": 330_000, "settle_64": 1_300_000,
}  # fmt: skip
PRICE = 500
BUY, SELL = ("ash", Terms(Side.BUY, 90, PRICE + 3)), ("birch", Terms(Side.SELL, 100, PRICE - 3))
INVALID = 1
"""The order of a batch that reveals random words."""

TRANSACTION, ZERO_BYTE, BYTE = 21_000, 4, 16
"""Yellow paper, appendix G; EIP-2028."""
LOG, LOG_TOPIC, LOG_BYTE = 375, 375, 8
"""Yellow paper, appendix G."""
PAIRING = 45_000 + 4 * 34_000 + 3 * 6_000 + 3 * 150
"""EIP-1108: a Verifier pairs four points, and multiplies and adds three."""


@dataclass(frozen=True)
class Parts:
    """What a transaction's gas went to. `execution` is the rest: loops, hashing, memory, calls."""

    total: int
    transaction: int
    calldata: int
    pairing: int
    storage: int        # reads and writes, before refunds
    events: int
    execution: int
    refund: int
    calldata_bytes: int


def parts(chain: Chain, tx: str, proof: bool = True) -> Parts:
    """Take a transaction apart by its steps, on a chain that traces them."""
    web3 = chain.web3
    sent, receipt = web3.eth.get_transaction(tx), web3.eth.get_transaction_receipt(tx)
    data = bytes(sent["input"])
    calldata = sum(BYTE if byte else ZERO_BYTE for byte in data)
    events = sum(LOG + LOG_TOPIC * len(log["topics"]) + LOG_BYTE * len(log["data"]) for log in receipt["logs"])
    executed, storage = _executed(chain, tx)
    pairing = PAIRING if proof else 0
    return Parts(
        total=receipt["gasUsed"],
        transaction=TRANSACTION,
        calldata=calldata,
        pairing=pairing,
        storage=storage,
        events=events,
        execution=executed - pairing - storage - events,
        refund=TRANSACTION + calldata + executed - receipt["gasUsed"],
        calldata_bytes=len(data),
    )


def _executed(chain: Chain, tx: str) -> tuple[int, int]:
    """(gas of all steps, that of the storage's)."""
    lean = {"disableMemory": True, "disableStack": True, "disableStorage": True}
    answer = chain.web3.provider.make_request("debug_traceTransaction", [tx, lean])
    steps = answer["result"]["structLogs"]
    storage = sum(step["gasCost"] for step in steps if step["op"] in ("SLOAD", "SSTORE"))
    return steps[0]["gas"] - steps[-1]["gas"] + steps[-1]["gasCost"], storage


class Run:
    """A market of the largest size, and its transactions as they come."""

    def __init__(self, world: World):
        self.world, self.found, self._began = world, {}, time.monotonic()

    def note(self, name: str, receipt: Receipt, proof: bool = True) -> None:
        """Enter a transaction; the last of a name stays."""
        self.found[name] = found = parts(self.world.chain, receipt.hash, proof)
        self.say(f"{name:<20} {found.total:>9,} gas")

    def say(self, text: str) -> None:
        print(f"{time.monotonic() - self._began:6.0f} s  {text}", flush=True)

    # --- Notes ---

    def deposits(self, each: int) -> None:
        """`each` notes for the buyer and for the seller, two a deposit, moved into the tree."""
        for name, symbol, amount in (("ash", "USD", 10**8), ("birch", "BTC", 10**6)):
            wallet, asset = self.world.wallet(name), self.world.asset(symbol)
            wallet.deposit(asset, 1)            # the first of its asset opens storage
            self._approve(wallet, asset, amount * each)
            for _ in range(each // 2):
                receipt = self._deposit(wallet, asset, amount)
        self.note("transact_deposit", receipt)
        self.say(f"{2 * each} notes deposited")
        self.advance()

    def advance(self) -> None:
        """Advance the tree; enter the last chunk that was full."""
        ledger, chunk = self.world.ledger, self.world.ledger.next_chunk
        for place, receipt in enumerate(self.world.advance_tree()):
            if len(ledger.chunk_leaves(chunk + place)) == CHUNK:
                # The very first also opens a word of storage.
                self.note("advance" if chunk + place else "advance_first", receipt)

    def _approve(self, wallet: Wallet, asset: int, amount: int) -> None:
        chain = self.world.chain
        pool = self.world.deployment.contracts["Pool"]
        chain.send(wallet.account, chain.token(asset).functions.approve(pool, amount))

    def _deposit(self, wallet: Wallet, asset: int, amount: int) -> Receipt:
        outputs, account = [(amount, wallet.address)] * 2, int(wallet.account.address, 16)
        call = wallet.build_transact(asset, [], outputs, deposit=2 * amount, account=account)
        return self.world.chain.send(wallet.account, call.on(self.world.chain))

    def transacts(self) -> None:
        """A transfer within the pool, and a withdrawal that pays its carrier."""
        world, ash = self.world, self.world.wallet("ash")
        asset, carrier = world.asset("USD"), world.accounts["carrier"]
        self.note("transact_private", ash.transfer(asset, 1_000, world.wallet("cedar").address, carrier=carrier))
        ash.withdraw(asset, 1_000, ash.account.address, 10, carrier)
        self.note("transact_withdrawal", ash.withdraw(asset, 1_000, ash.account.address, 10, carrier))
        self.advance()

    # --- Epochs ---

    def epoch(self, size: int) -> None:
        """A full batch, whose second order reveals random words; then its print."""
        world = self.world
        epoch = world.open_epoch()
        placed = [self._commit(epoch, place) for place in range(size)]
        world.go_to(world.market.windows(epoch).reveal + CONFIRMATIONS)
        for place, (wallet, order) in enumerate(placed):
            words = tuple(map(secrets.randbelow, [R] * 4)) if place == INVALID else None
            call = wallet.build_reveal(order, words)
            receipt = world.chain.send(world.accounts["carrier"], call.on(world.chain))
            self.note("reveal" if place else "reveal_first", receipt, proof=False)
        report = world.settle(0, epoch)
        self.say(f"settle_{report.size} proved in {report.prove_seconds:.1f} s")
        if (report.size, report.count, report.invalid) != (size, size, 1):
            raise RuntimeError(f"{size} reveals with one invalid were to fill a circuit: {report}")
        self.note(f"settle_{size}", report.receipt)
        world.confirm()
        self._check_fates(placed)
        wallet, order = placed[INVALID]
        self.note("reclaim", wallet.reclaim(order, carrier=world.accounts["carrier"]))
        world.mine(world.market.deferral)
        self.note("print", world.leader.print(0, epoch))
        self.advance()

    def _commit(self, epoch: int, place: int) -> tuple[Wallet, PlacedOrder]:
        name, terms = BUY if place % 2 == 0 else SELL
        wallet, credential = self.world.wallet(name), self.world.traders[name].credential
        order = wallet.commit(0, epoch, terms, credential, carrier=self.world.accounts["carrier"])
        self.note("commit" if place else "commit_first", order.receipt)
        return wallet, order

    def _check_fates(self, placed: list[tuple[Wallet, PlacedOrder]]) -> None:
        """Every owner finds its order settled, but the invalid one."""
        fates = {found.placed.quota_nullifier: found.fate for wallet, _ in placed[:2] for found in wallet.orders()}
        found = [fates[order.quota_nullifier] for _, order in placed]
        if found.count(Fate.FILLED) != len(placed) - 1 or found[INVALID] != Fate.INVALID:
            raise RuntimeError(f"the owners find {found}")


def run(sizes: list[int]) -> dict[str, Parts]:
    """Every transaction's parts, by name. `sizes` are those of settle circuits, ascending."""
    orders = sizes[-1]
    windows = {"commit_blocks": 2 * orders + 40, "reveal_blocks": orders + 20}
    with anvil(options=("--steps-tracing",)) as url, tempfile.TemporaryDirectory() as folder:
        world = build_world(url, Path(folder), PRICE, tuple(sizes), capacity=orders, quota=orders, **windows)
        running = Run(world)
        running.deposits(orders // 2 + 2)
        running.transacts()
        for size in sizes:
            running.epoch(size)
    return running.found


def table(found: dict[str, Parts]) -> str:
    columns = ["total", "transaction", "calldata", "pairing", "storage", "events", "execution", "refund"]
    lines = [f"{'gas':<20}" + "".join(f"{column:>13}" for column in columns) + f"{'aim':>13}"]
    for name, one in found.items():
        row = "".join(f"{getattr(one, column):>13,}" for column in columns)
        lines.append(f"{name:<20}{row}{AIMS.get(name, ''):>13}")
    return "\n".join(lines)


def main(sizes: Annotated[str, typer.Option(help="Batches to fill, ascending.")] = SIZES) -> None:
    """Measure, print a table, write the file."""
    found = run(sorted(int(size) for size in sizes.split(",")))
    out = report(OUTPUT, whole=sizes == SIZES)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps({name: asdict(one) for name, one in found.items()}, indent=2) + "\n")
    print(table(found))


if __name__ == "__main__":
    typer.run(main)
