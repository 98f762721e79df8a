"""Every contract of the repository on one EVM, with stand-ins for the circuits' verifiers alone.

A contract may be replaced by a mutant of it: the same source with one piece of text changed.
"""

import shutil
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

import rlp
from eth_abi import encode
from eth_utils import keccak
from eth_utils.abi import collapse_if_tuple
from vyper.compiler import compile_code, compile_from_file_input
from vyper.compiler.input_bundle import FilesystemInputBundle
from vyper.compiler.settings import OptimizationLevel, Settings

from offchain.paths import BUILD
from offchain.wasm import replace_file
from scripts import contracts
from scripts.deploy import UNBOUNDED
from tests.properties.evm import CHAIN_ID, Evm, Interface, words_of
from tests.properties.points import R

SECRET = keccak(text="the tests' model")
CIRCUITS = ("transact", "commit", "reclaim", "advance", "print", "key", "settle_8", "settle_16", "settle_64")
SIZES = (8, 16, 64)
DELAY, EPOCH_STAKE, BOUNTY, UNBONDING, LAG, KEY_MAX_AGE = 3, 1000, 100, 12, 5, 90
# Unoptimised, a mutant compiles four times faster.
PLAIN = Settings(evm_version="london", optimize=OptimizationLevel.NONE)
MUTANTS = BUILD / "mutants"


@dataclass(frozen=True)
class Mutation:
    """`old` becomes `new` where it first stands in contracts/<file>, a part of `contract`."""

    contract: str
    file: str
    old: str
    new: str

    def bytecode(self) -> str:
        """Kept in build/mutants. ValueError if the text is not there."""
        digest = sha256(repr((self, str(PLAIN))).encode())
        for path in sorted([*contracts.SOURCES.glob("*.vy"), *contracts.SOURCES.glob("*/*.vy*")]):
            digest.update(path.read_bytes())
        kept = MUTANTS / f"{digest.hexdigest()}.hex"
        if not kept.is_file():
            replace_file(kept, self._compile().encode())
        return kept.read_text()

    def _compile(self) -> str:
        with TemporaryDirectory() as folder:
            copy = Path(folder) / "contracts"
            shutil.copytree(contracts.SOURCES, copy)
            text = (copy / self.file).read_text()
            if self.old not in text:
                raise ValueError(f"contracts/{self.file} has no {self.old!r}: bring the mutation up to date")
            (copy / self.file).write_text(text.replace(self.old, self.new, 1))
            bundle = FilesystemInputBundle([copy])
            output = compile_from_file_input(
                bundle.load_file(copy / f"{self.contract}.vy"), input_bundle=bundle, settings=PLAIN,
                output_formats=["bytecode"],
            )  # fmt: skip
        return output["bytecode"]


@cache
def _stand_in() -> str:
    source = (Path(__file__).parent / "StandIn.vy").read_text()
    return compile_code(source, output_formats=["bytecode"], settings=PLAIN)["bytecode"]


@cache
def _artifact(name: str) -> dict:
    contracts.build()
    return contracts.load(name)


@cache
def interface(name: str) -> Interface:
    return Interface(_artifact(name)["abi"])


def circuit_id(name: str) -> bytes:
    return keccak(text=f"stand-in of {name}")


def prove(circuit: str, d: list[int], pool: str, chain_id: int = CHAIN_ID) -> tuple[list[int], int]:
    """Tag (as a proof of eight words) and digest of a statement, by protocol §3."""
    words = keccak(b"".join(word.to_bytes(32, "big") for word in d))
    digest = int.from_bytes(words, "big") % R
    types = ["uint256", "address", "bytes32", "uint256", "bytes32"]
    hashed = keccak(encode(types, [chain_id, pool, circuit_id(circuit), digest, words]))
    challenge = int.from_bytes(hashed, "big") % R
    evaluation = 0
    for word in d:
        evaluation = (evaluation * challenge + word) % R
    publics = b"".join(word.to_bytes(32, "big") for word in (digest, challenge, evaluation))
    tag = int.from_bytes(keccak(SECRET + circuit_id(circuit) + publics), "big")
    return [tag, *range(1, 8)], digest


class Deployed:
    """Addresses by contract name; `interface_of` an address. Deployed as protocol §5 binds them."""

    deployer = "0x" + "d0" * 20

    def __init__(self, people: dict[str, str], mutation: Mutation | None = None):
        """`people` names admin, guardian, issuer and feeder."""
        self.evm, self._nonce, self._mutation = Evm(), 0, mutation
        self.at: dict[str, str] = {}
        for symbol in ("Base", "Quote", "Stake"):
            self._deploy(symbol, "Token", symbol, symbol, 8)
        self._deploy("Fee", "FeeToken")
        for name in CIRCUITS:
            code = bytes.fromhex(_stand_in()[2:]) + circuit_id(name) + SECRET
            self.at[name] = self._create(code)
        at = self.at
        governor = self._deploy("Governor", "Governor", people["admin"], DELAY)
        registry = self._deploy("Credentials", "Credentials", people["issuer"], governor)
        self._deploy("Oracle", "Oracle", [people["feeder"]], UNBOUNDED.words(1), governor, people["guardian"])
        market = self._next(3)
        pool = self._deploy(
            "Pool", "Pool", market, registry, at["transact"], at["advance"], governor, people["guardian"]
        )
        keys = self._deploy("Keys", "Keys", pool, at["key"], governor)
        relayers = self._deploy(
            "Relayers", "Relayers", market, pool, at["Stake"], at["key"], keys,
            EPOCH_STAKE, BOUNTY, UNBONDING, LAG, KEY_MAX_AGE,
        )  # fmt: skip
        self._deploy(
            "Market", "Market", pool, relayers, keys, registry, at["commit"], at["reclaim"], at["print"],
            [at[f"settle_{size}"] for size in SIZES], SIZES, governor,
        )  # fmt: skip
        assert at["Market"] == market
        kinds = {"Base": "Token", "Quote": "Token", "Stake": "Token", "Fee": "FeeToken"}
        kinds |= {n: n for n in ("Governor", "Credentials", "Oracle", "Pool", "Keys", "Relayers", "Market")}
        self.interface_of = {at[name]: interface(kind) for name, kind in kinds.items()}

    def _next(self, ahead: int = 0) -> str:
        raw = rlp.encode([bytes.fromhex(self.deployer[2:]), self._nonce + ahead])
        return "0x" + keccak(raw)[12:].hex()

    def _create(self, code: bytes) -> str:
        expected, self._nonce = self._next(), self._nonce + 1
        assert self.evm.deploy(self.deployer, code) == expected
        return expected

    def _deploy(self, name: str, kind: str, *arguments) -> str:
        artifact = _artifact(kind)
        mutated = self._mutation is not None and self._mutation.contract == kind
        code = self._mutation.bytecode() if mutated else artifact["bytecode"]
        constructor = next((e for e in artifact["abi"] if e["type"] == "constructor"), {"inputs": []})
        types = [collapse_if_tuple(entry) for entry in constructor["inputs"]]
        self.at[name] = self._create(bytes.fromhex(code[2:]) + encode(types, arguments))
        return self.at[name]

    def view(self, name: str, function: str, *arguments) -> int | tuple[int, ...]:
        """The words that a view returns; bare if there is one."""
        to = self.at[name]
        words = words_of(self.evm.view(to, self.interface_of[to].encode(function, *arguments)))
        return words[0] if len(words) == 1 else words


@cache
def slot_of(name: str, variable: str) -> int:
    """Where a contract keeps a variable."""
    path = contracts.SOURCES / f"{name}.vy"
    bundle = FilesystemInputBundle([contracts.SOURCES])
    output = compile_from_file_input(
        bundle.load_file(path), input_bundle=bundle, settings=contracts.SETTINGS, output_formats=["layout"]
    )
    return output["layout"]["storage_layout"][variable]["slot"]
