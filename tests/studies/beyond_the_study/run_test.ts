import assert from "node:assert/strict";
import { join } from "node:path";
import { filesIn } from "../../checkpoint/tiny_checkpoint.ts";
import { tokenizedPair } from "../../scripts/tokenized_pair.ts";
import { judgeBeyond } from "../../../lib/studies/beyond_the_study/claims.ts";
import { beyondDigest } from "../../../lib/studies/beyond_the_study/digest.ts";
import { crossoverRows } from "../../../lib/studies/beyond_the_study/figures/crossover.ts";
import { planBeyond } from "../../../lib/studies/beyond_the_study/plan.ts";
import { writeBeyondReport } from "../../../lib/studies/beyond_the_study/report.ts";
import { gatherBeyond } from "../../../lib/studies/beyond_the_study/results.ts";
import { beyondRows } from "../../../lib/studies/beyond_the_study/rows.ts";
import { runBeyond } from "../../../lib/studies/beyond_the_study/run.ts";
import { tinyBeyond } from "./tiny_beyond.ts";

Deno.test("the study in little: nothing is measured twice, and every number is in the file", async () => {
  await using files = await tokenizedPair();
  const study = tinyBeyond(files.folder);
  const { protocol } = study;
  const { measurements, made } = await runBeyond(study);
  assert.equal(measurements.length, planBeyond(protocol).length);
  assert.equal(made, measurements.length);
  assert.equal((await runBeyond(study)).made, 0);
  const results = gatherBeyond(measurements, protocol);

  const rows = beyondRows(results);
  const evaluations = measurements.filter(({ task }) => task.kind === "evaluation");
  assert.equal(rows.length, evaluations.length);
  for (const { kl, kl_low: low, kl_high: high, method, seconds } of rows) {
    assert.ok(low <= kl && kl <= high);
    assert.equal(kl === 0, method === "fine");
    assert.equal(seconds === null, method === "fine" || method === "base");
  }

  // The weaker fine-tune has half of the relative size.
  const [half, whole] = crossoverRows(results);
  assert.deepEqual([half.share, whole.share], [0.5, 1]);
  assert.ok(Math.abs(half.relativeSize / whole.relativeSize - 0.5) < 1e-4);
  assert.ok(half.kl < whole.kl);

  assert.deepEqual(
    judgeBeyond(results).map(({ id, measure }) => `${id} ${measure}`),
    ["C2 perplexity", "C2 kl", "C4 perplexity", "C4 kl"],
  );
  assert.equal(beyondDigest(results).at(-1), "not in the list of methods: unheard of");

  const out = join(files.folder, "out");
  const paths = await writeBeyondReport(out, results, { formats: ["svg"] });
  assert.deepEqual(paths.map((path) => path.slice(out.length + 1)).toSorted(), filesIn(out));
  const [head] = (await Deno.readTextFile(join(out, "methods.csv"))).split("\n");
  assert.equal(
    head,
    "pair,domain,method,settings,seed,bits,bytes,kl,kl_low,kl_high,perplexity,agreement,seconds",
  );
  for (const name of ["frontier", "price", "crossover"]) {
    assert.match(await Deno.readTextFile(join(out, `figure-${name}.svg`)), /activation-aware/);
  }
  assert.match(await Deno.readTextFile(join(out, "table-calibration.md")), /\| own +\|/);
});
