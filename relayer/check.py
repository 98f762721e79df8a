"""Whether a relayer may go to work: each thing it needs is tried for real, and GO or NO-GO said.

A line is OK, WARN (it works now, but look at it) or FAIL (it will not work), with a remedy. One
FAIL is a NO-GO. Nothing is sent, and nothing changed but an empty database, which is made ready;
without a key, what needs one is left out or a WARN.
"""

import secrets
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import cbor2
from web3.exceptions import Web3Exception

from offchain import circuits, contracts, keystore, prover
from offchain.chain import Chain, ChainError
from offchain.claims import Print
from offchain.deployment import CONTRACTS, Deployment, DeploymentError
from offchain.ledger import Diverged, Ledger
from offchain.store import StoreError
from relayer import check_machine as machine
from relayer.check_machine import Findings, Level
from relayer.reveal_keys import key_file
from relayer.standing import Standing, pace
from relayer.store import Store
from relayer.telemetry.fields import place

HEAD_SECONDS = 20.0
"""How long the head may stand still before it counts as halted."""

SKEW_SECONDS = (5, 30)
"""Beyond the first a WARN, beyond the second a FAIL: commits and credentials are dated by the chain."""

SETTLE_GAS = 1_500_000
"""More than settle_64 takes (tests/snapshots/gas.json)."""

EPOCHS_OF_COIN = 20
KEY_LEFT = 5
"""A key with less than a fifth of its life left is ageing out."""


@dataclass(frozen=True)
class Line:
    """One thing that was tried. `remedy` says what to do unless it is OK."""

    part: str
    level: Level
    says: str
    remedy: str = ""


def go(lines: list[Line]) -> bool:
    """Whether nothing failed."""
    return all(line.level != Level.FAIL for line in lines)


@dataclass(frozen=True)
class Subject:
    """What is checked. `address` may be known without `account` (a keystore); `password` None opens nothing."""

    rpc: str
    deployment: Path
    keys: Path
    account: Path | None = None
    address: str | None = None
    password: str | None = field(default=None, repr=False)
    database: str | None = None
    redis: str | None = None
    redis_password: str | None = field(default=None, repr=False)
    listen: tuple[str, ...] = ()
    confirmations: int = 5
    patience: float = HEAD_SECONDS
    clock: Callable[[], float] = time.time


EXPECTED = (ChainError, DeploymentError, Diverged, StoreError, keystore.KeystoreError, prover.ProverError,
            circuits.NotBuilt, contracts.ArtifactError, OSError)  # fmt: skip


class Check:
    """The parts, each a generator of (level, what was found, remedy); what one needs of another is made once."""

    def __init__(self, subject: Subject):
        self.subject = subject

    def run(self, report: Callable[[Line], None] = lambda line: None) -> list[Line]:
        """Try every part, whatever became of the others; `report` sees each line as it is found."""
        parts = (
            "configuration", "chain", "clock", "account", "stake", "keys", "prover", "disk", "database", "redis",
            "listen",
        )  # fmt: skip
        found: list[Line] = []
        for part in parts:
            for line in self._lines(part):
                found.append(line)
                report(line)
        return found

    def _lines(self, part: str) -> Iterator[Line]:
        try:
            for level, says, *remedy in getattr(self, f"_{part}")():
                yield Line(part, level, says, *remedy)
        except EXPECTED as error:
            yield Line(part, Level.FAIL, str(error) or type(error).__name__, "mend this first, then check again")
        except Exception as error:  # its text may hold anything
            where = place(error.__traceback__) if error.__traceback__ else ""
            yield Line(part, Level.FAIL, f"{type(error).__name__} at {where}", "report this with the line it names")

    # --- What the parts share ---

    @cached_property
    def deployment(self) -> Deployment:
        return Deployment.load(self.subject.deployment)

    @cached_property
    def chain(self) -> Chain:
        return Chain(self.subject.rpc, self.deployment, self.subject.confirmations)

    @cached_property
    def standing(self) -> Standing | None:
        if self.subject.address is None:
            return None
        ledger = Ledger(self.chain)
        ledger.sync()
        return Standing(self.chain, ledger, self.subject.address)

    @cached_property
    def pace(self) -> float:
        return pace(self.chain, self.chain.head())

    # --- The parts ---

    def _configuration(self) -> Findings:
        yield Level.OK, f"deployment of chain {self.deployment.chain_id}, from block {self.deployment.start_block}"
        if self.subject.address is None:
            yield Level.WARN, "no account: a dry run", "give --account KEYSTORE to check stake and keys too"

    def _chain(self) -> Findings:
        head = self.chain.head()
        yield Level.OK, f"chain {self.chain.chain_id} answers at block {head}"
        if self.chain.web3.eth.syncing:
            yield Level.FAIL, "the node is still syncing", "wait until it has caught up"
        yield self._peers()
        yield self._moving(head)
        strange = [name for name in CONTRACTS if not self._is_ours(name)]
        if strange:
            wrong = f"other code than compiled here at {', '.join(strange)}"
            yield Level.FAIL, wrong, "check out the version that was deployed, make setup, and name its deployment file"
        else:
            yield Level.OK, f"{len(CONTRACTS)} contracts hold the code compiled here"
        for name, entry in self.deployment.verifiers.items():
            if circuits.load(name).id != entry.id:
                other = f"circuit {name} here has another key than the deployment's"
                yield Level.FAIL, other, "take the proving keys of the deployment's ceremony"

    def _peers(self) -> tuple[Level, str, str]:
        try:
            peers = self.chain.web3.net.peer_count
        except Web3Exception:
            return Level.WARN, "the node does not tell its peers", "let it answer net_peerCount (--http.api eth,net)"
        if peers:
            return Level.OK, f"the node has {peers} peers", ""
        return Level.WARN, "the node has no peers", "fine on a chain of one node; else look at its network"

    def _moving(self, head: int) -> tuple[Level, str, str]:
        begun = time.monotonic()
        while time.monotonic() - begun < self.subject.patience:
            if self.chain.head() > head:
                return Level.OK, f"the head moves, {self.pace:.1f} s a block", ""
            time.sleep(self.chain.poll_seconds)
        stood = max(0, round(self.subject.clock() - self.chain.timestamp(head)))
        halted = f"the head has stood at block {head} for {stood} s"
        return Level.FAIL, halted, "see whether most validators run, and whether this node follows them"

    def _is_ours(self, name: str) -> bool:
        """Whether the code at an address is what is compiled here, but for immutables, which follow it."""
        made = bytes.fromhex(contracts.artifact(contracts.SOURCES.get(name, name)).bytecode.removeprefix("0x"))
        size = int.from_bytes(made[-2:], "big")      # vyper's trailer: its length counts these two bytes
        *_, immutables, _ = cbor2.loads(made[-size:-2])
        found = bytes(self.chain.web3.eth.get_code(self.deployment.contracts[name]))
        code = found[: len(found) - immutables]
        return bool(code) and made[:-size].endswith(code)

    def _clock(self) -> Findings:
        head = self.chain.head()
        ahead = self.chain.timestamp(head) - self.subject.clock()
        warn, fail = SKEW_SECONDS
        remedy = "set this machine's clock by NTP (chronyc makestep), or find the validator whose clock is wrong"
        if ahead > warn:
            level = Level.FAIL if ahead > fail else Level.WARN
            yield level, f"the chain's clock is {ahead:.0f} s ahead of this machine's", remedy
        elif -ahead > max(fail, 3 * self.pace):
            yield Level.WARN, f"the last block is {-ahead:.0f} s old: the clocks cannot be compared", remedy
        else:
            yield Level.OK, f"{abs(ahead):.0f} s from the chain's"

    def _account(self) -> Findings:
        file = self.subject.account
        if file is not None:
            yield machine.mode(file, 0o600)
            if self.subject.password is None:
                unopened = "the keystore was not opened: no password"
                yield Level.WARN, unopened, f"set {keystore.PASSWORD_VARIABLE} to try it"
            else:
                keystore.account(file, self.subject.password)
                yield Level.OK, "the account's keystore opens"
        if self.subject.address is None:
            return
        coin, head = self.chain.web3.eth.get_balance(self.subject.address), self.chain.web3.eth.get_block("latest")
        settles = coin // (SETTLE_GAS * (head["baseFeePerGas"] + 10**9))
        if settles < EPOCHS_OF_COIN:
            level = Level.WARN if settles else Level.FAIL
            yield level, f"coin for {settles} settlements", "send the account more of the chain's coin"
        else:
            yield Level.OK, f"coin for {settles} settlements"

    def _stake(self) -> Findings:
        if self.standing is None:
            return
        if not self.standing.registered:
            yield Level.FAIL, "not in the registry", "shadowpool relayer register"
            return
        stake = self.standing.stake
        held, led = stake.bonded / stake.epoch_stake, stake.reserved // stake.epoch_stake
        says = f"bonded {held:.1f} epochs' stake, reserved {led}"
        if stake.bonded < stake.epoch_stake:
            yield Level.FAIL, f"{says}: no turn in the rotation", "shadowpool relayer stake bond UNITS"
        elif not stake.epochs:
            yield Level.FAIL, f"{says}: none is free, so its turns pass to others", "bond more, or let epochs end"
        elif stake.epochs < 2:
            yield Level.WARN, f"{says}: free for one epoch", "bond more: epochs of one market overlap"
        else:
            yield Level.OK, f"{says}, free for {stake.epochs} epochs"

    def _keys(self) -> Findings:
        if self.standing is None:
            return
        folder, standing = self.subject.keys, self.standing
        if not standing.keys:
            yield Level.FAIL, "no reveal key is registered", "shadowpool relayer keys new"
            return
        if not folder.is_dir():
            yield Level.FAIL, f"there is no folder {folder}", "name the folder of the reveal keys by --keys"
            return
        yield machine.mode(folder, 0o700)
        last = standing.keys[-1]
        for key in standing.keys:
            if key.version in standing.needed_keys | {last.version}:
                yield self._opens(key.version, key_file(folder, key.public))
        left = last.last_window - standing.block
        says = f"version {last.version} opens windows for {max(0, left)} more blocks"
        if left <= 0:
            yield Level.FAIL, says, "shadowpool relayer keys new"
        elif left * KEY_LEFT < standing.key_max_age:
            yield Level.WARN, says, "shadowpool relayer keys new (the service does it by itself)"
        else:
            yield Level.OK, says

    def _opens(self, version: int, file: Path) -> tuple[Level, str, str]:
        if not file.is_file():
            gone = f"version {version} is not in the folder"
            return Level.FAIL, gone, "restore its file, or register a new key and expect to lose what needs it"
        if (level := machine.mode(file, 0o600))[0] != Level.OK:
            return level
        if self.subject.password is None:
            return Level.WARN, f"version {version} was not opened: no password", f"set {keystore.PASSWORD_VARIABLE}"
        keystore.encryption(file, self.subject.password)
        return Level.OK, f"version {version} is there and opens", ""

    def _prover(self) -> Findings:
        """The smallest circuit, end to end: witness, proof, our verifier, and the deployed one."""
        begun = time.monotonic()
        stated = Print(1 + secrets.randbelow(1 << 32), 1 + secrets.randbelow(1 << 32), secrets.randbelow(1 << 128))
        proven = circuits.prove("print", *stated.assemble(), self.deployment.chain_id, self.deployment.pool)
        seconds = time.monotonic() - begun
        verifier = self.chain.at("Verifier", self.deployment.verifiers["print"].address)
        held = prover.verify(circuits.file("print", "vkey.json"), proven.proof)
        if not (held and self.chain.call(verifier.functions.verify(proven.words, proven.statement.publics))):
            yield Level.FAIL, "a proof was made that does not verify", "build the circuits again: make setup"
            return
        yield Level.OK, f"proves and verifies, here and on the chain ({seconds:.1f} s)"
        yield from self._in_time()

    def _in_time(self) -> Findings:
        """Settling times measured by the service on this machine, beside the time that each market leaves."""
        markets = self.standing.ledger.markets if self.standing else {}
        sizes = self.deployment.settle_sizes
        for market, terms in sorted(markets.items()):
            size = next((size for size in sizes if size >= terms.capacity), sizes[-1])
            took = self._took(f"settle_{size}")
            leaves = (terms.settle_blocks - self.subject.confirmations) * self.pace
            if not took:
                unknown = f"market {market} leaves {leaves:.0f} s; settle_{size} was not yet timed here"
                yield Level.WARN, unknown, "its first epoch times it; watch the deadline"
            else:
                level = Level.FAIL if took >= leaves else Level.WARN if 2 * took > leaves else Level.OK
                remedy = "" if level == Level.OK else "add proving workers or cores, or do not lead this market"
                yield level, f"market {market} leaves {leaves:.0f} s; settle_{size} takes {took:.1f} s here", remedy

    def _took(self, circuit: str) -> float | None:
        """The slowest of the last proofs of a circuit; None if none is known."""
        if self._store is None:
            return None
        return max(self._store.timings(circuit), default=None)

    @cached_property
    def _store(self) -> Store | None:
        """The database, if there is one: to look must not make it."""
        url = self.subject.database
        if url is None or url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).is_file():
            return None
        return Store.open(url, self.deployment)

    def _disk(self) -> Findings:
        url = self.subject.database or ""
        data = Path(url.removeprefix("sqlite:///")).parent if url.startswith("sqlite:///") else Path.cwd()
        for folder in sorted({self.subject.keys, data}):
            if folder.is_dir():
                yield machine.disk(folder)

    def _database(self) -> Findings:
        if self.subject.database is None:
            return
        if self._store is None:
            yield Level.OK, "not there yet: the service makes it on its first start"
        else:
            yield machine.database(self._store)

    def _redis(self) -> Findings:
        if self.subject.redis is not None:
            yield machine.redis_server(self.subject.redis, self.subject.redis_password)

    def _listen(self) -> Findings:
        for listen in self.subject.listen:
            yield machine.port(listen)
