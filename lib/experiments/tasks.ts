/** The tasks of one model on one pair: compressing it, timing that, and scoring it. */

import type { ScoreSummary } from "../evaluation/scores.ts";
import type { Domain } from "../texts/domains.ts";
import type { Settings } from "../util/settings.ts";
import { projectCode } from "./code_identity.ts";
import { measureCompression, timedCompression } from "./compression.ts";
import { compressionCode } from "./compression_code.ts";
import { evaluationCode } from "./evaluation.ts";
import {
  type CompressionKey,
  compressionKind,
  type CompressionResult,
  type Cost,
  type EvaluationKey,
  evaluationKind,
  type TimingKey,
  timingKind,
} from "./measurement_schema.ts";
import {
  type Fidelity,
  fidelityCode,
  type FidelityKey,
  fidelityKind,
  measureFidelity,
} from "./delta_fidelity.ts";
import { type CompressedModel, describeModel } from "./scored_model.ts";
import type { BenchPair, OpenPair } from "./open_pair.ts";
import type { Task } from "./task.ts";
import type { Workbench } from "./workbench.ts";

/** Compresses a pair, and keeps the delta. */
export type CompressionTask = Task<CompressionKey, CompressionResult>;

/** The task of compressing a pair. */
export function compressionTask(
  bench: Workbench,
  pair: BenchPair,
  model: CompressedModel,
): CompressionTask {
  return {
    kind: compressionKind,
    label: labelOf(pair, describeModel(model), "compression"),
    needs: [],
    key: () => compressionKey(bench, pair, model),
    async measure(_, path, watch, state) {
      const opened = await checked(bench, pair);
      const kept = opened.isLarge ? state : null;
      return await measureCompression(opened, model, bench.circumstances, path, watch, kept);
    },
  };
}

/**
 * The task of scoring one of a pair's own models, or a compressed one.
 *
 * @param model the task that compresses it.
 */
export function evaluationTask(
  bench: Workbench,
  pair: BenchPair,
  model: "base" | "fine" | { readonly task: CompressionTask; readonly model: CompressedModel },
  domain: Domain,
): Task<EvaluationKey, ScoreSummary> {
  const isOwn = typeof model === "string";
  return {
    kind: evaluationKind,
    label: labelOf(pair, isOwn ? model : describeModel(model.model), domain),
    needs: isOwn ? [] : [model.task],
    async key(found) {
      const compressed = isOwn ? null : found(model.task).measurement.result;
      const { base, fine, tokenizer } = await bench.hashes(pair);
      const files = [...evaluationCode(compressed?.codecs ?? []), bench.engine.module];
      return {
        weights: model === "fine" ? fine : base,
        delta: compressed && compressed.deltaDigest,
        reference: fine,
        tokenizer,
        text: await bench.texts.scoredHash(domain),
        windows: bench.texts.windows,
        engine: bench.engine.identity,
        code: await projectCode.identity(files),
      };
    },
    async measure(found, _, watch, state) {
      const opened = await checked(bench, pair);
      const unfinished = opened.isLarge ? state : null;
      if (isOwn) return await opened.score(model, domain, watch, unfinished);
      const { measurement, path } = found(model.task);
      const kept = { path, digest: measurement.result.deltaDigest };
      return await opened.score(kept, domain, watch, unfinished);
    },
  };
}

/** The task of holding a compressed delta against its fine-tune's. */
export function fidelityTask(
  bench: Workbench,
  pair: BenchPair,
  { task, model }: { readonly task: CompressionTask; readonly model: CompressedModel },
): Task<FidelityKey, Fidelity> {
  return {
    kind: fidelityKind,
    label: labelOf(pair, describeModel(model), "fidelity"),
    needs: [task],
    async key(found) {
      const { base, fine } = await bench.hashes(pair);
      const { codecs, deltaDigest } = found(task).measurement.result;
      const files = [...fidelityCode(codecs), bench.engine.module];
      const code = await projectCode.identity(files);
      return { base, fine, delta: deltaDigest, engine: bench.engine.identity, code };
    },
    async measure(found) {
      return await measureFidelity(await bench.open(pair), found(task));
    },
  };
}

/** A timing of a compression. */
export interface TimingOptions {
  /** Which of several of the same. */
  readonly repeat: number;
  /** Settings of a run before, untimed: the first in a process also pays for compiling what it runs. */
  readonly warmUp?: Settings;
  /** The task that compresses: what that took on this machine is what is asked for. */
  readonly made?: CompressionTask;
}

/** The task of timing a compression. */
export function timingTask(
  bench: Workbench,
  pair: BenchPair,
  model: CompressedModel,
  { repeat, warmUp, made }: TimingOptions,
): Task<TimingKey, Cost> {
  return {
    kind: timingKind,
    label: labelOf(pair, describeModel(model), "timing"),
    needs: made ? [made] : [],
    key: async () => ({
      compression: await compressionKey(bench, pair, model),
      warmUp: warmUp ?? null,
      repeat,
      ...bench.circumstances,
    }),
    async measure(found, _, watch) {
      const known = made && found(made).measurement.result.cost;
      const { machine, engine } = bench.circumstances;
      if (known?.machine === machine && known.engine === engine) {
        return { seconds: known.seconds, memory: known.memory };
      }
      const opened = await checked(bench, pair);
      if (warmUp) await timedCompression(opened, { ...model, settings: warmUp }, watch);
      return (await timedCompression(opened, model, watch)).cost;
    },
  };
}

async function compressionKey(
  bench: Workbench,
  pair: BenchPair,
  { method, settings, seed, text }: CompressedModel,
): Promise<CompressionKey> {
  const { base, fine, tokenizer } = await bench.hashes(pair);
  return {
    base,
    fine,
    tokenizer: seed === null ? null : tokenizer,
    text: seed === null ? null : await bench.texts.calibrationHash(seed, text),
    method,
    settings,
    engine: bench.engine.identity,
    code: await projectCode.identity([
      ...compressionCode({ method, settings }),
      bench.engine.module,
    ]),
  };
}

async function checked(bench: Workbench, pair: BenchPair): Promise<OpenPair> {
  const opened = await bench.open(pair);
  await opened.checkTexts();
  return opened;
}

function labelOf({ name }: BenchPair, model: string, subject: string): string {
  return `${name}: ${model}: ${subject}`;
}
