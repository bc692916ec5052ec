/** What must not change the decoder's numbers: the batch around a sequence, padding, the way it runs. */

import assert from "node:assert/strict";
import fc from "fast-check";
import type { DecoderConfig } from "../../lib/checkpoint/config.ts";
import type { TokenBatch } from "../../lib/model/pipeline.ts";
import type { Numbers } from "../../lib/graph/graph.ts";
import { absoluteError, assertWithin, relativeError } from "../graph/closeness.ts";
import { layerwiseLogits, wholeModelLogits } from "./decoder_programs.ts";
import { decoderLogits } from "./plain/decoder.ts";
import { plainWeights, randomModel, randomTokens, tinyConfig } from "./random_model.ts";

const VOCABULARY = tinyConfig.vocabularySize;
const BOUND = 1e-5;
const PADDING_TOKEN = 2;

const configs: Record<string, DecoderConfig> = {
  "grouped queries and a sliding window": tinyConfig,
  "all positions before": { ...tinyConfig, slidingWindow: null },
  "tied embeddings": { ...tinyConfig, tiedEmbeddings: true },
  "a head of its own for each query": { ...tinyConfig, keyValueHeadCount: 4, headSize: 6 },
};

for (const [name, config] of Object.entries(configs)) {
  Deno.test(`a decoder with ${name} answers what plain loops answer`, async () => {
    const model = randomModel(config, 1);
    const shape = { batch: 2, sequence: 7 };
    const tokens = randomTokens(config, 14, 2);
    const logits = await wholeModelLogits(model, shape, { tokens });
    const [layerwise] = await layerwiseLogits(model, shape, [{ tokens }]);
    const expected = decoderLogits(config, plainWeights(model), Float64Array.from(tokens), shape);
    assertWithin(relativeError(logits, expected), BOUND, "as one graph");
    assertWithin(relativeError(layerwise, expected), BOUND, "layer by layer");
  });
}

/** Queries of these masks see no real key within a window of 3, or before the first real one. */
const paddings: Record<string, Int32Array> = {
  "after the text": Int32Array.of(1, 1, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0, 0, 0),
  "before the text": Int32Array.of(0, 0, 0, 1, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1),
  "in place of a text": Int32Array.of(0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0),
};

for (const [name, attentionMask] of Object.entries(paddings)) {
  Deno.test(`padding ${name} has the logits that plain loops give it`, async () => {
    const shape = { batch: 2, sequence: 7 };
    for (const slidingWindow of [null, 3]) {
      const model = randomModel({ ...tinyConfig, slidingWindow }, 7);
      const tokens = randomTokens(tinyConfig, 14, 8);
      const mask = { attentionMask: Float64Array.from(attentionMask) };
      const plain = Float64Array.from(tokens);
      const expected = decoderLogits(model.config, plainWeights(model), plain, shape, mask);
      const logits = await wholeModelLogits(model, shape, { tokens, attentionMask });
      const [layerwise] = await layerwiseLogits(model, shape, [{ tokens, attentionMask }]);
      assertWithin(relativeError(logits, expected), BOUND, "as one graph");
      assertWithin(relativeError(layerwise, expected), BOUND, "layer by layer");
    }
  });
}

/** A batch of sequences of one length, of any tokens. */
const sequences = fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 9 }), fc.nat())
  .map(([batch, sequence, seed]) => ({
    batch,
    sequence,
    tokens: randomTokens(tinyConfig, batch * sequence, seed),
  }));

Deno.test("a batch of sequences gives the logits that each gives alone", async () => {
  const model = randomModel(tinyConfig, 3);
  await fc.assert(
    fc.asyncProperty(sequences, async ({ batch, sequence, tokens }) => {
      const together = await wholeModelLogits(model, { batch, sequence }, { tokens });
      const rows: TokenBatch[] = Array.from({ length: batch }, (_, index) => ({
        tokens: tokens.slice(index * sequence, (index + 1) * sequence),
      }));
      const alone = await layerwiseLogits(model, { batch: 1, sequence }, rows);
      const expected = alone.flatMap((logits) => [...logits]);
      assertWithin(relativeError(together, expected), BOUND, "batch");
    }),
    { numRuns: 8, seed: 1 },
  );
});

Deno.test("padding behind an attention mask leaves the logits of the tokens as they are", async () => {
  const model = randomModel(tinyConfig, 4);
  const padding = fc.record({ before: fc.nat(4), after: fc.nat(4) });
  await fc.assert(
    fc.asyncProperty(sequences, padding, async ({ sequence, tokens }, { before, after }) => {
      const alone = tokens.slice(0, sequence);
      const pad = (row: Int32Array, value: number) =>
        Int32Array.of(...Array(before).fill(value), ...row, ...Array(after).fill(value));
      const batch = {
        tokens: pad(alone, PADDING_TOKEN),
        attentionMask: pad(new Int32Array(sequence).fill(1), 0),
      };
      const shape = { batch: 1, sequence: batch.tokens.length };
      const [layerwise] = await layerwiseLogits(model, shape, [batch]);
      const expected = await wholeModelLogits(model, { batch: 1, sequence }, { tokens: alone });
      for (const padded of [layerwise, await wholeModelLogits(model, shape, batch)]) {
        // Rotary attention knows differences of positions only, so that tokens may be moved.
        const found = padded.slice(before * VOCABULARY, (before + sequence) * VOCABULARY);
        assertWithin(relativeError(found, expected), BOUND, "padded");
        assert.ok(padded.every(Number.isFinite), "padding has finite logits");
      }
    }),
    { numRuns: 8, seed: 1 },
  );
});

Deno.test("padding is seen by no later query, the ones of padding included", async () => {
  const model = randomModel({ ...tinyConfig, slidingWindow: null }, 5);
  const shape = { batch: 1, sequence: 6 };
  const attentionMask = Int32Array.of(1, 1, 1, 0, 0, 0);
  const logitsOf = (tokenOfPadding: number) =>
    wholeModelLogits(model, shape, {
      tokens: Int32Array.of(5, 6, 7, tokenOfPadding, PADDING_TOKEN, PADDING_TOKEN),
      attentionMask,
    });
  const changed = rowsThatDiffer(await logitsOf(8), await logitsOf(9));
  assert.deepEqual(changed, [3]);
});

Deno.test("a query sees as many keys as the window has, and no key after it", async () => {
  // One layer: information moves by one window at most.
  const config = { ...tinyConfig, layerCount: 1 };
  const model = randomModel(config, 6);
  const shape = { batch: 1, sequence: 7 };
  const logitsOf = (second: number) =>
    wholeModelLogits(model, shape, { tokens: Int32Array.of(3, second, 5, 6, 7, 8, 9) });
  const changed = rowsThatDiffer(await logitsOf(10), await logitsOf(11));
  assert.deepEqual(changed, [1, 2, 3]);
});

function rowsThatDiffer(one: Numbers, other: Numbers): number[] {
  const row = (logits: Numbers, index: number) =>
    logits.slice(index * VOCABULARY, (index + 1) * VOCABULARY);
  const rows = [...Array(one.length / VOCABULARY).keys()];
  return rows.filter((index) => absoluteError(row(one, index), row(other, index)) > BOUND);
}
