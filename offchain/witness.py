"""Witnesses: a circuit's own calculator under wasmtime, read and written in bulk."""

from pathlib import Path

from wasmtime import Func, FuncType, Instance, Linker, Module, Store, Trap, ValType, WasmtimeError, wat2wasm

from offchain import wasm
from offchain.field import R, check

Inputs = dict[str, "int | list"]

_REASONS = {
    1: "a signal is unknown",
    2: "too many values for a signal",
    3: "a signal was set twice",
    4: "a constraint or assertion fails",
    5: "the calculator ran out of memory",
    6: "too many values for an input",
    7: "an array was read out of bounds",
}

# Words pass between Python and the circuit through this module's own memory, all in one
# call: a call from Python for each 32-bit word would take ten times as long.
_BRIDGE = """
(module
  (import "circuit" "memory" (memory $circuit 0))
  (import "circuit" "getSharedRWMemoryStart" (func $shared (result i32)))
  (import "circuit" "getWitness" (func $get (param i32)))
  (import "circuit" "setInputSignal" (func $set (param i32 i32 i32)))
  (memory $words (export "words") 0)
  (func (export "read") (param $count i32)
    (local $i i32)
    (block $done (loop $next
      (br_if $done (i32.ge_u (local.get $i) (local.get $count)))
      (call $get (local.get $i))
      (memory.copy $words $circuit
        (i32.mul (local.get $i) (i32.const 32)) (call $shared) (i32.const 32))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br $next))))
  (func (export "write") (param $high i32) (param $low i32) (param $count i32)
    (local $i i32)
    (block $done (loop $next
      (br_if $done (i32.ge_u (local.get $i) (local.get $count)))
      (memory.copy $circuit $words
        (call $shared) (i32.mul (local.get $i) (i32.const 32)) (i32.const 32))
      (call $set (local.get $high) (local.get $low) (local.get $i))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br $next)))))
"""
_PAGE = 65536


class WitnessError(Exception):
    """The inputs do not fit the circuit, or do not satisfy it."""


class WitnessCalculator:
    """Makes witnesses for one circuit. Calls are independent of each other."""

    def __init__(self, wasm_path: Path):
        self.name = wasm_path.stem
        self._circuit = wasm.load(wasm_path)
        self._bridge = Module(wasm.ENGINE, wat2wasm(_BRIDGE))

    def calculate(self, inputs: Inputs) -> bytes:
        """The witness as a .wtns file (version 2).

        `inputs` gives every input signal its words in [0, R), arrays as nested lists.
        RangeError for a word outside the field; WitnessError, with the circuit's own account,
        if a signal is unknown, missing or of another size, or a constraint fails.
        """
        run = _Run(self.name, self._circuit, self._bridge)
        try:
            return run.calculate(inputs)
        finally:
            # The store's callbacks hold the run, which holds the store: its memory would stay for good.
            run.store.close()


class _Run:
    """One instance of the calculator, for one witness."""

    def __init__(self, name: str, circuit: Module, bridge: Module):
        self.name = name
        self.errors: list[str] = []
        self.store = Store(wasm.ENGINE)
        instance = self._host(circuit)
        self.circuit = instance.exports(self.store)
        linker = Linker(wasm.ENGINE)
        linker.define_instance(self.store, "circuit", instance)
        self.bridge = linker.instantiate(self.store, bridge).exports(self.store)
        self.words = self.bridge["words"]

    def calculate(self, inputs: Inputs) -> bytes:
        self.circuit["init"](self.store, 1)
        given = 0
        for signal, value in inputs.items():
            given += self._set(signal, _flatten(value, signal))
        expected = self.circuit["getInputSize"](self.store)
        if given != expected:
            raise WitnessError(f"{self.name} takes {expected} input words; {given} were given")
        count = self.circuit["getWitnessSize"](self.store)
        self._reserve(count)
        self._call("read", count)
        return _wtns(bytes(self.words.read(self.store, 0, 32 * count)), count)

    def _set(self, signal: str, words: list[int]) -> int:
        high, low = _signal_hash(signal)
        size = self.circuit["getInputSignalSize"](self.store, high, low)
        if size <= 0:  # unknown: -1 or 0, as its hash falls
            raise WitnessError(f"{self.name} has no input signal {signal!r}")
        if size != len(words):
            raise WitnessError(f"input {signal!r} of {self.name} has {size} words; {len(words)} were given")
        self._reserve(size)
        self.words.write(self.store, b"".join(word.to_bytes(32, "little") for word in words), 0)
        self._call("write", high, low, size)
        return size

    def _reserve(self, words: int) -> None:
        missing = -(-32 * words // _PAGE) - self.words.size(self.store)
        if missing > 0:
            self.words.grow(self.store, missing)

    def _call(self, export: str, *args: int) -> None:
        try:
            self.bridge[export](self.store, *args)
        except (Trap, WasmtimeError) as trap:
            raise WitnessError(f"{self.name}: the calculator stopped: {trap}") from None

    def _host(self, circuit: Module) -> Instance:
        """Instantiate with the four functions that every calculator expects."""
        handlers = {
            "exceptionHandler": (FuncType([ValType.i32()], []), self._fail),
            "printErrorMessage": (FuncType([], []), lambda: self.errors.append(self._message())),
            "writeBufferMessage": (FuncType([], []), self._drain),  # log(): may be secret
            "showSharedRWMemory": (FuncType([], []), lambda: None),  # the same
        }
        linker = Linker(wasm.ENGINE)
        for name, (kind, handler) in handlers.items():
            linker.define(self.store, "runtime", name, Func(self.store, kind, handler))
        return linker.instantiate(self.store, circuit)

    def _message(self) -> str:
        text = bytearray()
        while code := self.circuit["getMessageChar"](self.store):
            text.append(code)
        return text.decode(errors="replace")

    def _drain(self) -> None:
        self._message()

    def _fail(self, code: int) -> None:
        reason = _REASONS.get(code, f"error {code}")
        raise WitnessError("; ".join([f"{self.name}: {reason}", *(e.strip() for e in self.errors)]))


def _signal_hash(name: str) -> tuple[int, int]:
    """FNV-1a, 64 bits, as two signed halves: how calculators name their inputs."""
    value = 0xCBF29CE484222325
    for byte in name.encode():
        value = (value ^ byte) * 0x100000001B3 % (1 << 64)
    high, low = value >> 32, value & 0xFFFFFFFF
    return high - (high >> 31 << 32), low - (low >> 31 << 32)


def _flatten(value: int | list, name: str) -> list[int]:
    if isinstance(value, (list, tuple)):
        return [word for item in value for word in _flatten(item, name)]
    return [check(value, f"input {name!r}")]


def _wtns(values: bytes, count: int) -> bytes:
    """iden3's binary format: section 1 has word size, prime and count; section 2 the words."""
    header = (32).to_bytes(4, "little") + R.to_bytes(32, "little") + count.to_bytes(4, "little")
    file = b"wtns" + (2).to_bytes(4, "little") + (2).to_bytes(4, "little")
    for section, content in ((1, header), (2, values)):
        file += section.to_bytes(4, "little") + len(content).to_bytes(8, "little") + content
    return file
