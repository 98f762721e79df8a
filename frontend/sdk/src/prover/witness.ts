/** Witnesses, by the calculator that circom makes of a circuit. */

import { ProverError } from "../errors";
import type { Inputs } from "../types";
import { PACKED } from "./fields";
import { R, packed } from "./kernel";

const REASONS: Record<number, string> = {
  1: "a signal is unknown",
  2: "too many values for a signal",
  3: "a signal was set twice",
  4: "a constraint or assertion fails",
  5: "the calculator ran out of memory",
  6: "too many values for an input",
  7: "an array was read out of bounds",
};

/** What a calculator exports; a signal is named by the halves of its hash. */
interface Calculator {
  memory: WebAssembly.Memory;
  init(check: number): void;
  getInputSize(): number;
  getInputSignalSize(high: number, low: number): number;
  getSharedRWMemoryStart(): number;
  setInputSignal(high: number, low: number, at: number): void;
  getWitnessSize(): number;
  getWitness(at: number): void;
  getMessageChar(): number;
}

type Nested = bigint | readonly Nested[];

/**
 * The witness of `inputs`, which give every signal its words, 32 bytes for each wire, little-endian. ProverError, with the
 * circuit's own account, if a signal is unknown, missing or of another size, a word is not in the field, or a constraint fails.
 */
export async function witness(
  circuit: string,
  module: WebAssembly.Module,
  inputs: Inputs,
): Promise<Uint8Array<ArrayBuffer>> {
  const instance = await WebAssembly.instantiate(module, { runtime: runtime(circuit, () => calculator) });
  const calculator = instance.exports as unknown as Calculator;
  try {
    return calculate(circuit, calculator, inputs);
  } finally {
    new Uint8Array(calculator.memory.buffer).fill(0);
  }
}

function calculate(circuit: string, calculator: Calculator, inputs: Inputs): Uint8Array<ArrayBuffer> {
  const shared = calculator.getSharedRWMemoryStart();
  calculator.init(1);
  let given = 0;
  for (const [signal, value] of Object.entries(inputs)) {
    const words = flat(value);
    const [high, low] = hash(signal);
    const size = calculator.getInputSignalSize(high, low);
    if (size <= 0) throw new ProverError(`${circuit} has no input signal ${signal}`);
    if (size !== words.length)
      throw new ProverError(`input ${signal} of ${circuit} has ${size} words; ${words.length} were given`);
    words.forEach((word, at) => {
      if (word < 0n || word >= R) throw new ProverError(`input ${signal} of ${circuit} has a word outside the field`);
      new Uint8Array(calculator.memory.buffer, shared, PACKED).set(packed(word));
      calculator.setInputSignal(high, low, at);
    });
    given += size;
  }
  if (given !== calculator.getInputSize())
    throw new ProverError(`${circuit} takes ${calculator.getInputSize()} input words; ${given} were given`);
  const found = new Uint8Array(PACKED * calculator.getWitnessSize());
  for (let at = 0; at < found.length / PACKED; at++) {
    calculator.getWitness(at);
    found.set(new Uint8Array(calculator.memory.buffer, shared, PACKED), PACKED * at);
  }
  return found;
}

/** The four functions that a calculator calls. What a circuit logs may be secret, so it is read and dropped. */
function runtime(circuit: string, calculator: () => Calculator) {
  const said: string[] = [];
  const message = () => {
    let text = "";
    for (let code; (code = calculator().getMessageChar());) text += String.fromCharCode(code);
    return text.trim();
  };
  return {
    exceptionHandler: (code: number) => {
      throw new ProverError([`${circuit}: ${REASONS[code] ?? `error ${code}`}`, ...said].join("; "));
    },
    printErrorMessage: () => said.push(message()),
    writeBufferMessage: () => void message(),
    showSharedRWMemory: () => undefined,
  };
}

function flat(value: Nested): bigint[] {
  return typeof value === "bigint" ? [value] : value.flatMap(flat);
}

/** FNV-1a, 64 bits, as two halves. */
function hash(name: string): [number, number] {
  let value = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(name))
    value = BigInt.asUintN(64, (value ^ BigInt(byte)) * 0x100000001b3n);
  return [Number(value >> 32n) | 0, Number(value & 0xffffffffn) | 0];
}
