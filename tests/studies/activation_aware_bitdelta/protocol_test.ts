import assert from "node:assert/strict";
import { basename } from "node:path";
import {
  embeddedProtocol,
  figurePair,
  notebookProtocol,
  type Protocol,
  quickProtocol,
  realProtocol,
} from "../../../lib/studies/activation_aware_bitdelta/protocol.ts";
import { readPublishedNumbers } from "../../../lib/studies/activation_aware_bitdelta/published.ts";

/** The settings in which two protocols differ. */
function differences(a: Protocol, b: Protocol): string[] {
  return Object.keys(a).filter((setting) => {
    const [left, right] = [a, b].map((each) => JSON.stringify(each[setting as keyof Protocol]));
    return left !== right;
  });
}

Deno.test("the real protocol has the pairs, sizes and batch sizes of the published numbers", async () => {
  const published = await readPublishedNumbers();
  const pairs = realProtocol.pairs.map(({ base, fine }) => ({ base, fine }));
  for (const table of [published.table1_perplexity, published.table2_wall_clock_s]) {
    assert.deepEqual(pairs, table.rows.map(({ base, fine }) => ({ base, fine })));
  }
  for (const { base, fine, standsFor } of realProtocol.pairs) {
    assert.deepEqual(standsFor, [base, fine]);
  }
  const { figure1_wall_clock_s_by_batch_size: figure1 } = published;
  const { figures2to5_perplexity_by_calibration_size: figures } = published;
  assert.deepEqual(realProtocol.wallClock.batchSizes, figure1.batch_size);
  assert.deepEqual(realProtocol.calibrationSizes, figures.calibration_size);
  const { base, fine } = figurePair(realProtocol);
  assert.deepEqual([base, fine], figures.pair);
  assert.deepEqual([base, fine], figure1.pair);
  for (const [index, domain] of realProtocol.domains.entries()) {
    assert.equal(figures[domain].figure, index + 2);
  }
});

Deno.test("the real protocol has the settings of the study's code", () => {
  assert.deepEqual(realProtocol.windows, { context: 1024, window: 512 });
  assert.deepEqual(realProtocol.distillation, { steps: 250, batch: 4 });
  assert.equal(realProtocol.wallClock.steps, 250);
  assert.equal(realProtocol.tableCalibrationSize, 256);
  assert.equal(realProtocol.tableDomain, "wikitext");
  assert.equal(realProtocol.evaluationCharacters, null);
  assert.deepEqual(realProtocol.variants, ["study-faithful", "corrected"]);
  assert.equal(new Set(realProtocol.seeds).size, 3);
  assert.deepEqual(realProtocol.tableSeeds, realProtocol.seeds);
});

Deno.test("the embedded protocol has the real one's methods, sizes and seeds on less text", () => {
  assert.deepEqual(
    differences(realProtocol, embeddedProtocol),
    ["name", "pairs", "evaluationCharacters", "windows", "wallClock", "tableSeeds"],
  );
  assert.deepEqual(embeddedProtocol.windows, { context: 256, window: 128 });
  assert.deepEqual(embeddedProtocol.wallClock.batchSizes, realProtocol.wallClock.batchSizes);
  assert.ok(embeddedProtocol.tableSeeds.every((seed) => realProtocol.seeds.includes(seed)));
});

Deno.test("each embedded pair stands for the study's pair in its row, base for base", () => {
  const { pairs } = embeddedProtocol;
  assert.deepEqual(pairs.map(({ standsFor }) => standsFor), [
    ["Mistral-7B-v0.1", "Zephyr-7B-beta"],
    ["Mistral-7B-v0.1", "Mistral-7B-Instruct-v0.1"],
    ["Llama-2-7b-hf", "vicuna-7b-v1.5"],
    ["Llama-2-7b-hf", "Llama-2-7b-chat-hf"],
  ]);
  for (const { name, base, fine, standsFor } of pairs) {
    assert.equal(name, `${basename(base)} → ${basename(fine)}`);
    const architecture = basename(base).split("-")[0];
    assert.ok(standsFor![0].toLowerCase().startsWith(architecture), name);
    assert.ok(basename(fine).startsWith(architecture), name);
  }
  assert.equal(new Set(pairs.map(({ fine }) => fine)).size, 4);
});

Deno.test("the quick protocol asks for less of the embedded one, never for anything else", () => {
  assert.deepEqual(differences(embeddedProtocol, quickProtocol), [
    "name",
    "evaluationCharacters",
    "calibrationSizes",
    "distillation",
    "wallClock",
    "seeds",
  ]);
  const within = (few: readonly number[], many: readonly number[]) =>
    assert.ok(few.length < many.length && few.every((each) => many.includes(each)));
  within(quickProtocol.calibrationSizes, embeddedProtocol.calibrationSizes);
  within(quickProtocol.wallClock.batchSizes, embeddedProtocol.wallClock.batchSizes);
  within(quickProtocol.seeds, embeddedProtocol.seeds);
  assert.ok(quickProtocol.evaluationCharacters! < embeddedProtocol.evaluationCharacters!);
  assert.ok(quickProtocol.distillation.steps < embeddedProtocol.distillation.steps);
  assert.equal(quickProtocol.distillation.batch, embeddedProtocol.distillation.batch);
});

Deno.test("a notebook asks for every size and step of the embedded protocol, on one seed and less text", () => {
  assert.deepEqual(
    differences(embeddedProtocol, notebookProtocol),
    ["name", "evaluationCharacters", "wallClock", "tableTimings", "seeds"],
  );
  assert.deepEqual(notebookProtocol.wallClock.batchSizes, embeddedProtocol.wallClock.batchSizes);
  assert.deepEqual(notebookProtocol.seeds, [embeddedProtocol.seeds[0]]);
  assert.equal(notebookProtocol.evaluationCharacters, quickProtocol.evaluationCharacters);
});
