"""An EVM in this process, under London rules: a call takes some 100 µs, and no block is mined.

The test says in which block and at what time a call runs. Whatever ran can be taken back.
"""

import re
from dataclasses import dataclass

import pyrevm
from eth_abi import decode
from eth_utils import keccak
from eth_utils.abi import collapse_if_tuple

CHAIN_ID = 31337
GAS = 30_000_000
VIEWER = "0x" + "ee" * 20
REVERT = re.compile(r"Revert \{ gas_used: \d+, output: 0x([0-9a-f]*) \}")
WRITE = re.compile(r"StorageChange \{ address: (0x[0-9a-f]{40}), key: (\d+),")
STRING_ERROR = bytes.fromhex("08c379a0")


class Reverted(Exception):
    """A call that a contract refused; the message is its reason, empty if it gave none."""


@dataclass(frozen=True)
class Log:
    address: str
    topics: tuple[bytes, ...]
    data: bytes


@dataclass(frozen=True)
class Outcome:
    output: bytes
    logs: tuple[Log, ...]
    gas: int


def _reason(error: RuntimeError) -> str:
    found = REVERT.fullmatch(str(error))
    if not found:
        raise error  # out of gas or an invalid opcode: no contract of ours ends so
    raw = bytes.fromhex(found[1])
    return decode(["string"], raw[4:])[0] if raw[:4] == STRING_ERROR else raw.hex()


class Evm:
    """All contracts of one world. `block` and `time` are those of the next call."""

    def __init__(self):
        # Room for mutants, which are not optimised; scripts/contracts.py keeps to EIP-170.
        self._evm = pyrevm.EVM(
            env=pyrevm.Env(cfg=pyrevm.CfgEnv(chain_id=CHAIN_ID, limit_contract_code_size=2**20)), spec_id="London"
        )
        self.move_to(1, 1_700_000_000)

    def move_to(self, block: int, time: int) -> None:
        self.block, self.time = block, time
        self._evm.set_block_env(pyrevm.BlockEnv(number=block, timestamp=time, gas_limit=GAS))

    def deploy(self, sender: str, code: bytes) -> str:
        return self._evm.deploy(sender, code).lower()

    def call(self, sender: str, to: str, data: bytes) -> Outcome:
        """Reverted if refused, which leaves no trace."""
        try:
            output = self._evm.message_call(sender, to, calldata=data, gas=GAS)
        except RuntimeError as error:
            raise Reverted(_reason(error)) from None
        result = self._evm.result
        logs = tuple(Log(log.address.lower(), tuple(log.data[0]), bytes(log.data[1])) for log in result.logs)
        return Outcome(bytes(output), logs, result.gas_used)

    def view(self, to: str, data: bytes) -> bytes:
        return bytes(self._evm.message_call(VIEWER, to, calldata=data, gas=GAS, is_static=True))

    def snapshot(self):
        return self._evm.snapshot(), self.block, self.time

    def revert(self, mark) -> None:
        checkpoint, block, time = mark
        self._evm.revert(checkpoint)
        self.move_to(block, time)

    def writes(self) -> list[tuple[str, int, int]]:
        """Every storage write since the deployment: address, slot and the slot's present word. Slow."""
        found = WRITE.findall(self._evm.journal_str)
        return [(address, int(slot), self._evm.storage(address, int(slot))) for address, slot in found]

    def poke(self, address: str, slot: int, word: int) -> None:
        """Overwrite a storage word, for states that would take too long to reach."""
        self._evm.insert_account_storage(address, slot, word)


def flat(value) -> list[int]:
    """The words of a value without lists of changing length: numbers, addresses, words, structs, arrays."""
    if isinstance(value, int):
        return [int(value)]
    if isinstance(value, str):
        return [int(value, 16)]
    if isinstance(value, bytes):
        return [int.from_bytes(value, "big")]
    return [word for inner in (value.values() if isinstance(value, dict) else value) for word in flat(inner)]


def _packed(value) -> bytes:
    return b"".join([word.to_bytes(32, "big") for word in flat(value)])


class Interface:
    """A contract's functions and events, by name. Its ABI is packed here, as eth_abi took most of the time."""

    def __init__(self, abi: list[dict]):
        functions = {e["name"]: [collapse_if_tuple(i) for i in e["inputs"]] for e in abi if e["type"] == "function"}
        self._selectors = {name: keccak(text=f"{name}({','.join(types)})")[:4] for name, types in functions.items()}
        self._dynamic = {name: [_is_dynamic(kind) for kind in types] for name, types in functions.items()}
        self.events = {
            keccak(text=f"{e['name']}({','.join(collapse_if_tuple(i) for i in e['inputs'])})"): e["name"]
            for e in abi
            if e["type"] == "event"
        }

    def encode(self, name: str, *arguments) -> bytes:
        """Static values in place; after them the lists (their length, then their words) and bytes."""
        dynamic = self._dynamic[name]
        heads = [None if is_dynamic else _packed(value) for value, is_dynamic in zip(arguments, dynamic, strict=True)]
        size, head, tail = sum(len(part or bytes(32)) for part in heads), b"", b""
        for value, part in zip(arguments, heads, strict=True):
            head += (size + len(tail)).to_bytes(32, "big") if part is None else part
            if part is None:
                body = value + bytes(-len(value) % 32) if isinstance(value, bytes) else _packed(value)
                tail += len(value).to_bytes(32, "big") + body
        return self._selectors[name] + head + tail


def _is_dynamic(kind: str) -> bool:
    return kind.endswith("[]") or kind in ("bytes", "string")


def words_of(raw: bytes) -> tuple[int, ...]:
    return tuple([int.from_bytes(raw[i : i + 32], "big") for i in range(0, len(raw), 32)])
