/**
 * WebAssembly modules written in TypeScript: as much of the binary format (WebAssembly Core 2.0, §5) as the kernel needs.
 *
 * Code is a list of bytes; an expression is the code that leaves its value on the stack.
 */

export type Code = number[];

export const I32 = 0x7f;
export const I64 = 0x7e;
type Kind = typeof I32 | typeof I64;

const BLOCK = 0x02;
const LOOP = 0x03;
const IF = 0x04;
const ELSE = 0x05;
const END = 0x0b;
const VOID = 0x40;

function unsigned(value: number): Code {
  const low = value & 0x7f;
  return value < 0x80 ? [low] : [low | 0x80, ...unsigned(Math.floor(value / 0x80))];
}

function signed(value: bigint): Code {
  const low = Number(value & 0x7fn);
  const rest = value >> 7n;
  const done = (rest === 0n && low < 0x40) || (rest === -1n && low >= 0x40);
  return done ? [low] : [low | 0x80, ...signed(rest)];
}

const binary = (opcode: number) => (a: Code, b: Code) => [...a, ...b, opcode];
const unary = (opcode: number) => (a: Code) => [...a, opcode];
const load =
  (opcode: number) =>
  (at: Code, offset = 0) => [...at, opcode, 0, ...unsigned(offset)];
const store =
  (opcode: number) =>
  (at: Code, value: Code, offset = 0) => [...at, ...value, opcode, 0, ...unsigned(offset)];

export const get = (local: number): Code => [0x20, ...unsigned(local)];
export const set = (local: number, value: Code): Code => [...value, 0x21, ...unsigned(local)];

export const i32 = {
  of: (value: number): Code => [0x41, ...signed(BigInt(value))],
  add: binary(0x6a),
  sub: binary(0x6b),
  mul: binary(0x6c),
  and: binary(0x71),
  shl: binary(0x74),
  shr: binary(0x76),
  eq: binary(0x46),
  lessSigned: binary(0x48),
  less: binary(0x49),
  zero: unary(0x45),
  load: load(0x28),
  load16Signed: load(0x2e),
  store: store(0x36),
};

export const i64 = {
  of: (value: bigint): Code => [0x42, ...signed(value)],
  add: binary(0x7c),
  sub: binary(0x7d),
  mul: binary(0x7e),
  and: binary(0x83),
  or: binary(0x84),
  xor: binary(0x85),
  shl: binary(0x86),
  /** Keeps the sign. */
  sar: binary(0x87),
  shr: binary(0x88),
  zero: unary(0x50),
  load: load(0x29),
  load32: load(0x35),
  store: store(0x37),
  store32: store(0x3e),
};

export const when = (condition: Code, then: Code, otherwise: Code = []): Code => [
  ...condition,
  ...[IF, VOID],
  ...then,
  ...(otherwise.length ? [ELSE, ...otherwise] : []),
  END,
];

/** Do the body as long as the condition holds. */
export const loop = (condition: Code, body: Code): Code => [
  ...[BLOCK, VOID, LOOP, VOID],
  ...[...condition, 0x45, 0x0d, 1],
  ...body,
  ...[0x0c, 0, END, END],
];

/** Count a local of 32 bits from 0 up to what `end` says. */
export const count = (local: number, end: Code, body: Code): Code => [
  ...set(local, i32.of(0)),
  ...loop(i32.less(get(local), end), [...body, ...set(local, i32.add(get(local), i32.of(1)))]),
];

/** A function: its parameters are its first locals. */
export class Func {
  readonly kinds: Kind[] = [];
  body: Code = [];

  constructor(
    readonly index: number,
    readonly name: string,
    readonly parameters: number,
    readonly returns: boolean,
  ) {
    for (let i = 0; i < parameters; i++) this.kinds.push(I32);
  }

  local(kind: Kind = I32): number {
    return this.kinds.push(kind) - 1;
  }

  call(...operands: Code[]): Code {
    if (operands.length !== this.parameters) throw new Error(`${this.name} takes ${this.parameters} operands`);
    return [...operands.flat(), 0x10, ...unsigned(this.index)];
  }
}

/** A module whose functions take and give 32-bit numbers; its memory is imported, all functions are exported. */
export class Assembler {
  private readonly functions: Func[] = [];

  /** Add a function; `write` gives its body from the function (for further locals) and its parameters' codes. */
  func(name: string, parameters: number, write: (f: Func, ...operands: Code[]) => Code, returns = false): Func {
    const made = new Func(this.functions.length, name, parameters, returns);
    this.functions.push(made);
    made.body = write(made, ...Array.from({ length: parameters }, (_, i) => get(i)));
    return made;
  }

  bytes(): Uint8Array<ArrayBuffer> {
    const types = this.functions.map((f) => [
      0x60,
      ...list(Array(f.parameters).fill([I32])),
      ...list(f.returns ? [[I32]] : []),
    ]);
    const memory = [...text("env"), ...text("memory"), 0x02, 0x00, 0x01];
    const code = this.functions.map((f) => {
      const locals = list(f.kinds.slice(f.parameters).map((kind) => [1, kind]));
      return sized([...locals, ...f.body, END]);
    });
    return Uint8Array.from([
      ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      ...section(1, list(types)),
      ...section(2, list([memory])),
      ...section(3, list(this.functions.map((f) => unsigned(f.index)))),
      ...section(7, list(this.functions.map((f) => [...text(f.name), 0x00, ...unsigned(f.index)]))),
      ...section(10, list(code)),
    ]);
  }
}

const sized = (content: Code): Code => [...unsigned(content.length), ...content];
const list = (items: Code[]): Code => [...unsigned(items.length), ...items.flat()];
const section = (id: number, content: Code): Code => [id, ...sized(content)];
const text = (name: string): Code => sized([...new TextEncoder().encode(name)]);
