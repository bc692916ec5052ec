/**
 * What stored measurements are, field by field: nothing less, nothing more, every number finite. Settings of
 * methods are held to the method's own schema.
 */

import * as v from "valibot";
import type { ScoreSummary } from "../evaluation/scores.ts";
import { findMethod } from "../methods/mod.ts";
import { InputError } from "../util/errors.ts";
import { completeSettings, type Settings } from "../util/settings.ts";
import type { Kind, Measurement } from "./task.ts";

const number = v.pipe(v.number(), v.finite());
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const text = v.string();
const optional = v.nullable(number);

/** What determines a compressed delta. */
export interface CompressionKey {
  /** Hash of the base's weights and configuration. */
  readonly base: string;
  /** Hash of the fine-tune's. */
  readonly fine: string;
  /** Hash of the tokenizer, and of the calibration text; `null` for a method that sees none. */
  readonly tokenizer: string | null;
  /** As above. */
  readonly text: string | null;
  /** Name of the method. */
  readonly method: string;
  /** All of its settings. */
  readonly settings: Settings;
  /** Of the engine, what numbers depend on. */
  readonly engine: string;
  /** Identity of the code that compresses. */
  readonly code: string;
}

/** What making a delta took once. */
export interface Cost {
  /** Wall clock of extraction and calibration, in seconds. */
  readonly seconds: number;
  /** Memory of the process at the end, in bytes. */
  readonly memory: number;
}

/** How a compression went; the delta itself lies beside it. */
export interface CompressionResult {
  /** What it took on the machine that made it: no part of what determines anything. */
  readonly cost: Cost & Circumstances;
  /** Loss of the last step; `null` for a method without steps. */
  readonly finalLoss: number | null;
  /** Bytes of the delta's parts and whole tensors. */
  readonly deltaBytes: number;
  /** Bytes of the fine-tune's weights. */
  readonly fineBytes: number;
  /** Codecs that the delta needs, in the order of their names. */
  readonly codecs: readonly string[];
  /** Digest of the delta's file, by which it is known again. */
  readonly deltaDigest: string;
}

/** What determines the scores of a model. */
export interface EvaluationKey {
  /** Hash of the weights that are scored, or that a delta is added to. */
  readonly weights: string;
  /** Digest of that delta; `null` where there is none. */
  readonly delta: string | null;
  /** Hash of the fine-tune, which KL and agreement refer to. */
  readonly reference: string;
  /** Hash of the tokenizer. */
  readonly tokenizer: string;
  /** Hash of the text that is scored. */
  readonly text: string;
  /** Sizes of the windows. */
  readonly windows: { readonly context: number; readonly window: number };
  /** As in {@linkcode CompressionKey}. */
  readonly engine: string;
  /** Identity of the code that scores, and of the codecs that the delta needs. */
  readonly code: string;
}

/** What a time holds for, and is never mixed with another's. */
export interface Circumstances {
  /** The kind of machine. */
  readonly machine: string;
  /** Name of the engine, with the threads that it uses. */
  readonly engine: string;
}

/** What a time depends on. */
export interface TimingKey extends Circumstances {
  /** What is timed. */
  readonly compression: CompressionKey;
  /** What ran untimed before; `null`: nothing. */
  readonly warmUp: Settings | null;
  /** Which of several timings of the same. */
  readonly repeat: number;
}

const settings = v.record(text, v.union([text, number, v.boolean()]));
const compressionKey = v.pipe(
  v.strictObject({
    base: text,
    fine: text,
    tokenizer: v.nullable(text),
    text: v.nullable(text),
    method: text,
    settings,
    engine: text,
    code: text,
  }),
  v.check(({ method, settings }) => isOfMethod(method, settings), "all settings of a method"),
);
const cost = { seconds: number, memory: number };
const circumstances = { machine: text, engine: text };
const summary: v.GenericSchema<unknown, ScoreSummary> = v.strictObject({
  perplexity: number,
  kl: optional,
  agreement: optional,
  bitsPerByte: number,
  tokens: count,
  windowNll: v.array(number),
  documents: v.array(v.strictObject({
    name: text,
    tokens: count,
    bytes: count,
    nll: number,
    kl: optional,
    agreement: optional,
  })),
});

/** Making a delta, which is kept. */
export const compressionKind: Kind<CompressionKey, CompressionResult> = {
  name: "compression",
  file: "safetensors",
  key: compressionKey,
  result: v.strictObject({
    cost: v.strictObject({ ...cost, ...circumstances }),
    finalLoss: optional,
    deltaBytes: count,
    fineBytes: count,
    codecs: v.array(text),
    deltaDigest: text,
  }),
};

/** Scoring a model. */
export const evaluationKind: Kind<EvaluationKey, ScoreSummary> = {
  name: "evaluation",
  file: null,
  key: v.strictObject({
    weights: text,
    delta: v.nullable(text),
    reference: text,
    tokenizer: text,
    text,
    windows: v.strictObject({ context: count, window: count }),
    engine: text,
    code: text,
  }),
  result: summary,
};

/** Making a delta for its time alone. */
export const timingKind: Kind<TimingKey, Cost> = {
  name: "timing",
  file: null,
  key: v.strictObject({
    compression: compressionKey,
    warmUp: v.nullable(settings),
    repeat: count,
    ...circumstances,
  }),
  result: v.strictObject(cost),
};

const fact = v.union([text, number, v.boolean(), v.array(text)]);

/** A stored measurement of a kind. */
export function measurementSchema<Key, Result>(
  { name, key, result }: Kind<Key, Result>,
): v.GenericSchema<unknown, Measurement<Key, Result>> {
  // What the parts of an object come to, the compiler does not work out for parts of any type.
  return v.strictObject({
    id: text,
    kind: v.literal(name),
    key: key as v.GenericSchema,
    engine: text,
    device: v.strictObject({
      device: v.picklist(["cpu", "webgpu"]),
      chosen: text,
      facts: v.record(text, v.union([fact, v.record(text, fact)])),
    }),
    result: result as v.GenericSchema,
  }) as unknown as v.GenericSchema<unknown, Measurement<Key, Result>>;
}

/** Whether these are settings of a method, complete and within its bounds. */
function isOfMethod(name: string, given: Settings): boolean {
  try {
    const { settings } = findMethod(name);
    const complete = completeSettings(settings, given, name);
    return Object.keys(complete).length === Object.keys(given).length;
  } catch (error) {
    if (error instanceof InputError) return false;
    throw error;
  }
}
