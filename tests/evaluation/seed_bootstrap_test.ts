import assert from "node:assert/strict";
import { bootstrapInterval, klOf } from "../../lib/evaluation/bootstrap.ts";
import { pairedSeededInterval, seededInterval } from "../../lib/evaluation/seed_bootstrap.ts";
import { SeededRandom } from "../../lib/util/random.ts";

/** A run whose documents have these KLs a token, of ten tokens each. */
const run = (kls: readonly number[]) =>
  kls.map((kl, index) => ({
    ...{ name: `document ${index}`, tokens: 10, bytes: 40, nll: 20, agreement: 5, kl: 10 * kl },
  }));

const documents = Array.from({ length: 40 }, (_, index) => 1 + index / 40);
const near = (a: number, b: number, within: number) =>
  assert.ok(Math.abs(a - b) <= within, `${a} ${b}`);

Deno.test("of one run an interval is that over documents", () => {
  const [own, plain] = [
    seededInterval([run(documents)], klOf, 3),
    bootstrapInterval(run(documents), klOf, 3),
  ];
  near(own.value, plain.value, 1e-12);
  near(own.low, plain.low, 0.02);
  near(own.high, plain.high, 0.02);
});

Deno.test("runs that differ widen an interval by what seeds vary, as the variance of a crossed mean has it", () => {
  const random = new SeededRandom(5);
  const ofRun = Array.from({ length: 30 }, () => random.normal());
  const runs = ofRun.map((shift) => run(documents.map((kl) => 10 + kl + shift)));
  const { low, high } = seededInterval(runs, klOf, 1);
  const variance = (values: readonly number[]) => {
    const mean = values.reduce((sum, each) => sum + each, 0) / values.length;
    return values.reduce((sum, each) => sum + (each - mean) ** 2, 0) / values.length;
  };
  const expected = Math.sqrt(
    variance(documents) / documents.length + variance(ofRun) / ofRun.length,
  );
  near((high - low) / (2 * 1.96 * expected), 1, 0.06);
});

Deno.test("what two models have in common by seed cancels, and what has no seed stands against each", () => {
  const shifts = [0, 1, 2];
  const a = shifts.map((shift) => run(documents.map((kl) => kl * (1 + shift))));
  const b = shifts.map((shift) => run(documents.map((kl) => 2 * kl * (1 + shift))));
  const paired = pairedSeededInterval(a, b, klOf, 1);
  for (const end of Object.values(paired)) near(end, -0.5, 1e-12);
  const { value, low, high } = pairedSeededInterval(a, [run(documents)], klOf, 1);
  near(value, 1, 1e-12);
  near(low, 0, 1e-12);
  near(high, 2, 1e-12);
});

Deno.test("runs of other documents are refused", () => {
  const [a, b] = [[run([1, 2])], [run([1, 2, 3])]];
  assert.throws(() => pairedSeededInterval(a, b, klOf, 1), RangeError);
  assert.throws(() => seededInterval([...a, ...b], klOf, 1), RangeError);
});
