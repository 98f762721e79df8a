"""A deployed pool on a private anvil chain, with everyone who takes part: for tests of any part.

Blocks are mined by transactions and by `World.mine`, so that a test decides when windows pass.
"""

import secrets
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from eth_account import Account

from offchain.advance import APPEND_DELAY, advance
from offchain.calls import Call, build_set_auditor, build_set_treasury
from offchain.chain import Chain, ChainError, Receipt
from offchain.deployment import Deployment
from offchain.feeder import push
from offchain.governance import Governance
from offchain.issuer import Issued, Issuer
from offchain.keys import EncryptionKey, ShieldedKey, from_wallet
from offchain.ledger import Ledger
from offchain.paths import NODE_MODULES
from offchain.records import MarketTerms
from offchain.wallet import Wallet
from relayer.leader import Leader, SettleReport
from scripts import circuits as circuit_build
from scripts import contracts as contract_build
from scripts.deploy import CIRCUITS, STAKE_UNIT, UNBOUNDED, Parameters, deploy
from scripts.ports import kept_port

ANVIL = NODE_MODULES / "@foundry-rs" / "anvil-linux-amd64" / "bin" / "anvil"
# Older states would go to ~/.foundry, a megabyte a block, and stay there when the node is killed.
ANVIL_STATES = ("--prune-history", "256")
MNEMONIC = "test test test test test test test test test test test junk"
ROLES = (
    "deployer", "governor", "guardian", "issuer", "feeder", "carrier", "auditor", "treasury", "relayer", "stranger",
)  # fmt: skip
TRADERS = ("ash", "birch", "cedar", "dogwood")
CONFIRMATIONS = 2
JURISDICTION, TIER = 57, 2
PARAMETERS = Parameters(settle_sizes=(8,), oracle=UNBOUNDED)
MILLION = 10**6


@contextmanager
def anvil(chain_id: int = 31337, options: tuple[str, ...] = ()) -> Iterator[str]:
    """A chain on 127.0.0.1, which ends with the context; yields its address. `options` are anvil's."""
    with kept_port() as port:
        command = [
            ANVIL, "--hardfork", "london", "--chain-id", str(chain_id), "--host", "127.0.0.1", "--port", str(port),
            "--accounts", "20", "--mnemonic", MNEMONIC, "--silent", *ANVIL_STATES, *options,
        ]  # fmt: skip
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            yield _answering(f"http://127.0.0.1:{port}", process)
        finally:
            process.kill()
            process.wait()


def _answering(url: str, process: subprocess.Popen) -> str:
    deadline = time.monotonic() + 60
    while True:
        try:
            Chain(url)
            return url
        except ChainError:
            assert process.poll() is None and time.monotonic() < deadline, "anvil does not answer"
            time.sleep(0.05)


def account(index: int):
    Account.enable_unaudited_hdwallet_features()
    return Account.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{index}")


@dataclass
class Trader:
    name: str
    account: object
    key: ShieldedKey
    wallet: Wallet
    credential: Issued | None = None


@dataclass
class World:
    """Deployed, with market 0 open from `market.start_block` on, one bonded relayer, auditor,
    treasury, a fresh reference price and four admitted traders who hold a million of each token."""

    chain: Chain
    ledger: Ledger
    accounts: dict
    issuer: Issuer
    auditor: EncryptionKey
    treasury: EncryptionKey
    treasury_notes: ShieldedKey
    leader: Leader
    relayer_notes: ShieldedKey
    market: MarketTerms
    traders: dict[str, Trader] = field(default_factory=dict)

    @property
    def deployment(self) -> Deployment:
        return self.chain.deployment

    def asset(self, symbol: str) -> int:
        return self.deployment.asset(symbol)

    def wallet(self, name: str) -> Wallet:
        return self.traders[name].wallet

    # --- Time ---

    def mine(self, blocks: int) -> int:
        """Mine empty blocks; the head."""
        self.chain.web3.provider.make_request("anvil_mine", [hex(blocks)])
        return self.chain.head()

    def go_to(self, block: int) -> None:
        """Mine until the head is `block`."""
        ahead = block - self.chain.head()
        assert ahead >= 0, f"block {block} is {-ahead} blocks ago"
        if ahead:
            self.mine(ahead)

    def go_back(self, snapshot: str) -> None:
        """Undo what came after a snapshot."""
        assert self._alone("evm_revert", [snapshot])["result"], "the node did not go back"

    def reorganise(self, depth: int) -> None:
        """Empty blocks in place of the last ones."""
        assert "error" not in self._alone("anvil_reorg", [depth, []]), "the node did not reorganise"

    def _alone(self, method: str, words: list) -> dict:
        """A request of a node without pending transactions. A receipt may be out before its transaction has left the
        pool: it would be mined once more."""
        request, deadline = self.chain.web3.provider.make_request, time.monotonic() + 60
        while int(request("txpool_status", [])["result"]["pending"], 16):
            assert time.monotonic() < deadline, "the node's pool does not become empty"
            time.sleep(0.01)
        return request(method, words)

    def confirm(self) -> None:
        """Mine until what has happened is deep enough to act on."""
        self.mine(CONFIRMATIONS)
        self.ledger.sync()

    def advance_tree(self) -> list[Receipt]:
        """Close the open chunk, and let the ledger see it."""
        self.mine(APPEND_DELAY)
        self.ledger.sync()
        receipts = advance(self.chain, self.ledger, self.accounts["carrier"])
        self.confirm()
        return receipts

    def open_epoch(self) -> int:
        """Go to the first block of the next commit window; its epoch."""
        head = self.chain.head()
        epoch = 0 if head < self.market.start_block else self.market.epoch_at(head) + 1
        self.go_to(self.market.windows(epoch).open)
        return epoch

    # --- Acting ---

    def send(self, role: str, call: Call) -> Receipt:
        return self.chain.send(self.accounts[role], call.on(self.chain))

    def fund(self, name: str, **amounts: int) -> None:
        """Deposit amounts by token symbol for a trader; they can be spent afterwards."""
        for symbol, amount in amounts.items():
            self.wallet(name).deposit(self.asset(symbol), amount)
        self.advance_tree()

    def restore(self, name: str, **options) -> Wallet:
        """The wallet of a trader on a new machine: from its key alone, on a ledger of its own."""
        trader = self.traders[name]
        return Wallet(self.chain, Ledger(self.chain), trader.key, trader.account, **options)

    def settle(self, market: int, epoch: int) -> SettleReport:
        """Settle as the leader, once the last reveal is deep enough."""
        self.go_to(self.ledger.markets[market].windows(epoch).settle - 1 + CONFIRMATIONS)
        return self.leader.settle(market, epoch)


TERMS = {
    "lot": 1_000,
    "min_quantity": 1,
    "fee_bps": 10,
    "bond_bps": 500,
    "jurisdictions": 1 << JURISDICTION,
    "tier": TIER,
    "commit_blocks": 60,
    "freeze_blocks": 3,
    "reveal_blocks": 20,
    "settle_blocks": 20,
    "capacity": 8,
    "quota": 2,
    "split_bps": 6_000,
    "deferral": 10,
    "max_age": 100_000,
    "collar_bps": 5_000,
}
"""Terms of market 0 but the addresses and the start."""


def build_world(
    rpc_url: str, folder: Path, price: int = 500, settle_sizes: tuple[int, ...] = (8,), **terms
) -> World:
    """Deploy and set up on a fresh anvil; `terms` override those of market 0."""
    circuit_build.build([*CIRCUITS, *(f"settle_{size}" for size in settle_sizes)])
    contract_build.build()
    accounts = {role: account(index) for index, role in enumerate(ROLES)}
    deployment = deploy(
        rpc_url,
        accounts["deployer"],
        *(accounts[role].address for role in ("governor", "guardian", "issuer")),
        [accounts["feeder"].address],
        replace(PARAMETERS, settle_sizes=settle_sizes),
    )
    chain = Chain(rpc_url, deployment, confirmations=CONFIRMATIONS, poll_seconds=0.01)
    pool = deployment.contracts["Pool"]
    treasury, treasury_notes = EncryptionKey.generate(), from_wallet(accounts["treasury"], chain.chain_id, pool)
    auditor = EncryptionKey.generate()
    market = _market(deployment, chain.head() + 40, terms)
    _govern(chain, accounts, auditor, treasury, treasury_notes, market)
    ledger, notes = Ledger(chain), from_wallet(accounts["relayer"], chain.chain_id, pool)
    leader = Leader(chain, ledger, accounts["relayer"], notes, folder / "relayer", secrets.token_urlsafe(24))
    _bond(chain, accounts["deployer"], leader)
    push(chain, accounts["feeder"], accounts["carrier"], price)
    issuer = Issuer(chain, accounts["issuer"], folder / "book.json")
    world = World(chain, ledger, accounts, issuer, auditor, treasury, treasury_notes, leader, notes, market)
    _admit(world)
    world.confirm()
    return world


def _market(deployment: Deployment, start: int, terms: dict) -> MarketTerms:
    places = {
        "base": deployment.tokens["BTC"].address,
        "quote": deployment.tokens["USD"].address,
        "source": deployment.contracts["Oracle"],
    }
    return MarketTerms(**{"start_block": start} | TERMS | places | terms)


def _govern(chain, accounts, auditor, treasury, treasury_notes, market) -> None:
    deployment = chain.deployment
    calls = [
        build_set_auditor(deployment, auditor, accounts["auditor"].address).on(chain),
        build_set_treasury(deployment, treasury, accounts["treasury"].address, treasury_notes.owner).on(chain),
        chain.contract("Market").functions.open_market(market.words()),
    ]
    governance = Governance(chain, accounts["governor"])
    proposals = governance.propose(*calls)
    chain.web3.provider.make_request("anvil_mine", [hex(PARAMETERS.governor_delay)])
    for proposal in proposals:
        governance.execute(proposal)


def _bond(chain, deployer, leader: Leader) -> None:
    """One relayer, with stake for ten epochs and a reveal key."""
    stake = 1_000 * STAKE_UNIT
    chain.send(deployer, chain.contract("StakeToken").functions.mint(leader.account.address, stake))
    leader.register()
    leader.bond(stake)
    leader.register_key()


def _admit(world: World) -> None:
    chain, deployment = world.chain, world.deployment
    for index, name in enumerate(TRADERS, start=len(ROLES)):
        who = account(index)
        key = from_wallet(who, chain.chain_id, deployment.contracts["Pool"])
        trader = Trader(name, who, key, Wallet(chain, world.ledger, key, who))
        expiry = chain.timestamp(chain.head()) + 10**7
        credential = world.issuer.admit(name, key.owner, who.address, JURISDICTION, TIER, expiry)
        world.traders[name] = replace(trader, credential=credential)
        for symbol in ("BTC", "USD"):
            token = deployment.tokens[symbol]
            mint = chain.token(token.address).functions.mint(who.address, MILLION * 10**token.decimals)
            chain.send(world.accounts["deployer"], mint)
    world.issuer.publish()
    world.issuer.admit_carrier(world.accounts["carrier"].address)
