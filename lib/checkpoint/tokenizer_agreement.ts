/**
 * What `tokenizer.json` and `tokenizer_config.json` both say of a tokenizer: classes and versions of
 * transformers obey the one or the other, so that the two must agree.
 */

import type { Tokenizer } from "@anush008/tokenizers";
import { TokenizerError } from "../util/errors.ts";
import { objectsIn } from "./fatal_parts.ts";
import type { TokenizerSettings } from "./tokenizer_settings.ts";

/** The ids that may begin and end a text, and the file that they are from. */
interface Marks {
  readonly bosToken: number | null;
  readonly eosToken: number | null;
  readonly file: string;
}

/**
 * Whether a text is put between marks: the post-processor and `add_bos_token`, `add_eos_token`.
 *
 * @throws {TokenizerError} if they differ.
 */
export async function checkMarks(
  native: Tokenizer,
  { bosToken, eosToken, file }: Marks,
  { add_bos_token, add_eos_token }: TokenizerSettings,
): Promise<void> {
  // One mark that may begin and end texts has a side only beside a text.
  const encoding = await native.encode(bosToken === eosToken ? "a" : "");
  const ids = encoding.getIds();
  const isMark = encoding.getSpecialTokensMask().map((mask) => mask === 1);
  const begins = isMark[0] && ids[0] === bosToken;
  const ends = ids.length > (begins ? 1 : 0) && isMark.at(-1) && ids.at(-1) === eosToken;
  for (
    const [option, wanted, present] of [
      ["add_bos_token", add_bos_token, begins],
      ["add_eos_token", add_eos_token, ends],
    ] as const
  ) {
    if (typeof wanted !== "boolean" || wanted === Boolean(present)) continue;
    throw new TokenizerError({
      problem: "its post_processor and tokenizer_config.json differ",
      file,
      option,
      value: wanted,
      expected: `${!wanted}, as the post_processor does`,
    });
  }
}

/** The parts of a checked `tokenizer.json` that may put a space before a text. */
export interface PrefixParts {
  readonly normalizer?: unknown;
  readonly pre_tokenizer?: unknown;
}

/**
 * Whether a text gets a space before it: normalizer or pre-tokenizer, where they say it, and
 * `add_prefix_space`.
 *
 * @throws {TokenizerError} if they differ.
 */
export function checkPrefixSpace(
  { normalizer, pre_tokenizer }: PrefixParts,
  { add_prefix_space: wanted }: TokenizerSettings,
  file: string,
): void {
  if (typeof wanted !== "boolean") return;
  const said = [
    ...objectsIn(normalizer).flatMap(({ prepend }) =>
      prepend === undefined ? [] : [prepend !== ""]
    ),
    ...objectsIn(pre_tokenizer).flatMap(({ add_prefix_space, prepend_scheme }) => {
      if (prepend_scheme !== undefined) return [prepend_scheme !== "never"];
      return add_prefix_space === undefined ? [] : [add_prefix_space === true];
    }),
  ];
  if (said.length === 0 || said.includes(true) === wanted) return;
  throw new TokenizerError({
    problem: "tokenizer.json and tokenizer_config.json differ on a space before a text",
    file,
    option: "add_prefix_space",
    value: wanted,
    expected: `${!wanted}, as tokenizer.json has it`,
  });
}
