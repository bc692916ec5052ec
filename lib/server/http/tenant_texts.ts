/**
 * What makes tokens of a client's texts, for the base or a tenant: tokenizer, chat template, tokens that end a text. A
 * tenant has the base's, but for those that stand in its delta's own folder. Not here: running them.
 */

import { join } from "node:path";
import type { Checkpoint } from "../../checkpoint/checkpoint.ts";
import type { DecoderConfig } from "../../checkpoint/config.ts";
import { endTokensOf } from "../../checkpoint/end_tokens.ts";
import { TextTokenizer } from "../../checkpoint/tokenizer.ts";
import { tokenizerPlace } from "../../checkpoint/tokenizer_place.ts";
import { isTaken } from "../../util/regular_file.ts";
import { ChatTemplate } from "../../checkpoint/chat_template.ts";

/** Texts to tokens and back, of one model. */
export interface TenantTexts {
  readonly tokenizer: TextTokenizer;
  /** `null`: neither the model nor its base has one. */
  readonly template: ChatTemplate | null;
  /** Ids at which the model stops. */
  readonly endTokens: readonly number[];
  /** One more than the highest id that it has. */
  readonly vocabularySize: number;
}

/** Those of a base. */
export async function baseTexts(base: Checkpoint): Promise<TenantTexts> {
  return {
    tokenizer: await base.tokenizer(),
    template: await ChatTemplate.open(base.directory),
    endTokens: endTokensOf(base.config),
    vocabularySize: base.config.vocabularySize,
  };
}

/**
 * Those of a tenant.
 *
 * @param folder its delta's own; `null` if it has none.
 * @param config the tenant's.
 * @throws {TokenizerError} if a file is there and cannot be read.
 */
export async function tenantTexts(
  folder: string | null,
  base: TenantTexts,
  { directory }: Checkpoint,
  config: DecoderConfig,
): Promise<TenantTexts> {
  const { vocabularySize } = config;
  const ends = endTokensOf(config);
  if (folder === null) return { ...base, endTokens: ends, vocabularySize };
  const files = ["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"];
  const own = await Promise.all(files.map((name) => isTaken(join(folder, name))));
  const template = await ChatTemplate.open(folder) ?? base.template;
  if (!own.includes(true)) return { ...base, template, endTokens: ends, vocabularySize };
  const place = await tokenizerPlace(folder, directory);
  const tokenizer = await TextTokenizer.open(place, vocabularySize);
  const endTokens = [...new Set([...ends, tokenizer.eosToken ?? []].flat())];
  return { tokenizer, template, endTokens, vocabularySize };
}

/**
 * The text of one token as it stands within a text: decoders leave the space before a text's first word out.
 * Half a character is U+FFFD, as decoding has it.
 */
export function tokenText({ decoder }: TextTokenizer, id: number): string {
  const alone = decoder.decode([id]);
  const twice = decoder.decode([id, id]);
  return twice.startsWith(alone) ? twice.slice(alone.length) : alone;
}
