/** Every op but the products of matrices and tiled attention, forward and backward, on odd shapes. */

import type { Value } from "../../lib/graph/graph.ts";
import {
  add,
  broadcastTo,
  constant,
  divide,
  mean,
  multiply,
  reshape,
  scaleBy,
  silu,
  squareRoot,
  stopGradient,
  subtract,
  sumTo,
} from "../../lib/graph/ops/elementwise.ts";
import { attentionMix, attentionScores, maskedSoftmax } from "../../lib/graph/ops/attention.ts";
import { addDiagonal } from "../../lib/graph/ops/diagonal.ts";
import { concatenateRows, firstColumns, gatherRows } from "../../lib/graph/ops/matrix.ts";
import {
  concatenateColumns,
  padColumns,
  submatrix,
  subtractProduct,
} from "../../lib/graph/ops/parts.ts";
import { argmax, crossEntropy, klDivergence } from "../../lib/graph/ops/likelihood.ts";
import { rmsNormalize } from "../../lib/graph/ops/normalize.ts";
import { rotary } from "../../lib/graph/ops/rotary.ts";
import { sign, signMatrix } from "../../lib/graph/ops/signs.ts";
import { fixed, normals, type Operand, randomMask, wholes } from "../graph/op_case.ts";
import { positive, times } from "./operands.ts";
import { type EngineCase, testSame } from "./same_as_onnx.ts";

/** Rows and columns about the sizes of workgroups and of their parts. */
const SHAPES = [[1, 1], [1, 65], [31, 33], [33, 31], [65, 64], [64, 1], [3, 200]] as const;

/** Bound of what is left where nearly equal numbers are subtracted, on ONNX Runtime as on the GPU. */
const CANCELLED = 5e-5;

/** Whole numbers below `end`, spread over all of them. */
function spread(count: number, end: number): Operand {
  return wholes(...Array.from({ length: count }, (_, index) => (index * 7919 + 5) % end));
}

function elementwise(rows: number, columns: number): EngineCase[] {
  const [x, y] = [normals(1, rows, columns), normals(2, rows, columns)];
  const shape = `[${rows}, ${columns}]`;
  const cases: Record<string, Omit<EngineCase, "name">> = {
    add: { operands: [x, y], build: add },
    "add of a vector": { operands: [x, normals(3, columns)], build: add },
    reshape: { operands: [x], build: (x) => reshape(x, [columns, rows]) },
    subtract: { operands: [x, y], build: subtract },
    multiply: { operands: [x, y], build: multiply },
    "multiply by a vector": { operands: [x, normals(3, columns)], build: multiply },
    "multiply by a scalar": { operands: [x, normals(4)], build: multiply },
    divide: { operands: [x, positive(y)], build: divide },
    squareRoot: { operands: [positive(x)], build: squareRoot },
    scaleBy: { operands: [x], build: (x) => scaleBy(x, -1 / 3) },
    silu: { operands: [times(x, 3)], build: silu },
    "sign, 0 of zero": { operands: [fixed(times(x, 0.3))], build: (x) => sign(x, 0) },
    "sign, 1 of zero": { operands: [fixed(times(x, 0.3))], build: (x) => sign(x, 1) },
    "sumTo a vector": { operands: [positive(x)], build: (x) => sumTo(x, [columns]) },
    "sumTo a scalar": { operands: [positive(x)], build: (x) => sumTo(x, []) },
    "broadcastTo a matrix": {
      operands: [normals(5, columns)],
      build: (x) => broadcastTo(x, [rows, columns]),
    },
    mean: { operands: [positive(x)], build: mean },
    "product with stopGradient": {
      operands: [x, y],
      build: (x, y) => add(multiply(x, stopGradient(y)), y),
    },
    constant: {
      operands: [x],
      build: (x) => multiply(x, constant(Float32Array.from(y.numbers), [rows, columns])),
    },
    "rmsNormalize where ε outweighs the row": {
      operands: [x],
      build: (x) => rmsNormalize(x, 10),
    },
    "rmsNormalize and its weight": {
      operands: [fixed(x), fixed(normals(3, columns))],
      build: (x, weight) => multiply(rmsNormalize(x, 1e-5), weight),
    },
  };
  return Object.entries(cases).map(([name, each]) => ({ name: `${name} of ${shape}`, ...each }));
}

function likelihoods(rows: number, columns: number): EngineCase[] {
  const [logits, teacher] = [
    times(normals(1, rows, columns), 3),
    times(normals(2, rows, columns), 3),
  ];
  const labels = spread(rows, columns);
  const large = { ...logits, numbers: logits.numbers.map((each) => Math.fround(each + 200)) };
  const tied = { ...logits, numbers: logits.numbers.map(Math.round) };
  const shape = `[${rows}, ${columns}]`;
  return [
    { name: `crossEntropy of ${shape}`, operands: [logits, labels], build: crossEntropy },
    {
      name: `crossEntropy of large ${shape}`,
      operands: [large, labels],
      build: crossEntropy,
      bound: 2e-5,
    },
    { name: `klDivergence of ${shape}`, operands: [fixed(teacher), logits], build: klDivergence },
    { name: `argmax of ${shape}`, operands: [fixed(logits)], build: argmax },
    { name: `argmax of ties in ${shape}`, operands: [fixed(tied)], build: argmax },
  ];
}

function lookups(rows: number, columns: number): EngineCase[] {
  const matrix = normals(1, rows, columns);
  const pieces = [matrix, normals(2, 1, columns), normals(3, 33, columns)];
  const bits = randomMask(4, Math.ceil(rows / 32), columns);
  return [{
    name: `gatherRows of [${rows}, ${columns}]`,
    operands: [matrix, spread(50, rows)],
    build: gatherRows,
  }, {
    name: `concatenateRows after [${rows}, ${columns}]`,
    operands: pieces.map(fixed),
    build: (...pieces) => concatenateRows(pieces),
  }, {
    name: `firstColumns of [${rows}, ${columns}]`,
    operands: [fixed(matrix)],
    build: (x) => firstColumns(x, Math.ceil(columns / 2)),
  }, {
    name: `concatenateColumns after [${rows}, ${columns}]`,
    operands: [fixed(matrix), fixed(normals(2, rows, 3)), fixed(matrix)],
    build: (...pieces) => concatenateColumns(pieces),
  }, {
    name: `submatrix of [${rows}, ${columns}]`,
    operands: [fixed(matrix)],
    build: (x) => submatrix(x, { rows: [rows >> 1, rows], columns: [columns >> 2, columns] }),
  }, {
    name: `addDiagonal below [${rows}, ${columns}]`,
    operands: [fixed(normals(2, rows, rows + columns)), fixed(normals(3))],
    build: (x, ridge) => addDiagonal(x, ridge, columns),
  }, {
    name: `padColumns of [${rows}, ${columns}]`,
    operands: [fixed(matrix)],
    build: (x) => padColumns(x, 2, 1),
  }, {
    name: `subtractProduct of [${rows}, ${columns}]`,
    operands: [fixed(normals(5, rows, rows)), fixed(matrix), fixed(normals(6, rows, columns))],
    build: (c, a, b) => subtractProduct(c, a, b, { transposeSecond: true }),
    bound: 2e-5,
  }, {
    name: `signMatrix of [${rows}, ${columns}]`,
    operands: [fixed(bits)],
    build: (mask) => signMatrix(mask, rows),
  }];
}

interface Heads {
  batch: number;
  sequence: number;
  headSize: number;
  heads: number;
  keyHeads: number;
}

function attention(layout: Heads): EngineCase[] {
  const { batch, sequence, headSize, heads, keyHeads } = layout;
  const rows = batch * sequence;
  const perQuery = normals(1, rows, heads * headSize);
  const perKey = normals(2, rows, keyHeads * headSize);
  const weights = normals(3, batch, heads, sequence, sequence);
  const turns = {
    frequencies: Float32Array.from({ length: headSize / 2 }, (_, pair) => 0.3 ** pair),
    attentionFactor: 1.25,
  };
  const mask = { ...wholes(...paddingMask(batch, sequence)), shape: [batch, sequence] };
  const cases: Record<string, Omit<EngineCase, "name">> = {
    attentionScores: {
      operands: [perQuery, perKey],
      build: (queries, keys) => attentionScores(queries, keys, layout),
    },
    attentionMix: {
      operands: [weights, perKey],
      build: (weights, values) => attentionMix(weights, values, layout),
    },
    "attentionMix transposed": {
      operands: [weights, perQuery],
      build: (weights, rows) => attentionMix(weights, rows, layout, keyHeads),
    },
    rotary: { operands: [perQuery], build: (x) => rotary(x, layout, turns) },
    "rotary inverse": { operands: [perQuery], build: (x) => rotary(x, layout, turns, true) },
    maskedSoftmax: softmax(times(weights, 4), null),
    "maskedSoftmax in a window": softmax(weights, Math.ceil(sequence / 2)),
    "maskedSoftmax with padding": softmax(weights, null, mask),
    // Queries of padding see padding only.
    "maskedSoftmax in a window with padding": softmax(weights, Math.ceil(sequence / 4), mask),
  };
  const name = JSON.stringify(layout);
  return Object.entries(cases).map(([op, each]) => ({ name: `${op}, ${name}`, ...each }));
}

function softmax(
  scores: Operand,
  slidingWindow: number | null,
  mask?: Operand,
): Omit<EngineCase, "name"> {
  return {
    operands: mask ? [scores, mask] : [scores],
    // The gradient of a weight near 1 is a small difference.
    bound: CANCELLED,
    build: (scores: Value, attentionMask?: Value) =>
      maskedSoftmax(scores, { slidingWindow, attentionMask }),
  };
}

/** The last sequence has the second half of its tokens, rounded down, padded. */
function paddingMask(batch: number, sequence: number): number[] {
  const real = (batch - 1) * sequence + Math.ceil(sequence / 2);
  return Array.from({ length: batch * sequence }, (_, token) => token < real ? 1 : 0);
}

for (const [rows, columns] of SHAPES) {
  for (const cases of [elementwise, likelihoods, lookups]) cases(rows, columns).forEach(testSame);
}

[
  { batch: 1, sequence: 1, headSize: 2, heads: 1, keyHeads: 1 },
  { batch: 2, sequence: 33, headSize: 6, heads: 4, keyHeads: 2 },
  { batch: 3, sequence: 65, headSize: 16, heads: 6, keyHeads: 1 },
].flatMap(attention).forEach(testSame);
