/** Leading singular and eigen values: of matrices that are made of known ones. */

import assert from "node:assert/strict";
import { onnxEngine } from "../../../lib/engines/onnx/engine.ts";
import { symmetricEigen, truncatedSvd } from "../../../lib/graph/linear_algebra/mod.ts";
import { orthonormal } from "../../../lib/graph/linear_algebra/small_matrix.ts";
import { ProgramCache } from "../../../lib/graph/program_cache.ts";
import { OptionError } from "../../../lib/util/errors.ts";
import {
  apart,
  flat,
  identity,
  type Matrix,
  matrixOf,
  normalMatrix,
  product,
  transposed,
} from "./plain.ts";

const engine = onnxEngine({ threads: 1 });

const scaled = (rows: Matrix, values: readonly number[]) =>
  rows.map((row, at) => row.map((each) => each * values[at]));

/** Orthonormal rows. */
const basis = (rows: number, columns: number, seed: number): Matrix =>
  orthonormal(normalMatrix(rows, columns, seed));

const near = (found: readonly number[], expected: readonly number[], bound: number) =>
  found.length === expected.length &&
  found.every((each, at) => Math.abs(each - expected[at]) <= bound);

for (const [m, n] of [[40, 70], [70, 40], [1, 30], [30, 1]]) {
  Deno.test(`leading singular values and vectors of [${m}, ${n}] are those that made it`, async () => {
    await using programs = new ProgramCache(engine);
    const size = Math.min(m, n, 24);
    const values = Array.from({ length: size }, (_, at) => 3 * 0.7 ** at);
    const [left, right] = [basis(size, m, 1), basis(size, n, 2)];
    const a = product(transposed(left), scaled(right, values));
    const rank = Math.min(5, size);
    const found = await truncatedSvd(programs, await engine.place(flat(a)), [m, n], rank);
    assert.ok(near(found.values, values.slice(0, rank), 3e-6), `${found.values}`);
    const [u, v] = await engine.read([found.left, found.right]);
    const [us, vs] = [matrixOf(u, rank, m), matrixOf(v, rank, n)];
    for (const rows of [us, vs]) {
      assert.ok(apart(product(rows, transposed(rows)), identity(rank)) < 1e-6);
    }
    const best = product(transposed(left.slice(0, rank)), scaled(right, values).slice(0, rank));
    assert.ok(apart(product(transposed(us), scaled(vs, found.values)), best) < 1e-5);
  });
}

Deno.test("what is left of a matrix without structure is near the least that a rank leaves", async () => {
  await using programs = new ProgramCache(engine);
  const a = normalMatrix(48, 64, 5);
  const placed = await engine.place(flat(a));
  const all = await truncatedSvd(programs, placed, [48, 64], 48);
  const some = await truncatedSvd(programs, placed, [48, 64], 12);
  const energy = (values: readonly number[]) => values.reduce((sum, each) => sum + each ** 2, 0);
  const total = energy(a.flatMap((row) => [...row]));
  assert.ok(Math.abs(energy(all.values) / total - 1) < 1e-5);
  const best = total - energy(all.values.slice(0, 12));
  const left = total - energy(some.values);
  assert.ok(left >= best * (1 - 1e-6) && left < 1.02 * best, `${left / best}`);
});

Deno.test("a matrix of a lower rank gives no more values than it has, of zeros none", async () => {
  await using programs = new ProgramCache(engine);
  const a = product(normalMatrix(20, 2, 1), normalMatrix(2, 30, 2));
  const two = await truncatedSvd(programs, await engine.place(flat(a)), [20, 30], 6);
  assert.ok(two.values.slice(2).every((value) => value < 1e-5 * two.values[0]), `${two.values}`);
  const zeros = await engine.place(new Float32Array(600));
  const none = await truncatedSvd(programs, zeros, [20, 30], 6);
  assert.deepEqual([none.values, none.left.length, none.right.length], [[], 0, 0]);
});

for (const count of [4, 30]) {
  Deno.test(`the ${count} eigenvalues of largest magnitude of 60 are found with their signs`, async () => {
    await using programs = new ProgramCache(engine);
    const n = 60;
    const values = Array.from({ length: n }, (_, at) => (at % 3 === 1 ? -1 : 1) * 5 * 0.6 ** at);
    const vectors = basis(n, n, 3);
    const a = product(transposed(vectors), scaled(vectors, values));
    const found = await symmetricEigen(programs, await engine.place(flat(a)), n, count);
    assert.ok(near(found.values, values.slice(0, count), 5e-6), `${found.values}`);
    const [rows] = await engine.read([found.vectors]);
    const vs = matrixOf(rows, count, n);
    assert.ok(apart(product(vs, transposed(vs)), identity(count)) < 1e-6);
    const leading = product(transposed(vs), scaled(vs, found.values));
    const expected = product(
      transposed(vectors),
      scaled(vectors, values.map((each, at) => at < count ? each : 0)),
    );
    assert.ok(apart(leading, expected) < 1e-5);
  });
}

Deno.test("more values than there are, and another shape, are refused by name", async () => {
  await using programs = new ProgramCache(engine);
  const a = await engine.place(new Float32Array(6));
  const refused = (message: RegExp) => (error: Error) =>
    error instanceof OptionError && message.test(error.message);
  await assert.rejects(truncatedSvd(programs, a, [2, 3], 3), refused(/^option 'rank': .* got 3;/));
  await assert.rejects(truncatedSvd(programs, a, [2, 4], 1), refused(/^option 'shape': .* 6 /));
  await assert.rejects(symmetricEigen(programs, a, 2, 1), refused(/^option 'shape': .* 6 /));
});
