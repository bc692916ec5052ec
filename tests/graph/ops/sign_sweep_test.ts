/** Coordinate descent over signs against the definition of J, in float64 and number by number. */

import assert from "node:assert/strict";
import { onnxEngine } from "../../../lib/engines/onnx/engine.ts";
import { input } from "../../../lib/graph/graph.ts";
import { signSweep } from "../../../lib/graph/ops/sign_sweep.ts";
import { GraphError } from "../../../lib/util/errors.ts";
import { apart, flat, type Matrix, matrixOf, product } from "../linear_algebra/plain.ts";
import { sweepCase } from "./sweep_case.ts";

const engine = onnxEngine({ threads: 1 });

/** J(V) = tr(K Vᵀ C V) − 2⟨V, P⟩. */
function objective(values: Matrix, target: Matrix, inner: Matrix, outer: Matrix): number {
  const curved = product(product(outer, values), inner);
  return values.reduce(
    (sum, row, l) => row.reduce((all, v, j) => all + v * (curved[l][j] - 2 * target[l][j]), sum),
    0,
  );
}

/** What a pass makes of V: each sign that lowers J when it is turned is turned, in order. */
function plainSweep(values: Matrix, target: Matrix, inner: Matrix, outer: Matrix, passes: number) {
  const swept = values.map((row) => row.slice());
  for (const row of swept) {
    for (let pass = 0; pass < passes; pass++) {
      for (const j of row.keys()) {
        const before = objective(swept, target, inner, outer);
        row[j] *= -1;
        if (objective(swept, target, inner, outer) >= before) row[j] *= -1;
      }
    }
  }
  return swept;
}

for (const [rows, width] of [[1, 1], [3, 5], [6, 9], [5, 36], [2, 70]]) {
  for (const isCoupled of [true, false]) {
    for (const passes of [1, 3]) {
      const name = `${passes} passes over ${isCoupled ? "coupled" : "single"} rows`;
      Deno.test(`${name} [${rows}, ${width}] turn each sign that lowers J`, async () => {
        const { values, target, inner, outer, gradient } = sweepCase(rows, width, isCoupled);
        const [v, g, k, c] = Object.entries({ values, gradient, inner, outer }).map(
          ([name, matrix]) => input(name, [matrix.length, matrix[0].length]),
        );
        const graph = { y: signSweep(v, g, k, isCoupled ? c : null, { passes }) };
        const program = await engine.compile(graph);
        const { y } = await program.run({
          values: flat(values),
          gradient: flat(gradient),
          inner: flat(inner),
          ...isCoupled ? { outer: flat(outer) } : {},
        });
        await program.release();
        const found = matrixOf(y as Float32Array, rows, width);
        const expected = plainSweep(values, target, inner, outer, passes);
        assert.deepEqual(found, expected);
        const steps = expected.map((row, l) => row.map((value, j) => value - values[l][j]));
        const moved = matrixOf(y.subarray(rows * width) as Float32Array, rows, width);
        assert.ok(rows === 1 || apart(moved, product(steps, inner)) < 1e-5);
        const [before, after] = [values, found].map((each) =>
          objective(each, target, inner, outer)
        );
        assert.ok(after <= before);
      });
    }
  }
}

Deno.test("rows that go together come to what each comes to alone, to the bit", async () => {
  const [rows, width, passes] = [5, 150, 3];
  const { values, inner, gradient } = sweepCase(rows, width, false);
  const round = Math.fround;
  const [v, g] = [values, gradient].map((matrix) => matrix.map((row) => row.map(round)));
  const moved = v.map((row) => row.map(() => 0));
  for (const [l, row] of v.entries()) {
    for (let pass = 0; pass < passes; pass++) {
      for (const [j, value] of row.entries()) {
        const step = -2 * value;
        const slope = 2 * round(g[l][j] - moved[l][j]);
        if (!(step * round(round(step * inner[j][j]) - slope) < 0)) continue;
        row[j] = -value;
        inner[j].forEach((k, i) => moved[l][i] = round(moved[l][i] + round(step * k)));
      }
    }
  }
  const [ofV, ofG, ofK] = Object.entries({ values, gradient, inner }).map(([name, matrix]) =>
    input(name, [matrix.length, width])
  );
  const program = await engine.compile({ y: signSweep(ofV, ofG, ofK, null, { passes }) });
  const { y } = await program.run({
    values: flat(values),
    gradient: flat(gradient),
    inner: flat(inner),
  });
  await program.release();
  assert.deepEqual(matrixOf(y as Float32Array, 2 * rows, width), [...v, ...moved]);
});

Deno.test("shapes that do not fit are refused", () => {
  const [v, k] = [input("v", [2, 3]), input("k", [3, 3])];
  assert.throws(() => signSweep(v, v, v, null, { passes: 1 }), GraphError);
  assert.throws(() => signSweep(v, input("g", [3, 2]), k, null, { passes: 1 }), GraphError);
  assert.throws(() => signSweep(v, v, k, k, { passes: 1 }), /coupledSignSweep/);
});
