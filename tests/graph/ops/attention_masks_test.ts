/** Attention under masks of every kind on ONNX Runtime, forward and backward. */

import assert from "node:assert/strict";
import { onnxEngine } from "../../../lib/engines/onnx/engine.ts";
import {
  assertAttention,
  attention,
  type AttentionCase,
  hasBlindQueries,
  randomAttentions,
} from "../attention_case.ts";
import { assertWithin, errorOfTerms } from "../closeness.ts";

const engine = onnxEngine({ threads: 1 });

Deno.test("200 random attentions on ONNX Runtime are the plain ones", async () => {
  const cases = randomAttentions(200);
  assert.ok(cases.filter(hasBlindQueries).length > 80);
  for (const each of cases) await assertAttention(engine, each);
});

/**
 * Padding before one real token. The first query sees no real key: it attends to both keys alike, the
 * later one too; with dO of the first query a, dS = ±¼ a·(v₀ − v₁).
 */
Deno.test("by hand: a query that sees no real key attends to all keys, later ones too", async () => {
  const each: AttentionCase = {
    ...{ batch: 1, sequence: 2, headSize: 2, heads: 1, keyHeads: 1 },
    slidingWindow: null,
    real: [false, true],
  };
  const { outputs, feeds, expected } = attention(each);
  const rows = (name: string) => [feeds[name].slice(0, 2), feeds[name].slice(2)];
  const [[q], [k, l], [v, w], [a, b]] = ["queries", "keys", "values", "upstream"].map(rows);
  const slope = (a[0] * (v[0] - w[0]) + a[1] * (v[1] - w[1])) / 4;
  const byHand = {
    output: [(v[0] + w[0]) / 2, (v[1] + w[1]) / 2, w[0], w[1]],
    byQueries: [slope * (k[0] - l[0]), slope * (k[1] - l[1]), 0, 0],
    byKeys: [slope * q[0], slope * q[1], -slope * q[0], -slope * q[1]],
    byValues: [a[0] / 2, a[1] / 2, a[0] / 2 + b[0], a[1] / 2 + b[1]],
  };
  const program = await engine.compile(outputs);
  const results = await program.run(feeds);
  for (const [name, numbers] of Object.entries(byHand)) {
    assertWithin(errorOfTerms(results[name], numbers), 1e-6, name);
    assertWithin(errorOfTerms(expected[name as keyof typeof byHand], numbers), 1e-6, name);
  }
  await program.release();
});

Deno.test("padding swallows scores of any size a model has", async () => {
  const each = { batch: 2, sequence: 9, headSize: 4, heads: 4, keyHeads: 2, slidingWindow: 2 };
  const real = Array.from({ length: 18 }, (_, at) => at % 9 < 4);
  const bounds = { forward: 1e-4, backward: 1e-3 };
  await assertAttention(engine, { ...each, real, spread: 1000 }, bounds);
});
