/** Delta files of every format, sound and small. */

import { createHash } from "node:crypto";
import { join } from "node:path";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { Blake3 } from "../../lib/checkpoint/blake3.ts";
import { contentDigest } from "../../lib/checkpoint/content_digest.ts";
import { SafetensorsFile, writeSafetensors } from "../../lib/checkpoint/safetensors.ts";
import type { RawTensor } from "../../lib/checkpoint/tensor.ts";
import type { LinearShape } from "../../lib/checkpoint/weights.ts";
import type { LayerForm } from "../../lib/codecs/codec.ts";
import { type Delta, loadDelta, memoryDelta } from "../../lib/delta/delta.ts";
import { openDelta } from "../../lib/delta/delta_file.ts";
import { writeDelta } from "../../lib/delta/delta_writer.ts";
import { extractDelta } from "../methods/extract.ts";
import { SeededRandom } from "../../lib/util/random.ts";
import { saveTiny } from "../checkpoint/tiny_checkpoint.ts";
import { randomLayer } from "../codecs/random_layer.ts";
import { type Target, UNSEALED } from "./target.ts";

const FILE = "delta.safetensors";

const delta = {
  file: FILE,
  format: "safetensors",
  read: async (folder: string) => {
    using file = await openDelta(join(folder, FILE));
    // Without any metadata it could be the study's, which vouches for nothing: scripts say so.
    return (file.digest === null ? UNSEALED : "") + await described(file);
  },
} as const;

/** Everything that is read of a delta; the order of whole tensors says nothing. */
async function described(delta: Delta): Promise<string> {
  const { layers, whole, metadata } = await loadDelta(delta);
  return JSON.stringify(
    [metadata, [...layers], [...whole].toSorted()],
    (_, value) => value instanceof Uint8Array ? [...value] : value,
  );
}

async function writeTinyDelta(folder: string): Promise<void> {
  using base = await Checkpoint.open(await saveTiny(join(folder, "base"), { seed: 1 }));
  using fine = await Checkpoint.open(await saveTiny(join(folder, "fine"), { seed: 2 }));
  await writeDelta(join(folder, FILE), await extractDelta(base, fine));
}

/** Layers of every form, of two terms, and in their base's place. */
async function writeMixedDelta(folder: string): Promise<void> {
  const random = new SeededRandom(3);
  const forms = ["scalar", "row", "column", "row and column"].map((scale) => ({
    codec: "signs",
    form: { scale },
  }));
  const layers = forms.map((term, at): [string, LayerForm] => [
    `model.layers.${at}.mlp.up_proj`,
    { shape: [3, 40] as LinearShape, role: at === 1 ? "weight" : "delta", terms: [term, forms[0]] },
  ]);
  const norm: RawTensor = { dtype: "BF16", shape: [2], bytes: Uint8Array.of(0, 63, 128, 63) };
  await writeDelta(
    join(folder, FILE),
    memoryDelta(
      new Map(layers.map(([name, form]) => [name, randomLayer(form, random)])),
      new Map([["model.norm.weight", norm]]),
      { method: "m", settings: { rows: 3 }, baseHash: "ba5e", fineHash: null, version: 4 },
    ),
  );
}

/** The same tensors, with other metadata. */
async function rewrite(
  folder: string,
  metadataOf: (tensors: ReadonlyMap<string, RawTensor>) => Record<string, string>,
): Promise<void> {
  await writeTinyDelta(folder);
  const path = join(folder, FILE);
  const tensors = new Map<string, RawTensor>();
  {
    using file = await SafetensorsFile.open(path);
    for (const name of file.tensors.keys()) tensors.set(name, await file.read(name));
  }
  const named = [...tensors].map(([name, tensor]) => ({ name, ...tensor }));
  await writeSafetensors(path, named, metadataOf(tensors));
}

/** As the version before wrote it: one digest over all of the content. */
function version2(tensors: ReadonlyMap<string, RawTensor>): Record<string, string> {
  const metadata = {
    format: "one-bit-delta",
    version: "2",
    method: "initial",
    settings: "{}",
    widths: '{"model.layers.0.mlp.up_proj":12}',
  };
  return { ...metadata, digest: contentDigest(metadata, tensors) };
}

/**
 * Gives a file digests that fit what it holds, so that what lies behind them is met; a header that cannot be
 * read stays as it is.
 */
async function reseal(path: string): Promise<void> {
  const bytes = await Deno.readFile(path);
  try {
    const end = 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true));
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, end)));
    const { __metadata__: metadata, ...tensors } = header;
    const digests = JSON.parse(metadata.digests);
    for (const name of Object.keys(digests)) {
      if (!tensors[name]) continue;
      const [begin, past] = tensors[name].data_offsets;
      digests[name] = new Blake3().update(bytes.subarray(end + begin, end + past)).digest();
    }
    metadata.digests = JSON.stringify(digests);
    const { digest: _, ...fields } = metadata;
    const root = createHash("sha256");
    root.update(JSON.stringify(Object.keys(fields).sort().map((name) => [name, fields[name]])));
    for (const name of Object.keys(tensors).sort()) {
      root.update(JSON.stringify([name, tensors[name].dtype, tensors[name].shape]));
    }
    metadata.digest = root.digest("hex");
    const json = new TextEncoder().encode(JSON.stringify(header));
    const length = new Uint8Array(8);
    new DataView(length.buffer).setBigUint64(0, BigInt(json.length), true);
    await Deno.writeFile(path, await new Blob([length, json, bytes.subarray(end)]).bytes());
  } catch {
    // What is no header, or no object, is the reader's to refuse.
  }
}

export const deltaTargets: readonly Target[] = [
  { ...delta, name: "delta", sealed: true, make: writeTinyDelta },
  { ...delta, name: "delta of several forms", sealed: true, make: writeMixedDelta },
  {
    ...delta,
    name: "delta with digests that fit",
    sealed: false,
    make: writeMixedDelta,
    read: async (folder) => {
      await reseal(join(folder, FILE));
      return await delta.read(folder);
    },
  },
  {
    ...delta,
    name: "delta of version 2",
    sealed: true,
    make: (folder) => rewrite(folder, version2),
  },
  // As the study's own code saves it: the same tensors, and nothing that says what they are.
  {
    ...delta,
    name: "delta of the study",
    sealed: false,
    make: (folder) => rewrite(folder, () => ({})),
  },
];
