import assert from "node:assert/strict";
import { join } from "node:path";
import { digestOf } from "../../lib/checkpoint/blake3.ts";
import type { LayerForm } from "../../lib/codecs/codec.ts";
import { scalarSigns } from "../../lib/codecs/signs.ts";
import { readDelta } from "../../lib/delta/delta_file.ts";
import { DeltaWriter, writeDelta } from "../../lib/delta/delta_writer.ts";
import { DeltaError, OutputError } from "../../lib/util/errors.ts";
import { filesIn, temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";
import { oraclePath } from "../oracle.ts";
import { changed, contents, withScale } from "./signs_of_layers.ts";

const study = await readDelta(oraclePath("B", "diff_orig_distilled.safetensors"));
const delta = changed(study, { metadata: { ...study.metadata, version: 4 } });
const names = [...delta.layers.keys()];

/** Writes every layer and whole tensor, the last ones first. */
async function writeAll(writer: DeltaWriter): Promise<void> {
  for (const name of names.toReversed()) await writer.writeLayer(name, delta.layers.get(name)!);
  for (const [name, tensor] of delta.whole) await writer.writeWhole(name, tensor);
}

Deno.test("layers in any order, and hashes at the end, make the file of all at once", async () => {
  await using folder = await temporaryFolder();
  const [path, other] = ["a", "b"].map((name) => join(folder.path, name));
  await using writer = await DeltaWriter.open(path, delta);
  await writeAll(writer);
  const hashes = { baseHash: digestOf("a"), fineHash: digestOf("b") };
  const digest = await writer.finish(hashes);
  const named = changed(delta, { metadata: { ...delta.metadata, ...hashes } });
  assert.equal(await writeDelta(other, named), digest);
  assert.deepEqual(await Deno.readFile(path), await Deno.readFile(other));
  assert.deepEqual(await contents(await readDelta(path)), await contents(named));
});

Deno.test("layers may be written at once", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "delta");
  await using writer = await DeltaWriter.open(path, delta);
  await Promise.all([
    ...[...delta.layers].map((each) => writer.writeLayer(...each)),
    ...[...delta.whole].map((each) => writer.writeWhole(...each)),
  ]);
  await writer.finish();
  assert.deepEqual(await contents(await readDelta(path)), await contents(delta));
});

Deno.test("before its end nothing is at its place, and nothing is left where that is not reached", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "delta");
  {
    await using writer = await DeltaWriter.open(path, delta);
    await writeAll(writer);
    assert.ok(!filesIn(folder.path).includes("delta"));
    assert.equal(filesIn(folder.path).length, 1);
  }
  assert.deepEqual(filesIn(folder.path), []);
});

const refusals: [name: string, write: (writer: DeltaWriter) => Promise<unknown>, says: RegExp][] = [
  [
    "a layer that is missing",
    async (writer) => {
      for (const name of names.slice(1)) await writer.writeLayer(name, delta.layers.get(name)!);
      for (const each of delta.whole) await writer.writeWhole(...each);
      await writer.finish();
    },
    /delta', tensor '.*q_proj\.(coeff|mask)': was not written/,
  ],
  [
    "a layer of another form than planned",
    (writer) => {
      const layer = delta.layers.get(names[0])!;
      return writer.writeLayer(names[0], { ...layer, role: "weight" });
    },
    /q_proj': is not stored as it was said to be.*weight.*expected.*delta/,
  ],
  [
    "a layer that was not planned",
    (writer) => writer.writeLayer("x", delta.layers.get(names[0])!),
    /'x': is not stored.*a layer of the plan/,
  ],
  [
    "a scale that is not finite",
    (writer) => writer.writeLayer(names[0], withScale(delta.layers.get(names[0])!, NaN)),
    /delta', tensor '.*q_proj\.coeff'.*got NaN; expected one finite float/,
  ],
  [
    "a whole tensor that is not finite",
    (writer) => {
      const [name, tensor] = [...delta.whole].find(([name]) => name === "model.norm.weight")!;
      const bytes = tensor.bytes.slice().fill(0xff);
      return writer.writeWhole(name, { ...tensor, bytes });
    },
    /delta', tensor 'model\.norm\.weight'.*got 'NaN as element 0'; expected finite floats/,
  ],
];
for (const [name, write, says] of refusals) {
  Deno.test(`a writer refuses ${name}, and leaves nothing`, async () => {
    await using folder = await temporaryFolder();
    const path = join(folder.path, "delta");
    const refused = (async () => {
      await using writer = await DeltaWriter.open(path, delta);
      await write(writer);
    })();
    await assert.rejects(refused, (error) => {
      assert.ok(error instanceof DeltaError, String(error));
      assert.match(error.message, says);
      return true;
    });
    assert.deepEqual(filesIn(folder.path), []);
  });
}

Deno.test("a part of a layer is no whole tensor of the plan", async () => {
  await using folder = await temporaryFolder();
  await using writer = await DeltaWriter.open(join(folder.path, "delta"), delta);
  const { coeff } = delta.layers.get(names[0])!.terms[0].parts;
  await assert.rejects(writer.writeWhole(`${names[0]}.coeff`, coeff), RangeError);
});

Deno.test("more parts than a reader reads the header of are refused before anything is written", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "delta");
  const form = { shape: [1, 1], role: "delta", terms: [scalarSigns] } satisfies LayerForm;
  const layers = Array.from({ length: 12_000 }, (_, index) => [`layer ${index}`, form] as const);
  const plan = { ...delta, layers: new Map(layers), whole: new Map() };
  await assert.rejects(
    DeltaWriter.open(path, plan),
    /delta': has more parts than a header can name/,
  );
  assert.deepEqual(filesIn(folder.path), []);
});

Deno.test("a delta that fails while it is written leaves the file that was there", async () => {
  await using folder = await temporaryFolder();
  const path = join(folder.path, "delta");
  await Deno.writeTextFile(path, "before");
  const failing = { ...delta, readLayer: () => Promise.reject(new Error("unreadable")) };
  await assert.rejects(writeDelta(path, failing), /unreadable/);
  assert.deepEqual(filesIn(folder.path), ["delta"]);
  assert.equal(await Deno.readTextFile(path), "before");
});

Deno.test("a folder that cannot be written is an OutputError, and nothing is left behind", async () => {
  await using folder = await temporaryFolder();
  const file = join(folder.path, "file");
  await Deno.writeTextFile(file, "");
  await assert.rejects(writeDelta(join(file, "delta.safetensors"), delta), OutputError);
  assert.deepEqual(filesIn(folder.path), ["file"]);
});
