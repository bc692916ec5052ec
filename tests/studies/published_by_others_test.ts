/** What others published is kept as data, each with its source, and adds up where it can. */

import assert from "node:assert/strict";
import published from "../../data/beyond/published.json" with { type: "json" };
import { methods } from "../../lib/methods/mod.ts";

Deno.test("each published number and claim has a source, and methods are those of the list", () => {
  const sources = Object.keys(published.sources);
  const names = [...methods.map(({ name }) => name), "base", "fine-tune", "BitDelta"];
  const told = [published.delta_come, ...published.claims];
  for (const { source } of told) assert.ok(sources.includes(source), source);
  for (const { method } of [...published.delta_come.rows, ...published.claims]) {
    assert.ok(names.includes(method), method);
  }
  assert.ok(published.not_verified.length > 0);
});

Deno.test("averages are those of the scores, but for the one that the note tells of", () => {
  for (const { method, scores, average } of published.delta_come.rows) {
    assert.equal(scores.length, published.delta_come.columns.length);
    if (average === null) continue;
    const mean = scores.reduce<number>((sum, each) => sum + each!, 0) / scores.length;
    const isPrinted = Math.abs(mean - average) <= 0.05 + 1e-9;
    assert.equal(isPrinted, method !== "fine-tune", `${method}: ${mean}`);
  }
});
