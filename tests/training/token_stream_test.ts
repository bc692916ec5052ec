import assert from "node:assert/strict";
import fc from "fast-check";
import { TextError } from "../../lib/util/errors.ts";
import { tokenStream, trainingBatch } from "../../lib/training/token_stream.ts";
import { smallTokenizer } from "../studies/embedded_pairs/small_tokenizer.ts";

/** Its own places: a token tells where in the stream it stands. */
const places = (length: number) => Int32Array.from({ length }, (_, at) => at);

const cases = fc.record({
  batch: fc.integer({ min: 1, max: 6 }),
  sequence: fc.integer({ min: 1, max: 20 }),
  beyond: fc.integer({ min: 1, max: 200 }),
  seed: fc.nat(1000),
  step: fc.nat(5000),
});

Deno.test("a batch is windows of the stream, and its labels the tokens that follow", () => {
  fc.assert(fc.property(cases, ({ batch, sequence, beyond, seed, step }) => {
    const stream = places(sequence + beyond);
    const { tokens, labels } = trainingBatch([stream], { batch, sequence }, seed, step);
    assert.equal(tokens.length, batch * sequence);
    assert.deepEqual(labels, tokens.map((place) => place + 1));
    assert.ok(labels.every((place) => place < stream.length));
    for (let row = 0; row < batch; row++) {
      const window = tokens.subarray(row * sequence, (row + 1) * sequence);
      assert.deepEqual(window, places(sequence).map((at) => at + window[0]));
    }
    assert.deepEqual(trainingBatch([stream], { batch, sequence }, seed, step), { tokens, labels });
  }));
});

Deno.test("every window of a stream comes up, other ones for other seeds and steps", () => {
  const stream = places(20);
  const startsOf = (seed: number, steps: number) =>
    Array.from({ length: steps }, (_, step) => [
      ...trainingBatch([stream], { batch: 4, sequence: 1 }, seed, step).tokens,
    ]);
  assert.deepEqual([...new Set(startsOf(1, 60).flat())].sort((a, b) => a - b), [...places(19)]);
  assert.notDeepEqual(startsOf(1, 5), startsOf(2, 5));
  assert.notDeepEqual(startsOf(1, 2)[0], startsOf(1, 2)[1]);
});

Deno.test("a stream no longer than a sequence is refused", () => {
  assert.throws(() => trainingBatch([places(8)], { batch: 1, sequence: 8 }, 1, 0), (error) => {
    assert.ok(error instanceof TextError);
    assert.match(error.message, /got '8 tokens'; expected more than 8/);
    return true;
  });
});

Deno.test("documents stand end to end, each after the start token", async () => {
  const tokenizer = await smallTokenizer();
  const texts = ["the cat sat", "", "on the mat.\nthe rat 🙂"];
  const documents = texts.map((text, index) => ({ name: `${index}`, text }));
  const expected = (await Promise.all(texts.map((text) => tokenizer.encode(text)))).flat();
  assert.deepEqual([...await tokenStream(documents, tokenizer)], expected);
  assert.equal(expected.filter((token) => token === tokenizer.bosToken).length, texts.length);

  const reason = new Error("enough");
  const stopped = tokenStream(documents, tokenizer, { signal: AbortSignal.abort(reason) });
  await assert.rejects(stopped, reason);
});

Deno.test("each row of a batch reads all parts of the stream alike, step after step", () => {
  const [batch, steps, parts] = [4, 2000, 10];
  const stream = places(1_000_001);
  const counts = Array.from({ length: batch }, () => new Array<number>(parts).fill(0));
  for (let step = 0; step < steps; step++) {
    const { tokens } = trainingBatch([stream], { batch, sequence: 1 }, 11, step);
    tokens.forEach((start, row) => counts[row][Math.floor(start * parts / 1_000_000)]++);
  }
  // 200 a part, give or take five deviations of √(200 · 0.9).
  for (const [row, each] of counts.entries()) {
    assert.ok(each.every((count) => Math.abs(count - 200) < 5 * 13.4), `row ${row}: ${each}`);
  }
});

Deno.test("the rows of a batch take turns among several streams", () => {
  const streams = [new Int32Array(50).fill(1), new Int32Array(80).fill(2)];
  const { tokens } = trainingBatch(streams, { batch: 4, sequence: 3 }, 7, 0);
  assert.deepEqual([...tokens], [1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2]);
});
