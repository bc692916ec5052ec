/** Measures what it takes to compress a pair by a method, and keeps the delta. */

import { weightBytes } from "../checkpoint/weights.ts";
import type { Delta } from "../delta/delta.ts";
import { deltaBytes } from "../delta/delta_size.ts";
import { writeDelta } from "../delta/delta_writer.ts";
import { compress } from "../methods/compress.ts";
import { nameFile, TextError } from "../util/errors.ts";
import type { Watch } from "../util/progress.ts";
import type { Circumstances, CompressionResult, Cost } from "./measurement_schema.ts";
import type { OpenPair } from "./open_pair.ts";
import type { CompressedModel } from "./scored_model.ts";

/** Compresses the pair and writes its delta. */
export async function measureCompression(
  pair: OpenPair,
  model: CompressedModel,
  circumstances: Circumstances,
  path: string,
  watch: Watch,
): Promise<CompressionResult> {
  const { value: { delta, losses }, cost } = await timedCompression(pair, model, watch);
  const terms = [...delta.layers.values()].flatMap(({ terms }) => terms);
  return {
    cost: { ...cost, ...circumstances },
    finalLoss: losses.at(-1) ?? null,
    deltaBytes: deltaBytes(delta),
    fineBytes: weightBytes(pair.fine),
    codecs: [...new Set(terms.map(({ codec }) => codec))].sort(),
    deltaDigest: await writeDelta(path, delta),
  };
}

/** Compresses the pair for the time alone, as a user's `compress` does it. */
export async function timedCompression(
  pair: OpenPair,
  { method, variant, settings, seed }: CompressedModel,
  watch: Watch,
): Promise<{ value: { delta: Delta; losses: readonly number[] }; cost: Cost }> {
  // Tokens are made once for all methods of a seed, so no method's time may hold them.
  const sequences = seed === null ? null : await pair.sequences(seed);
  const choice = { method, variant: variant ?? undefined, settings };
  const started = performance.now();
  const value = await nameFile(
    pair.calibrationName,
    TextError,
    () => compress(pair.engine, pair.base, pair.fine, choice, sequences, watch),
  );
  const seconds = (performance.now() - started) / 1000;
  return { value, cost: { seconds, memory: Deno.memoryUsage().rss } };
}
