/**
 * Sums of multiples of points, by Pippenger's buckets with signed digits.
 *
 * Every addition is of a batch in affine coordinates (`Exports.g1_pairs`), whose one inversion costs little
 * each: 6 multiplications where projective coordinates take 11 or 16.
 */

import { SIZE } from "./fields";
import type { Kernel } from "./kernel";

export type Group = "g1" | "g2";

const SCALAR_BITS = 254;

/** Coordinates of a point that are elements of Fp. */
export const coordinates = (group: Group) => (group === "g1" ? 2 : 4);

/** Bytes of a point in files: 32 for each coordinate. */
export const pointBytes = (group: Group) => 32 * coordinates(group);

/**
 * Σ scalar·point, in the form of files. `points` are in theirs (Montgomery's with 2^256; zeros for infinity), `scalars`
 * 32 bytes each, little-endian, below the group's order.
 */
export function multiexp(kernel: Kernel, group: Group, points: Uint8Array, scalars: Uint8Array): Uint8Array {
  const mark = kernel.mark();
  const sum = new Sum(kernel, group, points, scalars);
  try {
    return sum.run();
  } finally {
    kernel.release(mark);
  }
}

class Sum {
  private readonly length: number;
  private readonly size: number;
  private readonly bits: number;
  private readonly windows: number;
  private readonly buckets: number;
  private readonly points: number;
  private readonly work: number;
  private readonly sums: number;
  private readonly pairs: number;
  private readonly pairRoom: number;
  private readonly denominators: number;
  private readonly products: number;

  constructor(
    private readonly kernel: Kernel,
    private readonly group: Group,
    points: Uint8Array,
    private readonly scalars: Uint8Array,
  ) {
    const each = pointBytes(group);
    this.length = points.length / each;
    if (scalars.length !== 32 * this.length) throw new Error("one scalar is needed for each point");
    this.size = SIZE * coordinates(group);
    this.bits = windowBits(this.length);
    this.windows = Math.ceil((SCALAR_BITS + 1) / this.bits);
    this.buckets = 1 << (this.bits - 1);
    this.pairRoom = Math.max(this.length, this.windows * this.buckets) >> 1 || 1;
    const packed = kernel.take(points.length);
    this.points = kernel.take(this.length * this.size);
    this.work = kernel.take(this.length * this.size);
    this.sums = kernel.take(this.windows * this.buckets * this.size);
    this.pairs = kernel.take(8 * this.pairRoom);
    this.denominators = kernel.take((this.pairRoom * this.size) / 2);
    this.products = kernel.take((this.pairRoom * this.size) / 2);
    kernel.bytes(packed, points.length).set(points);
    kernel.call.fp_convert(this.points, packed, this.length * coordinates(group), kernel.at.fromFile);
  }

  run(): Uint8Array {
    const digits = this.digits();
    for (let window = 0; window < this.windows; window++) this.fill(window, digits);
    digits.fill(0);
    this.weigh();
    return this.join();
  }

  /** Signed digits in [−buckets, buckets), window after window. */
  private digits(): Int16Array {
    const { length, bits, windows, buckets } = this;
    const copied = this.scalars.slice(); // aligned
    const words = new Uint32Array(copied.buffer);
    const found = new Int16Array(windows * length);
    const mask = 2 * buckets - 1;
    for (let i = 0; i < length; i++) {
      let carry = 0;
      for (let window = 0; window < windows; window++) {
        const at = window * bits;
        const [word, shift] = [8 * i + (at >> 5), at & 31];
        let digit = words[word]! >>> shift;
        if (shift + bits > 32 && at >> 5 < 7) digit |= words[word + 1]! << (32 - shift);
        digit = (digit & mask) + carry;
        carry = digit >= buckets ? 1 : 0;
        found[window * length + i] = digit - carry * 2 * buckets;
      }
    }
    copied.fill(0);
    return found;
  }

  /** Sum the points of each bucket of a window: sorted by bucket, then halved as often as it takes. */
  private fill(window: number, all: Int16Array): void {
    const { kernel, length, buckets, size } = this;
    const digits = all.subarray(window * length, (window + 1) * length);
    const lengths = new Uint32Array(buckets);
    for (const digit of digits) if (digit) lengths[Math.abs(digit) - 1]!++;
    const starts = new Uint32Array(buckets);
    for (let b = 1; b < buckets; b++) starts[b] = starts[b - 1]! + lengths[b - 1]!;
    if (!starts[buckets - 1] && !lengths[buckets - 1]) return;

    const mark = kernel.mark();
    const [at, places] = [kernel.take(2 * length), kernel.take(4 * buckets)];
    kernel.shorts(at, length).set(digits);
    kernel.words(places, buckets).set(starts);
    kernel.call[`${this.group}_scatter`](this.points, at, length, places, this.work);
    kernel.release(mark);

    for (let step = 1, more = true; more; step *= 2) {
      const pairs = kernel.words(this.pairs, 2 * this.pairRoom);
      let found = 0;
      for (let b = 0; b < buckets; b++) {
        const end = starts[b]! + lengths[b]!;
        for (let k = starts[b]!; k + step < end; k += 2 * step) {
          pairs[found++] = this.work + k * size;
          pairs[found++] = this.work + (k + step) * size;
        }
      }
      more = found > 0;
      this.add(found / 2);
    }
    const first = this.sums + window * buckets * size;
    const memory = kernel.bytes(0, kernel.mark());
    for (let b = 0; b < buckets; b++)
      if (lengths[b])
        memory.copyWithin(first + b * size, this.work + starts[b]! * size, this.work + (starts[b]! + 1) * size);
  }

  /**
   * Turn each window's buckets X into Σ (j + 1)·X[j], left at its first place.
   *
   * Halving: Σ j·X[j] = 2·Σ j·(X[2j] + X[2j + 1]) + Σ X[2j + 1]. Merging neighbours in place level by level
   * leaves the sum of all at 0 and the odd ones of level k at 2^k, 3·2^k, …, which are then summed to 2^k.
   */
  private weigh(): void {
    const { buckets } = this;
    for (let step = 1; step < buckets; step *= 2)
      this.inWindows((pair) => {
        for (let j = 0; j < buckets; j += 2 * step) pair(j, j + step);
      });
    for (let times = 1; 2 * times < buckets; times *= 2)
      this.inWindows((pair) => {
        for (let level = 1; 2 * level * times < buckets; level *= 2)
          for (let j = level; j + 2 * level * times < buckets; j += 4 * level * times) pair(j, j + 2 * level * times);
      });
    for (let level = buckets >> 1; level > 1; level >>= 1) {
      this.inWindows((pair) => pair(level, level));
      this.inWindows((pair) => pair(level >> 1, level));
      // The sum stands at level / 2, to be doubled next.
    }
    if (buckets > 1) this.inWindows((pair) => pair(0, 1));
  }

  private inWindows(each: (pair: (left: number, right: number) => void) => void): void {
    const pairs = this.kernel.words(this.pairs, 2 * this.pairRoom);
    let found = 0;
    for (let window = 0; window < this.windows; window++) {
      const first = this.sums + window * this.buckets * this.size;
      each((left, right) => {
        pairs[found++] = first + left * this.size;
        pairs[found++] = first + right * this.size;
      });
    }
    this.add(found / 2);
  }

  /** Σ 2^(bits·window)·sum, from the last window down. */
  private join(): Uint8Array {
    const { kernel, windows, buckets, size } = this;
    const sum = this.sums + (windows - 1) * buckets * size;
    const single = (left: number, right: number) => {
      kernel.words(this.pairs, 2).set([left, right]);
      this.add(1);
    };
    for (let window = windows - 2; window >= 0; window--) {
      for (let bit = 0; bit < this.bits; bit++) single(sum, sum);
      single(sum, this.sums + window * buckets * size);
    }
    const out = kernel.take(pointBytes(this.group));
    const scratch = kernel.take(SIZE);
    kernel.call.fp_export(out, sum, coordinates(this.group), kernel.at.toFile, scratch);
    return kernel.bytes(out, pointBytes(this.group)).slice();
  }

  private add(pairs: number): void {
    if (pairs) this.kernel.call[`${this.group}_pairs`](this.pairs, pairs, this.denominators, this.products);
  }
}

/** Bits of a digit: where the additions to buckets and those of buckets are fewest. */
function windowBits(length: number): number {
  let [best, least] = [1, Infinity];
  for (let bits = 2; bits <= 14; bits++) {
    const cost = Math.ceil((SCALAR_BITS + 1) / bits) * (length + 2 ** bits);
    if (cost < least) [best, least] = [bits, cost];
  }
  return best;
}
