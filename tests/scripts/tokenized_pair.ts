/** A tiny pair on disk that has a tokenizer, and text that suits it. */

import { join } from "node:path";
import { saveCheckpoint } from "../../lib/checkpoint/save.ts";
import type { DecoderConfig } from "../../lib/checkpoint/config.ts";
import { SeededRandom } from "../../lib/util/random.ts";
import { trainBytePairEncoding } from "../../lib/studies/embedded_pairs/bpe.ts";
import { RHYME } from "../studies/embedded_pairs/small_tokenizer.ts";
import { domains } from "../../lib/texts/domains.ts";
import { CALIBRATION_TEXT } from "../../lib/texts/named_text.ts";
import { temporaryFolder, TINY_CONFIG, tinySource } from "../checkpoint/tiny_checkpoint.ts";

/** Paths of everything; the folder is removed at the end of its scope. */
export interface TokenizedPair extends AsyncDisposable {
  readonly folder: string;
  readonly base: string;
  readonly fine: string;
  /** One document. */
  readonly text: string;
  /** Eight documents, as JSON lines. */
  readonly rows: string;
}

const CONFIG: DecoderConfig = { ...TINY_CONFIG, vocabularySize: 284, maximumPositions: 512 };

/** A path for a file or folder that is yet to be written. */
export function inFolder({ folder }: TokenizedPair, name: string): string {
  return join(folder, "out", name);
}

/** Random bfloat16 weights, and the same with a little noise. */
export async function tokenizedPair(): Promise<TokenizedPair> {
  const folder = await temporaryFolder();
  const at = (name: string) => join(folder.path, name);
  const tokenizer = await trainBytePairEncoding([RHYME], { vocabularySize: 284 });
  await Deno.mkdir(at("tokenizer"));
  await Deno.writeTextFile(at("tokenizer/tokenizer.json"), JSON.stringify(tokenizer.tokenizer));
  await Deno.writeTextFile(
    at("tokenizer/tokenizer_config.json"),
    JSON.stringify(tokenizer.tokenizerConfig),
  );
  const save = async (name: string, noise: number) => {
    const random = new SeededRandom(9);
    const source = tinySource(CONFIG, 1, (_, values) => {
      for (let i = 0; i < values.length; i++) values[i] += noise * random.normal();
    });
    await saveCheckpoint(at(name), source, { dtype: "BF16", tokenizerFrom: at("tokenizer") });
  };
  await save("base", 0);
  await save("fine", 0.1);
  await Deno.writeTextFile(at("rhyme.txt"), RHYME);
  const rows = Array.from(
    { length: 8 },
    (_, row) => ({ text: RHYME.slice(3 * row, 60 * row + 90) }),
  );
  await Deno.writeTextFile(at("rhymes.jsonl"), rows.map((row) => JSON.stringify(row)).join("\n"));
  return {
    folder: folder.path,
    base: at("base"),
    fine: at("fine"),
    text: at("rhyme.txt"),
    rows: at("rhymes.jsonl"),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

/** A folder beside the pair with a few rhymes for each domain of a study, and more to calibrate with. */
export async function shortTexts({ folder, text }: TokenizedPair): Promise<string> {
  const texts = join(folder, "texts");
  await Deno.mkdir(texts);
  const rhyme = await Deno.readTextFile(text);
  for (const name of [...domains, CALIBRATION_TEXT]) {
    const rows = Array.from(
      { length: name === CALIBRATION_TEXT ? 60 : 3 },
      (_, row) => JSON.stringify({ text: `${name}: ${rhyme.slice(7 * row)}${rhyme}` }),
    );
    await Deno.writeTextFile(join(texts, `${name}.jsonl`), rows.join("\n"));
  }
  return texts;
}
