/** One right side: refined to what 32-bit floats hold. */

import assert from "node:assert/strict";
import { onnxEngine } from "../../../lib/engines/onnx/engine.ts";
import { solveVector } from "../../../lib/graph/linear_algebra/mod.ts";
import { ProgramCache } from "../../../lib/graph/program_cache.ts";
import { apart, flat, lowerFactor, type Matrix, matrixOf, secondMoments } from "./plain.ts";

const engine = onnxEngine({ threads: 1 });

/** A⁻¹b in double precision. */
function exactly(a: Matrix, b: Float32Array): Float64Array {
  const l = lowerFactor(a);
  const x = Float64Array.from(b);
  for (let i = 0; i < x.length; i++) {
    for (let j = 0; j < i; j++) x[i] -= l[i][j] * x[j];
    x[i] /= l[i][i];
  }
  for (let i = x.length - 1; i >= 0; i--) {
    for (let j = i + 1; j < x.length; j++) x[i] -= l[j][i] * x[j];
    x[i] /= l[i][i];
  }
  return x;
}

for (const [n, moments, ridge] of [[1, 1, 0], [7, 1, 0], [200, 1e-5, 0], [200, 0, 1e-4]]) {
  Deno.test(`a system of ${n}, ${moments} and ${ridge} on its diagonal, is solved to 1e-7`, async () => {
    await using programs = new ProgramCache(engine);
    const a = secondMoments(n, n, moments);
    const b = Float32Array.from({ length: n }, (_, at) => Math.sin(3 * at + 1));
    const placed = [await engine.place(flat(a)), await engine.place(b)];
    const [x] = await engine.read([await solveVector(programs, placed[0], placed[1], { ridge })]);
    const whole = a.map((row, i) =>
      row.map((each, j) => each + (i === j ? Math.fround(ridge) : 0))
    );
    const lost = apart(matrixOf(x, 1, n), [exactly(whole, b)]);
    assert.ok(lost < 1e-7, `${lost}`);
  });
}
