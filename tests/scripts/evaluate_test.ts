/** `scripts/evaluate.ts` as a program: the library's numbers, in a table and in JSON, and what it refuses. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { Checkpoint } from "../../lib/checkpoint/checkpoint.ts";
import { applyDelta } from "../../lib/delta/apply.ts";
import type { Delta } from "../../lib/delta/delta.ts";
import { openDelta, readDelta } from "../../lib/delta/delta_file.ts";
import { writeDelta } from "../../lib/delta/delta_writer.ts";
import { extractDelta } from "../methods/extract.ts";
import { textFile } from "../../lib/texts/text_file.ts";
import { scoreRolling } from "../../lib/evaluation/rolling.ts";
import { Evaluator } from "../../lib/evaluation/evaluator.ts";
import { tokenText } from "../../lib/evaluation/token_text.ts";
import { onnxEngine } from "../../lib/engines/onnx/engine.ts";
import { sha256 } from "../../lib/util/canonical.ts";
import { projectPath } from "../../lib/util/project.ts";
import { filesIn } from "../checkpoint/tiny_checkpoint.ts";
import { runHere } from "./run_here.ts";
import { runTask } from "./run_script.ts";
import { inFolder, type TokenizedPair, tokenizedPair } from "./tokenized_pair.ts";

const WINDOWS = { context: 64, window: 32 };
const OPTIONS = ["--context", "64", "--window", "32", "--threads", "1"];

/** Writes the pair's initial delta to a file. */
async function withDelta(pair: TokenizedPair): Promise<{ delta: Delta; file: string }> {
  using base = await Checkpoint.open(pair.base);
  using fine = await Checkpoint.open(pair.fine);
  const delta = await extractDelta(base, fine);
  const file = inFolder(pair, "delta.safetensors");
  await writeDelta(file, delta);
  return { delta, file };
}

/** The scores of a base with a delta, or of the base alone, by the library's parts. */
async function scores(pair: TokenizedPair, text: string, delta: Delta | null, compared: boolean) {
  using base = await Checkpoint.open(pair.base);
  using fine = await Checkpoint.open(pair.fine);
  const evaluator = new Evaluator(onnxEngine({ threads: 1 }), base.config, WINDOWS);
  const tokens = await tokenText(text, (await textFile(text)).documents, await base.tokenizer());
  const model = delta ? await applyDelta(base, delta) : base;
  const reference = compared ? await evaluator.reference(fine, tokens) : undefined;
  const summary = await evaluator.score(model, tokens, reference);
  await evaluator.release();
  return summary;
}

/** The first number in the row of a table that begins with `name`. */
function value(table: string, name: string): number {
  const row = table.split("\n").find((line) => line.startsWith(`| ${name}`));
  assert.ok(row, `${name} in\n${table}`);
  return Number(row.split("|")[2]);
}

function closeTo(found: number, expected: number): void {
  assert.ok(Math.abs(found - expected) <= 6e-4 * Math.abs(expected), `${found}, not ${expected}`);
}

Deno.test("evaluate scores a base with a delta beside its fine-tune as the library does", async () => {
  await using pair = await tokenizedPair();
  const { delta, file } = await withDelta(pair);
  const json = inFolder(pair, "scores.json");
  const { base, fine, rows } = pair;
  const places = ["--base", base, "--fine", fine, "--delta", file, "--text", rows, "--json", json];
  const { code, out, error } = await runTask("evaluate", [...places, ...OPTIONS]);
  assert.equal(code, 0, error);

  const expected = await scores(pair, rows, delta, true);
  closeTo(value(out, "Perplexity"), expected.perplexity);
  closeTo(value(out, "Bits per byte"), expected.bitsPerByte);
  closeTo(value(out, "KL from the fine-tune"), expected.kl!);
  closeTo(value(out, "Same first choice"), expected.agreement!);
  assert.match(out, /^\*\*base \+ initial delta on .*rhymes\.jsonl\*\*\n/);
  const over = `bootstrap over ${expected.documents.length} documents.`;
  assert.ok(out.includes(`${expected.tokens} tokens scored; 95 % intervals by ${over}`), out);

  const record = JSON.parse(await Deno.readTextFile(json));
  assert.deepEqual(record.summary, expected);
  assert.deepEqual(record.protocol, {
    ...WINDOWS,
    bootstrapSeed: 20240,
    limit: null,
    maximumLength: 512,
  });
  using opened = await openDelta(file);
  const { digest } = opened;
  assert.deepEqual(record.delta, { file, ...delta.metadata, digest });
  assert.match(digest!, /^[0-9a-f]{64}$/);
  assert.deepEqual(record.base, { folder: base, hash: delta.metadata.baseHash });
  assert.deepEqual(record.fine, { folder: fine, hash: delta.metadata.fineHash });
  assert.match(record.engine, /^onnxruntime-node \d.*, 1 threads$/);
  assert.ok(record.perplexity.low < record.perplexity.value);
  assert.ok(record.perplexity.value < record.perplexity.high);
});

Deno.test("evaluate scores one checkpoint, over windows where the text is one document", async () => {
  await using pair = await tokenizedPair();
  const { code, out, error } = await runHere("evaluate", [
    ...["--base", pair.base, "--text", pair.text],
    ...OPTIONS,
  ]);
  assert.equal(code, 0, error);
  const expected = await scores(pair, pair.text, null, false);
  closeTo(value(out, "Perplexity"), expected.perplexity);
  assert.doesNotMatch(out, /KL|first choice/);
  const count = expected.windowNll.length;
  assert.ok(out.includes(`over ${count} windows, for they all lie in one document.`), out);
});

Deno.test("evaluate tells of a cap on memory and of the layers that it leaves on disk, and scores the same", async () => {
  await using pair = await tokenizedPair();
  const base = projectPath("data/checkpoints/llama-base");
  const options = ["--base", base, "--text", pair.text, ...OPTIONS, "--device", "cpu"];
  const free = await runHere("evaluate", options);
  const capped = await runHere("evaluate", [...options, "--memory", "1MB"]);
  assert.deepEqual([free.code, capped.code], [0, 0], capped.error);
  assert.equal(value(capped.out, "Perplexity"), value(free.out, "Perplexity"));
  assert.match(free.out, /\nScored on cpu \(asked for\): onnxruntime-node [\d.]+, 1 threads\.\n*$/);
  assert.match(
    capped.out,
    /, 1 threads; memory: 0\.001 GB asked for; \d of \d layers of llama-base stay, .* for each run\.\n*$/,
  );
});

Deno.test("evaluate scores several texts, of each its first documents, as the harness does too", async () => {
  await using pair = await tokenizedPair();
  const json = inFolder(pair, "scores.json");
  const places = ["--base", pair.base, "--text", pair.rows, pair.text, "--json", json];
  const given = [...places, "--limit", "3", "--max-length", "50", ...OPTIONS];
  const { code, out, error } = await runHere("evaluate", given);
  assert.equal(code, 0, error);

  using base = await Checkpoint.open(pair.base);
  const record = JSON.parse(await Deno.readTextFile(json));
  assert.deepEqual(record.protocol, {
    ...WINDOWS,
    bootstrapSeed: 20240,
    limit: 3,
    maximumLength: 50,
  });
  assert.deepEqual(
    record.texts.map((
      { text }: { text: Record<string, unknown> },
    ) => [text.name, text.documents, text.all]),
    [[pair.rows, 3, 8], [pair.text, 1, 1]],
  );
  const tables = out.split("\n\n**");
  assert.equal(tables.length, 4);
  assert.match(tables[0], /rhymes\.jsonl, the first 3 of 8 documents\*\*\n/);
  assert.match(tables[2], /rhyme\.txt\*\*\n/);
  for (const [index, name] of [pair.rows, pair.text].entries()) {
    const documents = (await textFile(name)).documents.slice(0, 3);
    const engine = onnxEngine({ threads: 1 });
    const expected = await scoreRolling(engine, base, name, documents, await base.tokenizer(), 50);
    assert.deepEqual(record.texts[index].harness, expected);
    const table = tables[2 * index + 1];
    closeTo(value(table, "word_perplexity"), expected!.wordPerplexity!);
    closeTo(value(table, "byte_perplexity"), expected!.bytePerplexity);
    closeTo(value(table, "bits_per_byte"), expected!.bitsPerByte);
    assert.match(table, /as lm-evaluation-harness\*\*\n.*windows of 50 tokens/s);
  }
});

Deno.test("evaluate reads the column and the rows that are asked for, and says so", async () => {
  await using pair = await tokenizedPair();
  const json = inFolder(pair, "scores.json");
  const [first, ...others] = (await textFile(pair.rows)).documents.map(({ text }) =>
    JSON.stringify(text)
  );
  const table = join(pair.folder, "rows.csv");
  const rows = [first, "", '" "', ...others].map((text, id) => {
    return `${id},${text.replaceAll('\\"', '""').replaceAll("\\n", "\n")},x`;
  });
  await Deno.writeTextFile(table, ["id,body,text", ...rows].join("\n"));
  const places = ["--base", pair.base, "--text", table, "--json", json, ...OPTIONS];
  const chosen = ["--column", "body", "--text-rows", "0:6", "--keep-blank-rows"];
  const { code, out, error } = await runHere("evaluate", [...places, ...chosen]);
  assert.equal(code, 0, error);
  assert.match(out, /rows\.csv, column body, 6 rows from 0 on, 1 without a text left out\.\n/);
  const { text } = JSON.parse(await Deno.readTextFile(json));
  const { documents } = await textFile(table, { column: "body", rows: 6, keepBlankRows: true });
  assert.equal(documents.length, 5);
  assert.equal(text.hash, sha256(JSON.stringify(documents)));
  assert.deepEqual(text.origin, {
    source: table,
    column: "body",
    rows: { first: 0, read: 6, null: 1, blank: 0 },
  });
});

Deno.test("evaluate --help lists its options", async () => {
  const { code, out, error } = await runTask("evaluate", ["--help"]);
  assert.deepEqual([code, error], [0, ""]);
  for (
    const option of "base delta fine text limit context window max-length threads json".split(" ")
  ) {
    assert.ok(out.includes(`--${option} <`), option);
  }
});

interface Refusal {
  readonly name: string;
  readonly given: (pair: TokenizedPair) => Promise<string[]>;
  readonly code: 1 | 2;
  readonly message: RegExp;
}

const refusals: Refusal[] = [
  {
    name: "an unknown option",
    given: () => Promise.resolve(["--quick"]),
    code: 2,
    message: /unknown option '--quick'/,
  },
  {
    name: "a delta of another base",
    given: async (pair) => {
      const { file, delta } = await withDelta(pair);
      const metadata = { ...delta.metadata, baseHash: "1234" };
      await writeDelta(file, { ...await readDelta(file), metadata });
      return ["--delta", file];
    },
    code: 1,
    message:
      /file '.*delta\.safetensors'.*another base than 'base': got 'blake3:[0-9a-f]{64}'.*1234/,
  },
  {
    name: "a delta of another fine-tune",
    given: async (pair) => {
      const { file } = await withDelta(pair);
      return ["--delta", file, "--fine", pair.base];
    },
    code: 1,
    message:
      /file '.*delta\.safetensors'.*another fine-tune than 'base': got 'blake3:[0-9a-f]{64}'/,
  },
  {
    name: "a checkpoint in the place of a delta",
    given: ({ base }) => Promise.resolve(["--delta", join(base, "model.safetensors")]),
    code: 1,
    message: /file '.*base\/model\.safetensors'.*; expected /,
  },
  {
    name: "a delta that is not there",
    given: ({ folder }) => Promise.resolve(["--delta", join(folder, "none")]),
    code: 1,
    message: /file '.*none': cannot be read.*expected a readable safetensors file/,
  },
  {
    name: "a text that is too short",
    given: async ({ text }) => {
      await Deno.writeTextFile(text, "the cat");
      return ["--text", text];
    },
    code: 1,
    message: /file '.*rhyme\.txt': is too short to score: got '\d+ tokens'; expected more than 32/,
  },
  {
    name: "windows longer than the model's positions",
    given: () => Promise.resolve(["--context", "512"]),
    code: 2,
    message: /'context plus window': .*: got 544; expected at most 512/,
  },
  {
    name: "harness windows longer than the model's positions",
    given: () => Promise.resolve(["--max-length", "513"]),
    code: 2,
    message: /option '--max-length': is longer .*: got 513; expected at most 512/,
  },
  {
    name: "windows that score nothing",
    given: () => Promise.resolve(["--context", "0", "--window", "1"]),
    code: 2,
    message:
      /windows score nothing.*got 'context 0, window 1'; expected a window of 2 tokens or more/,
  },
  {
    name: "to replace JSON that it did not write",
    given: async ({ folder }) => {
      await Deno.writeTextFile(join(folder, "settings.json"), "{}");
      return ["--json", join(folder, "settings.json")];
    },
    code: 2,
    message:
      /option '--json': would replace a file .*settings\.json'; expected another place, or --force/,
  },
  {
    name: "a file for JSON that cannot be written",
    given: ({ text }) => Promise.resolve(["--json", join(text, "scores.json")]),
    code: 1,
    message: /file '.*scores\.json': cannot be written.*expected a writable folder/,
  },
];

for (const { name, given, code, message } of refusals) {
  Deno.test(`evaluate refuses ${name}`, async () => {
    await using pair = await tokenizedPair();
    const json = join(pair.folder, "scores.json");
    const places = ["--base", pair.base, "--text", pair.text, "--json", json];
    const args = [...places, ...OPTIONS, ...await given(pair)];
    const { code: found, out, error } = await runHere("evaluate", args);
    assert.deepEqual([found, out], [code, ""], error);
    assert.match(error, message);
    assert.match(error, /(^|\n)evaluate: .*\n$/, "a message, not a trace");
    assert.ok(!filesIn(pair.folder).includes("scores.json"));
  });
}
