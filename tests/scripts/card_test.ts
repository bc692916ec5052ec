import assert from "node:assert/strict";
import { join } from "node:path";
import { load } from "js-yaml";
import { tokenizedPair } from "./tokenized_pair.ts";
import { runHere } from "./run_here.ts";
import { runTask } from "./run_script.ts";

Deno.test("card says what compress made and evaluate measured, and leaves what a person wrote", async () => {
  await using pair = await tokenizedPair();
  const { base, fine, folder } = pair;
  await Deno.writeTextFile(join(fine, "README.md"), "---\nlicense: llama2\n---\n# Mine\n");
  const [delta, scores, out, model] = ["d.safetensors", "scores.json", "README.md", "model"]
    .map((name) => join(folder, name));
  const run = async (task: "compress" | "evaluate" | "card", args: string[]) => {
    const { code, error } = await runTask(task, args);
    assert.equal(code, 0, error);
  };
  const pairOptions = ["--base", base, "--fine", fine];
  await run("compress", [
    ...[...pairOptions, "--method", "initial", "--out", delta],
    ...["--save-checkpoint", model, "--dtype", "bf16"],
  ]);
  const saved = await Deno.readTextFile(join(model, "README.md"));
  assert.match(saved, /^license: "llama2"$/m);
  assert.match(saved, /^\| Kept of the delta after rounding \| \d+\.\d % of its energy/m);
  assert.doesNotMatch(saved, /erplexity/);

  const windows = ["--context", "16", "--window", "8"];
  await run("evaluate", [
    ...[...pairOptions, "--delta", delta, "--text", pair.rows, ...windows],
    ...["--json", scores],
  ]);
  await run("card", ["--delta", delta, ...pairOptions, "--scores", scores, "--out", out]);
  const card = await Deno.readTextFile(out);
  // deno-lint-ignore no-explicit-any -- what a test expects stands below
  const fields = load(/^---\n(.*?)\n---\n/s.exec(card)![1]) as any;
  const [{ results: [{ metrics }] }] = fields["model-index"];
  const { summary } = JSON.parse(await Deno.readTextFile(scores));
  assert.deepEqual(metrics.map(({ value }: { value: number }) => value), [
    summary.perplexity,
    summary.kl,
  ]);
  assert.deepEqual([fields.license, fields.library_name], ["llama2", "one-bit-delta"]);
  await run("card", ["--delta", delta, "--out", out]);

  await Deno.writeTextFile(out, "# My own words\n");
  const refused = await runHere("card", ["--delta", delta, "--out", out]);
  assert.equal(refused.code, 2);
  assert.match(refused.error, /option '--out': would replace a file that this program did not/);
  assert.equal(await Deno.readTextFile(out), "# My own words\n");
});
