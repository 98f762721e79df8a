"""The SDK in TypeScript as others get it: packed, unpacked into an empty project, loaded by Node, read by tsc."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from offchain.paths import BUILD, ROOT
from offchain.poseidon import node

NODE_MODULES = BUILD / "web" / "node_modules"

# A page's thread, on this one.
LOADS = """
import * as sdk from "@shadowpool/sdk";
import { NodeProver } from "@shadowpool/sdk/node";
import { BrowserProver } from "@shadowpool/sdk/browser";

globalThis.self = globalThis;
globalThis.Worker = class {
  constructor(url) {
    this.ready = import(url);
    this.ready.catch((error) => this.onerror(error));
    globalThis.postMessage = (data) => this.onmessage({ data });
  }
  postMessage(data) {
    this.ready.then(() => self.onmessage({ data }));
  }
  terminate() {}
};
const provers = [new NodeProver({ folder: "none" }), new BrowserProver({ baseUrl: "http://127.0.0.1:1", threads: 1 })];
const refusals = [];
for (const prover of provers)
  await prover.warm("transact").catch((error) => refusals.push(error instanceof sdk.ArtifactError && error.message));
console.log(JSON.stringify({ refusals, node: String(sdk.poseidon.node(1n, 2n)) }));
"""

AMBIENT = """
interface Window { ethereum: import("@shadowpool/sdk").Eip1193 }
declare module "node:fs" { export function readFileSync(path: string, encoding: "utf8"): string }
"""

CONSUMES = """
import { type Prover, type Store, Wallet, claims } from "@shadowpool/sdk";
import { BrowserProver, IndexedDbStore } from "@shadowpool/sdk/browser";
import { FileStore, NodeProver } from "@shadowpool/sdk/node";

export const provers: Prover[] = [new NodeProver({ folder: "circuits" }), new BrowserProver({ threads: 2 })];
export const stores: Store[] = [new FileStore("kept"), new IndexedDbStore("kept")];
export const balances = (wallet: Wallet): Map<string, bigint> => wallet.balances();
export type Transact = Parameters<typeof claims.transact>;
// @ts-expect-error its folder is missing
new NodeProver({});
// @ts-expect-error no order has such a side
export const terms: import("@shadowpool/sdk").Terms = { side: 2, quantity: 1n, price: 1n };
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """An empty project but for the package."""
    folder = tmp_path_factory.mktemp("project")
    _run("npm", "pack", BUILD / "sdk", "--offline", "--cache", folder / "cache", cwd=folder)
    [packed] = folder.glob("*.tgz")
    shutil.unpack_archive(packed, folder)
    scope = folder / "node_modules" / "@shadowpool"
    scope.mkdir(parents=True)
    (folder / "package").rename(scope / "sdk")
    return folder


def test_node_loads_it_and_its_provers_answer(project):
    (project / "loads.mjs").write_text(LOADS)
    told = json.loads(_run("node", "loads.mjs", cwd=project))
    by_node, by_browser = told["refusals"]
    assert by_node.startswith("none/transact.wasm cannot be read")
    assert by_browser == "http://127.0.0.1:1/artifacts/manifest.json: no answer; try again"
    assert told["node"] == str(node(1, 2))


@pytest.mark.parametrize("resolution", ["bundler", "nodenext"])
def test_tsc_reads_its_types_and_the_readme_s_code(project, resolution):
    package = project / "node_modules" / "@shadowpool" / "sdk"
    examples = re.findall(r"```ts\n(.*?)```", (package / "README.md").read_text(), re.DOTALL)
    assert len(examples) == 2
    folder = project / resolution
    folder.mkdir()
    sources = {"consumer.ts": CONSUMES, "ambient.d.ts": AMBIENT, "package.json": '{"type": "module"}'}
    for name, text in {**sources, **{f"example{i}.ts": text for i, text in enumerate(examples)}}.items():
        (folder / name).write_text(text)
    module = "nodenext" if resolution == "nodenext" else "esnext"
    options = {"strict": True, "noEmit": True, "target": "es2022", "module": module, "moduleResolution": resolution}
    libraries = {"lib": ["es2023", "dom", "dom.iterable"], "types": []}
    (folder / "tsconfig.json").write_text(json.dumps({"compilerOptions": {**options, **libraries}}))
    _run(NODE_MODULES / ".bin" / "tsc", "--project", folder, cwd=project)


def test_what_is_in_it(project):
    """A manifest without dependencies, its licences, and the thread's file, by the form that bundlers look for."""
    package = project / "node_modules" / "@shadowpool" / "sdk"
    manifest = json.loads((package / "package.json").read_text())
    assert manifest["license"] == "AGPL-3.0-or-later" and "dependencies" not in manifest
    assert list(manifest["exports"]) == [".", "./node", "./browser"]
    assert 'new Worker(new URL("./worker.mjs", import.meta.url), { type: "module" })' in (
        package / "browser.mjs"
    ).read_text()
    assert not re.search(r"^import\b", (package / "worker.mjs").read_text(), re.MULTILINE)
    bundled = (package / "LICENSES.md").read_text()
    assert all(f"## @noble/{name} - " in bundled for name in ("curves", "hashes"))
    assert (package / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def _run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
