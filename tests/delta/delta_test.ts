import assert from "node:assert/strict";
import { float32Tensor } from "../../lib/checkpoint/tensor.ts";
import { loadDelta, readTrainable, withNumbers } from "../../lib/delta/delta.ts";
import { bitsPerWeight, deltaBytes } from "../../lib/delta/delta_size.ts";
import { readDelta } from "../../lib/delta/delta_file.ts";
import { DeltaError } from "../../lib/util/errors.ts";
import { oraclePath } from "../oracle.ts";
import { changed, scaleOf, withScale } from "./signs_of_layers.ts";

const delta = await readDelta(oraclePath("B", "diff_orig_distilled.safetensors"));
const names = [...delta.layers.keys()];

Deno.test("new numbers take the place of the old, in layers and whole tensors, and leave all else", async () => {
  const norm = "model.norm.weight";
  const values = new Float32Array(delta.whole.get(norm)!.shape[0]).fill(0.25);
  const numbers = new Map([[`${names[1]}.coeff`, Float32Array.of(0.1)], [norm, values]]);
  const other = withNumbers(delta, numbers, { method: "other", settings: { rows: 256 } });
  const { layers, whole, metadata } = await loadDelta(other);
  const expected = new Map(delta.layers)
    .set(names[1], withScale(delta.layers.get(names[1])!, 0.1));
  assert.deepEqual(layers, expected);
  assert.deepEqual(whole, new Map(delta.whole).set(norm, float32Tensor(values, [values.length])));
  assert.deepEqual([metadata.method, metadata.settings], ["other", { rows: 256 }]);
  assert.equal(metadata.baseHash, delta.metadata.baseHash);
});

Deno.test("what can be trained are the scales, by entry, as copies", async () => {
  const numbers = await readTrainable(delta);
  assert.deepEqual([...numbers.keys()], names.map((name) => `${name}.coeff`));
  const before = scaleOf(delta.layers.get(names[0])!);
  const array = numbers.get(`${names[0]}.coeff`)!;
  assert.deepEqual([...array], [before]);
  array[0]++;
  assert.equal(scaleOf(delta.layers.get(names[0])!), before);
});

const refusals: [name: string, entry: string, values: Float32Array, message: RegExp][] = [
  ["NaN", `${names[0]}.coeff`, Float32Array.of(NaN), /got 'NaN as element 0'; expected 1 finite/],
  ["infinity", `${names[0]}.coeff`, Float32Array.of(-1 / 0), /'-Infinity as element 0'/],
  ["too many numbers", `${names[0]}.coeff`, new Float32Array(2), /got '2 numbers'; expected 1/],
  ["a mask", `${names[0]}.mask`, new Float32Array(1), /is not in the delta/],
  ["a layer that there is not", "lm_head.coeff", new Float32Array(1), /is not in the delta/],
];
for (const [name, entry, values, message] of refusals) {
  Deno.test(`numbers for ${name} are refused, naming the entry`, () => {
    assert.throws(() => withNumbers(delta, new Map([[entry, values]]), {}), (error) => {
      assert.ok(error instanceof DeltaError);
      assert.ok(error.message.includes(`'${entry}'`));
      return message.test(error.message);
    });
  });
}

Deno.test("a layer whose parts are not as its codec lays them out is refused, naming the part", () => {
  const [name] = names;
  const layer = delta.layers.get(name)!;
  const [term] = layer.terms;
  const { coeff, mask } = term.parts;
  const withParts = (parts: typeof term.parts) =>
    changed(delta, {
      layers: new Map(delta.layers).set(name, { ...layer, terms: [{ ...term, parts }] }),
    });
  assert.throws(() => withParts({ mask }), /\.coeff': does not fit.*'nothing'; expected F32 of sh/);
  assert.throws(
    () => withParts({ mask, coeff: { ...coeff, dtype: "F16", bytes: new Uint8Array(2) } }),
    /\.coeff'.*'F16 of shape \[\]'/,
  );
  assert.throws(
    () => withParts({ mask, coeff, row: coeff }),
    /is no part of the codec 'signs': got 'row'; expected mask, coeff/,
  );
  assert.throws(
    () => withParts({ mask: { ...mask, bytes: mask.bytes.subarray(4) }, coeff }),
    /\.mask': does not fit/,
  );
});

Deno.test("one bit and the scales: by hand", () => {
  const { layers } = delta;
  const words = [...layers.values()].map(({ shape: [outSize, inSize] }) =>
    outSize * Math.ceil(inSize / 32)
  );
  const weights = [...layers.values()].map(({ shape }) => shape[0] * shape[1]);
  const sum = (counts: number[]) => counts.reduce((all, each) => all + each, 0);
  const bytes = 4 * (sum(words) + layers.size);
  assert.equal(bitsPerWeight(delta), 8 * bytes / sum(weights));
  assert.equal(deltaBytes({ layers, whole: new Map() }), bytes);
});
