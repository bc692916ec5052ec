/**
 * What a notebook's file must hold, after nbformat 4, as a schema that also joins what the file keeps
 * as lists of lines.
 */

import * as v from "valibot";
import type { JsonObject, MimeBundle, Output } from "./notebook.ts";

const text = v.pipe(
  v.union([v.string(), v.array(v.string())], "a text or a list of lines"),
  v.transform((lines) => typeof lines === "string" ? lines : lines.join("")),
);
const object = v.record(v.string(), v.unknown());
const count = v.nullable(v.pipe(v.number(), v.integer()));
const bundle = v.pipe(
  object,
  v.check(
    (data) => Object.entries(data).every(([mime, value]) => isJson(mime) || isLines(value)),
    "texts, or lists of lines, by media type",
  ),
  v.transform((data) => mapBundle(data, (value) => Array.isArray(value) ? value.join("") : value)),
);

/** An output, its texts joined. */
export const outputSchema = v.variant("output_type", [
  v.object({
    output_type: v.literal("stream"),
    name: v.picklist(["stdout", "stderr"]),
    text,
  }),
  v.object({ output_type: v.literal("display_data"), data: bundle, metadata: object }),
  v.object({
    output_type: v.literal("execute_result"),
    data: bundle,
    metadata: object,
    execution_count: count,
  }),
  v.object({
    output_type: v.literal("error"),
    ename: v.string(),
    evalue: v.string(),
    traceback: v.array(v.string()),
  }),
]);

const base = {
  id: v.string(),
  metadata: object,
  source: text,
};
const textCell = { ...base, attachments: v.optional(v.record(v.string(), bundle)) };
const cell = v.variant("cell_type", [
  v.looseObject({
    cell_type: v.literal("code"),
    ...base,
    execution_count: count,
    outputs: v.array(outputSchema),
  }),
  v.looseObject({ cell_type: v.literal("markdown"), ...textCell }),
  v.looseObject({ cell_type: v.literal("raw"), ...textCell }),
]);

/** A notebook's file, its texts joined. */
export const notebookSchema = v.looseObject({
  nbformat: v.literal(4),
  nbformat_minor: v.pipe(v.number(), v.integer()),
  metadata: object,
  cells: v.array(cell),
});

/** What an output is taken to hold where it does not say. */
const emptyOutput = {
  data: {},
  metadata: {},
  execution_count: null,
  name: "stdout",
  text: "",
  ename: "",
  evalue: "",
  traceback: [],
};

/** An output, its texts joined and what it lacks supplied; nothing if it is none of nbformat. */
export function completed(output: JsonObject): Output | undefined {
  const { success, output: whole } = v.safeParse(outputSchema, { ...emptyOutput, ...output });
  return success ? whole as Output : undefined;
}

/** Applies `change` to the representations that are not JSON: those may be stored as lists of lines. */
export function mapBundle(
  data: MimeBundle,
  change: (value: unknown, mime: string) => unknown,
): MimeBundle {
  return Object.fromEntries(
    Object.entries(data).map((
      [mime, value],
    ) => [mime, isJson(mime) ? value : change(value, mime)]),
  );
}

function isJson(mime: string): boolean {
  return /^application\/(.*\+)?json$/.test(mime);
}

/** Anything but a list of other things than lines; a kernel may send what it likes for a media type. */
function isLines(value: unknown): boolean {
  return !Array.isArray(value) || value.every((line) => typeof line === "string");
}
