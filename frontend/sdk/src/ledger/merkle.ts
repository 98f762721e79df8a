/** A pool's trees, sparse: a place never written is an empty leaf, 0. */

import { check } from "../crypto/field";
import { CHUNK, CHUNK_DEPTH, CREDENTIAL_DEPTH, NOTE_DEPTH, zeros } from "../crypto/merkle";
import { node } from "../crypto/poseidon";
import { Diverged } from "../errors";

/** Chunks of a tree. */
export const TREE_CHUNKS = 2 ** (NOTE_DEPTH - CHUNK_DEPTH);
/** Positions of a tree. */
export const TREE_LEAVES = 2 ** NOTE_DEPTH;

/** Nodes by (level, index), level 0 the leaves; absent ones are empty subtrees. */
class Tree {
  protected readonly nodes: Map<number, bigint>[];
  private readonly zeros: readonly bigint[];

  constructor(readonly depth: number) {
    this.nodes = Array.from({ length: depth + 1 }, () => new Map());
    this.zeros = zeros(depth);
  }

  get root(): bigint {
    return this.node(this.depth, 0);
  }

  leaf(index: number): bigint {
    return this.node(0, this.checked(index));
  }

  /** The `depth` siblings of leaf `index`, from the lowest level up. */
  path(index: number): bigint[] {
    this.checked(index);
    return Array.from({ length: this.depth }, (_, level) => {
      const place = Math.floor(index / 2 ** level);
      return this.node(level, place % 2 ? place - 1 : place + 1);
    });
  }

  protected checked(index: number): number {
    if (!Number.isInteger(index) || index < 0 || index >= 2 ** this.depth)
      throw new Diverged("a leaf's index is beyond its tree");
    return index;
  }

  protected node(level: number, index: number): bigint {
    return this.nodes[level]!.get(index) ?? this.zeros[level]!;
  }

  /** Recompute a node of `level` from its two children. */
  protected join(level: number, index: number): void {
    const [left, right] = [this.node(level - 1, 2 * index), this.node(level - 1, 2 * index + 1)];
    // Most of a short chunk is empty.
    const hollow = left === this.zeros[level - 1] && right === left;
    this.nodes[level]!.set(index, hollow ? this.zeros[level]! : node(left, right));
  }
}

/** An append-only tree of notes, which takes chunks of up to 64 leaves in order; the rest of a short one is empty. */
export class ChunkTree extends Tree {
  chunks = 0;

  constructor() {
    super(NOTE_DEPTH);
  }

  /** Insert chunk `index` and give the new root. Diverged if it is not the next one, or is empty or too long. */
  insertChunk(index: number, leaves: readonly bigint[]): bigint {
    if (index !== this.chunks || index >= TREE_CHUNKS)
      throw new Diverged(`chunk ${index} is out of order: the next one is ${this.chunks}`);
    if (leaves.length < 1 || leaves.length > CHUNK) throw new Diverged(`a chunk holds 1 to ${CHUNK} leaves`);
    leaves.forEach((leaf, i) => this.nodes[0]!.set(index * CHUNK + i, check(leaf, "a leaf")));
    for (let level = 1; level <= this.depth; level++) {
      const [first, count] = [Math.floor((index * CHUNK) / 2 ** level), Math.max(CHUNK >> Math.min(level, 30), 1)];
      for (let place = first; place < first + count; place++) this.join(level, place);
    }
    this.chunks++;
    return this.root;
  }
}

/** The issuer's tree: leaf index = credential id; a leaf set to 0 is revoked. */
export class CredentialTree extends Tree {
  constructor() {
    super(CREDENTIAL_DEPTH);
  }

  /** Write leaves from `first` on, and each node above them once. */
  setAll(first: number, leaves: readonly bigint[]): void {
    leaves.forEach((leaf, i) => this.nodes[0]!.set(this.checked(first + i), check(leaf, "a leaf")));
    let places = new Set(leaves.map((_, i) => first + i));
    for (let level = 1; level <= this.depth; level++) {
      places = new Set([...places].map((place) => place >> 1));
      for (const place of places) this.join(level, place);
    }
  }
}
