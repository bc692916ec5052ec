/** What a stored measurement is, field by field: nothing less, nothing more, every number finite. */

import * as v from "valibot";
import { domains } from "../texts/domains.ts";
import type { Measurement } from "./measurement.ts";

const number = v.pipe(v.number(), v.finite());
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const text = v.string();
const variant = v.picklist(["study-faithful", "corrected"]);

const calibrated = v.variant("kind", [
  v.strictObject({ kind: v.literal("activation-aware"), variant, rows: count, seed: v.number() }),
  v.strictObject({
    kind: v.literal("distilled"),
    variant,
    steps: count,
    batch: count,
    seed: v.number(),
  }),
]);
const method = v.union([
  calibrated,
  v.strictObject({ kind: v.picklist(["base", "fine", "initial"]) }),
]);

const cost = { seconds: number, memory: number };
const optional = v.nullable(number);
const summary = v.strictObject({
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

const fact = v.union([text, number, v.boolean(), v.array(text)]);
const shared = {
  key: text,
  circumstances: v.strictObject({
    baseHash: text,
    fineHash: text,
    tokenizerHash: text,
    scoredHash: v.nullable(text),
    calibrationHash: v.nullable(text),
    windows: v.strictObject({ context: count, window: count }),
    engine: text,
    codeHash: text,
  }),
  device: v.strictObject({
    device: v.picklist(["cpu", "webgpu"]),
    chosen: text,
    facts: v.record(text, v.union([fact, v.record(text, fact)])),
  }),
};

/** Any measurement, by the kind of its task. */
export const measurementSchema: v.GenericSchema<unknown, Measurement> = v.union([
  v.strictObject({
    ...shared,
    task: v.strictObject({ kind: v.literal("calibration"), pair: text, method: calibrated }),
    result: v.strictObject({
      ...cost,
      finalLoss: optional,
      deltaBytes: count,
      fineBytes: count,
      deltaDigest: text,
    }),
  }),
  v.strictObject({
    ...shared,
    task: v.strictObject({
      kind: v.literal("evaluation"),
      pair: text,
      method,
      domain: v.picklist(domains),
    }),
    result: summary,
  }),
  v.strictObject({
    ...shared,
    task: v.strictObject({
      kind: v.literal("timing"),
      pair: text,
      method: calibrated,
      repeat: count,
    }),
    result: v.strictObject(cost),
  }),
  v.strictObject({
    ...shared,
    task: v.strictObject({
      kind: v.literal("wall clock"),
      pair: text,
      method: calibrated,
      batchSize: count,
      repeat: count,
    }),
    result: v.strictObject(cost),
  }),
]);
