import assert from "node:assert/strict";
import { join } from "node:path";
import { readPublishedNumbers } from "../../lib/study/published.ts";
import { testWithShared } from "../shared.ts";

const ours = new URL("../../data/study.json", import.meta.url);

Deno.test("the published numbers are read as they stand in data/study.json", async () => {
  const json = JSON.parse(await Deno.readTextFile(ours));
  const { table1_perplexity, figure1_wall_clock_s_by_batch_size, claims } =
    await readPublishedNumbers();
  assert.deepEqual(table1_perplexity.rows, json.table1_perplexity.rows);
  assert.deepEqual(
    figure1_wall_clock_s_by_batch_size.standard,
    json.figure1_wall_clock_s_by_batch_size.standard,
  );
  assert.deepEqual(claims, json.claims);
});

testWithShared("data/study.json is the given file", async (shared) => {
  const given = await Deno.readTextFile(join(shared, "study", "published.json"));
  assert.deepEqual(JSON.parse(await Deno.readTextFile(ours)), JSON.parse(given));
});
