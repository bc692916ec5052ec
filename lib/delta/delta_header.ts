/**
 * The header's metadata of a delta file, of any version: text to and from what it says.
 *
 * All have `format`, `version`, `library`, `method`, `settings` (JSON), `base_hash` and `fine_hash` where
 * known, `base` and `fine` where they were fetched from the Hub (`hf:owner/name@commit`), and from version 2 on
 * `digest`. Versions from 3 on say how layers are stored: `forms` (JSON, a list of
 * roles and terms, each a codec's name and form), `layers` (JSON: shape `[out, in]` and the place of its
 * form by name), and `digests` (JSON: of each entry's bytes, in version 3 the SHA-256 in hex, from version 4 on
 * `blake3:` and the BLAKE3). Those of a fine-tune that is configured otherwise than its base have `config`
 * (JSON: the fields of `config.json` that differ, with the fine-tune's values, but for vocabulary and tying,
 * which the whole tensors tell). Where these change the forward pass the version is 5, so that readers of 4,
 * which pass over them, refuse the file. Where embedding or head stand among the layers, under their tensors' names,
 * it is 6. Any other file stays one of version 4. Versions 1 and 2 know packed
 * signs with one scale alone, and have `widths` (JSON: `in` of the layers where it is not 32 times the mask's
 * words). Not here: tensors.
 */

import * as v from "valibot";
import project from "../../deno.json" with { type: "json" };
import { changesNumbers, type ConfigChanges } from "../checkpoint/config_changes.ts";
import type { TensorFile } from "../checkpoint/tensor_file.ts";
import type { RawTensor } from "../checkpoint/tensor.ts";
import { compareLinearLayers, isTable } from "../checkpoint/weights.ts";
import type { LayerForm } from "../codecs/codec.ts";
import { formOf } from "../codecs/layer.ts";
import { DeltaError } from "../util/errors.ts";
import { firstIssue } from "../util/json_file.ts";
import type { Delta, DeltaMetadata } from "./delta.ts";

/** The highest version of the format that this library writes and reads. */
const FORMAT_VERSION = 6;

/** What it writes where a setting changes the forward pass and no table is compressed. */
const CHANGED_VERSION = 5;

/** What it writes where neither is so. */
const PLAIN_VERSION = 4;

/** The first that says how layers are stored. */
export const FORMS_SINCE = 3;

/** What the header of a delta file says that it is. */
export const FORMAT = "one-bit-delta";

/** What a file of any version holds, its header read and its layers not. */
export interface FileContents extends Pick<Delta, "metadata" | "layers" | "whole"> {
  /** Of all of its content; `null` for a file from before there were any. */
  readonly digest: string | null;
  /** An entry of the type and shape that a layer's codecs say, as it was written. */
  read(entry: string): Promise<Entry>;
}

/** An entry as it was read. */
export interface Entry {
  readonly tensor: RawTensor;
  /** Index of the first element that is NaN or infinite; −1 if there is none. */
  readonly notFinite: number;
}

/** A field of the header's metadata that holds JSON. */
function jsonField<T extends v.GenericSchema>(schema: T) {
  return v.pipe(v.string(), v.parseJson(), schema);
}

const size = v.pipe(v.number(), v.safeInteger(), v.minValue(1));
const setting = v.union([v.string(), v.number(), v.boolean()]);
const described = v.object({
  format: v.literal(FORMAT),
  version: v.pipe(v.string(), v.toNumber(), v.integer(), v.minValue(1), v.maxValue(FORMAT_VERSION)),
  method: v.string(),
  settings: v.optional(jsonField(v.record(v.string(), setting)), "{}"),
  base: v.exactOptional(v.string()),
  fine: v.exactOptional(v.string()),
  base_hash: v.nullish(v.string(), null),
  fine_hash: v.nullish(v.string(), null),
  config: v.optional(jsonField(v.record(v.string(), v.unknown()))),
});
const old = v.object({ widths: v.optional(jsonField(v.record(v.string(), size)), "{}") });
const stored = v.object({
  forms: jsonField(v.array(v.strictObject({
    role: v.picklist(["delta", "weight"]),
    terms: v.array(v.strictObject({ codec: v.string(), form: v.record(v.string(), setting) })),
  }))),
  layers: jsonField(v.record(
    v.string(),
    v.strictObject({
      shape: v.tuple([size, size]),
      form: v.pipe(v.number(), v.safeInteger(), v.minValue(0)),
    }),
  )),
  digests: jsonField(v.record(v.string(), v.string())),
});

/**
 * Where a delta comes from, as its file says; a file without metadata, as the study writes it, says nothing.
 *
 * @throws {DeltaError} if a field is missing or malformed, or the file is of a later version.
 */
export function parseMetadata(file: TensorFile): DeltaMetadata {
  if (Object.keys(file.metadata).length === 0) {
    return { method: "unknown", settings: {}, baseHash: null, fineHash: null, version: null };
  }
  const { format: _, base_hash: baseHash, fine_hash: fineHash, ...same } = parse(described, file);
  return { ...same, baseHash, fineHash };
}

/**
 * `in` of layers whose masks do not say it, in versions 1 and 2.
 *
 * @throws {DeltaError} if it is malformed.
 */
export function parseWidths(file: TensorFile): ReadonlyMap<string, number> {
  return new Map(Object.entries(parse(old, file).widths));
}

/** What versions say from 3 on. */
export interface StoredForms {
  /** In the order of the forward pass. */
  readonly layers: ReadonlyMap<string, LayerForm>;
  /** Of the bytes of each entry, as of the version. */
  readonly digests: ReadonlyMap<string, string>;
}

/**
 * How layers are stored, from version 3 on.
 *
 * @throws {DeltaError} if a field is missing or malformed.
 */
export function parseForms(file: TensorFile): StoredForms {
  const { forms, layers, digests } = parse(stored, file);
  const names = Object.keys(layers).sort(compareLinearLayers);
  const found = names.map((name): [string, LayerForm] => {
    const { shape, form: place } = layers[name];
    const form = forms[place];
    if (form) return [name, { shape, ...form }];
    throw new DeltaError({
      problem: "metadata cannot be used",
      file: file.path,
      option: `layers.${name}.form`,
      value: place,
      expected: `the place of one of ${forms.length} forms`,
    });
  });
  return { layers: new Map(found), digests: new Map(Object.entries(digests)) };
}

/** The version that a delta of these layers, of a fine-tune with these changes, is written in. */
export function writtenVersion(
  layers: Delta["layers"],
  changes: ConfigChanges = {},
): number {
  if ([...layers.keys()].some(isTable)) return FORMAT_VERSION;
  return changesNumbers(changes) ? CHANGED_VERSION : PLAIN_VERSION;
}

/** Metadata of the version that is written, without its digest. */
export function formatMetadata(
  { metadata, layers }: Pick<Delta, "metadata" | "layers">,
  digests: ReadonlyMap<string, string>,
): Record<string, string> {
  const forms: string[] = [];
  const placed = [...layers].map(([name, layer]) => {
    const { shape, role, terms } = formOf(layer);
    const form = JSON.stringify({ role, terms });
    const place = forms.indexOf(form);
    return [name, { shape, form: place < 0 ? forms.push(form) - 1 : place }];
  });
  const { method, settings, base, fine, baseHash, fineHash, config } = metadata;
  return {
    format: FORMAT,
    version: String(writtenVersion(layers, config)),
    library: project.version,
    method,
    settings: JSON.stringify(settings),
    ...(base === undefined ? {} : { base }),
    ...(fine === undefined ? {} : { fine }),
    ...(baseHash === null ? {} : { base_hash: baseHash }),
    ...(fineHash === null ? {} : { fine_hash: fineHash }),
    ...(config === undefined ? {} : { config: JSON.stringify(config) }),
    forms: `[${forms.join(",")}]`,
    layers: JSON.stringify(Object.fromEntries(placed)),
    digests: JSON.stringify(Object.fromEntries(digests)),
  };
}

/** What a file is refused with whose digest, or that of one of its tensors, is another than was found. */
export function notAsWritten(
  file: TensorFile,
  { digest, ...place }: { digest?: string; value: string; option?: string; tensor?: string },
): DeltaError {
  return new DeltaError({
    problem: digest === undefined ? "has no digest" : "is not as it was written",
    file: file.path,
    ...place,
    expected: `${digest ?? "the digest of a delta of this version"}; make or fetch the delta again`,
  });
}

function parse<T extends v.GenericSchema>(schema: T, file: TensorFile): v.InferOutput<T> {
  const result = v.safeParse(schema, file.metadata);
  if (result.success) return result.output;
  const problem = "metadata cannot be used";
  throw new DeltaError({ problem, file: file.path, ...firstIssue(result.issues) });
}
