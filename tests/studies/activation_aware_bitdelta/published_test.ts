import assert from "node:assert/strict";
import { join } from "node:path";
import {
  parsePublishedNumbers,
  PublishedNumbersError,
  readPublishedNumbers,
} from "../../../lib/studies/activation_aware_bitdelta/published.ts";
import { testWithShared } from "../../shared.ts";

const ours = new URL("../../../data/study.json", import.meta.url);

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

Deno.test("a number, a name or a field that was changed is refused, laid out anew it is not", async () => {
  const text = await Deno.readTextFile(ours);
  assert.deepEqual(
    parsePublishedNumbers(JSON.stringify(JSON.parse(text))),
    await readPublishedNumbers(),
  );
  const changed = [
    text.replace(/\d(?=\.\d)/, (digit) => String((Number(digit) + 1) % 10)),
    text.replace("vicuna", "vicunas"),
    text.replace('"claims"', '"claim"'),
    text.replace(/"standard": \d+/, '"standard": null'),
    text.slice(0, -3),
    "",
    "null",
    "[]",
  ];
  for (const each of changed) {
    assert.notEqual(each, text);
    assert.throws(() => parsePublishedNumbers(each), (error) => {
      assert.ok(error instanceof PublishedNumbersError, String(error));
      return error.fault.file === "data/study.json" && !error.message.includes("\n");
    });
  }
});

testWithShared("data/study.json is the given file", async (shared) => {
  const given = await Deno.readTextFile(join(shared, "study", "published.json"));
  assert.deepEqual(JSON.parse(await Deno.readTextFile(ours)), JSON.parse(given));
});
