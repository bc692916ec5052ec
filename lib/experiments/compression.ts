/** Measures what it takes to compress a pair by a method, and keeps the delta. */

import { weightBytes } from "../checkpoint/weights.ts";
import type { Delta } from "../delta/delta.ts";
import { deltaBytes } from "../delta/delta_size.ts";
import { writeDelta } from "../delta/delta_writer.ts";
import { compress, compressToFile } from "../methods/compress.ts";
import type { MethodChoice, TrainedDelta } from "../methods/method.ts";
import { findMethod } from "../methods/mod.ts";
import type { CalibrationSequences } from "../texts/sequences.ts";
import { nameFile, TextError } from "../util/errors.ts";
import { removeIfThere } from "../util/files.ts";
import type { Watch } from "../util/progress.ts";
import type { Circumstances, CompressionResult, Cost } from "./measurement_schema.ts";
import type { OpenPair } from "./open_pair.ts";
import type { CompressedModel } from "./scored_model.ts";

/**
 * Compresses the pair and writes its delta.
 *
 * @param state where an unfinished run is kept, for the next call to go on from; `null`: nowhere, and the delta is in
 * memory until it is written.
 */
export async function measureCompression(
  pair: OpenPair,
  model: CompressedModel,
  circumstances: Circumstances,
  path: string,
  watch: Watch,
  state: string | null = null,
): Promise<CompressionResult> {
  const kept = state === null ? {} : { path, state };
  const { value: { delta, losses, write }, cost } = await timed(pair, model, {
    ...watch,
    ...kept,
  });
  const terms = [...delta.layers.values()].flatMap(({ terms }) => terms);
  return {
    cost: { ...cost, ...circumstances },
    finalLoss: losses.at(-1) ?? null,
    deltaBytes: deltaBytes(delta),
    fineBytes: weightBytes(pair.fine),
    codecs: [...new Set(terms.map(({ codec }) => codec))].sort(),
    deltaDigest: await write(path),
  };
}

/** Compresses the pair for the time alone, as a user's `compress` does it. */
export async function timedCompression(
  pair: OpenPair,
  model: CompressedModel,
  watch: Watch,
): Promise<{ readonly cost: Cost }> {
  return await timed(pair, model, watch);
}

/** How a compression is watched, and kept. */
interface KeptOptions extends Watch {
  /** Of the delta, with a state. */
  readonly path?: string;
  /** Where an unfinished run is kept. */
  readonly state?: string;
}

/** A delta that was made. */
interface Made extends Pick<TrainedDelta, "losses"> {
  readonly delta: Pick<Delta, "layers" | "whole">;
  /** Of its file, once it is written. */
  readonly write: (path: string) => Promise<string>;
  /** Seconds that earlier runs took for it. */
  readonly before: number;
}

async function timed(
  pair: OpenPair,
  { method, variant, settings, seed, text }: CompressedModel,
  options: KeptOptions,
): Promise<{ value: Made; cost: Cost }> {
  // Tokens are made once for all methods of a seed, so no method's time may hold them.
  const sequences = seed === null ? null : await pair.sequences(seed, text);
  const choice = { method, variant: variant ?? undefined, settings };
  const started = performance.now();
  const value = await nameFile(
    pair.calibrationName,
    TextError,
    () => make(pair, choice, sequences, options),
  );
  const seconds = value.before + (performance.now() - started) / 1000;
  return { value, cost: { seconds, memory: Deno.memoryUsage().rss } };
}

async function make(
  { engine, base, fine }: OpenPair,
  choice: MethodChoice,
  sequences: CalibrationSequences | null,
  { path, state, ...watch }: KeptOptions,
): Promise<Made> {
  if (path === undefined || findMethod(choice.method).kind === "trained") {
    const made = await compress(engine, base, fine, choice, sequences, { ...watch, state });
    const { delta, losses, resumedSeconds: before = 0 } = made;
    const write = async (to: string) => {
      const digest = await writeDelta(to, delta);
      if (state !== undefined) await removeIfThere(state);
      return digest;
    };
    return { delta, losses, write, before };
  }
  // The task's key has its code, and the place of its state is of the task alone.
  const kept = { ...watch, state };
  const { delta, losses, resumption } = await compressToFile(
    path,
    engine,
    base,
    fine,
    choice,
    sequences,
    kept,
  );
  using file = delta;
  const { layers, whole, digest } = file;
  const write = () => Promise.resolve(digest!);
  return { delta: { layers, whole }, losses, write, before: resumption?.seconds ?? 0 };
}
