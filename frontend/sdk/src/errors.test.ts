/** Errors tell programs and people what they are, in a build too. */

import { build } from "vite";
import { expect, test } from "vitest";

import { ABIError } from "./abi";
import * as errors from "./errors";

const CLASSES = Object.entries({ ...errors, ABIError });

test.each(CLASSES)("%s has its name", (name, Kind) => {
  const made = new (Kind as new (...words: string[]) => Error)("a", "b");
  expect([made.name, String(made).startsWith(`${name}: `)]).toEqual([name, true]);
  expect(made).toBeInstanceOf(errors.ShadowpoolError);
});

test("a build that shortens names leaves those of errors", async () => {
  const entry = decodeURIComponent(new URL("./index.ts", import.meta.url).pathname);
  const built = await build({
    configFile: false,
    logLevel: "silent",
    build: { write: false, minify: true, lib: { entry, formats: ["es"], fileName: "sdk" } },
  });
  const [{ output }] = built as { output: { code: string; isEntry?: boolean }[] }[] as [{ output: [{ code: string }] }];
  const sdk = await import(/* @vite-ignore */ `data:text/javascript,${encodeURIComponent(output[0].code)}`);
  for (const name of Object.keys(errors)) {
    expect(sdk[name].name).not.toBe(name); // else nothing is shown here
    expect(new sdk[name]("a", "b").name).toBe(name);
  }
  expect(() => sdk.readDeployment(null)).toThrow(expect.objectContaining({ name: "DeploymentError" }));
});
