/** `scripts/bench.ts`: how numbers are compared, and that it starts. What it measures is no test. */

import assert from "node:assert/strict";
import {
  advantage,
  type Comparison,
  fastest,
  inTurns,
  keepsBound,
  medianQuotient,
  memoryAbove,
  requireSame,
} from "../bench/comparison.ts";
import { randomMatrix } from "../bench/random_matrix.ts";
import { runTask } from "./run_script.ts";

const row: Comparison = {
  what: "speed",
  unit: "1/s",
  ours: 6,
  peer: 2,
  peerIs: "another",
  better: "higher",
  bound: 5,
};

Deno.test("the advantage is above 1 where ours is better, whichever way is better", () => {
  assert.equal(advantage(row), 3);
  assert.equal(advantage({ ...row, better: "lower" }), 1 / 3);
});

Deno.test("a bound is a least or a most, and is kept where it is met", () => {
  assert.deepEqual([5, 6, 7].map((bound) => keepsBound({ ...row, bound })), [true, true, false]);
  const lower = { ...row, better: "lower" } as const;
  assert.deepEqual([5, 6, 7].map((bound) => keepsBound({ ...lower, bound })), [false, true, true]);
  assert.equal(keepsBound({ ...row, bound: null }), true);
});

Deno.test("ours may be bound by the peer's, by what the turns gave where they were taken", () => {
  const times = (timesPeer: number) => keepsBound({ ...row, timesPeer });
  assert.deepEqual([2.9, 3, 3.1].map(times), [true, true, false]);
  const inTurns = { ...row, timesPeer: 3, quotient: 2.5 };
  assert.equal(keepsBound(inTurns), false);
  assert.equal(advantage(inTurns), 2.5);
  const lower = { ...row, bound: null, better: "lower" } as const;
  assert.deepEqual(
    [2, 3, 4].map((timesPeer) => keepsBound({ ...lower, timesPeer })),
    [false, true, true],
  );
  assert.equal(advantage({ ...lower, quotient: 0.5 }), 2);
});

Deno.test("actions run in turns, and their quotient is the median of the turns", async () => {
  const order: string[] = [];
  const action = (name: string) => () => Promise.resolve(order.push(name));
  const seconds = await inTurns(3, [action("a"), action("b")]);
  assert.equal(order.join(""), "ababab");
  assert.deepEqual(seconds.map(({ length }) => length), [3, 3]);
  assert.equal(medianQuotient([1, 8, 3], [1, 2, 1]), 3);
});

Deno.test("two sides that differ stop a benchmark", () => {
  requireSame("scale", 1.00001, 1, 1e-4);
  assert.throws(() => requireSame("scale", 1.1, 1, 1e-4), /scale: ours is 1.1, the peer's 1/);
  assert.throws(() => requireSame("scale", NaN, 1, 1e-4));
});

Deno.test("the fastest of several runs is no longer than all of them", async () => {
  let runs = 0;
  const started = performance.now();
  const seconds = await fastest(3, () => Promise.resolve(runs++));
  assert.ok(seconds >= 0 && seconds <= (performance.now() - started) / 3000);
  assert.equal(runs, 3);
});

Deno.test("memory that an action touches is counted", async () => {
  const megabytes = await memoryAbove(() => Promise.resolve(new Uint8Array(64e6).fill(1)));
  assert.ok(megabytes >= 60, `${megabytes} MB`);
});

Deno.test("a random matrix has the deviation asked for and depends on its seed alone", () => {
  const matrix = randomMatrix(300, 100, 0.02, 1);
  const squares = matrix.reduce((sum, value) => sum + value * value, 0);
  assert.ok(Math.abs(Math.sqrt(squares / matrix.length) / 0.02 - 1) < 0.02);
  assert.deepEqual(randomMatrix(300, 100, 0.02, 1), matrix);
  assert.notDeepEqual(randomMatrix(300, 100, 0.02, 2), matrix);
});

Deno.test("bench --help lists its options, and others are refused", async () => {
  const { code, out, error } = await runTask("bench", ["--help"]);
  assert.deepEqual([code, error], [0, ""]);
  for (const option of ["--device <name>", "--json <file>"]) assert.ok(out.includes(option));
  const refused = await runTask("bench", ["--fast"]);
  assert.equal(refused.code, 2);
  assert.match(refused.error, /^bench: unknown option '--fast'.*\n$/);
});
