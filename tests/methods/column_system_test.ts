/** The system of columns' scales, wide enough for several strips, against its definition in float64. */

import assert from "node:assert/strict";
import { Matrices, owned } from "../../lib/graph/linear_algebra/matrices.ts";
import { ProgramCache } from "../../lib/graph/program_cache.ts";
import { ColumnSystem } from "../../lib/methods/sign_fitting/column_system.ts";
import { SeededRandom } from "../../lib/util/random.ts";
import { engine } from "./oracle_pair.ts";

Deno.test("what is solved over strips and slabs solves [(MᵀM) ∘ C] c = colsum(M ∘ P)", async () => {
  const [rows, width] = [12, 1100];
  const random = new SeededRandom(3);
  const numbers = (count: number, of: () => number) => Float32Array.from({ length: count }, of);
  const m = numbers(rows * width, () => (random.uniform() < 0.5 ? -1 : 1) / Math.sqrt(rows));
  const p = numbers(rows * width, () => random.normal());
  // Ones on the diagonal, and inputs that agree with their neighbours.
  const c = new Float32Array(width * width);
  for (let i = 0; i < width; i++) {
    for (let j = Math.max(0, i - 3); j < Math.min(width, i + 4); j++) {
      c[i * width + j] = 0.5 ** Math.abs(i - j);
    }
  }
  // Far from the diagonal, in the last strip too.
  for (const [i, j] of [[5, 1090], [700, 1080]]) c[i * width + j] = c[j * width + i] = 0.4;
  await using programs = new ProgramCache(engine);
  const matrices = new Matrices(programs);
  using ofC = owned(await engine.place(c), width, width);
  using system = new ColumnSystem(matrices, ofC);
  for (const [begin, end] of [[0, 5], [5, rows]]) {
    const part = (values: Float32Array) => values.subarray(begin * width, end * width);
    using ofM = owned(await engine.place(part(m)), end - begin, width);
    using ofP = owned(await engine.place(part(p)), end - begin, width);
    await system.add(ofM, ofP);
  }
  const ones = new Float32Array(width).fill(1);
  const x = await system.solved(new Float32Array(width), ones);
  for (let i = 0; i < width; i++) {
    let [found, expected] = [0, 0];
    for (let row = 0; row < rows; row++) {
      expected += m[row * width + i] * p[row * width + i];
      let sum = 0;
      for (let j = 0; j < width; j++) sum += c[i * width + j] * m[row * width + j] * x[j];
      found += m[row * width + i] * sum;
    }
    assert.ok(Math.abs(found - expected) < 1e-3, `${i}: ${found} and ${expected}`);
  }
});
