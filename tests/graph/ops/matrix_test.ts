import { gradient } from "../../../lib/graph/gradient.ts";
import { input } from "../../../lib/graph/graph.ts";
import { firstColumns, gatherRows, matmul } from "../../../lib/graph/ops/matrix.ts";
import { rmsNormalize } from "../../../lib/graph/ops/normalize.ts";
import { signMatmul, signMatrix } from "../../../lib/graph/ops/signs.ts";
import { fixed, normals, type OpCase, randomMask, testOp, wholes } from "../op_case.ts";
import * as plain from "../plain/matrix.ts";

const [rows, inner, columns] = [3, 5, 4];

const products = [false, true].flatMap((transposeFirst) =>
  [false, true].map((transposeSecond): OpCase => ({
    name: `matmul, transposed: ${transposeFirst}, ${transposeSecond}`,
    operands: [
      transposeFirst ? normals(1, inner, rows) : normals(1, rows, inner),
      transposeSecond ? normals(2, columns, inner) : normals(2, inner, columns),
    ],
    build: (a, b) => matmul(a, b, { transposeFirst, transposeSecond }),
    plain: (a, b) => plain.matmul(a, b, { rows, inner, columns, transposeFirst, transposeSecond }),
  }))
);

// One word, a part of one, whole words, and whole words and a part.
const oneBitProducts = [1, 31, 32, 33, 64, 70].flatMap((inputs): OpCase[] => {
  const mask = randomMask(3, Math.ceil(inputs / 32), columns);
  return [{
    name: `signMatrix of ${inputs} inputs`,
    operands: [mask],
    build: (mask) => signMatrix(mask, inputs),
    plain: (mask) => plain.signMatrix(mask, inputs, columns),
  }, {
    name: `signMatmul with ${inputs} inputs`,
    operands: [normals(4, rows, inputs), mask],
    build: signMatmul,
    plain: (x, mask) =>
      plain.matmul(x, plain.signMatrix(mask, inputs, columns), { rows, inner: inputs, columns }),
  }];
});

const repeated = wholes(2, 0, 2, 2, 5);

const cases: OpCase[] = [
  ...products,
  {
    name: "matmul of one row and one column",
    operands: [normals(1, 1, inner), normals(2, inner, 1)],
    build: (a, b) => matmul(a, b),
    plain: (a, b) => plain.matmul(a, b, { rows: 1, inner, columns: 1 }),
  },
  {
    name: "matmul of a value with its own transpose",
    operands: [normals(1, rows, inner)],
    build: (x) => matmul(x, x, { transposeSecond: true }),
    plain: (x) => plain.matmul(x, x, { rows, inner, columns: rows, transposeSecond: true }),
  },
  ...oneBitProducts,
  {
    name: "gatherRows with repeated indices",
    operands: [normals(5, 6, columns), repeated],
    build: gatherRows,
    plain: (matrix, indices) => plain.gatherRows(matrix, indices, columns),
  },
  {
    name: "scatterRows, the gradient of gatherRows, with repeated indices",
    operands: [normals(6, 5, columns), repeated],
    build: (x, indices) => {
      const matrix = input("matrix", [6, columns]);
      return gradient(gatherRows(matrix, indices), [matrix], x)[0];
    },
    plain: (x, indices) => plain.scatterRows(x, indices, 6, columns),
  },
  {
    name: "firstColumns of a row",
    operands: [fixed(normals(8, 3, 4))],
    build: (x) => firstColumns(x, 2),
    plain: ([a, b, , , c, d, , , e, f]) => Float64Array.of(a, b, c, d, e, f),
  },
  {
    name: "rmsNormalize",
    operands: [normals(7, rows, 9)],
    build: (x) => rmsNormalize(x, 1e-5),
    plain: (x) => plain.rmsNormalize(x, 9, 1e-5),
  },
  {
    name: "rmsNormalize where ε outweighs the row",
    operands: [normals(8, rows, 9)],
    build: (x) => rmsNormalize(x, 10),
    plain: (x) => plain.rmsNormalize(x, 9, 10),
  },
];

cases.forEach(testOp);
