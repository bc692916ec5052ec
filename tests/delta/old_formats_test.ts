/** Delta files of versions 1 and 2 and of the study's own code, written here from their description. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { writeSafetensors } from "../../lib/checkpoint/safetensors.ts";
import type { RawTensor } from "../../lib/checkpoint/tensor.ts";
import { openDelta, readDelta } from "../../lib/delta/delta_file.ts";
import { DeltaError, TensorFileError } from "../../lib/util/errors.ts";
import { temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";
import { oracleJson, oraclePath } from "../oracle.ts";
import { maskOf, scaleOf, scalesOf } from "./signs_of_layers.ts";

type Named = { name: string } & RawTensor;
const mask: Named = {
  name: "x.mask",
  dtype: "I32",
  shape: [2, 1],
  bytes: new Uint8Array(Int32Array.of(-5, 9).buffer),
};
const scale: Named = {
  name: "x.coeff",
  dtype: "F32",
  shape: [],
  bytes: new Uint8Array(Float32Array.of(0.5).buffer),
};
const norm = (dtype: "F16" | "BF16", bits: number): Named => {
  const bytes = new Uint8Array(Uint16Array.of(0, bits).buffer);
  return { name: "n.weight", dtype, shape: [2], bytes };
};
const nanBytes = new Uint8Array(Float32Array.of(NaN).buffer);
const header = { format: "one-bit-delta", version: "1", method: "initial", settings: "{}" };

/** A version-2 digest: fields, then name, type, shape and bytes of each tensor, by name. */
async function digestOf(tensors: Named[], fields: Record<string, string>): Promise<string> {
  const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  const parts = [text(Object.keys(fields).sort().map((name) => [name, fields[name]]))];
  for (
    const { name, dtype, shape, bytes } of tensors.toSorted((a, b) => a.name < b.name ? -1 : 1)
  ) {
    parts.push(text([name, dtype, shape]), bytes as Uint8Array<ArrayBuffer>);
  }
  const hash = await crypto.subtle.digest("SHA-256", await new Blob(parts).arrayBuffer());
  return new Uint8Array(hash).toHex();
}

async function writeVersion2(path: string, tensors: Named[]): Promise<string> {
  const widths = '{"x":40}';
  const hashes = { base_hash: "ba5e", fine_hash: "f19e" };
  const fields = { ...header, ...hashes, version: "2", settings: '{"rows":3}', widths };
  const digest = await digestOf(tensors, fields);
  await writeSafetensors(path, tensors, { ...fields, digest });
  return digest;
}

Deno.test("a file of version 2 is read as it was written, and its digest is told", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "old.safetensors");
  const whole = norm("BF16", 0x3f80);
  const digest = await writeVersion2(path, [mask, scale, whole]);
  using file = await openDelta(path);
  assert.equal(file.digest, digest);
  assert.deepEqual(file.metadata, {
    method: "initial",
    settings: { rows: 3 },
    baseHash: "ba5e",
    fineHash: "f19e",
    version: 2,
  });
  const layer = await file.readLayer("x");
  assert.deepEqual([layer.shape, layer.role], [[1, 40], "delta"]);
  assert.deepEqual([[...maskOf(layer)], scaleOf(layer)], [[-5, 9], 0.5]);
  const { name, ...tensor } = whole;
  assert.deepEqual(await file.readWhole(name), tensor);
});

Deno.test("one flipped bit in any byte of a file of version 2 is refused", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "old.safetensors");
  await writeVersion2(path, [mask, scale]);
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
});

Deno.test("a file of version 2 that is changed once it is open is refused where it was", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "old.safetensors");
  await writeVersion2(path, [mask, scale, norm("BF16", 0x3f80)]);
  const { atime, mtime } = await Deno.stat(path);
  using file = await openDelta(path);
  await writeVersion2(join(folder.path, "other"), [mask, scale, norm("BF16", 0x3f81)]);
  await Deno.writeFile(path, await Deno.readFile(join(folder.path, "other")));
  // By its time and size the file is the one that it was.
  await Deno.utime(path, atime!, mtime!);
  assert.equal(scaleOf(await file.readLayer("x")), 0.5);
  await assert.rejects(
    file.readWhole("n.weight"),
    /old\.safetensors', tensor 'n\.weight': has changed since the file was opened: got '[0-9a-f]{64}'/,
  );
});

Deno.test("a file from before there were digests is read, and says that it has none", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "old.safetensors");
  await writeSafetensors(path, [mask, scale], header);
  using file = await openDelta(path);
  assert.equal(file.digest, null);
  assert.deepEqual([file.metadata.version, file.layers.get("x")!.shape], [1, [1, 64]]);
  assert.deepEqual(await scalesOf(file), new Map([["x", 0.5]]));
});

Deno.test("a scale may be a list of one, of any float type", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "old.safetensors");
  const bytes = new Uint8Array(Uint16Array.of(0x3f00).buffer);
  await writeSafetensors(path, [mask, { ...scale, dtype: "BF16", shape: [1], bytes }], header);
  assert.deepEqual(await scalesOf(await readDelta(path)), new Map([["x", 0.5]]));
});

Deno.test("the study's own file is read: its scales, and nothing known of its origin", async () => {
  interface Distilled {
    orig: { coeff_final: Record<string, number> };
  }
  for (const pair of ["A", "B"]) {
    const delta = await readDelta(oraclePath(pair, "diff_orig_distilled.safetensors"));
    const { orig } = await oracleJson<Distilled>(pair, "distill.json");
    const scales = [...await scalesOf(delta)].map(([name, scale]) => [`${name}.coeff`, scale]);
    assert.deepEqual(Object.fromEntries(scales), orig.coeff_final);
    assert.deepEqual(delta.metadata, {
      method: "unknown",
      settings: {},
      baseHash: null,
      fineHash: null,
      version: null,
    });
    assert.ok(delta.whole.has("lm_head.weight"));
  }
});

const bad: [name: string, tensors: Named[], metadata: Record<string, string>, message: RegExp][] = [
  ["without masks", [{ ...mask, name: "x.weight" }], {}, /holds no masks.*x\.weight.*\.mask/],
  ["with a mask of floats", [{ ...mask, dtype: "F32" }, scale], {}, /'x\.mask'.*F32 of shape.*I32/],
  ["with a flat mask", [{ ...mask, shape: [2] }, scale], {}, /'x\.mask'.*shape \[2\]/],
  ["with a mask without scale", [mask], {}, /'x\.mask'.*'x\.coeff' beside it/],
  [
    "with a scale without mask",
    [mask, scale, { ...scale, name: "y.coeff" }],
    {},
    /'y\.coeff'.*mask/,
  ],
  [
    "with a scale of integers",
    [mask, { ...scale, dtype: "I32" }],
    {},
    /'x\.coeff'.*one finite float/,
  ],
  ["with a NaN scale", [mask, { ...scale, bytes: nanBytes }], {}, /'x\.coeff'.*got NaN.*finite/],
  [
    "with several scales a layer",
    [mask, { ...scale, shape: [2], bytes: new Uint8Array(8) }],
    {},
    /'x\.coeff'.*got 'F32 of shape \[2\]'.*one finite/,
  ],
  [
    "whose width does not fit",
    [mask, scale],
    { ...header, widths: '{"x": 65}' },
    /'x\.mask'.*expected 3 words for its width 65/,
  ],
  ["of another format", [mask, scale], { ...header, format: "pt" }, /'format'.*got 'pt'/],
  ["without the digest of its version", [mask, scale], { ...header, version: "2" }, /no digest/],
  [
    "of version 1 with a digest that is wrong",
    [mask, scale],
    { ...header, digest: "00" },
    /'digest': is not as it was written/,
  ],
  [
    "with a whole weight beside its mask",
    [mask, scale, { ...scale, name: "x.weight" }],
    header,
    /'x\.weight'.*nothing whole beside/,
  ],
  [
    "with a NaN norm",
    [mask, scale, norm("BF16", 0x7fc0)],
    header,
    /'n\.weight'.*'NaN as element 1'/,
  ],
  [
    "with an infinite norm",
    [mask, scale, norm("F16", 0xfc00)],
    header,
    /'n\.weight'.*'-Infinity as element 1'.*finite floats/,
  ],
  ["without method", [mask, scale], { format: "one-bit-delta", version: "1" }, /'method'.*nothing/],
  [
    "with broken settings",
    [mask, scale],
    { ...header, settings: "{" },
    /'settings'.*got '\{'; expected JSON$/,
  ],
];
for (const [name, tensors, metadata, message] of bad) {
  Deno.test(`an old delta file ${name} is refused`, async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "bad.safetensors");
    await writeSafetensors(path, tensors, metadata);
    await assert.rejects(readDelta(path), (error) => {
      assert.ok(error instanceof DeltaError, String(error));
      assert.match(error.message, message);
      assert.match(error.message, /bad\.safetensors/);
      return true;
    });
  });
}
