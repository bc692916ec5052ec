import assert from "node:assert/strict";
import { batchGroups, windowBatches } from "../../lib/evaluation/window_batches.ts";
import { TINY_CONFIG } from "../checkpoint/tiny_checkpoint.ts";

const windows = Array.from({ length: 20 }, (_, at) => ({ begin: at, end: at + 10, scored: 4 }));
const rowsOf = (config: typeof TINY_CONFIG, bytes: number) =>
  windowBatches(windows, config, bytes).map(({ rows }) => rows);

Deno.test("a batch has as many windows as the memory for attention and logits holds, 8 at most", () => {
  const attention = { ...TINY_CONFIG, headCount: 3, vocabularySize: 11 };
  // 3 heads · 10² weights, and 4 · 100 logits, of 4 bytes.
  assert.deepEqual(rowsOf(attention, 5 * 1200), [5, 5, 5, 5]);
  assert.deepEqual(rowsOf(attention, 5 * 1200 - 1), [4, 4, 4, 4, 4]);
  const logits = { ...TINY_CONFIG, headCount: 3, vocabularySize: 100 };
  assert.deepEqual(rowsOf(logits, 10 * 1600 - 1), [8, 8, 8]);
  assert.deepEqual(rowsOf(logits, 5 * 1600 - 1), [4, 4, 4, 4, 4]);
});

Deno.test("a window that passes the memory runs all the same, alone", () => {
  assert.deepEqual(rowsOf(TINY_CONFIG, 0), Array(20).fill(1));
});

Deno.test("batches of one length go together while their hidden states fit, and alone where they do not", () => {
  const config = { ...TINY_CONFIG, hiddenSize: 6 };
  const shorter = Array.from({ length: 3 }, (_, at) => ({ begin: at, end: at + 7, scored: 4 }));
  const batches = windowBatches([...windows.slice(0, 5), ...shorter], config, 0);
  const lengths = (bytes: number) =>
    batchGroups(batches, config.hiddenSize, bytes).map((group) =>
      group.map(({ length }) => length)
    );
  // 10 · 6 numbers of 4 bytes, and 7 · 6.
  assert.deepEqual(lengths(480), [[10, 10], [10, 10], [10], [7, 7], [7]]);
  assert.deepEqual(lengths(479), [[10], [10], [10], [10], [10], [7, 7], [7]]);
  assert.deepEqual(lengths(0), batches.map(({ length }) => [length]));
  assert.deepEqual(lengths(1e9), [[10, 10, 10, 10, 10], [7, 7, 7]]);
  assert.deepEqual(batchGroups(batches, config.hiddenSize, 480).flat(), batches);
});
