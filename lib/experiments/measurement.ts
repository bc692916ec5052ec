/** What is measured, and the key under which a measurement is kept: a hash of all that determines it. */

import { createHash } from "node:crypto";
import type { Domain } from "../texts/domains.ts";
import type { EngineDetails } from "../graph/engine.ts";
import type { ScoreSummary } from "../evaluation/scores.ts";
import { type CalibratedMethod, describeMethod, type Method } from "./method.ts";

/** One thing to measure. */
export type Task =
  | { readonly kind: "calibration"; readonly pair: string; readonly method: CalibratedMethod }
  | {
    readonly kind: "evaluation";
    readonly pair: string;
    readonly method: Method;
    readonly domain: Domain;
  }
  | {
    /** A calibration made once more, for its time alone. */
    readonly kind: "timing";
    readonly pair: string;
    readonly method: CalibratedMethod;
    readonly repeat: number;
  }
  | {
    readonly kind: "wall clock";
    readonly pair: string;
    readonly method: CalibratedMethod;
    /** Batch size in Figure 1; an activation-aware calibration does not use it. */
    readonly batchSize: number;
    readonly repeat: number;
  };

/** How a calibration went; the delta itself lies beside it. */
export interface CalibrationResult {
  /** Wall clock of extraction and calibration, in seconds. */
  readonly seconds: number;
  /** Memory of the process at the end, in bytes. */
  readonly memory: number;
  /** Loss of the last step; `null` for a method without steps. */
  readonly finalLoss: number | null;
  /** Bytes of the delta's masks, scales and whole tensors, and of the fine-tune's weights. */
  readonly deltaBytes: number;
  /** Bytes of the fine-tune's weights. */
  readonly fineBytes: number;
  /** Digest of the delta's file, by which it is known again. */
  readonly deltaDigest: string;
}

/** A task's result, by its kind. */
export interface Results {
  /** What making a delta took. */
  "calibration": CalibrationResult;
  /** Scores of a model. */
  "evaluation": ScoreSummary;
  /** One more timing of Table 2. */
  "timing": { readonly seconds: number; readonly memory: number };
  /** One timing of Figure 1. */
  "wall clock": { readonly seconds: number; readonly memory: number };
}

/** What determines a measurement beside its task. */
export interface Circumstances {
  /** Hash of the base's weights. */
  readonly baseHash: string;
  /** Hash of the fine-tune's weights. */
  readonly fineHash: string;
  /** Hash of the tokenizer. */
  readonly tokenizerHash: string;
  /** Hash of the text that is scored; `null` where none is. */
  readonly scoredHash: string | null;
  /** Hash of the calibration text; `null` for a model without calibration. */
  readonly calibrationHash: string | null;
  /** Sizes of the scored windows. */
  readonly windows: { readonly context: number; readonly window: number };
  /** Name and version of the engine. */
  readonly engine: string;
  /** Hash of the code that measures. */
  readonly codeHash: string;
}

/** A finished measurement. */
export type Measurement<Kind extends Task["kind"] = Task["kind"]> = {
  [K in Kind]: {
    readonly key: string;
    readonly task: Extract<Task, { kind: K }>;
    readonly circumstances: Circumstances;
    /** What it was measured on, and why there; the engine's name alone is part of the key. */
    readonly device: EngineDetails;
    readonly result: Results[K];
  };
}[Kind];

/** The key of a measurement: 32 hexadecimal digits. */
export function measurementKey(task: Task, circumstances: Circumstances): string {
  return sha256(canonical({ task, circumstances })).slice(0, 32);
}

/** A task for a person. */
export function describeTask(task: Task): string {
  const subject = task.kind === "evaluation" ? task.domain : task.kind;
  return `${task.pair}: ${describeMethod(task.method)}: ${subject}`;
}

/**
 * SHA-256 of text, in hexadecimal digits.
 *
 * @example
 * ```ts
 * import { sha256 } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * assert.match(sha256(""), /^e3b0c44298fc1c14/);
 * ```
 */
export function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

/** JSON with the keys of every object in order, so that equal content gives equal text. */
export function canonical(value: unknown): string {
  return JSON.stringify(
    value,
    (_, each) =>
      each && typeof each === "object" && !Array.isArray(each)
        ? Object.fromEntries(Object.entries(each).sort(([a], [b]) => a < b ? -1 : 1))
        : each,
  );
}
