import type { Value } from "../../../lib/graph/graph.ts";
import {
  add,
  broadcastTo,
  divide,
  mean,
  multiply,
  scaleBy,
  silu,
  squareRoot,
  subtract,
  sumTo,
} from "../../../lib/graph/ops/elementwise.ts";
import { sign } from "../../../lib/graph/ops/signs.ts";
import { fixed, normals, type OpCase, testOp } from "../op_case.ts";
import * as plain from "../plain/elementwise.ts";

const matrix = normals(1, 5, 7);
const another = normals(2, 5, 7);
const scalar = normals(3);

const cases: OpCase[] = [
  { name: "add", operands: [matrix, another], build: add, plain: plain.add },
  { name: "add of scalars", operands: [scalar, normals(4)], build: add, plain: plain.add },
  {
    name: "add of a value to itself",
    operands: [matrix],
    build: (x) => add(x, x),
    plain: (x) => plain.add(x, x),
  },
  { name: "subtract", operands: [matrix, another], build: subtract, plain: plain.subtract },
  { name: "multiply", operands: [matrix, another], build: multiply, plain: plain.multiply },
  {
    name: "multiply by a vector along the last axis",
    operands: [matrix, normals(5, 7)],
    build: multiply,
    plain: plain.multiply,
  },
  {
    name: "multiply by the two trailing axes of three",
    operands: [normals(6, 3, 2, 4), normals(7, 2, 4)],
    build: multiply,
    plain: plain.multiply,
  },
  {
    name: "multiply by a scalar",
    operands: [matrix, scalar],
    build: multiply,
    plain: plain.multiply,
  },
  {
    name: "multiply of scalars",
    operands: [scalar, normals(8)],
    build: multiply,
    plain: plain.multiply,
  },
  {
    name: "multiply of a value with itself",
    operands: [matrix],
    build: (x) => multiply(x, x),
    plain: (x) => plain.multiply(x, x),
  },
  {
    name: "divide",
    operands: [matrix, {
      ...another,
      numbers: another.numbers.map((x) => Math.fround(x * x + 0.5)),
    }],
    build: divide,
    plain: plain.divide,
  },
  {
    name: "squareRoot",
    operands: [{ ...matrix, numbers: matrix.numbers.map((x) => Math.fround(x * x + 0.25)) }],
    build: squareRoot,
    plain: (x) => x.map(Math.sqrt),
  },
  {
    name: "scaleBy",
    operands: [matrix],
    build: (x) => scaleBy(x, -0.75),
    plain: (x) => x.map((each) => -0.75 * each),
  },
  ...[0 as const, 1 as const].map((zero) => ({
    name: `sign where zero counts as ${zero}`,
    operands: [fixed({ ...normals(13, 4), numbers: Float64Array.of(-2, 0, -0, 1e-30) })],
    build: (x: Value) => sign(x, zero),
    plain: () => Float64Array.of(-1, zero, zero, 1),
  })),
  { name: "silu", operands: [matrix], build: silu, plain: plain.silu },
  {
    name: "silu far from zero",
    operands: [{ ...matrix, numbers: matrix.numbers.map((each) => 40 * each) }],
    build: silu,
    plain: plain.silu,
  },
  {
    name: "sumTo a vector",
    operands: [normals(9, 2, 3, 4)],
    build: (x) => sumTo(x, [4]),
    plain: (x) => plain.sumTo(x, 4),
  },
  {
    name: "sumTo a matrix",
    operands: [normals(10, 2, 3, 4)],
    build: (x) => sumTo(x, [3, 4]),
    plain: (x) => plain.sumTo(x, 12),
  },
  {
    name: "sumTo a scalar",
    operands: [matrix],
    build: (x) => sumTo(x, []),
    plain: (x) => plain.sumTo(x, 1),
  },
  {
    name: "sumTo its own shape",
    operands: [matrix],
    build: (x) => sumTo(x, [5, 7]),
    plain: (x) => x,
  },
  {
    name: "broadcastTo a matrix",
    operands: [normals(11, 4)],
    build: (x) => broadcastTo(x, [3, 4]),
    plain: (x) => plain.broadcastTo(x, 12),
  },
  {
    name: "broadcastTo of a scalar",
    operands: [scalar],
    build: (x) => broadcastTo(x, [2, 3]),
    plain: (x) => plain.broadcastTo(x, 6),
  },
  { name: "mean", operands: [matrix], build: mean, plain: plain.mean },
];

cases.forEach(testOp);
