/**
 * What one configuration says otherwise than another, as fields of a `config.json`: what a base has to be told
 * to run as its fine-tune does. Not here: sizes of vocabulary and head, which the tensors themselves tell.
 */

import { isDeepStrictEqual } from "node:util";
import { ConfigError } from "../util/errors.ts";
import { type DecoderConfig, parseConfig } from "./config.ts";
import { configToJson } from "./config_to_json.ts";

/** Fields of a `config.json` with the values that they take; null: as where there is none. */
export type ConfigChanges = Readonly<Record<string, unknown>>;

/** A field that differs, for an error. */
export interface DifferingField {
  /** Its name in `config.json`. */
  readonly option: string;
  /** What was found. */
  readonly value: unknown;
  /** What was expected, as text. */
  readonly expected: string;
}

/** What the linear layers are, and how many: a fine-tune shares them with its base. */
const OF_LAYERS = [
  "architectures",
  "model_type",
  "hidden_size",
  "intermediate_size",
  "num_hidden_layers",
  "num_attention_heads",
  "num_key_value_heads",
  "head_dim",
];

/** What follows from the shape of the embedding, and from whether there is a head beside it. */
const OF_TENSORS = ["vocab_size", "tie_word_embeddings"];

/** What changes no number of the forward pass. */
const PASSIVE = ["bos_token_id", "eos_token_id", "max_position_embeddings"];

/** Every field in which `config` is not as `other`, by its name in `config.json`, with `config`'s value. */
function changedFields(config: DecoderConfig, other: DecoderConfig): [string, unknown][] {
  const [to, from] = [config, other].map(configToJson);
  return [...new Set([...Object.keys(from), ...Object.keys(to)])]
    .map((field): [string, unknown] => [field, to[field] ?? null])
    .filter(([field, value]) => !isDeepStrictEqual(value, from[field] ?? null));
}

/** What `fine` says otherwise than `base` and its tensors do not tell; empty for most pairs. */
export function configChanges(base: DecoderConfig, fine: DecoderConfig): ConfigChanges {
  const changed = changedFields(fine, base).filter(([field]) => !OF_TENSORS.includes(field));
  return Object.fromEntries(changed);
}

/** Whether a reader that passes over these changes would compute other numbers. */
export function changesNumbers(changes: ConfigChanges): boolean {
  return Object.keys(changes).some((field) => !PASSIVE.includes(field));
}

/**
 * A configuration with changes made to it.
 *
 * @param file name for error messages.
 * @throws {ConfigError} if one is not supported, or none that this configuration can have.
 */
export function changedConfig(
  config: DecoderConfig,
  changes: ConfigChanges,
  file: string,
): DecoderConfig {
  if (Object.keys(changes).length === 0) return config;
  const own = configToJson(config);
  const changed = parseConfig({ ...own, ...changes }, file);
  const json = configToJson(changed);
  for (const [option, value] of Object.entries(changes)) {
    const mayChange = ![...OF_LAYERS, ...OF_TENSORS].includes(option);
    if (mayChange && isDeepStrictEqual(json[option] ?? null, value)) continue;
    const problem = "is no setting that a fine-tune of this base can change";
    throw new ConfigError({ problem, file, option, value, expected: expectedText(own[option]) });
  }
  return changed;
}

/** The first field in which a model that is `config` computes otherwise, or is of another shape, than `expected`. */
export function differingSetting(
  config: DecoderConfig,
  expected: DecoderConfig,
): DifferingField | null {
  return firstDifference(config, expected, (field) => !PASSIVE.includes(field));
}

/** The first field in which the linear layers of `config` are others than those of `expected`. */
export function differingLayers(
  config: DecoderConfig,
  expected: DecoderConfig,
): DifferingField | null {
  return firstDifference(config, expected, (field) => OF_LAYERS.includes(field));
}

function firstDifference(
  config: DecoderConfig,
  expected: DecoderConfig,
  counts: (field: string) => boolean,
): DifferingField | null {
  const first = changedFields(config, expected).find(([field]) => counts(field));
  if (!first) return null;
  const [option, value] = first;
  return { option, value, expected: expectedText(configToJson(expected)[option]) };
}

function expectedText(value: unknown): string {
  if (value === undefined) return "none";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
