/** The decoder against Hugging Face's own modules, by the oracle's numbers. */

import type { Placed } from "../../lib/graph/engine.ts";
import assert from "node:assert/strict";
import type { SafetensorsFile } from "../../lib/checkpoint/safetensors.ts";
import { toFloat32 } from "../../lib/checkpoint/tensor.ts";
import type { Numbers } from "../../lib/graph/graph.ts";
import {
  openOracleCheckpoint,
  openOracleVectors,
  ORACLE_KINDS,
  ORACLE_PAIRS,
  oracleJson,
  type OracleKind,
  type OraclePair,
  oracleVectors,
} from "../oracle.ts";
import { absoluteError, assertWithin, relativeError } from "./closeness.ts";
import { engine, layerwiseLogits, wholeModelLogits } from "./decoder_programs.ts";
import { crossEntropy, mostLikely } from "./plain/likelihood.ts";

/** Largest difference of a logit, which are of order 5. */
const LOGITS_BOUND = 2e-4;
const NLL_BOUND = 1e-5;

const { fixed_input, calib_input_ids, calib_attention_mask } = await oracleJson<{
  fixed_input: number[];
  calib_input_ids: number[][];
  calib_attention_mask: number[][];
}>("ids.json");
const tokens = Int32Array.from(fixed_input);
const shape = { batch: 1, sequence: tokens.length };

for (const pair of ORACLE_PAIRS) {
  for (const role of ["base", "fine"] as const) {
    for (const kind of ORACLE_KINDS) {
      Deno.test(`logits of pair ${pair}, ${role}, ${kind} are the oracle's`, async () => {
        using model = await openOracleCheckpoint(pair, role, kind);
        const whole = await wholeModelLogits(model, shape, { tokens });
        const [layerwise] = await layerwiseLogits(model, shape, [{ tokens }]);
        assertWithin(absoluteError(layerwise, whole), 1e-5, "layer by layer and as one graph");
        await assertOracleLogits(whole, pair, `${role}_${kind}`);
      });
    }
  }
}

/** Compares first and last rows, sums over all, the most likely tokens and the mean NLL. */
async function assertOracleLogits(
  logits: Numbers,
  pair: OraclePair,
  name: `${"base" | "fine"}_${OracleKind}`,
): Promise<void> {
  const { logits: { [name]: expected } } = await oracleVectors(pair);
  const [rows, vocabulary] = expected.shape;
  assert.deepEqual([rows, vocabulary * rows], [shape.sequence, logits.length]);
  using vectors = await openOracleVectors(pair);
  const first = await readTensor(vectors, `logits.${name}.first4`);
  const last = await readTensor(vectors, `logits.${name}.last4`);
  assertWithin(absoluteError(logits.slice(0, first.length), first), LOGITS_BOUND, "first rows");
  assertWithin(absoluteError(logits.slice(-last.length), last), LOGITS_BOUND, "last rows");

  const exact = Float64Array.from(logits);
  const sum = exact.reduce((total, each) => total + each, 0);
  const sumOfSquares = exact.reduce((total, each) => total + each * each, 0);
  // Were every logit off by ε, the sums would be off by nε and by 2ε·Σ|logit| ≤ 2ε·√(n·Σlogit²).
  const typical = LOGITS_BOUND / 10;
  assertWithin(Math.abs(sum - expected.sum), exact.length * typical, "sum");
  const squaresBound = 2 * typical * Math.sqrt(exact.length * expected.sum_sq);
  assertWithin(Math.abs(sumOfSquares - expected.sum_sq), squaresBound, "sum of squares");
  assert.deepEqual([...mostLikely(exact, vocabulary)], expected.argmax);

  const scored = exact.subarray(0, (rows - 1) * vocabulary);
  const nll = crossEntropy(scored, tokens.subarray(1));
  const meanNll = nll.reduce((total, each) => total + each, 0) / nll.length;
  assertWithin(Math.abs(meanNll - expected.mean_nll), NLL_BOUND, "mean NLL");
}

for (const pair of ORACLE_PAIRS) {
  Deno.test(`inputs of the linear layers of pair ${pair} are the oracle's`, async () => {
    using fine = await openOracleCheckpoint(pair, "fine", "f32");
    const seen = new Map<string, Float32Array>();
    const keep = async (layers: string[], _batch: number, inputs: Placed) => {
      const [read] = await engine.read([inputs]);
      for (const layer of layers) seen.set(layer, read as Float32Array);
    };
    const batch = {
      tokens: Int32Array.from(calib_input_ids[0]),
      keyMask: Int32Array.from(calib_attention_mask[0]),
    };
    await layerwiseLogits(fine, { batch: 1, sequence: batch.tokens.length }, [batch], keep);

    using vectors = await openOracleVectors(pair);
    const names = [...vectors.tensors.keys()].filter((name) => name.startsWith("act.f32."));
    assert.ok(names.length > 0);
    for (const name of names) {
      const layer = name.replace("act.f32.", "").replace(".rows128", "");
      const expected = await readTensor(vectors, name);
      assertWithin(relativeError(seen.get(layer)!, expected), 1e-5, name);
    }
  });
}

async function readTensor(file: SafetensorsFile, name: string): Promise<Float32Array> {
  return toFloat32(await file.read(name));
}
