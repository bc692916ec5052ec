import assert from "node:assert/strict";
import { collectActivations } from "../../lib/methods/activations.ts";
import type { RowSettings } from "../../lib/methods/method.ts";
import type { CalibrationSequences } from "../../lib/texts/sequences.ts";
import { linearLayerNames } from "../../lib/checkpoint/weights.ts";
import { TextError } from "../../lib/util/errors.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";
import { gatherRows, rmsNormalize } from "../graph/plain/matrix.ts";
import { randomModel, tinyConfig } from "../model/random_model.ts";
import { engine } from "./oracle_pair.ts";
import { randomSequences, reordered } from "../texts/random_sequences.ts";

const LENGTH = 7;
const model = randomModel(tinyConfig, 5);
/** Eight sequences of which two have no padding. */
const sequences = randomSequences([3, 7, 1, 5, 6, 2, 7, 4], LENGTH, tinyConfig.vocabularySize, 6);

/** Inputs of every linear layer. */
async function collect(
  rows: number,
  padding: RowSettings["padding"],
  from: CalibrationSequences = sequences,
): Promise<Map<string, Float32Array>> {
  const seen = new Map<string, Float32Array>();
  await collectActivations(engine, model, from, { rows, padding }, async (activations) => {
    assert.equal(activations.rows, rows);
    const [inputs] = await engine.read([activations.inputs]);
    for (const layer of activations.layers) seen.set(layer, inputs as Float32Array);
  });
  return seen;
}

const positions = (padding: RowSettings["padding"]) =>
  [...sequences.attentionMask.keys()].filter((at) =>
    padding === "counted" || sequences.attentionMask[at] === 1
  );

for (const padding of ["counted", "left out"] as const) {
  Deno.test(`rows are the first tokens, padding ${padding}`, async () => {
    const { hiddenSize, normEpsilon } = tinyConfig;
    const table = Float64Array.from(model.tensors.get("model.embed_tokens.weight")!);
    const weight = model.tensors.get("model.layers.0.input_layernorm.weight")!;
    // Some of one sequence, all of one, into the second batch, and all that there is.
    for (const rows of [1, 2, 8, 18, positions(padding).length]) {
      const tokens = positions(padding).slice(0, rows).map((at) => sequences.tokens[at]);
      const embedded = gatherRows(table, Float64Array.from(tokens), hiddenSize);
      const expected = rmsNormalize(embedded, hiddenSize, normEpsilon)
        .map((each, at) => each * weight[at % hiddenSize]);
      const { q_proj: found } = byProjection(await collect(rows, padding));
      assertWithin(relativeError(found, expected), 1e-6, `${rows} rows`);
    }
  });
}

Deno.test("every linear layer is seen, those of one input together, in forward order", async () => {
  const groups: string[][] = [];
  await collectActivations(engine, model, sequences, { rows: 3, padding: "counted" }, (each) => {
    groups.push([...each.layers]);
    return Promise.resolve();
  });
  assert.deepEqual(groups.flat(), linearLayerNames(tinyConfig));
  assert.deepEqual(groups.map(({ length }) => length), [3, 1, 2, 1, 3, 1, 2, 1]);
});

Deno.test("rows left out are rows of padding and change no other", async () => {
  const all = await collect(sequences.attentionMask.length, "counted");
  const tokens = sequences.tokens.map((token, at) =>
    sequences.attentionMask[at] ? token : 16 - token
  );
  const kept = positions("left out");
  for (const from of [sequences, { ...sequences, tokens }]) {
    for (const [layer, inputs] of await collect(kept.length, "left out", from)) {
      const width = inputs.length / kept.length;
      const expected = kept.flatMap((at) => [
        ...all.get(layer)!.subarray(at * width, (at + 1) * width),
      ]);
      assert.deepEqual([...inputs], expected, layer);
    }
  }
});

Deno.test("fewer rows are the start of more, in whatever batches they ran", async () => {
  const all = await collect(sequences.attentionMask.length, "counted");
  // One sequence, three, and five: a batch of four and one of one.
  for (const rows of [5, 3 * LENGTH, 5 * LENGTH]) {
    for (const from of [sequences, reordered(sequences, [0, 1, 2, 3, 4])]) {
      for (const [layer, inputs] of await collect(rows, "counted", from)) {
        const start = all.get(layer)!.subarray(0, inputs.length);
        assertWithin(relativeError(inputs, start), 1e-5, `${rows} rows of ${layer}`);
      }
    }
  }
});

Deno.test("sequences beyond the rows asked for do not matter", async () => {
  const expected = await collect(10, "left out");
  const shuffled = reordered(sequences, [0, 1, 6, 4, 3, 7, 5, 2]);
  assert.deepEqual(await collect(10, "left out", shuffled), expected);
});

Deno.test("too few rows are refused with both counts", async () => {
  const tokens = positions("left out").length;
  await assert.rejects(collect(tokens + 1, "left out"), (error) => {
    assert.ok(error instanceof TextError);
    assert.match(error.message, new RegExp(`got '${tokens} rows'; expected ${tokens + 1} rows`));
    return true;
  });
  await assert.rejects(collect(57, "counted"), /got '56 rows'; expected 57 rows/);
});

function byProjection(inputs: Map<string, Float32Array>): Record<string, Float32Array> {
  const first = [...inputs].filter(([layer]) => layer.startsWith("model.layers.0."));
  return Object.fromEntries(first.map(([layer, values]) => [layer.split(".").at(-1)!, values]));
}
