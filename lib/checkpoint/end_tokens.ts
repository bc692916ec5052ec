/**
 * The tokens at which a model stops: models that chat have several, and say so in `generation_config.json` or in
 * `config.json`. Not here: generation.
 */

import { join } from "node:path";
import * as v from "valibot";
import { ConfigError } from "../util/errors.ts";
import { firstIssue, readJsonFile } from "../util/json_file.ts";
import { isTaken } from "../util/regular_file.ts";
import { CONFIG_FILE, type DecoderConfig } from "./config.ts";

/** Which tokens end a text, and what says so. */
export interface EndTokens {
  /** Their ids, each once; none: the model stops at no token. */
  readonly ids: readonly number[];
  /** The file; `config.json` also where the other is not there, or names none. */
  readonly from: "generation_config.json" | "config.json";
}

/** A model that lies in a folder. */
export interface ModelFolder {
  /** The folder. */
  readonly directory: string;
  /** The model's architecture. */
  readonly config: DecoderConfig;
}

const id = v.pipe(v.number(), v.integer());
const schema = v.pipe(
  v.unknown(),
  v.check((json) => !Array.isArray(json), "an object"),
  v.looseObject({ eos_token_id: v.nullish(v.union([id, v.array(id)])) }),
);

/**
 * All tokens that end a text, the settings of generation first, as transformers looks for them.
 *
 * @throws {ConfigError} if `generation_config.json` is there and cannot be read, or a file names a token that the
 * model does not have.
 *
 * @example
 * ```ts
 * import { Checkpoint, endTokens, projectPath } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * using model = await Checkpoint.open(projectPath("data/checkpoints/llama-base"));
 * const { ids, from } = await endTokens(model);
 * assert.deepEqual([ids[0], from], [model.config.eosToken, "config.json"]);
 * ```
 */
export async function endTokens(checkpoint: ModelFolder): Promise<EndTokens> {
  const { directory, config } = checkpoint;
  const generation = join(directory, "generation_config.json");
  if (await isTaken(generation)) {
    const ids = await namedIn(generation, "the JSON settings of generation", checkpoint);
    if (ids !== null) return { ids, from: "generation_config.json" };
  }
  const ids = await namedIn(join(directory, "config.json"), CONFIG_FILE.expected, checkpoint);
  return { ids: ids ?? [config.eosToken ?? []].flat(), from: "config.json" };
}

/**
 * A configuration that stops where {@linkcode endTokens} says; as it is where that cannot be told, which is an error
 * for those alone who generate.
 */
export async function withEndTokens(
  config: DecoderConfig,
  directory: string,
): Promise<DecoderConfig> {
  const { endTokens: _former, ...others } = config;
  try {
    const { ids } = await endTokens({ directory, config });
    return `${ids}` === `${config.eosToken ?? []}` ? others : { ...others, endTokens: ids };
  } catch (error) {
    if (error instanceof ConfigError) return config;
    throw error;
  }
}

/**
 * The tokens of a model that has no folder, such as a base with a delta.
 *
 * @example
 * ```ts
 * import { Checkpoint, endTokensOf, projectPath } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * using model = await Checkpoint.open(projectPath("data/checkpoints/llama-base"));
 * assert.deepEqual(endTokensOf(model.config), [model.config.eosToken]);
 * ```
 */
export function endTokensOf({ eosToken, endTokens }: DecoderConfig): readonly number[] {
  return endTokens ?? [eosToken ?? []].flat();
}

/** The tokens that a file names; `null` if it does not say. A negative token is none. */
async function namedIn(
  file: string,
  expected: string,
  { config }: ModelFolder,
): Promise<number[] | null> {
  const { json } = await readJsonFile(file, ConfigError, { ...CONFIG_FILE, expected });
  const parsed = v.safeParse(schema, json);
  if (!parsed.success) {
    const problem = "does not say which tokens end a text";
    throw new ConfigError({ problem, file, ...firstIssue(parsed.issues) });
  }
  const { eos_token_id: named } = parsed.output;
  if (named === undefined || named === null) return null;
  const ids = [...new Set([named].flat())].filter((each) => each >= 0);
  const beyond = ids.find((each) => each >= config.vocabularySize);
  if (beyond === undefined) return ids;
  throw new ConfigError({
    problem: "names a token that the model does not have",
    file,
    option: "eos_token_id",
    value: beyond,
    expected: `ids below ${config.vocabularySize}, its vocab_size`,
  });
}
