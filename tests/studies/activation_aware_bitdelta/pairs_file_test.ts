/** Files that name pairs and texts: what they say, and what is wrong with those that say something else. */

import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { readPairsFile } from "../../../lib/studies/activation_aware_bitdelta/pairs_file.ts";
import { chooseProtocol } from "../../../lib/studies/activation_aware_bitdelta/profile.ts";
import { realProtocol } from "../../../lib/studies/activation_aware_bitdelta/protocol.ts";
import { readPublishedNumbers } from "../../../lib/studies/activation_aware_bitdelta/published.ts";
import { ConfigError, OptionError } from "../../../lib/util/errors.ts";
import { projectPath } from "../../../lib/util/project.ts";
import { temporaryFolder } from "../../checkpoint/tiny_checkpoint.ts";

async function fileOf(content: unknown) {
  const folder = await temporaryFolder();
  const path = join(folder.path, "pairs.json");
  await Deno.writeTextFile(path, JSON.stringify(content));
  return { path, [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose]() };
}

Deno.test("the study's own pairs are those that it published, in its order, all of them on the Hub", async () => {
  const { pairs } = await readPairsFile(projectPath("data/pairs/study.json"));
  const { table1_perplexity: { rows } } = await readPublishedNumbers();
  assert.deepEqual(
    pairs.map(({ standsFor }) => standsFor),
    rows.map(({ base, fine }) => [base, fine]),
  );
  for (const { base, fine, name, standsFor } of pairs) {
    assert.match(base, /^hf:[\w-]+\/[\w.-]+$/);
    assert.match(fine, /^hf:[\w-]+\/[\w.-]+$/);
    assert.equal(name, standsFor!.join(" → "));
    // Owners are not in the study's names; case is the Hub's.
    assert.equal(base.split("/")[1], standsFor![0]);
    assert.equal(fine.split("/")[1].toLowerCase(), standsFor![1].toLowerCase());
  }
  const protocol = chooseProtocol({ profile: "real", pairs });
  assert.deepEqual(protocol, { ...realProtocol, pairs });
});

Deno.test("folders and files are found beside the file that names them, and a pair is named by its models", async () => {
  const text = { source: "rows.csv", column: "body", rows: [2, 5] };
  await using file = await fileOf({
    pairs: [{ base: "llama", fine: "../chat" }, { base: "hf:a/b@v1", fine: "/c", name: "mine" }],
    texts: {
      ...{ code: text, health: "hf:o/n/data.txt", finance: "finance", wikitext: "wiki.txt" },
      calibration: { source: "hf:allenai/c4/en", rows: 1000 },
    },
  });
  const { pairs, texts } = await readPairsFile(file.path);
  const folder = dirname(file.path);
  assert.deepEqual(pairs, [
    {
      ...{ name: "llama → chat", standsFor: null },
      ...{ base: join(folder, "llama"), fine: join(folder, "../chat") },
    },
    { name: "mine", base: "hf:a/b@v1", fine: "/c", standsFor: null },
  ]);
  assert.deepEqual(texts, {
    code: { ...text, source: join(folder, "rows.csv") },
    health: { source: "hf:o/n/data.txt" },
    finance: { source: "finance" },
    wikitext: { source: join(folder, "wiki.txt") },
    calibration: { source: "hf:allenai/c4/en", rows: 1000 },
  });
});

const pair = { base: "a", fine: "b" };
const texts = { code: "a", health: "b", finance: "c", wikitext: "d", calibration: "e" };
const refused: [problem: string, content: unknown, message: RegExp][] = [
  ["no object", [], /names no pairs: got \[\]; expected \(?Object|'pairs'/],
  ["no pairs", { pairs: [] }, /option 'pairs'.*expected at least one pair/],
  ["a pair without a base", { pairs: [{ fine: "b" }] }, /option 'pairs.0.base'.*got 'nothing'/],
  ["an empty name", { pairs: [{ base: "", fine: "b" }] }, /'pairs.0.base'.*hf:owner\/name/],
  [
    "a field of another name",
    { pairs: [{ ...pair, tuned: "c" }] },
    /'pairs.0.tuned'.*got 'tuned'; expected no field of this name/,
  ],
  ["a pair twice", { pairs: [pair, pair] }, /'pairs.1.name': is there twice: got 'a → b'/],
  [
    "two that stand for one",
    {
      pairs: [
        { ...pair, standsFor: ["Llama-2-7b-hf", "vicuna-7b-v1.5"] },
        { ...pair, name: "other", standsFor: ["Llama-2-7b-hf", "vicuna-7b-v1.5"] },
      ],
    },
    /'pairs.1.standsFor': is there twice/,
  ],
  [
    "one that stands for none",
    { pairs: [{ ...pair, standsFor: ["Llama-2-7b-hf", "vicuna"] }] },
    /'pairs.0.standsFor': stands for no pair of the study.*vicuna-7b-v1.5/,
  ],
  [
    "a text too few",
    { pairs: [pair], texts: { ...texts, code: undefined } },
    /option 'texts.code'/,
  ],
  [
    "a text's field of another name",
    { pairs: [pair], texts: { ...texts, code: { source: "a", colum: "b" } } },
    /option 'texts\.code/,
  ],
];
for (const [problem, content, message] of refused) {
  Deno.test(`a file of pairs with ${problem} is refused`, async () => {
    await using file = await fileOf(content);
    await assert.rejects(readPairsFile(file.path), (error) => {
      assert.ok(error instanceof ConfigError);
      assert.match(error.message, message);
      assert.ok(error.message.includes(file.path) && !error.message.includes("\n"));
      return true;
    });
  });
}

Deno.test("a pair beside a file of pairs is refused", () => {
  const pairs = [{ name: "x", base: "a", fine: "b", standsFor: null }];
  for (const other of [{ base: "c" }, { fine: "d" }]) {
    const [option] = Object.keys(other);
    assert.throws(
      () => chooseProtocol({ profile: "real", pairs, ...other }, "--"),
      (error) => error instanceof OptionError && error.fault.option === `--${option}`,
    );
  }
});
