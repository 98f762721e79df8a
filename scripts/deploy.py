"""Deploys everything on a chain: what `shadowpool market deploy` and tests call.

All transactions are sent at once: Pool, Relayers and Market name each other by addresses
that follow from the deployer's nonces.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace

from eth_utils import keccak, to_checksum_address
from rlp import encode as rlp_encode

from offchain import ceremony, circuits, contracts
from offchain.chain import Chain, ChainError, Pending
from offchain.deployment import DEVELOPMENT_CHAIN_IDS, CircuitEntry, Deployment, DeploymentError, Token

STAKE_UNIT = 10**18
TEST_TOKENS = {"BTC": 8, "USD": 6, "STAKE": 18}
CIRCUITS = ("transact", "commit", "reclaim", "advance", "print", "key")

# What a creation costs beyond its code (EIP-2028, yellow paper) is a constructor's few slots.
CREATION_GAS, BYTE_GAS, CODE_GAS, CONSTRUCTOR_GAS = 53_000, 16, 200, 1_000_000


@dataclass(frozen=True)
class OracleBounds:
    """What the reference price keeps to (contracts/Oracle.vy); lengths in blocks, `lifetime` in seconds.

    `quorum` is how many feeders must agree, if 0 the least majority of them.
    """

    quorum: int = 0
    lifetime: int = 300
    dispersion_bps: int = 100
    lowest: int = 1
    highest: int = 2**64 - 1
    band_bps: int = 1_000
    interval: int = 60
    calm: int = 60

    def words(self, feeders: int) -> tuple[int, ...]:
        """The constructor's struct, for so many feeders."""
        return astuple(replace(self, quorum=self.quorum or feeders // 2 + 1))


UNBOUNDED = OracleBounds(lifetime=3_600, dispersion_bps=10_000, band_bps=2**128 - 1, interval=1, calm=1)
"""Any observation in range is a price: for tests and development with one feeder."""


@dataclass(frozen=True)
class Parameters:
    """What a deployment fixes for ever; defaults are for development. Lengths in blocks, stakes in units of STAKE.

    `settle_sizes` are those of the settle circuits, ascending; if None, all that are built.
    """

    governor_delay: int = 2
    epoch_stake: int = 100 * STAKE_UNIT
    bounty: int = 5 * STAKE_UNIT
    unbonding_blocks: int = 100
    snapshot_lag: int = 4
    key_max_age: int = 86_400
    settle_sizes: tuple[int, ...] | None = None
    oracle: OracleBounds = OracleBounds()


class _Deployer:
    """Sends creations in a row; each one's address is known as soon as it is sent."""

    def __init__(self, chain: Chain, account):
        self.chain, self.account = chain, account
        self.nonce = chain.web3.eth.get_transaction_count(account.address, "pending")
        self.sent: list[tuple[str, Pending]] = []

    def address(self, ahead: int = 0) -> str:
        """Of the creation that is `ahead` after the next one."""
        word = rlp_encode([bytes.fromhex(self.account.address[2:]), self.nonce + ahead])
        return to_checksum_address(keccak(word)[12:])

    def create(self, artifact: str, *args, name: str = "") -> str:
        compiled, address = contracts.artifact(artifact), self.address()
        code = (len(compiled.bytecode) - 2) // 2
        gas = CREATION_GAS + (BYTE_GAS + CODE_GAS) * code + CONSTRUCTOR_GAS
        factory = self.chain.web3.eth.contract(abi=compiled.abi, bytecode=compiled.bytecode)
        call = factory.constructor(*args)
        self.sent.append((address, self.chain.submit(self.account, call, gas=gas, name=f"deploy {name or artifact}")))
        self.nonce += 1
        return address

    def settle(self) -> int:
        """Wait for all of them; the first block that holds one."""
        blocks = []
        for address, pending in self.sent:
            blocks.append(self.chain.receipt(pending).block)
            if (found := self.chain.created(pending)) != address:
                raise DeploymentError(f"{pending.name} landed at {found}, not {address}: is the account used elsewhere?")
        return min(blocks)


def deploy(
    rpc_url: str,
    account,
    governor: str,
    guardian: str,
    issuer: str,
    feeders: Sequence[str],
    parameters: Parameters = Parameters(),
    tokens: dict[str, Token] | None = None,
    on_receipt=lambda receipt: None,
    report: ceremony.Report = ceremony.quiet,
) -> Deployment:
    """Deploy all contracts from `account`; the others are addresses, `feeders` those whose signatures make prices.
    `on_receipt` is given each creation's, `report` a line for each part of a ceremony's verification.

    Without `tokens` (which must hold STAKE) it makes test tokens, whose owner is `account`:
    on a development chain alone. Any other chain takes only keys of a verified ceremony. Raises
    DeploymentError or CeremonyError before anything is sent, Reverted if a creation fails.
    """
    chain = Chain(rpc_url, on_receipt=on_receipt)
    sizes = circuits.settle_sizes() if parameters.settle_sizes is None else parameters.settle_sizes
    names = [*CIRCUITS, *(f"settle_{size}" for size in sizes)]
    if tokens is None and chain.chain_id not in DEVELOPMENT_CHAIN_IDS:
        raise DeploymentError(
            f"chain {chain.chain_id} is no development chain: name its tokens, STAKE among them, in the file that "
            "`shadowpool market deploy --config` takes"
        )
    if tokens is not None and "STAKE" not in tokens:
        raise DeploymentError("no STAKE among the tokens: name the one that relayers bond")
    keys = {name: ceremony.accept(name, chain.chain_id, report=report) for name in names}

    make = _Deployer(chain, account)
    if tokens is None:
        tokens = {
            symbol: Token(make.create("Token", f"Test {symbol}", symbol, decimals, name=symbol), decimals)
            for symbol, decimals in TEST_TOKENS.items()
        }
    verifier = {
        name: make.create("Verifier", list(key.verification_key), name=f"verifier {name}")
        for name, key in keys.items()
    }
    found = {"StakeToken": tokens["STAKE"].address}
    found["Governor"] = make.create("Governor", governor, parameters.governor_delay)
    found["Credentials"] = make.create("Credentials", issuer, found["Governor"])
    found["Oracle"] = make.create(
        "Oracle", feeders, parameters.oracle.words(len(feeders)), found["Governor"], guardian
    )
    pool, relayers, market = make.address(), make.address(2), make.address(3)
    found["Pool"] = make.create(
        "Pool", market, found["Credentials"], verifier["transact"], verifier["advance"], found["Governor"], guardian
    )
    found["Keys"] = make.create("Keys", pool, verifier["key"], found["Governor"])
    found["Relayers"] = make.create(
        "Relayers", market, pool, found["StakeToken"], verifier["key"], found["Keys"],
        parameters.epoch_stake, parameters.bounty, parameters.unbonding_blocks,
        parameters.snapshot_lag, parameters.key_max_age,
    )  # fmt: skip
    found["Market"] = make.create(
        "Market", pool, relayers, found["Keys"], found["Credentials"],
        verifier["commit"], verifier["reclaim"], verifier["print"],
        [verifier[f"settle_{size}"] for size in sizes], list(sizes),
        found["Governor"],
    )  # fmt: skip
    found["Anchor"] = make.create("Anchor")
    block = make.settle()
    entries = {name: CircuitEntry(verifier[name], "0x" + keys[name].id.hex()) for name in names}
    return Deployment(chain.chain_id, block, found, entries, tokens)
