import assert from "node:assert/strict";
import { join } from "node:path";
import fc from "fast-check";
import {
  SafetensorsFile,
  streamSafetensors,
  writeSafetensors,
} from "../../lib/checkpoint/safetensors.ts";
import { byteCount, ELEMENT_SIZES, type TensorType } from "../../lib/checkpoint/tensor.ts";
import { OutputError, TensorFileError } from "../../lib/util/errors.ts";
import { oraclePath } from "../oracle.ts";
import { filesIn, temporaryFolder } from "./tiny_checkpoint.ts";

const tensors = fc.uniqueArray(
  fc.record({
    name: fc.string({ unit: "grapheme" }).filter((name) => name !== "__metadata__"),
    dtype: fc.constantFrom(...Object.keys(ELEMENT_SIZES) as TensorType[]),
    shape: fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 4 }),
  }).chain((info) => {
    const length = byteCount(info);
    return fc.record({
      name: fc.constant(info.name),
      dtype: fc.constant(info.dtype),
      shape: fc.constant(info.shape),
      bytes: fc.uint8Array({ minLength: length, maxLength: length }),
    }, { noNullPrototype: true });
  }),
  { selector: ({ name }) => name, maxLength: 6 },
);

Deno.test("any tensors come back as they were written", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "any.safetensors");
  const metadata = fc.dictionary(fc.stringMatching(/^[a-z]{1,8}_id$/), fc.string());
  await fc.assert(
    fc.asyncProperty(tensors, metadata, async (written, metadata) => {
      await writeSafetensors(path, written, metadata);
      using file = await SafetensorsFile.open(path);
      assert.deepEqual(file.metadata, { ...metadata });
      assert.deepEqual(new Set(file.tensors.keys()), new Set(written.map(({ name }) => name)));
      // All at once: reads share a file position and must not disturb each other.
      const read = await Promise.all(written.map(({ name }) => file.read(name)));
      read.forEach((tensor, i) =>
        assert.deepEqual({ name: written[i].name, ...tensor }, written[i])
      );
    }),
    { numRuns: 60 },
  );
});

Deno.test("the header is sorted, aligned to 8 bytes and followed by the data end to end", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "two.safetensors");
  await writeSafetensors(path, [
    { name: "b", dtype: "U8", shape: [3], bytes: Uint8Array.of(4, 5, 6) },
    { name: "a", dtype: "I16", shape: [1], bytes: Uint8Array.of(1, 2) },
  ], { format: "pt" });
  const bytes = await Deno.readFile(path);
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  assert.equal(length % 8, 0);
  const header = new TextDecoder().decode(bytes.subarray(8, 8 + length));
  assert.equal(
    header.trimEnd(),
    '{"__metadata__":{"format":"pt"},' +
      '"a":{"dtype":"I16","shape":[1],"data_offsets":[0,2]},' +
      '"b":{"dtype":"U8","shape":[3],"data_offsets":[2,5]}}',
  );
  assert.deepEqual([...bytes.subarray(8 + length)], [1, 2, 4, 5, 6]);
});

Deno.test("a file written elsewhere is read by range: one tensor alone", async () => {
  using file = await SafetensorsFile.open(oraclePath("A", "diff_orig_distilled.safetensors"));
  const { dtype, shape, bytes } = await file.read("model.layers.0.mlp.down_proj.mask");
  assert.deepEqual({ dtype, shape, length: bytes.length }, {
    dtype: "I32",
    shape: [5, 64],
    length: 1280,
  });
  assert.deepEqual(file.metadata, {});
});

Deno.test("a file with no tensors is a file", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "none.safetensors");
  await writeSafetensors(path, []);
  using file = await SafetensorsFile.open(path);
  assert.equal(file.tensors.size, 0);
});

Deno.test("a tensor without elements may lie anywhere between others", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "empty.safetensors");
  const entry = (begin: number, end: number) => ({
    dtype: "U8",
    shape: [end - begin],
    data_offsets: [begin, end],
  });
  const header = { a: entry(0, 2), b: entry(0, 0), c: entry(2, 2), d: entry(2, 4), e: entry(4, 4) };
  const json = new TextEncoder().encode(JSON.stringify(header));
  const bytes = new Uint8Array(8 + json.length + 4);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  await Deno.writeFile(path, bytes);
  using file = await SafetensorsFile.open(path);
  assert.deepEqual([...file.tensors.keys()], ["a", "b", "c", "d", "e"]);
});

Deno.test("tensors are the same if type, shape and every byte are, however many", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "same.safetensors");
  // More than is compared at once, and no multiple of it.
  const length = 2 ** 24 + 8;
  const [bytes, early, late] = [
    new Uint8Array(length),
    ...[1, length - 1].map((at) => {
      const changed = new Uint8Array(length);
      changed[at] = 1;
      return changed;
    }),
  ];
  const tensor = { dtype: "F16", shape: [length / 2], bytes } as const;
  await writeSafetensors(path, [
    { name: "a", ...tensor },
    { name: "early", ...tensor, bytes: early },
    { name: "late", ...tensor, bytes: late },
    { name: "of another shape", ...tensor, shape: [2, length / 4] },
    { name: "of another type", ...tensor, dtype: "BF16" },
  ]);
  using file = await SafetensorsFile.open(path);
  assert.ok(await file.isSame("a", file, "a"));
  assert.ok(await file.isSame("late", file, "late"));
  for (const other of ["early", "late", "of another shape", "of another type"]) {
    assert.ok(!await file.isSame("a", file, other), other);
    assert.ok(!await file.isSame(other, file, "a"), other);
  }
});

Deno.test("a tensor that is not there is named", async () => {
  using file = await SafetensorsFile.open(oraclePath("A", "base_bf16", "model.safetensors"));
  await assert.rejects(file.read("model.nonsense"), (error) => {
    assert.ok(error instanceof TensorFileError);
    assert.match(error.message, /model\.safetensors.*'model\.nonsense'.*not in the file/);
    return true;
  });
});

Deno.test("a folder that cannot be written is an OutputError", async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "a file, not a folder");
  await Deno.writeTextFile(file, "");
  await assert.rejects(writeSafetensors(join(file, "x.safetensors"), []), OutputError);
  assert.deepEqual(filesIn(folder.path), ["a file, not a folder"]);
});

Deno.test("a write that fails midway leaves the old file and nothing else", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "x.safetensors");
  await writeSafetensors(path, [{ name: "old", dtype: "U8", shape: [], bytes: Uint8Array.of(7) }]);
  const infos = ["a", "b"].map((name) => ({ name, dtype: "U8", shape: [1] } as const));
  const bytesOf = (name: string) =>
    name === "a" ? Promise.resolve(Uint8Array.of(1)) : Promise.reject(new Error("out of weights"));
  await assert.rejects(streamSafetensors(path, infos, bytesOf), /out of weights/);
  assert.deepEqual(filesIn(folder.path), ["x.safetensors"]);
  using file = await SafetensorsFile.open(path);
  assert.deepEqual([...file.tensors.keys()], ["old"]);
});

Deno.test("bytes that do not fit their shape are not written", async () => {
  await using folder = await temporaryFolder();
  const tensor = { name: "x", dtype: "F32", shape: [2], bytes: new Uint8Array(7) } as const;
  const writing = writeSafetensors(join(folder.path, "x.safetensors"), [tensor]);
  await assert.rejects(writing, /'x' has 7 bytes; expected 8 for F32 of shape \[2\]/);
  assert.deepEqual(filesIn(folder.path), []);
});
