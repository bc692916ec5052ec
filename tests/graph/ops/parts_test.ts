import { addDiagonal } from "../../../lib/graph/ops/diagonal.ts";
import {
  concatenateColumns,
  padColumns,
  submatrix,
  subtractProduct,
} from "../../../lib/graph/ops/parts.ts";
import assert from "node:assert/strict";
import { input } from "../../../lib/graph/graph.ts";
import { GraphError } from "../../../lib/util/errors.ts";
import { fixed, normals, type OpCase, testOp } from "../op_case.ts";
import * as plain from "../plain/matrix.ts";

const x = fixed(normals(1, 3, 4));
const [rows, inner, columns] = [2, 3, 4];

const cases: OpCase[] = [
  {
    name: "submatrix of both",
    operands: [x],
    build: (x) => submatrix(x, { rows: [1, 3], columns: [0, 2] }),
    plain: (x) => Float64Array.of(x[4], x[5], x[8], x[9]),
  },
  {
    name: "submatrix of rows",
    operands: [x],
    build: (x) => submatrix(x, { rows: [1, 2] }),
    plain: (x) => x.slice(4, 8),
  },
  {
    name: "concatenateColumns",
    operands: [fixed(normals(2, 2, 1)), fixed(normals(3, 2, 2))],
    build: (a, b) => concatenateColumns([a, b, a]),
    plain: ([a, b], [c, d, e, f]) => Float64Array.of(a, c, d, a, b, e, f, b),
  },
  {
    name: "addDiagonal",
    operands: [fixed(normals(8, 2, 3)), fixed(normals(9))],
    build: (x, ridge) => addDiagonal(x, ridge, 1),
    plain: ([a, b, c, d, e, f], [g]) => Float64Array.of(a, b + g, c, d, e, f + g),
  },
  {
    name: "padColumns",
    operands: [fixed(normals(4, 2, 2))],
    build: (x) => padColumns(x, 1, 2),
    plain: ([a, b, c, d]) => Float64Array.of(0, a, b, 0, 0, 0, c, d, 0, 0),
  },
  ...[false, true].flatMap((transposeFirst) =>
    [false, true].map((transposeSecond): OpCase => ({
      name: `subtractProduct, transposed: ${transposeFirst}, ${transposeSecond}`,
      operands: [
        fixed(normals(5, rows, columns)),
        fixed(transposeFirst ? normals(6, inner, rows) : normals(6, rows, inner)),
        fixed(transposeSecond ? normals(7, columns, inner) : normals(7, inner, columns)),
      ],
      build: (c, a, b) => subtractProduct(c, a, b, { transposeFirst, transposeSecond }),
      plain: (c, a, b) => {
        const sizes = { rows, inner, columns, transposeFirst, transposeSecond };
        return plain.matmul(a, b, sizes).map((each, at) => c[at] - each);
      },
    }))
  ),
];

cases.forEach(testOp);

Deno.test("parts that a matrix does not have, and matrices that do not fit, are refused", () => {
  const [x, y] = [input("x", [3, 4]), input("y", [2, 4])];
  for (const rows of [[2, 2], [0, 4], [-1, 2], [0.5, 2]] as const) {
    assert.throws(() => submatrix(x, { rows }), GraphError);
  }
  assert.throws(() => concatenateColumns([x, y]), GraphError);
  assert.throws(() => padColumns(x, -1, 0), GraphError);
  assert.throws(() => subtractProduct(x, x, y, { transposeSecond: true }), GraphError);
});
