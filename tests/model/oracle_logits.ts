/** Logits that Hugging Face's own modules computed, for comparison with ours. */

import assert from "node:assert/strict";
import type { SafetensorsFile } from "../../lib/checkpoint/safetensors.ts";
import { toFloat32 } from "../../lib/checkpoint/tensor.ts";
import type { Numbers } from "../../lib/graph/graph.ts";
import {
  openOracleVectors,
  oracleJson,
  type OracleKind,
  type OraclePair,
  oracleVectors,
} from "../oracle.ts";
import { absoluteError, assertWithin } from "../graph/closeness.ts";
import { argmax, crossEntropy } from "../graph/plain/likelihood.ts";

/** Largest difference of a logit, which are of order 5. */
const LOGITS_BOUND = 2e-4;
const NLL_BOUND = 1e-5;

const { fixed_input } = await oracleJson<{ fixed_input: number[] }>("ids.json");

/** The tokens that the oracle's logits are of. */
export const fixedTokens = Int32Array.from(fixed_input);

/** Compares logits of {@linkcode fixedTokens}: first and last rows, sums over all, the most likely tokens and the mean NLL. */
export async function assertOracleLogits(
  logits: Numbers,
  pair: OraclePair,
  name: `${"base" | "fine"}_${OracleKind}`,
  bound = LOGITS_BOUND,
): Promise<void> {
  const { logits: { [name]: expected } } = await oracleVectors(pair);
  const [rows, vocabulary] = expected.shape;
  assert.deepEqual([rows, vocabulary * rows], [fixedTokens.length, logits.length]);
  using vectors = await openOracleVectors(pair);
  const first = await readTensor(vectors, `logits.${name}.first4`);
  const last = await readTensor(vectors, `logits.${name}.last4`);
  assertWithin(absoluteError(logits.slice(0, first.length), first), bound, "first rows");
  assertWithin(absoluteError(logits.slice(-last.length), last), bound, "last rows");

  const exact = Float64Array.from(logits);
  const sum = exact.reduce((total, each) => total + each, 0);
  const sumOfSquares = exact.reduce((total, each) => total + each * each, 0);
  // Were every logit off by ε, the sums would be off by nε and by 2ε·Σ|logit| ≤ 2ε·√(n·Σlogit²).
  const typical = bound / 10;
  assertWithin(Math.abs(sum - expected.sum), exact.length * typical, "sum");
  const squaresBound = 2 * typical * Math.sqrt(exact.length * expected.sum_sq);
  assertWithin(Math.abs(sumOfSquares - expected.sum_sq), squaresBound, "sum of squares");
  assert.deepEqual([...argmax(exact, vocabulary)], expected.argmax);

  const scored = exact.subarray(0, (rows - 1) * vocabulary);
  const nll = crossEntropy(scored, fixedTokens.subarray(1));
  const meanNll = nll.reduce((total, each) => total + each, 0) / nll.length;
  assertWithin(Math.abs(meanNll - expected.mean_nll), NLL_BOUND, "mean NLL");
}

/** A tensor of the oracle's vectors. */
export async function readTensor(file: SafetensorsFile, name: string): Promise<Float32Array> {
  return toFloat32(await file.read(name));
}
