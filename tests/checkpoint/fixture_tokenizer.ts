/** The small tokenizers of every family, as `tests/fixtures/tokenizers` holds them. */

import { TextTokenizer } from "../../lib/checkpoint/tokenizer.ts";

/** The content of one of the files. */
export async function tokenizerFixture(name: string) {
  const file = new URL(`../fixtures/tokenizers/${name}.json`, import.meta.url);
  return JSON.parse(await Deno.readTextFile(file));
}

/** One of the tokenizers. */
export async function fixtureTokenizer(family: string): Promise<TextTokenizer> {
  return await TextTokenizer.fromJson(await tokenizerFixture(family), {}, `${family}.json`);
}
