/** Linear algebra on a GPU: what double precision says, in two blocks and a part of one. */

import assert from "node:assert/strict";
import {
  cholesky,
  choleskySolve,
  factorProduct,
  inverseCholesky,
  solveVector,
  symmetricEigen,
  truncatedSvd,
} from "../../lib/graph/linear_algebra/mod.ts";
import { ProgramCache } from "../../lib/graph/program_cache.ts";
import { NotPositiveDefiniteError } from "../../lib/util/errors.ts";
import {
  apart,
  flat,
  identity,
  lowerFactor,
  type Matrix,
  matrixOf,
  normalMatrix,
  product,
  secondMoments,
  transposed,
} from "../graph/linear_algebra/plain.ts";
import { gpuTest } from "./gpu.ts";

const n = 150;
const a = secondMoments(n, 1);

gpuTest("factors and systems of a GPU are those of double precision", async (engine) => {
  await using programs = new ProgramCache(engine);
  const place = (matrix: Matrix) => engine.place(flat(matrix));
  const placed = await place(a);
  using factor = await cholesky(programs, placed, n);
  const x = normalMatrix(3, n, 2);
  const [lower, solved, upper] = await engine.read([
    await factorProduct(programs, factor, await place(identity(n)), n),
    await choleskySolve(programs, factor, await place(product(x, a)), 3),
    await inverseCholesky(programs, placed, n),
  ]);
  assert.ok(apart(matrixOf(lower, n, n), lowerFactor(a)) < 2e-6);
  assert.ok(apart(matrixOf(solved, 3, n), x) < 5e-5);
  const u = matrixOf(upper, n, n);
  assert.ok(apart(product(product(transposed(u), u), a), identity(n)) < 5e-5);
});

gpuTest(
  "a system of one right side is solved on a GPU to what 32-bit floats hold",
  async (engine) => {
    await using programs = new ProgramCache(engine);
    const hard = secondMoments(n, 2, 1e-4);
    const l = lowerFactor(hard);
    const b = Float32Array.from({ length: n }, (_, at) => Math.sin(3 * at + 1));
    const x = Float64Array.from(b);
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < i; j++) x[i] -= l[i][j] * x[j];
      x[i] /= l[i][i];
    }
    for (let i = n - 1; i >= 0; i--) {
      for (let j = i + 1; j < n; j++) x[i] -= l[j][i] * x[j];
      x[i] /= l[i][i];
    }
    const placed = [await engine.place(flat(hard)), await engine.place(b)];
    const [found] = await engine.read([await solveVector(programs, placed[0], placed[1])]);
    const lost = apart(matrixOf(found, 1, n), [x]);
    assert.ok(lost < 1e-7, `${lost}`);
  },
);

gpuTest("a GPU finds leading parts, and the pivot that is not positive", async (engine) => {
  await using programs = new ProgramCache(engine);
  const placed = await engine.place(flat(a));
  const svd = await truncatedSvd(programs, placed, [n, n], 3, { turns: 8 });
  const eigen = await symmetricEigen(programs, placed, n, 3, { turns: 20 });
  svd.values.forEach((value, at) => assert.ok(Math.abs(value / eigen.values[at] - 1) < 1e-3));
  const indefinite = identity(n);
  indefinite[140][140] = -1;
  await assert.rejects(
    cholesky(programs, await engine.place(flat(indefinite)), n),
    (error) => error instanceof NotPositiveDefiniteError && /^pivot 140 /.test(error.message),
  );
});
