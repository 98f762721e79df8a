import { readFile } from "node:fs/promises";

import { bn254 } from "@noble/curves/bn254.js";
import { describe, expect, it } from "vitest";

import { ArtifactError, ProverError } from "../errors";
import type { Store } from "../store";
import { Artifacts, sha256 } from "./artifacts";
import { blinds, keyId, parseKey } from "./container";
import { Share } from "./engine";
import { Kernel, Q, R, packed, unpacked } from "./kernel";
import { type Group, coordinates, multiexp } from "./multiexp";
import { NodeProver } from "./node";

const { G1, G2 } = { G1: bn254.G1.Point, G2: bn254.G2.Point };
const FILE = (1n << 256n) % Q;

/** Repeatable numbers below R. */
function* numbers(seed: bigint): Generator<bigint, never> {
  for (let state = seed; ;) {
    state = (state * 6364136223846793005n + 1442695040888963407n) ** 5n % (1n << 300n);
    yield state % R;
  }
}

const encoded = (words: bigint[]) => words.flatMap((word) => [...packed((word * FILE) % Q)]);
const bytes = (parts: number[][]) => Uint8Array.from(parts.flat());

/** Coordinates, all 0 at infinity. */
function words(group: Group, point: InstanceType<typeof G1> | InstanceType<typeof G2>): bigint[] {
  if (point.is0()) return Array(coordinates(group)).fill(0n);
  const parts = (value: bigint | { c0: bigint; c1: bigint }) =>
    typeof value === "bigint" ? [value] : [value.c0, value.c1];
  const { x, y } = point.toAffine();
  return [...parts(x), ...parts(y)];
}

describe("sums of points", () => {
  const cases: [Group, number][] = [["g1", 1], ["g1", 2], ["g1", 40], ["g1", 150], ["g2", 1], ["g2", 25]]; // prettier-ignore
  it.each(cases)("%s of %i agree with another implementation", async (group, length) => {
    const kernel = await Kernel.create();
    const random = numbers(BigInt(length));
    const base = group === "g1" ? G1.BASE : G2.BASE;
    const zero = (group === "g1" ? G1.ZERO : G2.ZERO) as typeof base;
    // Points at infinity, twice the same and opposite ones; scalars 0, 1, small and the largest.
    const points = Array.from({ length }, (_, i) => {
      if (i % 7 === 3) return zero;
      if (i % 5 === 4) return base;
      return i % 5 === 3 ? base.negate() : base.multiply(random.next().value as never);
    });
    const scalars = Array.from({ length }, (_, i) => [random.next().value, 0n, 1n, 5n, R - 1n, 1n << 200n][i % 6]!);
    const sum = (multiplied: (typeof base)[]) => multiplied.reduce((one, other) => one.add(other as never), zero);
    const expected = sum(points.map((point, i) => (scalars[i] ? point.multiply(scalars[i] as never) : zero)));
    const packedScalars = bytes(scalars.map((scalar) => [...packed(scalar)]));
    const found = multiexp(kernel, group, bytes(points.map((point) => encoded(words(group, point)))), packedScalars);
    expect([...found]).toEqual(encoded(words(group, expected)));
    expect(found.length).toBe(32 * coordinates(group));
    if (length === 1) {
      const none = multiexp(kernel, group, bytes([encoded(words(group, base))]), packed(0n));
      expect(unpacked(none)).toBe(0n);
    }
  });
});

describe("files of circuits", () => {
  const content = { wasm: Uint8Array.from([1, 2, 3]), zkey: Uint8Array.from([4, 5, 6, 7]) };

  class Kept implements Store {
    readonly files = new Map<string, Uint8Array<ArrayBuffer>>();
    get = async (hash: string) => this.files.get(hash);
    put = async (hash: string, file: Uint8Array<ArrayBuffer>) => void this.files.set(hash, file);
    keep = async (hashes: string[]) =>
      this.files.forEach((_, hash) => hashes.includes(hash) || this.files.delete(hash));
  }

  async function served(changed: Partial<Record<string, Uint8Array<ArrayBuffer>>> = {}) {
    const asked: string[] = [];
    const entry = async (file: Uint8Array<ArrayBuffer>) => ({ sha256: await sha256(file), bytes: file.length });
    const manifest = { circuits: { transact: { wasm: await entry(content.wasm), zkey: await entry(content.zkey) } } };
    const call = async (url: string | URL | Request) => {
      const name = String(url).split("/artifacts/")[1]!;
      asked.push(name);
      if (name === "manifest.json") return Response.json(manifest);
      return new Response(changed[name] ?? content[name.split(".")[1] as keyof typeof content]);
    };
    return { asked, manifest, call: call as typeof fetch };
  }

  it("are fetched once, and kept", async () => {
    const { asked, call } = await served();
    const store = new Kept();
    const parts: number[] = [];
    expect(await new Artifacts("", store, call).load("transact", (part) => parts.push(part))).toEqual(content);
    expect(parts.at(-1)).toBe(1);
    expect(await new Artifacts("", store, call).load("transact")).toEqual(content);
    expect(asked).toEqual(["manifest.json", "transact.wasm", "transact.zkey", "manifest.json"]);
  });

  it("are fetched again if the kept ones changed, and dropped if no manifest names them", async () => {
    const { asked, manifest, call } = await served();
    const store = new Kept();
    store.files.set(manifest.circuits.transact.zkey.sha256, Uint8Array.from([4, 5, 6, 8]));
    store.files.set("old", content.wasm);
    expect(await new Artifacts("", store, call).load("transact")).toEqual(content);
    expect(asked).toEqual(["manifest.json", "transact.wasm", "transact.zkey"]);
    expect([...store.files.keys()].sort()).toEqual(Object.values(manifest.circuits.transact).map((one) => one.sha256).sort()); // prettier-ignore
  });

  it.each([
    ["a changed byte", [4, 5, 6, 8], "do not use"],
    ["a byte too many", [4, 5, 6, 7, 8], "size"],
    ["a byte too few", [4, 5, 6], "size"],
  ])("with %s are refused and not kept", async (_, altered, reason) => {
    const { call } = await served({ "transact.zkey": Uint8Array.from(altered) });
    const store = new Kept();
    const refused = new Artifacts("", store, call).load("transact");
    await expect(refused).rejects.toThrow(ArtifactError);
    await expect(refused).rejects.toThrow(reason);
    expect([...store.files.values()]).toEqual([content.wasm]);
  });

  it("of no or another manifest are refused", async () => {
    const { call } = await served();
    await expect(new Artifacts("", new Kept(), call).load("commit")).rejects.toThrow(/no files of commit/);
    const huge = { sha256: "0".repeat(64), bytes: 2 ** 40 };
    for (const made of [
      { circuits: { transact: { wasm: huge, zkey: huge } } },
      {},
      { circuits: { transact: { wasm: { sha256: "0", bytes: 1 } } } },
      null,
    ]) {
      const artifacts = new Artifacts("", new Kept(), async () => Response.json(made));
      await expect(artifacts.load("transact")).rejects.toThrow(ArtifactError);
    }
  });
});

describe("what is taken from the kernel's memory", () => {
  it("is wiped when it is released", async () => {
    const kernel = await Kernel.create();
    const mark = kernel.mark();
    kernel.bytes(kernel.take(100), 100).fill(7);
    kernel.release(mark);
    expect([...kernel.bytes(mark, 100)]).toEqual(Array(100).fill(0));
  });

  it("keeps nothing of a sum, nor do the scalars given", async () => {
    const kernel = await Kernel.create();
    const mark = kernel.mark();
    const points = bytes([encoded(words("g1", G1.BASE)), encoded(words("g1", G1.BASE.double()))]);
    const scalars = bytes([[...packed(R - 2n)], [...packed(5n)]]);
    new Share(kernel).sum({ section: "a", group: "g1", cost: 2, points, places: Uint32Array.of(0, 1) }, scalars);
    expect(scalars.every((byte) => byte === 0)).toBe(true);
    expect(kernel.mark()).toBe(mark);
    expect(kernel.bytes(mark, 4_000).every((byte) => byte === 0)).toBe(true);
  });
});

describe("a folder's prover", () => {
  const folder = decodeURIComponent(new URL("../../../../build/circuits", import.meta.url).pathname);

  const keyOf = async (circuit: string) => parseKey(Uint8Array.from(await readFile(`${folder}/${circuit}.zkey`)));

  it("refuses inputs that are not the circuit's, with reasons", async () => {
    const prover = new NodeProver({ folder });
    const id = keyId(await keyOf("reclaim"));
    await expect(prover.prove("reclaim", id, { nothing: 1n })).rejects.toThrow(/no input signal nothing/);
    await expect(prover.prove("reclaim", id, { digest: [1n, 2n] })).rejects.toThrow(/has 1 words; 2 were given/);
    await expect(prover.prove("reclaim", id, { digest: R })).rejects.toThrow(/outside the field/);
    await expect(prover.prove("reclaim", id, { digest: 1n })).rejects.toThrow(/input words; 1 were given/);
  });

  it("does not prove with a key that is not the pool's", async () => {
    const stages: string[] = [];
    const refused = new NodeProver({ folder }).prove(
      "reclaim",
      `0x${"12".repeat(32)}`,
      {},
      {
        onStage: (stage) => stages.push(stage),
      },
    );
    await expect(refused).rejects.toThrow(ArtifactError);
    await expect(refused).rejects.toThrow("nothing was proven");
    expect(stages).not.toContain("witness");
  });

  it("does not prove with a key that hides nothing", async () => {
    const key = await keyOf("reclaim");
    expect(blinds(key)).toBe(true);
    expect(blinds({ ...key, delta1: key.alpha1 })).toBe(false);
    expect(blinds({ ...key, delta1: new Uint8Array(64) })).toBe(false);
    expect(blinds({ ...key, delta1: new Uint8Array(64), delta2: new Uint8Array(128) })).toBe(false);
  });

  it("says where files are missing", async () => {
    await expect(new NodeProver({ folder: "/nowhere" }).prove("reclaim", "0x", {})).rejects.toThrow(ArtifactError);
  });

  it("takes no key that is not one", () => {
    expect(() => parseKey(new Uint8Array(100))).toThrow(ProverError);
  });
});
