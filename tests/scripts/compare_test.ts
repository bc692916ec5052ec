/** `scripts/compare.ts` as a program: what it writes and prints, and what it refuses. */

import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { filesIn } from "../checkpoint/tiny_checkpoint.ts";
import { runHere } from "./run_here.ts";
import { runTask } from "./run_script.ts";
import { inFolder, type TokenizedPair, tokenizedPair } from "./tokenized_pair.ts";

const OPTIONS = ["--context", "64", "--window", "32", "--threads", "1"];

/** A method in provenance. */
interface ResolvedChoice {
  readonly method: string;
  readonly variant: string | null;
  readonly settings: Readonly<Record<string, unknown>>;
}

const given = (pair: TokenizedPair, out: string) => [
  ...["--base", pair.base, "--fine", pair.fine, "--out", out],
  ...OPTIONS,
];

Deno.test("compare writes one table and one figure, with all that belongs to them", async () => {
  await using pair = await tokenizedPair();
  const out = inFolder(pair, "comparison");
  const { code, out: printed, error } = await runTask("compare", [
    ...given(pair, out),
    ...["--text", pair.rows, pair.text, "--methods", "initial", "activation-aware"],
    ...["--variant", "study-faithful", "corrected", "--rows", "64", "--limit", "5"],
  ]);
  assert.equal(code, 0, error);
  const extensions = ["csv", "json", "pdf", "png", "svg", "tex"];
  assert.deepEqual(filesIn(out), [
    ...extensions.map((each) => `figure-comparison.${each}`),
    ...["csv", "md", "tex"].map((each) => `table-comparison.${each}`),
  ]);
  const table = await Deno.readTextFile(join(out, "table-comparison.md"));
  assert.ok(printed.startsWith(table.trimEnd()), printed);
  assert.ok(printed.includes(`9 files in '${out}'`));
  // Base, fine-tune, initial, and activation-aware in both variants, on each text.
  assert.equal(table.split("\n").filter((line) => line.startsWith("| rhyme")).length, 2 * 5);
  assert.match(table, /\| rhymes\.jsonl \| activation-aware, study-faithful +\|.*\[.*\].*\[/);
  const provenance = JSON.parse(await Deno.readTextFile(join(out, "figure-comparison.json")));
  assert.deepEqual(provenance.protocol.texts, ["rhymes.jsonl", "rhyme.txt"]);
  assert.equal(provenance.protocol.limit, 5);
  assert.deepEqual(
    provenance.protocol.methods.map((
      { method, variant, settings }: ResolvedChoice,
    ) => [method, variant, settings.rows]),
    [
      ["initial", null, undefined],
      ["activation-aware", "study-faithful", 64],
      ["activation-aware", "corrected", 64],
    ],
  );
  const hashes = ["base", "calibration text", "fine-tune", "text: rhyme.txt", "text: rhymes.jsonl"];
  assert.deepEqual(Object.keys(provenance.hashes), hashes);
});

Deno.test("compare tells texts of one name by as many folders as it takes, and lists all in its caption", async () => {
  await using pair = await tokenizedPair();
  const paths = ["a/b/x.txt", "c/b/x.txt", "c/y.txt"].map((path) => join(pair.folder, path));
  for (const path of paths) {
    await Deno.mkdir(dirname(path), { recursive: true });
    await Deno.copyFile(pair.text, path);
  }
  const out = inFolder(pair, "comparison");
  const { code, error } = await runHere("compare", [
    ...given(pair, out),
    ...["--text", ...paths, "--methods", "initial"],
  ]);
  assert.equal(code, 0, error);
  const caption = await Deno.readTextFile(join(out, "figure-comparison.tex"));
  assert.match(caption, /Texts, from the left: a\/b\/x\.txt, c\/b\/x\.txt, y\.txt\. /);
});

Deno.test("compare replaces its own files, and a foreign one only by force", async () => {
  await using pair = await tokenizedPair();
  const out = inFolder(pair, "comparison");
  const foreign = join(out, "table-comparison.csv");
  await Deno.mkdir(out, { recursive: true });
  await Deno.writeTextFile(foreign, "mine");
  const args = [...given(pair, out), "--text", pair.rows, "--methods", "initial", "--limit", "1"];
  const { code, error } = await runHere("compare", args);
  assert.equal(code, 2, error);
  assert.match(error, /^compare: .*table-comparison\.csv.*--force/s);
  assert.equal(await Deno.readTextFile(foreign), "mine");
  assert.equal((await runHere("compare", [...args, "--force"])).code, 0);
  assert.notEqual(await Deno.readTextFile(foreign), "mine");
  assert.equal((await runHere("compare", args)).code, 0);
});

Deno.test("without methods asked for the study's are compared, held against what sees weights alone", async () => {
  await using pair = await tokenizedPair();
  const { code, out, error } = await runHere("compare", [
    ...given(pair, inFolder(pair, "comparison")),
    ...["--text", pair.rows, "--rows", "64", "--steps", "1", "--batch", "1"],
  ]);
  assert.equal(code, 0, error);
  assert.match(out, /Against initial \(%\)/);
  const models = out.split("\n").flatMap((line) =>
    /^\| rhymes\.jsonl \| (\S+)/.exec(line)?.[1] ?? []
  );
  assert.deepEqual(models, ["base", "fine-tune", "initial", "activation-aware,", "distilled,"]);
});

const refused: readonly [what: string, args: (pair: TokenizedPair) => string[], RegExp][] = [
  [
    "an unknown method",
    ({ rows }) => ["--text", rows, "--methods", "magic"],
    /'--methods <names\.\.\.>'.*'magic' is invalid.*activation-aware, distilled, initial/,
  ],
  [
    "a method twice",
    ({ rows }) => ["--text", rows, "--methods", "initial", "initial"],
    /option '--methods': has one twice: got 'initial'/,
  ],
  [
    "a text twice",
    ({ rows, text }) => ["--text", rows, text, rows],
    /option '--text': has one twice: got '.*rhymes\.jsonl'/,
  ],
  [
    "a text that is calibrated with",
    ({ rows }) => ["--text", rows, "--calibration", rows],
    /option '--calibration': is scored too, as '.*': got '.*rhymes\.jsonl'/,
  ],
  [
    "a text that is calibrated with, by another path and with other ends of lines",
    ({ text, folder }) => {
      const copy = join(folder, "copy.json");
      const lines = Deno.readTextFileSync(text).split("\n").filter((line) => line !== "");
      Deno.writeTextFileSync(copy, JSON.stringify(lines.map((line) => ({ text: line + "\r\n" }))));
      return ["--text", join(folder, "base", "..", "rhyme.txt"), "--calibration", copy];
    },
    /option '--calibration': is scored too, as '.*rhyme\.txt': got '.*copy\.json'/,
  ],
  [
    "a base beside itself, before anything is scored",
    ({ rows, base }) => ["--text", rows, "--fine", base],
    /^compare: file '.*base': holds the weights of its base/,
  ],
  ["no text", () => [], /required option '--text <names\.\.\.>' not specified/],
  [
    "a text that is not there",
    ({ rows, folder }) => ["--text", rows, join(folder, "none.txt")],
    /none\.txt'.*: is neither a domain nor a file/,
  ],
];

for (const [what, args, message] of refused) {
  Deno.test(`compare refuses ${what}`, async () => {
    await using pair = await tokenizedPair();
    const out = inFolder(pair, "comparison");
    const { code, error } = await runHere("compare", [...given(pair, out), ...args(pair)]);
    assert.ok(code === 1 || code === 2, error);
    assert.match(error, message);
    assert.match(error, /(^|\n)compare: .*\n$/, "a message, not a trace");
    await assert.rejects(Deno.stat(out), Deno.errors.NotFound);
  });
}
