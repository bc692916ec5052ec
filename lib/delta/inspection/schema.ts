/**
 * The form of an inspection as JSON, for programs that read what `deno task inspect --json` prints. Fields are
 * added in later versions, and none is taken away or means something else.
 */

import * as v from "valibot";
import { OptionError } from "../../util/errors.ts";
import { firstIssue } from "../../util/json_file.ts";
import type { Inspection } from "./inspect.ts";

const text = v.string();
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const shape = v.array(count);
const texts = v.record(text, text);
const setting = v.union([text, v.number(), v.boolean()]);
const settings = v.record(text, setting);

const terms = v.array(v.object({ codec: text, form: settings }));
const role = v.picklist(["delta", "weight"]);
const tensorCount = v.object({
  kind: text,
  tensors: count,
  parameters: count,
  bytes: v.nullable(count),
  dtypes: v.array(text),
  shapes: v.array(shape),
});
const named = v.object({ name: text, dtype: text, shape });
const scale = v.object({
  part: text,
  layers: count,
  numbers: count,
  min: v.nullable(v.number()),
  median: v.nullable(v.number()),
  max: v.nullable(v.number()),
});

const size = v.object({
  bytes: v.object({
    masks: count,
    scales: count,
    embeddings: count,
    head: count,
    norms: count,
    biases: count,
    other: count,
    header: count,
    total: count,
  }),
  weights: count,
  parameters: count,
  linearBits: v.number(),
  fileBits: v.number(),
});

const delta = v.object({
  kind: v.literal("delta"),
  path: text,
  version: v.nullable(count),
  digest: v.nullable(text),
  baseHash: v.nullable(text),
  fineHash: v.nullable(text),
  method: text,
  settings,
  made: texts,
  layers: count,
  size,
  projections: v.array(v.object({
    projection: text,
    layers: count,
    shapes: v.array(v.tuple([count, count])),
    forms: v.array(v.object({ role, terms, layers: count })),
    weights: count,
    bytes: count,
    bits: v.number(),
    scales: v.array(scale),
  })),
  whole: v.array(tensorCount),
  layer: v.nullable(v.object({
    name: text,
    role: v.picklist(["delta", "weight", "whole"]),
    shape,
    terms,
    parts: v.array(v.object({ entry: text, dtype: text, shape, bytes: count })),
    scales: v.array(scale),
  })),
  verification: v.nullable(v.object({ entries: count, bytes: count, digests: v.boolean() })),
});

const checkpoint = v.object({
  kind: v.literal("checkpoint"),
  path: text,
  name: text,
  refusal: v.nullable(text),
  architecture: v.nullable(text),
  config: v.nullable(
    v.looseObject({ architecture: text, vocabularySize: count, layerCount: count }),
  ),
  parameters: count,
  bytes: count,
  files: v.array(v.object({ name: text, bytes: count, tensors: count })),
  tensors: v.array(tensorCount),
  extra: v.array(named),
  carried: v.array(text),
  hash: v.nullable(text),
});

const tensors = v.object({
  kind: v.literal("tensors"),
  path: text,
  bytes: count,
  headerBytes: count,
  metadata: texts,
  parameters: count,
  tensors: v.array(tensorCount),
  list: v.array(named),
});

const schema = v.variant("kind", [delta, checkpoint, tensors]);

/**
 * Checks a parsed JSON document, and gives it its type.
 *
 * @throws {OptionError} naming the field, its value and what was expected.
 *
 * @example
 * ```ts
 * import { inspect, parseInspection, projectPath } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const found = await inspect(projectPath("data/checkpoints/llama-base"));
 * assert.deepEqual(parseInspection(JSON.parse(JSON.stringify(found))), found);
 * ```
 */
export function parseInspection(json: unknown): Inspection {
  const result = v.safeParse(schema, json);
  if (result.success) return result.output as Inspection;
  const problem = "is no inspection";
  throw new OptionError({ problem, ...firstIssue(result.issues) });
}
