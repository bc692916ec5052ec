/** Every op of a graph has WGSL on a GPU, and every rule an op. No device is needed. */

import { elementCount } from "../../lib/checkpoint/tensor.ts";
import assert from "node:assert/strict";
import { gradient } from "../../lib/graph/gradient.ts";
import { input, topologicalOrder, type Value } from "../../lib/graph/graph.ts";
import * as cached from "../../lib/graph/ops/cached_attention.ts";
import * as grouped from "../../lib/graph/ops/grouped.ts";
import * as rows from "../../lib/graph/ops/rotary_rows.ts";
import * as attention from "../../lib/graph/ops/attention.ts";
import * as choleskyBlocks from "../../lib/graph/ops/cholesky_block.ts";
import * as diagonal from "../../lib/graph/ops/diagonal.ts";
import * as difference from "../../lib/graph/ops/difference.ts";
import * as elementwise from "../../lib/graph/ops/elementwise.ts";
import * as gptqBlocks from "../../lib/graph/ops/gptq_block.ts";
import * as gptqSignBlocks from "../../lib/graph/ops/gptq_sign_block.ts";
import * as integers from "../../lib/graph/ops/integers.ts";
import * as likelihood from "../../lib/graph/ops/likelihood.ts";
import * as matrix from "../../lib/graph/ops/matrix.ts";
import * as normalize from "../../lib/graph/ops/normalize.ts";
import * as parts from "../../lib/graph/ops/parts.ts";
import * as residuals from "../../lib/graph/ops/residual_block.ts";
import * as rotary from "../../lib/graph/ops/rotary.ts";
import * as signSweeps from "../../lib/graph/ops/sign_sweep.ts";
import * as signs from "../../lib/graph/ops/signs.ts";
import { fuse } from "../../lib/engines/webgpu/fused/fuse.ts";
import { elementRules, kernelRules } from "../../lib/engines/webgpu/rules.ts";

const { add, multiply } = elementwise;

/** A sequence of 4 tokens, 2 heads of 2 features; 8 outputs of a linear layer. */
const layout = { batch: 1, sequence: 4, headSize: 2 };
const x = input("x", [4, 4]);
const y = input("y", [4, 4]);
const weight = input("weight", [8, 4]);
const mask = input("mask", [1, 8], "i32");
const tokens = input("tokens", [4], "i32");
const scores = attention.attentionScores(x, y, layout);
const weights = attention.maskedSoftmax(scores, { slidingWindow: null });
const linear = (delta: Value) => matrix.matmul(x, delta, { transposeSecond: true });
const planes = input("planes", [8, 3], "i32");
const zeros = input("zeros", [4, 1], "i32");
const layer = add(linear(weight), multiply(signs.signMatmul(x, mask), input("scale", [])));

/** Values by the function that makes them: each function of `graph/ops/` that makes a value. */
const made: Readonly<Record<string, Value>> = {
  add: add(x, y),
  addDiagonal: diagonal.addDiagonal(x, input("ridge", [])),
  argmax: likelihood.argmax(x),
  attentionMix: attention.attentionMix(weights, y, layout),
  attentionScores: scores,
  cachedAttention: cached.cachedAttention({
    queries: x,
    keys: x,
    values: y,
    keyCache: input("keyCache", [6, 4]),
    valueCache: input("valueCache", [6, 4]),
    sequences: tokens,
    positions: tokens,
    pages: input("pages", [1, 3], "i32"),
  }, { headSize: 2, pageSize: 2, slidingWindow: null }),
  broadcastTo: elementwise.broadcastTo(x, [2, 4, 4]),
  choleskyBlock: choleskyBlocks.choleskyBlock(x, input("ridge", [])),
  concatenateColumns: parts.concatenateColumns([x, y]),
  concatenateRows: matrix.concatenateRows([x, y]),
  constant: elementwise.constant(Float32Array.of(1), []),
  crossEntropy: likelihood.crossEntropy(x, tokens),
  difference: difference.difference(x, y, "BF16"),
  divide: elementwise.divide(x, y),
  firstColumns: matrix.firstColumns(x, 2),
  gatherRows: matrix.gatherRows(x, tokens),
  klDivergence: likelihood.klDivergence(y, x),
  maskedSoftmax: weights,
  matmul: linear(weight),
  mean: elementwise.mean(x),
  multiply: multiply(x, y),
  padColumns: parts.padColumns(x, 1, 2),
  reshape: elementwise.reshape(x, [2, 8]),
  residualBlock: residuals.residualBlock(
    x,
    input("row", [1, 4]),
    input("side", [1, 4]),
    input("ridge", []),
    0,
  ),
  rmsNormalize: normalize.rmsNormalize(x, 1e-5),
  rotary: rotary.rotary(x, layout, { frequencies: Float32Array.of(1), attentionFactor: 1 }),
  rotaryRows: rows.rotaryRows(x, input("cosines", [4, 1]), input("sines", [4, 1]), 2),
  scaleBy: elementwise.scaleBy(x, 2),
  sign: signs.sign(weight, 0),
  gptqBlock: gptqBlocks.gptqBlock(x, input("factor", [x.shape[0], x.shape[0]]), {
    bits: 4,
    group: 32,
  }),
  gptqSignBlock: gptqSignBlocks.gptqSignBlock(x, y, input("row", [1, 4]), input("side", [1, 4])),
  groupedMatmul: grouped.groupedMatmul(x, input("matrices", [2, 3, 4]), tokens),
  groupedRows: grouped.groupedRows(input("tables", [2, 3, 4]), tokens, tokens),
  groupedSignMatmul: grouped.groupedSignMatmul(x, input("masks", [2, 1, 8], "i32"), tokens),
  integerMatrix: integers.integerMatrix(planes, input("scales", [1, 3]), zeros, {
    bits: 4,
    group: 64,
    rows: 40,
  }),
  signMatmul: signs.signMatmul(x, mask),
  signMatrix: signs.signMatrix(mask, 4),
  signSweep: signSweeps.signSweep(x, y, x, null, { passes: 1 }),
  silu: elementwise.silu(x),
  squareRoot: elementwise.squareRoot(x),
  stopGradient: elementwise.stopGradient(x),
  submatrix: parts.submatrix(x, { rows: [1, 3], columns: [2, 4] }),
  subtract: elementwise.subtract(x, y),
  subtractProduct: parts.subtractProduct(x, x, y),
  sumTo: elementwise.sumTo(x, [4]),
};

/** Graphs, each of which a rewriting changes. */
const fusible: Readonly<Record<string, Value>>[] = [
  { norm: multiply(normalize.rmsNormalize(x, 1e-5), input("normWeight", [4])) },
  {
    layer: add(
      x,
      multiply(
        grouped.groupedSignMatmul(x, input("masks", [2, 1, 4], "i32"), tokens),
        grouped.groupedRows(input("vectors", [2, 1, 4]), tokens, tokens),
      ),
    ),
    turned: elementwise.scaleBy(
      rows.rotaryRows(x, input("cosines", [4, 1]), input("sines", [4, 1]), 2),
      2,
    ),
  },
  { projected: linear(weight), signed: linear(signs.sign(weight, 0)) },
];

/** A value and its gradient with respect to each input that it has one for. */
function withGradients(value: Value): Record<string, Value> {
  const outputs: Record<string, Value> = { value };
  for (const each of topologicalOrder([value])) {
    if (each.name === null || each.type !== "f32") continue;
    try {
      outputs[each.name] = gradient(value, [each], input("upstream", value.shape))[0];
    } catch {
      // No gradient flows into this input.
    }
  }
  return outputs;
}

Deno.test("each function that makes values is known to this test", () => {
  const all = {
    ...attention,
    ...choleskyBlocks,
    ...gptqBlocks,
    ...gptqSignBlocks,
    ...integers,
    ...difference,
    ...elementwise,
    ...likelihood,
    ...matrix,
    ...normalize,
    ...diagonal,
    ...parts,
    ...residuals,
    ...cached,
    ...grouped,
    ...rows,
  };
  const functions = Object.entries({ ...all, ...rotary, ...signs, ...signSweeps })
    .filter(([name, each]) => typeof each === "function" && !name.startsWith("rotation"));
  assert.deepEqual(functions.map(([name]) => name).sort(), Object.keys(made).sort());
});

Deno.test("every op has one WGSL rule, and every rule an op", () => {
  const coupled = signSweeps.signSweep(x, y, x, x, { passes: 1 });
  const others = [attention.attentionMix(weights, x, layout), layer, coupled];
  const graphs = [...Object.values(made), ...others]
    .map(withGradients);
  const outputs = [...graphs, ...graphs.map(fuse), ...fusible.map(fuse)];
  const found = topologicalOrder(outputs.flatMap((each) => Object.values(each)));
  assert.ok(found.every(({ shape }) => elementCount(shape) > 0));
  const operations = new Set(found.map(({ operation }) => operation));
  for (const own of ["input", "part"]) assert.ok(operations.delete(own));
  const rules = [...Object.keys(elementRules), ...Object.keys(kernelRules)];
  assert.deepEqual(rules.sort(), [...operations].sort());
});
