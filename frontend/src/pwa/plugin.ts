/** A build that can be installed: its icons as pictures, and a service worker that knows every file of it. */

import { readFile } from "node:fs/promises";

import type { Plugin } from "vite";

const ICONS = [180, 192, 512];
const PUBLIC = ["favicon.svg", "theme.js", "manifest.webmanifest"];

/** `root` is the folder of index.html. */
export function pwa(root: string): Plugin {
  return {
    name: "shadowpool-pwa",
    apply: "build",
    generateBundle: {
      order: "post",
      async handler(_, bundle) {
        const parts: Uint8Array[] = [];
        const files = ["/"];
        const add = (name: string, content: Uint8Array) => {
          files.push(`/${name}`);
          parts.push(content);
        };
        for (const name of PUBLIC) add(name, await readFile(`${root}/public/${name}`));
        const svg = new TextDecoder().decode(parts[0]);
        for (const size of ICONS) {
          const [fileName, source] = [`icon-${size}.png`, await picture(svg, size)];
          this.emitFile({ type: "asset", fileName, source });
          add(fileName, source);
        }
        const encode = (text: string | Uint8Array) =>
          typeof text === "string" ? new TextEncoder().encode(text) : text;
        for (const [name, output] of Object.entries(bundle)) {
          const content = encode(output.type === "chunk" ? output.code : output.source);
          if (name.startsWith("assets/")) add(name, content);
          else parts.push(content);
        }
        const code = new TextDecoder().decode(await readFile(`${root}/src/pwa/sw.js`));
        const version = (await digest([...parts, encode(code)])).slice(0, 16);
        const known = `const VERSION = ${JSON.stringify(version)};\nconst FILES = ${JSON.stringify(files.sort())};\n`;
        this.emitFile({ type: "asset", fileName: "sw.js", source: known + code });
      },
    },
  };
}

async function digest(parts: Uint8Array[]): Promise<string> {
  const whole = await new Blob(parts as BlobPart[]).arrayBuffer();
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", whole));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The icon, which is bars on a square, as a PNG of `size` pixels a side: full to its edges, for systems that mask it. */
async function picture(svg: string, size: number): Promise<Uint8Array> {
  const colour = (hex: string) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  const [, edge, ground] = /viewBox="0 0 (\d+) \1".*?<rect[^>]*fill="(#[0-9a-f]{6})"/.exec(svg) ?? [];
  const bars = [...svg.matchAll(/d="M(\d+) (\d+)h(\d+)v(\d+)[^"]*" fill="(#[0-9a-f]{6})"/g)];
  if (!edge || !ground || !bars.length)
    throw new Error("favicon.svg is not bars on a square any more: draw the icons anew");
  const row = 1 + 3 * size;
  const pixels = new Uint8Array(row * size);
  const scale = size / Number(edge);
  const fill = (left: number, top: number, width: number, height: number, hex: string) => {
    const bytes = colour(hex);
    for (let y = Math.round(top * scale); y < Math.round((top + height) * scale); y++)
      for (let x = Math.round(left * scale); x < Math.round((left + width) * scale); x++)
        pixels.set(bytes, y * row + 1 + 3 * x);
  };
  fill(0, 0, Number(edge), Number(edge), ground);
  for (const [, left, top, width, height, hex] of bars)
    fill(Number(left), Number(top), Number(width), Number(height), hex!);
  const packed = new Blob([pixels]).stream().pipeThrough(new CompressionStream("deflate"));
  const header = new Uint8Array(13);
  new DataView(header.buffer).setUint32(0, size);
  new DataView(header.buffer).setUint32(4, size);
  header.set([8, 2, 0, 0, 0], 8); // 8 bits of red, green, blue each
  const chunks = [chunk("IHDR", header), chunk("IDAT", new Uint8Array(await new Response(packed).arrayBuffer())), chunk("IEND", new Uint8Array())]; // prettier-ignore
  return Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, ...chunks.flatMap((part) => [...part])]);
}

/** Length, name, content, CRC-32 of the last two (PNG, 3rd edition, §5.3). */
function chunk(name: string, content: Uint8Array): Uint8Array {
  const made = new Uint8Array(12 + content.length);
  const view = new DataView(made.buffer);
  view.setUint32(0, content.length);
  made.set(new TextEncoder().encode(name), 4);
  made.set(content, 8);
  let crc = 0xffffffff;
  for (const byte of made.subarray(4, 8 + content.length)) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  view.setUint32(8 + content.length, ~crc >>> 0);
  return made;
}
