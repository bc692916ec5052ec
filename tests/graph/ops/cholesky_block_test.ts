/** The factor of a block on the CPU: float64 inside, and only alone in its graph. */

import assert from "node:assert/strict";
import { onnxEngine } from "../../../lib/engines/onnx/engine.ts";
import { input } from "../../../lib/graph/graph.ts";
import { choleskyBlock } from "../../../lib/graph/ops/cholesky_block.ts";
import { add } from "../../../lib/graph/ops/elementwise.ts";
import { GraphError } from "../../../lib/util/errors.ts";
import {
  apart,
  flat,
  identity,
  lowerFactor,
  type Matrix,
  matrixOf,
  product,
  secondMoments,
  transposed,
} from "../linear_algebra/plain.ts";

const engine = onnxEngine({ threads: 1 });

/** L, L⁻¹ and the pivots. */
async function factorOf(a: Float32Array, n: number, upper = false, ridge = 0) {
  const graph = choleskyBlock(input("a", [n, n]), input("ridge", []), { upper });
  const program = await engine.compile({ y: graph });
  const { y } = await program.run({ a, ridge: Float32Array.of(ridge) });
  await program.release();
  const part = (begin: number) => matrixOf(y.subarray(begin * n * n), n, n);
  return { factor: part(0), inverse: part(1), pivots: [...y.subarray(2 * n * n)] };
}

const fromEnd = (a: Matrix) => a.map((row) => row.toReversed()).reverse();

for (const n of [1, 2, 5, 64, 127, 128]) {
  Deno.test(`a block of ${n} rows has the factor, inverse and pivots of double precision`, async () => {
    const a = secondMoments(n, n);
    const { factor, inverse, pivots } = await factorOf(flat(a), n);
    const exact = lowerFactor(a);
    assert.ok(apart(factor, exact) < 5e-8, `${apart(factor, exact)}`);
    assert.ok(apart(product(inverse, exact), identity(n)) < 3e-7);
    assert.deepEqual(pivots, pivots.map((_, at) => Math.fround(exact[at][at] ** 2)));
    const upper = await factorOf(flat(a), n, true);
    const ofEnd = fromEnd(lowerFactor(fromEnd(a)));
    assert.ok(apart(upper.factor, ofEnd) < 5e-8);
    assert.ok(apart(product(upper.factor, transposed(upper.factor)), a) < 2e-7);
    assert.ok(apart(product(upper.inverse, ofEnd), identity(n)) < 3e-7);
    assert.deepEqual(upper.pivots, upper.pivots.map((_, at) => Math.fround(ofEnd[at][at] ** 2)));
  });
}

Deno.test("a pivot that is not positive is told, and all numbers are finite", async () => {
  const a = Float32Array.of(4, 2, 2, 2, 1, 3, 2, 3, 5);
  const { factor, inverse, pivots } = await factorOf(a, 3);
  assert.deepEqual(pivots.slice(0, 2), [4, 0]);
  assert.ok([...factor, ...inverse].every((row) => row.every(Number.isFinite)));
});

Deno.test("a ridge is added to the diagonal before anything is rounded", async () => {
  const a = Float32Array.of(1, 1, 1, 1);
  for (const upper of [false, true]) {
    const { pivots } = await factorOf(a, 2, upper, 2 ** -30);
    const [first, last] = upper ? pivots.toReversed() : pivots;
    assert.equal(first, 1);
    assert.ok(Math.abs(last / 2 ** -29 - 1) < 1e-6, `${last}`);
  }
});

Deno.test("a block op shares its graph with nothing", async () => {
  const a = input("a", [2, 2]);
  const ridge = input("ridge", []);
  const block = choleskyBlock(a, ridge);
  const alone = /operation 'choleskyBlock': is not alone in its graph.*; expected inputs, this op/;
  await assert.rejects(engine.compile({ block, a }), alone);
  await assert.rejects(engine.compile({ y: add(block, block) }), alone);
  assert.throws(() => choleskyBlock(add(a, a), ridge), alone);
});

Deno.test("a block that is not square or too wide is refused", () => {
  for (const shape of [[2, 3], [129, 129], [4]]) {
    assert.throws(() => choleskyBlock(input("a", shape), input("ridge", [])), GraphError);
  }
});
