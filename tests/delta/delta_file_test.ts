import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { Blake3 } from "../../lib/checkpoint/blake3.ts";
import { SafetensorsFile, writeSafetensors } from "../../lib/checkpoint/safetensors.ts";
import type { RawTensor } from "../../lib/checkpoint/tensor.ts";
import { signsTerm } from "../../lib/codecs/signs.ts";
import { memoryDelta } from "../../lib/delta/delta.ts";
import { bitsPerWeight, deltaBytes } from "../../lib/delta/delta_size.ts";
import { openDelta, readDelta } from "../../lib/delta/delta_file.ts";
import { writeDelta } from "../../lib/delta/delta_writer.ts";
import { DeltaError, SafetensorsError, TensorFileError } from "../../lib/util/errors.ts";
import { renameType } from "../checkpoint/changed_folder.ts";
import { sha256 } from "../checkpoint/old_hashes.ts";
import { temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";
import { oraclePath } from "../oracle.ts";
import { deltas } from "./any_delta.ts";
import { changed, contents } from "./signs_of_layers.ts";

const LAYER = "model.layers.0.mlp.up_proj";
const small = memoryDelta(
  new Map([[LAYER, {
    shape: [2, 40],
    role: "delta",
    terms: [signsTerm(Int32Array.of(-5, 9, 1, 3), [2, 40], { coeff: 0.5 })],
  }]]),
  new Map([
    ["model.norm.weight", { dtype: "BF16", shape: [2], bytes: Uint8Array.of(0, 63, 128, 63) }],
  ]),
  {
    method: "activation-aware",
    settings: { rows: 256, text: "文.txt", centred: false },
    baseHash: "ba5e",
    fineHash: "f19e",
    version: 4,
  },
);

Deno.test("any delta comes back as it was written: forms, roles, several terms", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "delta.safetensors");
  await fc.assert(
    fc.asyncProperty(deltas, async (delta) => {
      await writeDelta(path, delta);
      const read = await readDelta(path);
      assert.deepEqual(await contents(read), await contents(delta));
      assert.deepEqual([...read.layers.keys()], [...delta.layers.keys()]);
    }),
    { numRuns: 60 },
  );
});

Deno.test("a delta takes the bytes and bits that its layouts say, the header left out", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "delta.safetensors");
  await fc.assert(
    fc.asyncProperty(deltas, async (delta) => {
      await writeDelta(path, delta);
      const bytes = await Deno.readFile(path);
      const header = 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true));
      assert.equal(deltaBytes(delta), bytes.length - header);
      let [whole, weights] = [0, 0];
      for (const { bytes } of delta.whole.values()) whole += bytes.length;
      for (const { shape } of delta.layers.values()) weights += shape[0] * shape[1];
      assert.equal(bitsPerWeight(delta), 8 * (bytes.length - header - whole) / weights);
    }),
    { numRuns: 20 },
  );
});

Deno.test("one flipped bit in any byte of the file is refused", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "delta.safetensors");
  await writeDelta(path, small);
  const bytes = await Deno.readFile(path);
  for (let at = 0; at < bytes.length; at++) {
    // Each byte by another of its bits: all of them would take eight times as long.
    const bit = 1 << at % 8;
    bytes[at] ^= bit;
    await Deno.writeFile(path, bytes);
    await assert.rejects(readDelta(path), (error) => {
      return error instanceof DeltaError || error instanceof TensorFileError;
    }, `bit ${at % 8} of byte ${at}`);
    bytes[at] ^= bit;
  }
  await Deno.writeFile(path, bytes);
  assert.deepEqual(await contents(await readDelta(path)), await contents(small));
});

Deno.test("the digest is a SHA-256 of fields, names and the entries' own digests by BLAKE3, as told", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "delta.safetensors");
  const digest = await writeDelta(path, small);
  using file = await SafetensorsFile.open(path);
  const { digest: stored, ...fields } = file.metadata;
  const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  const digestOfParts = async (...parts: Uint8Array<ArrayBuffer>[]) => {
    const bytes = await new Blob(parts).arrayBuffer();
    return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
  };
  const parts = [text(Object.keys(fields).sort().map((name) => [name, fields[name]]))];
  const digests: Record<string, string> = {};
  for (const name of [...file.tensors.keys()].sort()) {
    const { dtype, shape, bytes } = await file.read(name);
    parts.push(text([name, dtype, shape]));
    digests[name] = new Blake3().update(bytes).digest();
  }
  assert.deepEqual(JSON.parse(fields.digests), digests);
  assert.equal(stored, await digestOfParts(...parts));
  using opened = await openDelta(path);
  assert.deepEqual([opened.digest, digest], [stored, stored]);
});

Deno.test("a layer is read, and held to its digest, when it is asked for and not before", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "delta.safetensors");
  const layers = new Map([...small.layers, [
    "model.layers.1.mlp.up_proj",
    small.layers.get(LAYER)!,
  ]]);
  await writeDelta(path, memoryDelta(layers, small.whole, small.metadata));
  const bytes = await Deno.readFile(path);
  using place = await SafetensorsFile.open(path);
  const end = bytes.length - Math.max(...[...place.tensors.values()].map((each) => each.end));
  bytes[end + place.place(`${LAYER}.mask`).begin] ^= 1;
  await Deno.writeFile(path, bytes);
  using file = await openDelta(path);
  const found = await file.readLayer("model.layers.1.mlp.up_proj");
  assert.deepEqual(found, small.layers.get(LAYER));
  assert.deepEqual(await file.readWhole("model.norm.weight"), small.whole.get("model.norm.weight"));
  await assert.rejects(file.readLayer(LAYER), (error) => {
    assert.ok(error instanceof DeltaError);
    assert.match(error.message, /delta\.safetensors', tensor '.*up_proj\.mask': is not as it was/);
    return true;
  });
});

Deno.test("the file has the study's names and shapes", async () => {
  await using folder = await temporaryFolder();
  const original = oraclePath("A", "diff_orig_distilled.safetensors");
  const copy = join(folder.path, "copy.safetensors");
  await writeDelta(copy, await readDelta(original));
  using expected = await SafetensorsFile.open(original);
  using written = await SafetensorsFile.open(copy);
  assert.deepEqual([...written.tensors.keys()].sort(), [...expected.tensors.keys()].sort());
  for (const name of expected.tensors.keys()) {
    assert.deepEqual(await written.read(name), await expected.read(name));
  }
  assert.equal(written.metadata.format, "one-bit-delta");
  assert.equal(written.metadata.version, "4");
  assert.match(written.metadata.library, /^\d+\.\d+\.\d+$/);
});

/** The file of `small` with other metadata and tensors, and a root that fits them. */
async function resealed(
  path: string,
  change: (
    metadata: Record<string, string>,
    tensors: Map<string, RawTensor>,
  ) => void,
): Promise<void> {
  await writeDelta(path, small);
  const tensors = new Map<string, RawTensor>();
  let metadata: Record<string, string>;
  {
    using file = await SafetensorsFile.open(path);
    metadata = { ...file.metadata };
    for (const name of file.tensors.keys()) tensors.set(name, await file.read(name));
  }
  change(metadata, tensors);
  if ("digest" in metadata) {
    const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
    const { digest: _, ...fields } = metadata;
    const parts = [text(Object.keys(fields).sort().map((name) => [name, fields[name]]))];
    for (const name of [...tensors.keys()].sort()) {
      const { dtype, shape } = tensors.get(name)!;
      parts.push(text([name, dtype, shape]));
    }
    const bytes = await new Blob(parts).arrayBuffer();
    metadata.digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
  }
  await writeSafetensors(path, [...tensors].map(([name, each]) => ({ name, ...each })), metadata);
}

Deno.test("a file of version 3, whose entries have digests by SHA-256, is read and held to them", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "delta.safetensors");
  const asVersion3 = (change: (digests: Record<string, string>) => void): Change => {
    return (metadata, tensors) => {
      const digests = Object.fromEntries(
        [...tensors].map(([name, { bytes }]) => [name, sha256(bytes)]),
      );
      change(digests);
      Object.assign(metadata, { version: "3", digests: JSON.stringify(digests) });
    };
  };
  await resealed(path, asVersion3(() => {}));
  const expected = changed(small, { metadata: { ...small.metadata, version: 3 } });
  assert.deepEqual(await contents(await readDelta(path)), await contents(expected));
  const entry = `${LAYER}.mask`;
  await resealed(path, asVersion3((digests) => digests[entry] = sha256("other")));
  await assert.rejects(
    readDelta(path),
    /up_proj\.mask': is not as it was written: got '[0-9a-f]{64}'/,
  );
});

type Change = Parameters<typeof resealed>[1];
const inForms = (from: string, to: string): Change => (metadata) => {
  assert.ok(metadata.forms.includes(from));
  metadata.forms = metadata.forms.replace(from, to);
};
const inLayers = (from: string, to: string): Change => (metadata) => {
  assert.ok(metadata.layers.includes(from));
  metadata.layers = metadata.layers.replace(from, to);
};
const bad: [name: string, change: Change, message: RegExp][] = [
  ["of a later version", (fields) => fields.version = "7", /'version'.*got 7.*<=6/],
  ["without a digest", (fields) => delete fields.digest, /'digest': has no digest/],
  ["without method", (fields) => delete fields.method, /'method'.*nothing/],
  ["without forms", (fields) => delete fields.forms, /'forms'.*nothing/],
  [
    "with broken settings",
    (fields) => fields.settings = "{",
    /'settings'.*got '\{'; expected JSON$/,
  ],
  ["with nested settings", (fields) => fields.settings = '{"a":[1]}', /'settings\.a'/],
  [
    "of a codec that is not known",
    inForms("signs", "quaternary"),
    /'codec': is no codec that is known here: got 'quaternary'; expected signs/,
  ],
  ["of a form that is none", inForms("scalar", "block"), /no form of the codec 'signs'.*block/],
  ["of a role that is none", inForms('"delta"', '"sum"'), /'forms\.0\.role'.*got 'sum'/],
  [
    "of a layer without terms",
    inForms('{"codec":"signs","form":{"scale":"scalar"}}', ""),
    /no terms/,
  ],
  ["whose layer has no form", inLayers('"form":0', '"form":1'), /got 1; expected the place of one/],
  ["whose layer is wider", inLayers("[2,40]", "[2,65]"), /mask'.*\[2,2\].*expected I32 .* \[3,2\]/],
  ["whose layer is of no size", inLayers("[2,40]", "[2,0]"), /got 0/],
  ["without layers", (fields) => fields.layers = "{}", /holds no layers/],
  [
    "without a part",
    (_, tensors) => tensors.delete(`${LAYER}.coeff`),
    /up_proj\.coeff'.*got 'nothing'; expected F32 of shape \[\]/,
  ],
  [
    "with a whole weight beside its layer",
    (_, tensors) => tensors.set(`${LAYER}.weight`, tensors.get("model.norm.weight")!),
    /up_proj\.weight'.*nothing whole beside the parts/,
  ],
  [
    "with a tensor that has no digest",
    (_, tensors) => tensors.set("x", tensors.get("model.norm.weight")!),
    /'x': has no digest/,
  ],
  [
    "with a NaN scale",
    (fields, tensors) => withBytes(fields, tensors, `${LAYER}.coeff`, [0, 0, 0xc0, 0x7f]),
    /up_proj\.coeff'.*got NaN; expected one finite float/,
  ],
  [
    "with an infinite norm",
    (fields, tensors) => withBytes(fields, tensors, "model.norm.weight", [0, 0, 0x80, 0xff]),
    /'model\.norm\.weight'.*'-Infinity as element 1'; expected finite floats/,
  ],
];

/** Bytes that are sealed like those before. */
function withBytes(
  fields: Record<string, string>,
  tensors: Map<string, RawTensor>,
  name: string,
  bytes: number[],
): void {
  tensors.set(name, { ...tensors.get(name)!, bytes: Uint8Array.from(bytes) });
  const digests = JSON.parse(fields.digests);
  digests[name] = new Blake3().update(Uint8Array.from(bytes)).digest();
  fields.digests = JSON.stringify(digests);
}

for (const [name, change, message] of bad) {
  Deno.test(`a delta file ${name} is refused`, async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "bad.safetensors");
    await resealed(path, change);
    await assert.rejects(readDelta(path), (error) => {
      assert.ok(error instanceof DeltaError, String(error));
      assert.match(error.message, message);
      assert.match(error.message, /bad\.safetensors/);
      return true;
    });
  });
}

Deno.test("a file sealed by the test as these were is read", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "good.safetensors");
  await resealed(path, () => {});
  assert.deepEqual(await contents(await readDelta(path)), await contents(small));
});

Deno.test("a layer or tensor that is not in a delta is named", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "delta.safetensors");
  await writeDelta(path, small);
  using file = await openDelta(path);
  for (const delta of [file, small]) {
    await assert.rejects(delta.readLayer("model.norm"), /'model\.norm': is not in the delta/);
    await assert.rejects(delta.readWhole("lm_head.weight"), /'lm_head\.weight': is not in the/);
  }
});

Deno.test("a delta file that is not there, or not a safetensors file, is refused", async () => {
  await assert.rejects(readDelta("nowhere.safetensors"), SafetensorsError);
  await assert.rejects(readDelta(oraclePath("A", "ppl.json")), SafetensorsError);
});

Deno.test("a tensor of a type that is not known is not left out of a delta", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "delta.safetensors");
  const norm: RawTensor = { dtype: "U8", shape: [2], bytes: new Uint8Array(2) };
  const whole = new Map([["model.norm.weight", norm]]);
  await writeDelta(path, memoryDelta(small.layers, whole, small.metadata));
  await renameType(path, "U8", "C64");
  await assert.rejects(readDelta(path), (error) => {
    assert.ok(error instanceof TensorFileError);
    assert.match(error.message, /'model\.norm\.weight': has an unknown dtype: got 'C64'/);
    return true;
  });
});
