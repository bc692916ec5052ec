/**
 * The data sets of the study as `data/pairs` names them, from a loopback Hub that has them laid out as the
 * Hub has them: what is read is what the study's own code reads.
 *
 * Source: bitdelta/eval_ppl.py and bitdelta/data.py of mpeng19/Activation-Aware-Bitdelta: the first rows of a
 * split, blank ones too, each followed by a blank line; of C4 the first rows, each a text.
 */

import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { parquetWriteBuffer } from "hyparquet-writer";
import { useHub } from "../../lib/checkpoint/hub/mod.ts";
import { readPairsFile } from "../../lib/studies/activation_aware_bitdelta/pairs_file.ts";
import { chosenTexts, type TextChoices } from "../../lib/texts/chosen_texts.ts";
import { type Domain, domains } from "../../lib/texts/domains.ts";
import { projectPath } from "../../lib/util/project.ts";
import { temporaryFolder } from "../checkpoint/tiny_checkpoint.ts";
import { LoopbackHub } from "../hub/loopback_hub.ts";

const parquet = (column: string, texts: readonly string[]) =>
  new Uint8Array(parquetWriteBuffer({
    columnData: [
      { name: "id", data: texts.map((_, id) => id), type: "INT32" },
      { name: column, data: [...texts], type: "STRING" },
    ],
    rowGroupSize: 50,
  }));

const rows = (name: string, count: number) =>
  Array.from({ length: count }, (_, row) => `${name} ${row}: ${"a word ".repeat(row % 7)}`);

// As wikitext has them: headings and paragraphs with their end of line, and between them nothing.
const wikitext = (split: string) =>
  rows(split, 240).map((text, row) =>
    row % 3 === 1 ? "" : row % 3 === 0 ? ` = ${text} = \n` : ` ${text} \n`
  );

const stack = { abap: rows("abap", 7), ada: rows("ada", 15), python: rows("python", 4) };
const health = rows("term", 230).map((text, row) => row % 40 === 7 ? "" : text);
const finance = { train: rows("shares", 320), test: rows("other shares", 310) };
const c4 = [rows("page", 30).map((text) => text.repeat(60)), rows("later page", 20)];

const wikitextCard = `---
dataset_info:
- config_name: wikitext-2-raw-v1
  features:
  - name: text
    dtype: string
configs:
${
  ["wikitext-103-raw-v1", "wikitext-2-raw-v1"].map((name) =>
    `- config_name: ${name}
  data_files:
${
      ["test", "train", "validation"].map((split) =>
        `  - split: ${split}\n    path: ${name}/${split}-*\n`
      ).join("")
    }`
  ).join("")
}---
`;
const c4Card = `---
configs:
- config_name: en
  data_files:
  - split: train
    path: en/c4-train.*.json.gz
  - split: validation
    path: en/c4-validation.*.json.gz
- config_name: en.noblocklist
  data_files:
  - split: train
    path: en.noblocklist/c4-train.*.json.gz
---
`;
const packed = (texts: readonly string[]) =>
  new Uint8Array(gzipSync(
    texts.map((text) => JSON.stringify({ text, timestamp: "2019", url: "x" }) + "\n").join(""),
  ));

/** The data sets, with the files that each is known to have, in small. */
const repositories = {
  "bigcode/the-stack": {
    gated: true,
    files: {
      "README.md": "---\nextra_gated_prompt: terms\n---\n",
      "data/abap/train-00000-of-00001.parquet": parquet("content", stack.abap),
      "data/ada/train-00000-of-00001.parquet": parquet("content", stack.ada),
      "data/python/train-00000-of-00206.parquet": parquet("content", stack.python),
    },
  },
  "FremyCompany/AGCT-Dataset": {
    files: { "README.md": "", "train.txt": health.join("\n") + "\n" },
  },
  "atrost/financial_phrasebank": {
    files: Object.fromEntries(
      Object.entries(finance).map(([split, texts]) => [
        `data/${split}-00000-of-00001-41c7ea948573445f.parquet`,
        parquet("sentence", texts),
      ]),
    ),
  },
  "Salesforce/wikitext": {
    files: {
      "README.md": wikitextCard,
      "wikitext-103-raw-v1/train-00000-of-00002.parquet": parquet("text", ["another"]),
      ...Object.fromEntries(["test", "train", "validation"].map((split) => [
        `wikitext-2-raw-v1/${split}-00000-of-00001.parquet`,
        parquet("text", wikitext(split)),
      ])),
    },
  },
  "allenai/c4": {
    files: {
      "README.md": c4Card,
      "en/c4-train.00000-of-01024.json.gz": packed(c4[0]),
      "en/c4-train.00001-of-01024.json.gz": packed(c4[1]),
      "en/c4-validation.00000-of-00008.json.gz": packed(["held out"]),
      "en.noblocklist/c4-train.00000-of-01024.json.gz": packed(["another"]),
    },
  },
};

async function hub() {
  const datasets = Object.entries(repositories).map(([name, repository]) =>
    [name, { kind: "dataset" as const, ...repository }] as const
  );
  const hub = LoopbackHub.start({ repositories: Object.fromEntries(datasets), token: "hf_given" });
  const folder = await temporaryFolder();
  const using = useHub({
    endpoint: hub.endpoint,
    cache: folder.path,
    token: "hf_given",
    offline: null,
  });
  return {
    hub,
    [Symbol.asyncDispose]: async () => {
      using[Symbol.dispose]();
      await hub[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}

/** `for sample in dataset.take(count): text += sample[…] + "\n\n"`. */
function asTheStudy(all: readonly string[], from: number, to: number): string {
  let text = "";
  for (const row of all.slice(from, to)) text += row + "\n\n";
  return text;
}

const code = [...stack.abap, ...stack.ada, ...stack.python];
const expected: Readonly<Record<string, Readonly<Record<Domain, string>>>> = {
  "study.json": {
    code: asTheStudy(code, 0, 10),
    health: asTheStudy(health, 0, 100),
    finance: asTheStudy(finance.train, 0, 300),
    wikitext: asTheStudy(wikitext("train"), 0, 100),
  },
  "other-rows.json": {
    code: asTheStudy(code, 10, 20),
    health: asTheStudy(health, 100, 200),
    finance: asTheStudy(finance.test, 0, 300),
    wikitext: asTheStudy(wikitext("test"), 0, 100),
  },
};

for (const [file, texts] of Object.entries(expected)) {
  Deno.test(`data/pairs/${file} reads what the study reads, or other rows of the same`, async () => {
    await using served = await hub();
    const named = await readPairsFile(projectPath(`data/pairs/${file}`));
    const read = await chosenTexts(named.texts as TextChoices);
    for (const domain of domains) {
      const documents = await read.evaluation(domain);
      assert.equal(documents.map(({ text }) => text + "\n\n").join(""), texts[domain], domain);
    }
    assert.deepEqual(await read.calibration(1), c4.flat());
    const other = await read.calibration(2);
    assert.notDeepEqual(other, c4.flat());
    assert.deepEqual(other.toSorted(), c4.flat().toSorted());
    const commit = (name: string) =>
      served.hub.repositories.get(`datasets/${name}`)!.commitOf("main");
    assert.equal(
      read.origins!.wikitext!.source,
      `hf:Salesforce/wikitext@${commit("Salesforce/wikitext")}`,
    );
    assert.equal(read.origins!.code!.column, "content");
    assert.equal(read.origins!.finance!.column, "sentence");
    assert.deepEqual(read.origins!.calibration!.rows, { first: 0, read: 50, null: 0, blank: 0 });
    const fetched = served.hub.asked.map(({ path }) => path).filter((path) =>
      path.includes("/resolve/")
    );
    assert.ok(!fetched.some((path) => /python|103|validation|noblocklist/.test(path)));
  });
}

Deno.test("captions name the study's texts shortly", async () => {
  await using _ = await hub();
  const named = await readPairsFile(projectPath("data/pairs/study.json"));
  const { names } = await chosenTexts(named.texts as TextChoices);
  assert.deepEqual(names, {
    code: "bigcode/the-stack, train, first 10 rows",
    health: "FremyCompany/AGCT-Dataset, train, first 100 rows",
    finance: "atrost/financial_phrasebank, train, first 300 rows",
    wikitext: "Salesforce/wikitext, wikitext-2-raw-v1, train, first 100 rows",
    calibration: "allenai/c4, en, train, first 50 rows",
  });
});

Deno.test("without a token the gated one says what to do", async () => {
  await using _ = await hub();
  using _none = useHub({ token: null });
  const named = await readPairsFile(projectPath("data/pairs/study.json"));
  await assert.rejects(chosenTexts(named.texts as TextChoices), /bigcode\/the-stack.*HF_TOKEN/);
});
