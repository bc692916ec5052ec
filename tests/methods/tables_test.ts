/** Embedding and head as deltas of a few bits: in files, applied, and where there is no table of the base. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { temporaryFolder, TINY_CONFIG } from "../checkpoint/tiny_checkpoint.ts";
import { formedValues } from "../../lib/checkpoint/formed_tensor.ts";
import { EMBEDDING, HEAD } from "../../lib/checkpoint/weights.ts";
import { applyDelta } from "../../lib/delta/apply.ts";
import { memoryDelta } from "../../lib/delta/delta.ts";
import { deltaFileSize } from "../../lib/delta/delta_file_size.ts";
import { bitsPerWeight } from "../../lib/delta/delta_size.ts";
import { writeDelta } from "../../lib/delta/delta_writer.ts";
import { inspectDelta } from "../../lib/delta/inspection/inspect_delta.ts";
import { verifyDelta } from "../../lib/delta/inspection/verify.ts";
import { openDelta } from "../../lib/delta/delta_file.ts";
import { planDelta } from "../../lib/methods/closed_form.ts";
import { compress, compressToFile } from "../../lib/methods/compress.ts";
import { initial } from "../../lib/methods/initial.ts";
import type { ClosedForm } from "../../lib/methods/method.ts";
import { methods } from "../../lib/methods/mod.ts";
import { type Tables, tablesSetting } from "../../lib/methods/tables.ts";
import { compressedTensors, modelTensors } from "../../lib/model/model_tensors.ts";
import { DeltaError } from "../../lib/util/errors.ts";
import { plainRounding } from "../codecs/plain_integers.ts";
import { engine } from "../experiments/small_study.ts";
import { tinyPair } from "./tiny_pair.ts";

/** Signs of linear layers, and tables as they are asked for. */
function added(): Disposable {
  const method: ClosedForm<{ readonly tables: Tables }> = {
    ...initial,
    name: "test tables",
    settings: { tables: tablesSetting("whole") },
    variants: {},
    sweep: null,
    sees: () => "extracted signs",
    rows: () => null,
    form: (layer) => initial.form(layer, {}),
    compress: (layer, _, ...others) => initial.compress(layer, {}, ...others),
  };
  methods.push(method);
  return { [Symbol.dispose]: () => void methods.splice(methods.indexOf(method), 1) };
}

const choice = { method: "test tables", settings: { tables: "4-bit" } };
const form = { bits: 4, group: 128, type: "BF16" } as const;
const untied = { ...TINY_CONFIG, tiedEmbeddings: false };

Deno.test("tables are in a file what its plan says, and read as the base's with their delta rounded", async () => {
  using _method = added();
  await using pair = await tinyPair({}, untied);
  await using folder = await temporaryFolder();
  const { base, fine } = pair;
  const path = join(folder.path, "tables.safetensors");
  using delta = (await compressToFile(path, engine, base, fine, choice, null)).delta;
  assert.equal(delta.metadata.version, 6);
  assert.equal(deltaFileSize(delta).bytes.total, (await Deno.stat(path)).size);
  const plan = deltaFileSize(planDelta(fine, choice)).bytes;
  const { bytes } = deltaFileSize(delta);
  assert.deepEqual([plan.embeddings, plan.head], [bytes.embeddings, bytes.head]);
  const [rows, columns] = base.info(EMBEDDING).shape;
  const words = 4 * Math.ceil(columns / 32) * rows + 4 * Math.ceil(rows / 32);
  assert.equal(bytes.embeddings, 4 * words + 2 * rows);
  assert.equal(bitsPerWeight(delta), bitsPerWeight(pair.initial));
  await verifyDelta(delta);
  const { layers, projections } = await inspectDelta(path);
  assert.equal(layers, pair.initial.layers.size);
  assert.deepEqual(projections.slice(-2).map(({ projection }) => projection), [EMBEDDING, HEAD]);

  const inMemory = (await compress(engine, base, fine, choice, null)).delta;
  const again = join(folder.path, "again.safetensors");
  await writeDelta(again, inMemory);
  assert.deepEqual(await Deno.readFile(again), await Deno.readFile(path));

  const model = await applyDelta(base, delta);
  const codecs = compressedTensors(modelTensors(base, engine), delta, model.config);
  for (const tensor of [EMBEDDING, HEAD]) {
    const [ofBase, ofFine] = [await base.readFloat32(tensor), await fine.readFloat32(tensor)];
    const moved = plainRounding(
      ofFine.map((value, at) => value - ofBase[at]),
      [rows, columns],
      form,
    );
    const expected = ofBase.map((value, at) => value + moved[at]);
    assert.deepEqual(await model.readFloat32(tensor), expected, tensor);
    for (const tensors of [codecs, modelTensors(model, engine)]) {
      const read = await tensors.read(tensor);
      assert.ok("form" in read);
      assert.deepEqual(await formedValues(read), expected, tensor);
    }
  }
  assert.deepEqual(codecs.layers && [...codecs.layers.keys()], [...pair.initial.layers.keys()]);
});

Deno.test("a tied head is its embedding, which is one table", async () => {
  using _method = added();
  await using pair = await tinyPair({}, { ...TINY_CONFIG, tiedEmbeddings: true });
  const { delta } = await compress(engine, pair.base, pair.fine, choice, null);
  assert.ok(delta.layers.has(EMBEDDING) && !delta.layers.has(HEAD) && !delta.whole.has(HEAD));
  const model = await applyDelta(pair.base, delta);
  assert.equal(model.config.tiedEmbeddings, true);
  assert.deepEqual(await model.readFloat32(HEAD), await model.readFloat32(EMBEDDING));
  assert.notDeepEqual(await model.readFloat32(HEAD), await pair.base.readFloat32(HEAD));
});

Deno.test("without the setting tables stay whole, in a file of the version that it had", async () => {
  using _method = added();
  await using pair = await tinyPair({}, untied);
  const { delta } = await compress(engine, pair.base, pair.fine, { method: "test tables" }, null);
  assert.equal(delta.metadata.version, 4);
  assert.deepEqual([...delta.whole.keys()], [...pair.initial.whole.keys()]);
});

Deno.test("a head that only the fine-tune has stays whole", async () => {
  using _method = added();
  await using base = await tinyPair({}, { ...TINY_CONFIG, tiedEmbeddings: true });
  await using fine = await tinyPair({}, untied);
  const { delta } = await compress(engine, base.base, fine.fine, choice, null);
  assert.ok(delta.layers.has(EMBEDDING) && delta.whole.has(HEAD) && !delta.layers.has(HEAD));
  const model = await applyDelta(base.base, delta);
  assert.deepEqual(await model.readFloat32(HEAD), await fine.fine.readFloat32(HEAD));
});

Deno.test("tables of a grown vocabulary stay whole", async () => {
  using _method = added();
  await using base = await tinyPair({}, untied);
  const grown = { ...untied, vocabularySize: untied.vocabularySize + 3 };
  await using fine = await tinyPair({}, grown);
  const { delta } = await compress(engine, base.base, fine.fine, choice, null);
  assert.ok(delta.whole.has(EMBEDDING) && delta.whole.has(HEAD));
  const model = await applyDelta(base.base, delta);
  assert.equal(model.config.vocabularySize, grown.vocabularySize);
});

Deno.test("a table that the base has in another shape, or that is whole too, is refused", async () => {
  using _method = added();
  await using pair = await tinyPair({}, untied);
  const { delta } = await compress(engine, pair.base, pair.fine, choice, null);
  await using other = await tinyPair({}, { ...untied, vocabularySize: 7 });
  const nameless = { ...delta, metadata: { ...delta.metadata, baseHash: null } };
  await assert.rejects(applyDelta(other.base, nameless), (error) => {
    assert.ok(error instanceof DeltaError);
    assert.match(error.message, /model.embed_tokens.weight.*another shape/);
    return true;
  });
  await using folder = await temporaryFolder();
  const loaded = new Map(
    await Promise.all(
      [...delta.layers.keys()].map(async (name) => [name, await delta.readLayer(name)] as const),
    ),
  );
  const whole = new Map([[EMBEDDING, await pair.fine.stored.read(EMBEDDING)]]);
  const twice = memoryDelta(loaded, whole, delta.metadata);
  const path = join(folder.path, "twice.safetensors");
  await assert.rejects(writeDelta(path, twice), DeltaError);
  await assert.rejects(openDelta(path));
});
