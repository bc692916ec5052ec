/** That an inspection counts every byte, reads no mask unless asked to, and says what is wrong. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { toFloat32 } from "../../lib/checkpoint/tensor.ts";
import { inspect } from "../../lib/delta/inspection/inspect.ts";
import { inspectDelta } from "../../lib/delta/inspection/inspect_delta.ts";
import { parseInspection } from "../../lib/delta/inspection/schema.ts";
import { readDelta } from "../../lib/delta/delta_file.ts";
import { writeDelta } from "../../lib/delta/delta_writer.ts";
import { writeStudyDiff } from "../../lib/delta/study_diff.ts";
import { inspectionTables } from "../../lib/tables/inspection_tables.ts";
import { writeSafetensors } from "../../lib/checkpoint/safetensors.ts";
import { type DeltaError, InputError, OptionError } from "../../lib/util/errors.ts";
import { temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";
import { withLowRank } from "../codecs/low_rank.ts";
import { oraclePath } from "../oracle.ts";
import { mixedDelta } from "./mixed_delta.ts";

const total = ({ total: _, ...parts }: Record<string, number>) =>
  Object.values(parts).reduce((sum, each) => sum + each, 0);

/** A mixed delta's file, the codec of the tests in the list while it is used. */
async function mixedFile(): Promise<AsyncDisposable & { path: string; folder: string }> {
  const codec = withLowRank();
  const folder = await temporaryFolder();
  const path = join(folder.path, "delta.safetensors");
  await writeDelta(path, mixedDelta());
  const dispose = async () => {
    codec[Symbol.dispose]();
    await folder[Symbol.asyncDispose]();
  };
  return { path, folder: folder.path, [Symbol.asyncDispose]: dispose };
}

/** Where the bytes of an entry begin, by the header that this reads for itself. */
function beginOf(bytes: Uint8Array, entry: string): number {
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  return 8 + length + header[entry].data_offsets[0];
}

/** Changes one bit of an entry. */
async function spoil(path: string, entry: string): Promise<void> {
  const bytes = await Deno.readFile(path);
  bytes[beginOf(bytes, entry)] ^= 1;
  await Deno.writeFile(path, bytes);
}

Deno.test("bytes sum to the file's, by kind and by projection", async () => {
  await using file = await mixedFile();
  const { size, projections, whole } = await inspectDelta(file.path);
  assert.equal(size.bytes.total, (await Deno.stat(file.path)).size);
  assert.equal(total({ ...size.bytes }), size.bytes.total);
  const layers = projections.reduce((sum, { bytes }) => sum + bytes, 0);
  assert.equal(layers, size.bytes.masks + size.bytes.scales);
  const others = whole.reduce((sum, { bytes }) => sum + bytes!, 0);
  assert.equal(others + layers + size.bytes.header, size.bytes.total);
  assert.equal(size.weights, projections.reduce((sum, { weights }) => sum + weights, 0));
});

Deno.test("scales are told by projection, as the plain numbers have them", async () => {
  await using file = await mixedFile();
  const { projections } = await inspectDelta(file.path);
  const up = projections.find(({ projection }) => projection === "mlp.up_proj")!;
  const delta = mixedDelta();
  for (const { part, layers, numbers, min, median, max } of up.scales) {
    const vectors = [...delta.layers].filter(([name]) => name.endsWith("mlp.up_proj"))
      .flatMap(([, { terms }]) => terms.slice(0, 1))
      .flatMap(({ parts }) => parts[part] ? [[...toFloat32(parts[part])]] : []);
    if (vectors.length === 0) {
      // Of the second term: matrices of low rank, which are counted and not read.
      assert.deepEqual([part.startsWith("1."), min, median, max], [true, null, null, null]);
      continue;
    }
    const sorted = vectors.flat().sort((a, b) => a - b);
    const half = sorted.length / 2;
    const middle = (sorted[Math.ceil(half) - 1] + sorted[Math.floor(half)]) / 2;
    assert.deepEqual([layers, numbers], [vectors.length, sorted.length]);
    assert.deepEqual([min, median, max], [sorted[0], middle, sorted.at(-1)]);
  }
  assert.deepEqual(up.scales.map(({ part }) => part).slice(0, 3), ["coeff", "row", "column"]);
  assert.deepEqual(up.forms.map(({ role, layers }) => [role, layers]), [["delta", 3], [
    "weight",
    1,
  ]]);
});

Deno.test("what is printed as JSON is what the documented form reads back, every field of it", async () => {
  await using file = await mixedFile();
  const checkpoint = oraclePath("A", "base_f32");
  const found = [
    await inspect(file.path, { layer: "model.layers.1.mlp.up_proj", verify: true }),
    await inspect(checkpoint, { verify: true }),
    await inspect(join(checkpoint, "model.safetensors")),
  ];
  assert.deepEqual(found.map(({ kind }) => kind), ["delta", "checkpoint", "tensors"]);
  for (const each of found) {
    assert.deepEqual(parseInspection(JSON.parse(JSON.stringify(each))), each);
    for (const table of inspectionTables(each)) assert.notEqual(table.rows.length, 0);
  }
  const wrong = { ...found[0], layers: "28" };
  assert.throws(
    () => parseInspection(wrong),
    new OptionError({
      problem: "is no inspection",
      option: "layers",
      value: "28",
      expected: "number",
    }),
  );
});

Deno.test("no mask is read unless every byte is; then a changed bit is found where it is", async () => {
  await using file = await mixedFile();
  const mask = "model.layers.0.mlp.up_proj.mask";
  const seen: [number, number][] = [];
  const onProgress = ({ bytes }: { bytes?: { done: number; total: number } }) =>
    seen.push([bytes!.done, bytes!.total]);
  const { verification, size } = await inspectDelta(file.path, { verify: true, onProgress });
  const data = size.bytes.total - size.bytes.header;
  assert.deepEqual([verification!.bytes, verification!.digests], [data, true]);
  assert.deepEqual(seen.at(-1), [data, data]);
  await spoil(file.path, mask);
  assert.equal((await inspectDelta(file.path)).size.bytes.total, size.bytes.total);
  await assert.rejects(
    inspectDelta(file.path, { verify: true }),
    (error: DeltaError) =>
      error.fault.tensor === mask && /not as it was written/.test(error.message),
  );
});

Deno.test("a changed whole tensor is found by reading every byte, and a changed scale always", async () => {
  await using file = await mixedFile();
  await spoil(file.path, "model.norm.weight");
  await inspectDelta(file.path);
  await assert.rejects(inspectDelta(file.path, { verify: true }), /'model\.norm\.weight'.*written/);
  await spoil(file.path, "model.layers.0.mlp.up_proj.coeff");
  await assert.rejects(inspectDelta(file.path), /up_proj\.coeff'.*not as it was written/);
});

Deno.test("reading every byte stops when it is told to", async () => {
  await using file = await mixedFile();
  const controller = new AbortController();
  let reports = 0;
  const onProgress = () => {
    reports++;
    controller.abort(new Error("enough"));
  };
  const watch = { onProgress, signal: controller.signal };
  await assert.rejects(inspectDelta(file.path, { verify: true, ...watch }), /^Error: enough$/);
  assert.equal(reports, 1);
});

Deno.test("a layer is told part by part, and one that is not there with some that are", async () => {
  await using file = await mixedFile();
  const name = "model.layers.0.mlp.up_proj";
  const { layer } = await inspectDelta(file.path, { layer: `${name}.weight` });
  const { shape, terms: [{ parts }] } = mixedDelta().layers.get(name)!;
  assert.deepEqual([layer!.name, layer!.role, layer!.shape], [name, "delta", shape]);
  assert.deepEqual(layer!.parts.map(({ entry, bytes }) => [entry, bytes]), [
    [`${name}.mask`, parts.mask.bytes.length],
    [`${name}.coeff`, 4],
  ]);
  const norm = await inspectDelta(file.path, { layer: "model.norm.weight" });
  assert.equal(norm.layer!.role, "whole");
  await assert.rejects(
    inspectDelta(file.path, { layer: "model.layers.9.mlp.up_proj" }),
    /'model\.layers\.9\.mlp\.up_proj': is not in the delta; .* such as model\.layers\.0\./,
  );
});

Deno.test("a file of the study's own code has no hashes, no digests, and every byte counted", async () => {
  const path = oraclePath("B", "diff_orig_distilled.safetensors");
  const found = await inspect(path, { verify: true });
  assert.ok(found.kind === "delta");
  assert.deepEqual([found.version, found.digest, found.verification!.digests], [null, null, false]);
  assert.equal(found.size.bytes.total, (await Deno.stat(path)).size);
});

Deno.test("a diff.pt is counted to the byte, what its format adds with the header", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "diff.pt");
  const delta = await readDelta(oraclePath("B", "diff_orig_distilled.safetensors"));
  await writeStudyDiff(path, delta);
  const found = await inspect(path, { verify: true });
  assert.ok(found.kind === "delta");
  const { bytes, weights } = found.size;
  assert.equal(bytes.total, (await Deno.stat(path)).size);
  assert.equal(total({ ...bytes }), bytes.total);
  assert.deepEqual([bytes.masks, bytes.scales], [weights / 8, 4 * found.layers]);
  assert.deepEqual(found.projections[0].scales[0].numbers, found.projections[0].layers);
});

Deno.test("a scale of an old file counts as many bytes as it takes there", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "old.safetensors");
  const mask = new Uint8Array(Int32Array.of(-5, 9).buffer);
  const scale = new Uint8Array(Float16Array.of(0.5).buffer);
  await writeSafetensors(path, [
    { name: "x.mask", dtype: "I32", shape: [2, 1], bytes: mask },
    { name: "x.coeff", dtype: "F16", shape: [1], bytes: scale },
  ]);
  const found = await inspectDelta(path);
  assert.deepEqual([found.size.bytes.masks, found.size.bytes.scales], [8, 2]);
  assert.equal(found.size.bytes.total, (await Deno.stat(path)).size);
  assert.deepEqual(found.projections[0].scales[0].median, 0.5);
});

Deno.test("what is truncated, no such file, or nothing that is known is refused in one line", async () => {
  await using file = await mixedFile();
  const bytes = await Deno.readFile(file.path);
  const cases: [name: string, bytes: Uint8Array, says: RegExp][] = [
    ["short", bytes.subarray(0, 5), /truncated before its header/],
    ["header", bytes.subarray(0, 900), /header is truncated/],
    ["data", bytes.subarray(0, -1), /outside the file/],
    ["more", new Uint8Array([...bytes, 0]), /no tensor claims/],
    ["text", new TextEncoder().encode("no tensors in here"), /header is truncated or its length/],
  ];
  for (const [name, content, says] of cases) {
    const path = join(file.folder, name);
    await Deno.writeFile(path, content);
    await assert.rejects(inspect(path), (error: Error) => {
      assert.ok(error instanceof InputError);
      assert.match(error.message, says);
      return error.message.includes(path) && !error.message.includes("\n");
    });
  }
  await assert.rejects(inspect(join(file.folder, "none")), /there is no such file or folder/);
  const folder = oraclePath("A", "base_f32");
  await assert.rejects(inspect(folder, { layer: "a" }), /is no delta; expected a delta's file/);
});
