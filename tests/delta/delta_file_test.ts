import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import { SafetensorsFile, writeSafetensors } from "../../lib/checkpoint/safetensors.ts";
import type { RawTensor } from "../../lib/checkpoint/tensor.ts";
import { type Delta, deltaBytes, withScales } from "../../lib/delta/delta.ts";
import { readDelta, readDeltaFile, writeDelta } from "../../lib/delta/delta_file.ts";
import { wordsPerRow } from "../../lib/codecs/signs.ts";
import { DeltaError, OutputError, SafetensorsError } from "../../lib/util/errors.ts";
import { renameType } from "../checkpoint/changed_folder.ts";
import { filesIn, temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";
import { oracleJson, oraclePath } from "../oracle.ts";

const layers = fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 99 })).chain(
  ([outSize, inSize]) =>
    fc.record({
      shape: fc.constant<[number, number]>([outSize, inSize]),
      mask: fc.int32Array({
        minLength: outSize * wordsPerRow(inSize),
        maxLength: outSize * wordsPerRow(inSize),
      }),
      scale: fc.float({ noNaN: true, noDefaultInfinity: true }).filter((scale) => scale !== 0),
    }, { noNullPrototype: true }),
);
const names = ["self_attn.q_proj", "self_attn.k_proj", "mlp.gate_proj", "mlp.down_proj"];
const deltas: fc.Arbitrary<Delta> = fc.record({
  layers: fc.array(layers, { minLength: 1, maxLength: 4 }).map((layers) =>
    new Map(layers.map((layer, i) => [`model.layers.${10 * i}.${names[i]}`, layer]))
  ),
  whole: fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 3 }).map((tensors) =>
    new Map(tensors.map((bytes, i): [string, RawTensor] => [
      `model.norm${i}.weight`,
      { dtype: "U8", shape: [bytes.length], bytes },
    ]))
  ),
  metadata: fc.record({
    method: fc.string(),
    settings: fc.dictionary(
      fc.stringMatching(/^[a-z]{1,6}_$/),
      fc.oneof(
        fc.string(),
        fc.integer(),
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.boolean(),
      ),
      { noNullPrototype: true },
    ).filter((settings) => !Object.values(settings).some((value) => Object.is(value, -0))),
    baseHash: fc.option(fc.string()),
    fineHash: fc.option(fc.string()),
    version: fc.constant(2),
  }, { noNullPrototype: true }),
}, { noNullPrototype: true });

Deno.test("any delta comes back as it was written, widths included", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "delta.safetensors");
  await fc.assert(
    fc.asyncProperty(deltas, async (delta) => {
      await writeDelta(path, delta);
      const read = await readDelta(path);
      assert.deepEqual(read, delta);
      assert.deepEqual([...read.layers.keys()], [...delta.layers.keys()]);
    }),
    { numRuns: 60 },
  );
});

Deno.test("a delta takes the bytes that deltaBytes says, the header left out", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "delta.safetensors");
  await fc.assert(
    fc.asyncProperty(deltas, async (delta) => {
      await writeDelta(path, delta);
      const bytes = await Deno.readFile(path);
      const header = 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true));
      assert.equal(deltaBytes(delta), bytes.length - header);
    }),
    { numRuns: 20 },
  );
});

const small: Delta = {
  layers: new Map([
    ["model.layers.0.mlp.up_proj", {
      shape: [2, 40],
      mask: Int32Array.of(-5, 9, 1, 3),
      scale: 0.5,
    }],
  ]),
  whole: new Map([
    ["model.norm.weight", { dtype: "BF16", shape: [2], bytes: Uint8Array.of(0, 63, 128, 63) }],
  ]),
  metadata: {
    method: "activation-aware",
    settings: { rows: 256, text: "文.txt", centred: false },
    baseHash: "ba5e",
    fineHash: "f19e",
    version: 2,
  },
};

Deno.test("one flipped bit, anywhere in the file, is refused", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "delta.safetensors");
  await writeDelta(path, small);
  const bytes = await Deno.readFile(path);
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    bytes[bit >> 3] ^= 1 << (bit & 7);
    await Deno.writeFile(path, bytes);
    await assert.rejects(readDelta(path), (error) => {
      return error instanceof DeltaError || error instanceof SafetensorsError;
    }, `bit ${bit & 7} of byte ${bit >> 3}`);
    bytes[bit >> 3] ^= 1 << (bit & 7);
  }
  await Deno.writeFile(path, bytes);
  assert.deepEqual(await readDelta(path), small);
});

Deno.test("the digest is a SHA-256 of fields and tensors by name, as told, and is answered", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "delta.safetensors");
  const digest = await writeDelta(path, small);
  using file = await SafetensorsFile.open(path);
  const { digest: stored, ...fields } = file.metadata;
  const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  const parts = [text(Object.keys(fields).sort().map((name) => [name, fields[name]]))];
  for (const name of [...file.tensors.keys()].sort()) {
    const { dtype, shape, bytes } = await file.read(name);
    parts.push(text([name, dtype, shape]), bytes as Uint8Array<ArrayBuffer>);
  }
  const hash = await crypto.subtle.digest("SHA-256", await new Blob(parts).arrayBuffer());
  assert.equal(stored, new Uint8Array(hash).toHex());
  assert.deepEqual(await readDeltaFile(path), { delta: small, digest: stored });
  assert.equal(digest, stored);
});

Deno.test("a file from before there were digests is read, and says that it has none", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "old.safetensors");
  await writeSafetensors(path, [mask, scale], header);
  const { delta, digest } = await readDeltaFile(path);
  assert.equal(digest, null);
  assert.deepEqual([delta.metadata.version, delta.layers.get("x")!.scale], [1, 0]);
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
  assert.equal(written.metadata.version, "2");
  assert.match(written.metadata.library, /^\d+\.\d+\.\d+$/);
});

Deno.test("the study's own file is read: its scales, and nothing known of its origin", async () => {
  interface Distilled {
    orig: { coeff_final: Record<string, number> };
  }
  for (const pair of ["A", "B"]) {
    const delta = await readDelta(oraclePath(pair, "diff_orig_distilled.safetensors"));
    const { orig } = await oracleJson<Distilled>(pair, "distill.json");
    const scales = [...delta.layers].map(([name, { scale }]) => [`${name}.coeff`, scale]);
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

Deno.test("new scales replace the old, as 32-bit floats, and leave all else", async () => {
  const delta = await readDelta(oraclePath("B", "diff_orig_distilled.safetensors"));
  const scales = new Map([...delta.layers.keys()].map((name, i) => [name, 0.1 * (i + 1)]));
  const changed = withScales(delta, scales, {
    method: "activation-aware",
    settings: { rows: 256 },
  });
  for (const [name, layer] of changed.layers) {
    const before = delta.layers.get(name)!;
    assert.deepEqual(layer, { ...before, scale: Math.fround(scales.get(name)!) });
  }
  assert.equal(changed.whole, delta.whole);
  const { method, settings, baseHash } = changed.metadata;
  assert.deepEqual([method, settings, baseHash], ["activation-aware", { rows: 256 }, null]);
});

Deno.test("a missing scale, or one that is not finite, is named", async () => {
  const delta = await readDelta(oraclePath("B", "diff_orig_distilled.safetensors"));
  const [first, ...others] = delta.layers.keys();
  const scales = new Map(others.map((name) => [name, 1]));
  for (const scale of [undefined, NaN, Infinity]) {
    const withOne = scale === undefined ? scales : new Map([...scales, [first, scale]]);
    assert.throws(() => withScales(delta, withOne, {}), (error) => {
      assert.ok(error instanceof DeltaError);
      assert.ok(error.message.includes(`'${first}': has no usable scale: got '${scale}'`));
      return true;
    });
  }
});

type Named = { name: string } & RawTensor;
const mask: Named = { name: "x.mask", dtype: "I32", shape: [2, 1], bytes: new Uint8Array(8) };
const scale: Named = { name: "x.coeff", dtype: "F32", shape: [], bytes: new Uint8Array(4) };
const norm = (dtype: "F16" | "BF16", bits: number): Named => {
  const bytes = new Uint8Array(Uint16Array.of(0, bits).buffer);
  return { name: "n.weight", dtype, shape: [2], bytes };
};
const nanBytes = new Uint8Array(Float32Array.of(NaN).buffer);
const header = { format: "one-bit-delta", version: "1", method: "initial", settings: "{}" };

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
  [
    "with a NaN scale",
    [mask, { ...scale, bytes: nanBytes }],
    {},
    /'x\.coeff'.*got \[NaN\].*finite/,
  ],
  [
    "with several scales a layer",
    [mask, { ...scale, shape: [2], bytes: new Uint8Array(8) }],
    {},
    /'x\.coeff'.*got \[0, 0\].*one finite/,
  ],
  [
    "whose width does not fit",
    [mask, scale],
    { ...header, widths: '{"x": 65}' },
    /'x\.mask'.*expected 3 words for its width 65/,
  ],
  ["of another format", [mask, scale], { ...header, format: "pt" }, /'format'.*got 'pt'/],
  ["of a newer version", [mask, scale], { ...header, version: "3" }, /'version'.*got 3.*<=2/],
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
    /'x\.weight'.*nothing whole beside 'x\.mask'/,
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
    /'n\.weight'.*'-Infinity as element 1'.*finite weights/,
  ],
  ["without method", [mask, scale], { format: "one-bit-delta", version: "1" }, /'method'.*nothing/],
  ["with broken settings", [mask, scale], { ...header, settings: "{" }, /'settings'.*got '\{'/],
  ["with nested settings", [mask, scale], { ...header, settings: '{"a":[1]}' }, /'settings\.a'/],
];
for (const [name, tensors, metadata, message] of bad) {
  Deno.test(`a delta file ${name} is refused`, async () => {
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

Deno.test("a delta file that is not there, or not a safetensors file, is refused", async () => {
  await assert.rejects(readDelta("nowhere.safetensors"), SafetensorsError);
  await assert.rejects(readDelta(oraclePath("A", "ppl.json")), SafetensorsError);
});

Deno.test("a folder that cannot be written is an OutputError, and nothing is left behind", async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "file");
  await Deno.writeTextFile(file, "");
  const delta = await readDelta(oraclePath("A", "diff_orig_distilled.safetensors"));
  await assert.rejects(writeDelta(join(file, "delta.safetensors"), delta), OutputError);
  assert.deepEqual(filesIn(folder.path), ["file"]);
});

Deno.test("a tensor of a type that is not known is not left out of a delta", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "delta.safetensors");
  const norm: RawTensor = { dtype: "U8", shape: [2], bytes: new Uint8Array(2) };
  const layer = { shape: [1, 32] as [number, number], mask: new Int32Array(1), scale: 1 };
  const metadata = { method: "m", settings: {}, baseHash: null, fineHash: null, version: 1 };
  await writeDelta(path, {
    layers: new Map([["model.layers.0.mlp.up_proj", layer]]),
    whole: new Map([["model.norm.weight", norm]]),
    metadata,
  });
  await renameType(path, "U8", "C64");
  await assert.rejects(readDelta(path), (error) => {
    assert.ok(error instanceof SafetensorsError);
    assert.match(error.message, /'model\.norm\.weight': has an unknown dtype: got 'C64'/);
    return true;
  });
});
