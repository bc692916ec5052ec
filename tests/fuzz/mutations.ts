/**
 * Files with faults, drawn at random from a seed: flipped bits, lost and repeated stretches, and, in
 * JSON, fields that are missing, twice there, of another type or of a value that nobody expects. Knows
 * the shape of a format and not what it means.
 */

import { gunzipSync, gzipSync } from "node:zlib";
import type { SeededRandom } from "../../lib/util/random.ts";

/** How a file is laid out, and so which faults reach beyond its first check. */
export type Format = "json" | "json lines" | "safetensors" | "gzip" | "bytes";

/** A copy of `bytes` with one to three faults. */
export function mutated(bytes: Uint8Array, format: Format, random: SeededRandom): Uint8Array {
  let result = bytes;
  for (let faults = 1 + random.integer(3); faults > 0; faults--) {
    result = withFault(result, format, random);
  }
  return result;
}

function withFault(bytes: Uint8Array, format: Format, random: SeededRandom): Uint8Array {
  if (format === "bytes" || random.integer(4) === 0) return withByteFault(bytes, random);
  switch (format) {
    case "json":
      return withJsonFault(bytes, random) ?? withByteFault(bytes, random);
    case "json lines":
      return withLineFault(bytes, random);
    case "safetensors":
      return withHeaderFault(bytes, random) ?? withByteFault(bytes, random);
    case "gzip":
      return withInnerFault(bytes, random) ?? withByteFault(bytes, random);
  }
}

/** Numbers at the bounds of what a field may hold, and what a careless reader takes for numbers. */
const oddScalars = [
  ..."-1 0 1 -0 0.5 -0.0001 2147483648 -2147483649 4294967295 9007199254740993".split(" "),
  ..."1e308 1e999 -1e999 1e-320 30000000 null true false".split(" "),
  ...["", " ", "-1", "NaN", "__proto__", "\0", "\ud800", "../../escape", "(a+)+$", "x".repeat(5000)]
    .map((text) => JSON.stringify(text)),
];

/** JSON that keeps what `JSON.parse` loses: keys that come twice, and numbers as they are written. */
type Tree =
  | { entries: [key: string, value: Tree][] }
  | { items: Tree[] }
  | { scalar: string }
  /** A string that holds JSON itself, as fields of a header do. */
  | { text: Tree };

function treeOf(value: unknown): Tree {
  if (Array.isArray(value)) return { items: value.map(treeOf) };
  if (typeof value === "string" && /^[[{]/.test(value)) {
    const text = parsed(new TextEncoder().encode(value));
    if (text !== null) return { text };
  }
  if (typeof value !== "object" || value === null) return { scalar: JSON.stringify(value) };
  return { entries: Object.entries(value).map(([key, each]) => [key, treeOf(each)]) };
}

function textOf(tree: Tree): string {
  if ("scalar" in tree) return tree.scalar;
  if ("text" in tree) return JSON.stringify(textOf(tree.text));
  if ("items" in tree) return `[${tree.items.map(textOf).join(",")}]`;
  return `{${
    tree.entries.map(([key, each]) => `${JSON.stringify(key)}:${textOf(each)}`).join(",")
  }}`;
}

function withJsonFault(bytes: Uint8Array, random: SeededRandom): Uint8Array | null {
  const tree = parsed(bytes);
  if (tree === null) return null;
  changeSomewhere(tree, random);
  return new TextEncoder().encode(textOf(tree));
}

function parsed(bytes: Uint8Array): Tree | null {
  try {
    return treeOf(JSON.parse(new TextDecoder().decode(bytes)));
  } catch {
    return null;
  }
}

/** Walks down from the root and stops where chance says so, so that outer fields are met as often. */
function changeSomewhere(tree: Tree, random: SeededRandom): void {
  if ("scalar" in tree) return;
  if ("text" in tree) return changeSomewhere(tree.text, random);
  const children = "items" in tree ? tree.items : tree.entries;
  if (children.length === 0) {
    if ("items" in tree) tree.items.push(odd(random));
    else tree.entries.push(["added", odd(random)]);
    return;
  }
  const at = random.integer(children.length);
  const child = "items" in tree ? tree.items[at] : tree.entries[at][1];
  if (!("scalar" in child) && random.integer(4) > 0) return changeSomewhere(child, random);
  if ("items" in tree) changeAt(tree.items, at, () => odd(random), random);
  else if (random.integer(6) === 0) {
    tree.entries[at] = [random.integer(2) ? "__proto__" : `${tree.entries[at][0]}_`, child];
  } else {
    const other = (): [string, Tree] => [tree.entries[at][0], odd(random)];
    changeAt(tree.entries, at, other, random);
  }
}

/** Removes, repeats, moves or replaces one of several. */
function changeAt<T>(items: T[], at: number, other: () => T, random: SeededRandom): void {
  switch (random.integer(6)) {
    case 0:
      items.splice(at, 1);
      break;
    case 1:
      items.push(items[at]);
      break;
    case 2:
      items.push(items.splice(at, 1)[0]);
      break;
    case 3:
      items.push(other());
      break;
    default:
      items[at] = other();
  }
}

function odd(random: SeededRandom): Tree {
  switch (random.integer(8)) {
    case 0:
      return { items: [] };
    case 1:
      return { entries: [] };
    case 2: {
      const depth = 10 ** (1 + random.integer(5));
      return { scalar: "[".repeat(depth) + "]".repeat(depth) };
    }
    default:
      return { scalar: oddScalars[random.integer(oddScalars.length)] };
  }
}

function withLineFault(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  const rows = new TextDecoder().decode(bytes).split("\n");
  const at = random.integer(rows.length);
  const row = withJsonFault(new TextEncoder().encode(rows[at]), random);
  const text = row ? new TextDecoder().decode(row) : textOf(odd(random));
  changeAt(rows, at, () => text, random);
  return new TextEncoder().encode(rows.join("\n"));
}

/** A fault in the JSON of a header whose length is mended, so that the fault itself is what is met. */
function withHeaderFault(bytes: Uint8Array, random: SeededRandom): Uint8Array | null {
  if (bytes.length < 8) return null;
  const length = new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  if (length > BigInt(bytes.length - 8)) return null;
  const end = 8 + Number(length);
  const json = withJsonFault(bytes.subarray(8, end), random);
  if (json === null) return null;
  const header = new Uint8Array(8 + json.length);
  new DataView(header.buffer).setBigUint64(0, BigInt(json.length), true);
  header.set(json, 8);
  return joined(header, bytes.subarray(end));
}

/** A fault in what a compressed file holds. */
function withInnerFault(bytes: Uint8Array, random: SeededRandom): Uint8Array | null {
  try {
    return new Uint8Array(gzipSync(withLineFault(new Uint8Array(gunzipSync(bytes)), random)));
  } catch {
    return null;
  }
}

function withByteFault(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  if (bytes.length === 0) return Uint8Array.of(random.integer(256));
  const begin = random.integer(bytes.length);
  const end = Math.min(bytes.length, begin + 1 + random.integer(64));
  const stretch = bytes.slice(begin, end);
  switch (random.integer(6)) {
    case 0: {
      const flipped = bytes.slice();
      flipped[begin] ^= 1 << random.integer(8);
      return flipped;
    }
    case 1:
      return bytes.slice(0, begin);
    case 2:
      return joined(bytes.subarray(0, begin), bytes.subarray(end));
    case 3:
      return joined(bytes.subarray(0, end), stretch, bytes.subarray(end));
    case 4:
      return joined(
        bytes.subarray(0, begin),
        stretch.fill(random.integer(256)),
        bytes.subarray(end),
      );
    default:
      return joined(
        bytes.subarray(0, begin),
        stretch.map(() => random.integer(256)),
        bytes.subarray(end),
      );
  }
}

function joined(...parts: Uint8Array[]): Uint8Array {
  const result = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}
