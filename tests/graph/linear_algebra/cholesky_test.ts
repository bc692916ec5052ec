/** Factors in halves, and systems with them, against double precision. */

import assert from "node:assert/strict";
import { onnxEngine } from "../../../lib/engines/onnx/engine.ts";
import {
  cholesky,
  type CholeskyOptions,
  choleskySolve,
  factorDivide,
  factorProduct,
} from "../../../lib/graph/linear_algebra/mod.ts";
import type { Placed } from "../../../lib/graph/placed.ts";
import { ProgramCache } from "../../../lib/graph/program_cache.ts";
import { NotPositiveDefiniteError, OptionError } from "../../../lib/util/errors.ts";
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
} from "./plain.ts";

const engine = onnxEngine({ threads: 1 });

async function withFactor<Result>(
  a: Matrix,
  work: (
    factor: Awaited<ReturnType<typeof cholesky>>,
    programs: ProgramCache,
  ) => Promise<Result>,
  options: CholeskyOptions = {},
): Promise<Result> {
  await using programs = new ProgramCache(engine);
  using factor = await cholesky(programs, await engine.place(flat(a)), a.length, options);
  return await work(factor, programs);
}

async function read(placed: Placed, rows: number, columns: number): Promise<Matrix> {
  return matrixOf((await engine.read([placed]))[0], rows, columns);
}

/** About the width of a block, and no multiple of it; three, of which one half is a block. */
for (const n of [1, 5, 128, 129, 260]) {
  Deno.test(`the factor of ${n} rows, and systems with it, are those of double precision`, async () => {
    const a = secondMoments(n, n);
    const exact = lowerFactor(a);
    await withFactor(a, async (factor, programs) => {
      const [ones, x] = [identity(n), normalMatrix(3, n, 7)];
      const place = async (matrix: Matrix) => await engine.place(flat(matrix));
      const lower = await factorProduct(programs, factor, await place(ones), n);
      assert.ok(apart(await read(lower, n, n), exact) < 5e-7);
      const b = await place(product(x, a));
      const found = await read(await choleskySolve(programs, factor, b, 3), 3, n);
      const lost = apart(found, x);
      assert.ok(lost < 2e-5, `${lost}`);
      const half = await place(product(x, exact));
      assert.ok(apart(await read(await factorDivide(programs, factor, half, 3), 3, n), x) < 3e-6);
    });
  });
}

Deno.test("a ridge makes a matrix of rank two one that has a factor", async () => {
  const [n, ridge] = [200, 0.5];
  const x = normalMatrix(2, n, 3);
  const a = product(transposed(x), x);
  const withRidge = a.map((row, i) => row.map((each, j) => each + (i === j ? ridge : 0)));
  await withFactor(a, async (factor, programs) => {
    const b = product(normalMatrix(2, n, 4), withRidge);
    const solved = await choleskySolve(programs, factor, await engine.place(flat(b)), 2);
    assert.ok(apart(await read(solved, 2, n), normalMatrix(2, n, 4)) < 1e-4);
  }, { ridge });
});

Deno.test("the first pivot that is not positive is named, in whichever block it is", async () => {
  for (const at of [3, 150, 259]) {
    const a = identity(260);
    a[at][at] = -2;
    a[259][259] = -3;
    const value = at === 259 ? -3 : -2;
    await assert.rejects(withFactor(a, () => Promise.resolve()), (error: Error) => {
      assert.ok(error instanceof NotPositiveDefiniteError);
      assert.equal(
        error.message,
        `pivot ${at} of a symmetric matrix is not positive: got ${value}; ` +
          "expected a positive definite matrix, or a larger ridge",
      );
      return true;
    });
  }
});

Deno.test("a size or a ridge that is none is refused by name", async () => {
  const refused = async (work: Promise<unknown>, message: RegExp) =>
    await assert.rejects(work, (error: Error) => {
      assert.ok(error instanceof OptionError);
      assert.match(error.message, message);
      return true;
    });
  await using programs = new ProgramCache(engine);
  const a = await engine.place(flat(identity(3)));
  await refused(cholesky(programs, a, 2), /^option 'size': a matrix of 9 numbers .* got 2;/);
  await refused(cholesky(programs, a, 3, { ridge: -1 }), /^option 'ridge': .* got -1;/);
  using factor = await cholesky(programs, a, 3);
  await refused(choleskySolve(programs, factor, a, 2), /^option 'rows': 9 numbers .* got 2;/);
});

Deno.test("a factorisation stops before its next step when it is told to", async () => {
  const signal = AbortSignal.abort(new DOMException("told to", "AbortError"));
  await assert.rejects(
    withFactor(identity(5), () => Promise.resolve(), { signal }),
    /told to/,
  );
});
