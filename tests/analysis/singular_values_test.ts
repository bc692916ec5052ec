import assert from "node:assert/strict";
import { normalMatrix } from "../../lib/analysis/normal_matrix.ts";
import { energyShares, singularValues } from "../../lib/analysis/singular_values.ts";
import { near } from "./near.ts";

type Shape = [number, number];

/** diag(values), `[out, in]`. */
function diagonal(values: readonly number[], [outSize, inSize]: Shape): Float32Array {
  const matrix = new Float32Array(outSize * inSize);
  values.forEach((value, at) => matrix[at * inSize + at] = value);
  return matrix;
}

/**
 * All singular values by one-sided Jacobi rotations (Hestenes 1958): columns, or rows where these are
 * fewer, are turned against each other until all are orthogonal; their lengths are the values.
 */
function jacobiSingularValues(matrix: Float32Array, [outSize, inSize]: Shape): number[] {
  const wide = inSize > outSize;
  const columns = Array.from(
    { length: wide ? outSize : inSize },
    (_, column) =>
      Float64Array.from(
        { length: wide ? inSize : outSize },
        (_, row) => matrix[wide ? column * inSize + row : row * inSize + column],
      ),
  );
  const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, x, at) => sum + x * b[at], 0);
  for (let turned = true; turned;) {
    turned = false;
    for (let p = 0; p < columns.length; p++) {
      for (let q = p + 1; q < columns.length; q++) {
        const [a, b, c] = [columns[p], columns[q], dot(columns[p], columns[q])];
        const [aa, bb] = [dot(a, a), dot(b, b)];
        if (Math.abs(c) <= 1e-14 * Math.sqrt(aa * bb)) continue;
        turned = true;
        const angle = Math.atan2(2 * c, aa - bb) / 2;
        const [cosine, sine] = [Math.cos(angle), Math.sin(angle)];
        columns[p] = a.map((x, at) => cosine * x + sine * b[at]);
        columns[q] = b.map((x, at) => cosine * x - sine * a[at]);
      }
    }
  }
  return columns.map((each) => Math.sqrt(dot(each, each))).sort((a, b) => b - a);
}

function allNear(actual: readonly number[], expected: readonly number[], tolerance: number): void {
  assert.equal(actual.length, expected.length);
  actual.forEach((value, at) => near(value, expected[at], tolerance, `value ${at + 1}`));
}

Deno.test("a diagonal matrix has its entries' magnitudes, those that occur twice twice", () => {
  const values = [3, -7, 2, 2, 0.5, 7];
  const expected = [7, 7, 3, 2, 2, 0.5];
  for (const shape of [[6, 6], [9, 6], [6, 8]] as Shape[]) {
    allNear(singularValues(diagonal(values, shape), shape, 6), expected, 1e-12);
  }
});

Deno.test("an orthogonal matrix has ones", () => {
  // Sylvester's Hadamard matrix by the square root of its size.
  const size = 16;
  const parity = (bits: number): number => bits === 0 ? 0 : (bits & 1) ^ parity(bits >> 1);
  const matrix = Float32Array.from(
    { length: size * size },
    (_, at) => (parity(Math.floor(at / size) & at % size) ? -1 : 1) / 4,
  );
  allNear(singularValues(matrix, [size, size], size), new Array(size).fill(1), 1e-12);
});

Deno.test("a matrix of rank one has one value, the product of its factors' lengths", () => {
  const [left, right] = [[1, -2, 3, 0, 2], [4, 0, -1]];
  const matrix = Float32Array.from(left.flatMap((l) => right.map((r) => l * r)));
  allNear(singularValues(matrix, [5, 3], 3), [Math.sqrt(18 * 17), 0, 0], 1e-12);
});

Deno.test("a matrix of rank k has k values, which hold all of its energy", () => {
  const [shape, rank]: [Shape, number] = [[40, 25], 4];
  const [left, right] = [normalMatrix([40, rank], 1), normalMatrix([rank, 25], 2)];
  const matrix = new Float32Array(40 * 25).map((_, at) => {
    const [o, i] = [Math.floor(at / 25), at % 25];
    return Array.from({ length: rank }, (_, k) => left[o * rank + k] * right[k * 25 + i])
      .reduce((sum, each) => sum + each, 0);
  });
  const values = singularValues(matrix, shape, 10);
  const norm = Math.sqrt(matrix.reduce((sum, each) => sum + each * each, 0));
  // Entries are rounded to float32, which adds a little of every rank.
  for (const value of values.slice(rank)) near(value, 0, 1e-5 * norm);
  assert.ok(values[rank - 1] > 0.1 * values[0]);
  const shares = energyShares(values, norm);
  near(shares[rank - 1], 1, 1e-9);
  assert.ok(shares[rank - 2] < 0.999);
});

for (const shape of [[30, 30], [50, 20], [20, 50], [1, 7], [7, 1]] as Shape[]) {
  Deno.test(`all values of a random ${shape.join(" × ")} matrix are those of Jacobi's method`, () => {
    const matrix = normalMatrix(shape, 3);
    const [few, many] = [Math.min(...shape), Math.max(...shape)];
    const expected = jacobiSingularValues(matrix, shape).slice(0, few);
    allNear(singularValues(matrix, shape, many), expected, 1e-11 * expected[0]);
  });
}

Deno.test("the leading values of a larger matrix are right", () => {
  const shape: Shape = [150, 120];
  const matrix = normalMatrix(shape, 4);
  const expected = jacobiSingularValues(matrix, shape);
  allNear(singularValues(matrix, shape, 3), expected.slice(0, 3), 1e-8 * expected[0]);
});

Deno.test("zeros have values of zero", () => {
  assert.deepEqual(singularValues(new Float32Array(12), [3, 4], 2), [0, 0]);
});

Deno.test("energy shares are sums of squares by the norm's square", () => {
  assert.deepEqual(energyShares([3, 2, 1], 4), [9 / 16, 13 / 16, 14 / 16]);
});
