/** The WGSL that each op becomes, as text: no device is needed, and sizes must not be in it. */

import assert from "node:assert/strict";
import { gradient } from "../../lib/graph/gradient.ts";
import { input, type Value } from "../../lib/graph/graph.ts";
import type { KernelFeatures } from "../../lib/engines/webgpu/kernel.ts";
import {
  add,
  broadcastTo,
  multiply,
  reshape,
  scaleBy,
  silu,
  subtract,
  sumTo,
} from "../../lib/graph/ops/elementwise.ts";
import { attentionMix, attentionScores, maskedSoftmax } from "../../lib/graph/ops/attention.ts";
import { concatenateRows, firstColumns, gatherRows } from "../../lib/graph/ops/matrix.ts";
import { argmax, crossEntropy, klDivergence } from "../../lib/graph/ops/likelihood.ts";
import { rmsNormalize } from "../../lib/graph/ops/normalize.ts";
import { rotary } from "../../lib/graph/ops/rotary.ts";
import { sign, signMatrix } from "../../lib/graph/ops/signs.ts";
import { rmsNormalizeScaled } from "../../lib/engines/webgpu/fused/rms_norm.ts";
import { lower } from "../../lib/engines/webgpu/lower.ts";
import { shaderText } from "../../lib/engines/webgpu/shader.ts";

const plain: KernelFeatures = {
  subgroups: false,
  float16: false,
  workgroupBytes: 16384,
  workgroupInvocations: 256,
};

/** Each op on operands of a size: rows, and columns that are twice as many. */
type Build = (rows: number) => Value;

const x: Build = (rows) => input("x", [rows, 2 * rows]);
const y: Build = (rows) => input("y", [rows, 2 * rows]);
const vector: Build = (rows) => input("vector", [2 * rows]);
const wholes: Build = (rows) => input("wholes", [rows], "i32");

/** The gradient of an op with respect to its operand x. */
function partial(build: (x: Value, rows: number) => Value): Build {
  return (rows) => {
    const operand = x(rows);
    const output = build(operand, rows);
    return gradient(output, [operand], input("upstream", output.shape))[0];
  };
}

/** Two sequences of `size` tokens, two heads of two features on one key head. */
const layout = (size: number) => ({ batch: 2, sequence: size, headSize: 2 });
const turns = { frequencies: Float32Array.of(1), attentionFactor: 1 };
const queries: Build = (size) => input("queries", [2 * size, 4]);
const keys: Build = (size) => input("keys", [2 * size, 2]);
const weights: Build = (size) => input("weights", [2, 2, size, size]);

const ops: Record<string, Build> = {
  add: (rows) => add(x(rows), y(rows)),
  "add of a vector": (rows) => add(x(rows), vector(rows)),
  reshape: (rows) => reshape(x(rows), [2 * rows, rows]),
  subtract: (rows) => subtract(x(rows), y(rows)),
  multiply: (rows) => multiply(x(rows), vector(rows)),
  scaleBy: (rows) => scaleBy(x(rows), 1 / 3),
  silu: (rows) => silu(x(rows)),
  siluGradient: partial(silu),
  "sign, 0 of zero": (rows) => sign(x(rows), 0),
  "sign, 1 of zero": (rows) => sign(x(rows), 1),
  broadcastTo: (rows) => broadcastTo(vector(rows), [rows, 2 * rows]),
  sumTo: (rows) => sumTo(x(rows), [2 * rows]),
  gatherRows: (rows) => gatherRows(x(rows), wholes(rows)),
  scatterRows: partial((x, rows) => gatherRows(x, wholes(rows))),
  firstColumns: (rows) => firstColumns(x(rows), rows),
  concatenateRows: (rows) => concatenateRows([x(rows), y(rows), x(rows)]),
  signMatrix: (rows) => signMatrix(input("mask", [1, 2 * rows], "i32"), rows),
  rmsNormalize: (rows) => rmsNormalize(x(rows), 1e-5),
  rmsNormalizeGradient: partial((x) => rmsNormalize(x, 1e-5)),
  rmsNormalizeScaled: (rows) => rmsNormalizeScaled(x(rows), vector(rows), 1e-5),
  rotary: (size) => rotary(queries(size), layout(size), turns),
  crossEntropy: (rows) => crossEntropy(x(rows), wholes(rows)),
  crossEntropyGradient: partial((x, rows) => crossEntropy(x, wholes(rows))),
  klDivergence: (rows) => klDivergence(y(rows), x(rows)),
  klGradient: partial((x, rows) => klDivergence(y(rows), x)),
  argmax: (rows) => argmax(x(rows)),
  attentionScores: (size) => attentionScores(queries(size), keys(size), layout(size)),
  attentionMix: (size) => attentionMix(weights(size), keys(size), layout(size)),
  "attentionMix transposed": (size) => attentionMix(weights(size), queries(size), layout(size), 1),
  maskedSoftmax: (size) => maskedSoftmax(weights(size), { slidingWindow: null }),
  "maskedSoftmax with padding": (size) =>
    maskedSoftmax(weights(size), {
      slidingWindow: 2,
      attentionMask: input("mask", [2, size], "i32"),
    }),
  softmaxGradient: (size) => {
    const scores = weights(size);
    const output = maskedSoftmax(scores, { slidingWindow: null });
    return gradient(output, [scores], input("upstream", output.shape))[0];
  },
};

function texts(output: Value, features: KernelFeatures): string[] {
  return lower({ output }, { features }).dispatches.map(({ kernel }) =>
    `// ${kernel.name}, ${kernel.groups} groups\n${shaderText(kernel, features)}`
  );
}

const records: Record<string, Value> = {
  "a chain of ops, element by element": multiply(silu(x(5)), scaleBy(vector(5), 1 / 3)),
  "a reduction of rows": ops.rmsNormalize(5),
  "an online softmax": ops.crossEntropy(5),
};

for (const [name, output] of Object.entries(records)) {
  Deno.test(`WGSL of ${name} is the one on record`, async (context) => {
    await context.assertSnapshot(texts(output, { ...plain, subgroups: true }).join("\n"));
  });
}

Deno.test("WGSL of an op is the same for all sizes that take as many stages", () => {
  for (const [name, build] of Object.entries(ops)) {
    const withoutGroups = (rows: number) =>
      texts(build(rows), plain).map((each) => each.replace(/, .* groups/, ""));
    assert.deepEqual(withoutGroups(7), withoutGroups(30), name);
  }
});

Deno.test("WGSL of reductions differs on a device with subgroups, that of other ops does not", () => {
  const reduced = Object.keys(ops).filter((name) => {
    const [without, having] = [false, true].map((subgroups) =>
      texts(ops[name](5), { ...plain, subgroups }).join("\n")
    );
    return without !== having;
  });
  assert.deepEqual(reduced.sort(), [
    "argmax",
    "crossEntropy",
    "crossEntropyGradient",
    "klDivergence",
    "klGradient",
    "maskedSoftmax",
    "maskedSoftmax with padding",
    "rmsNormalize",
    "rmsNormalizeGradient",
    "rmsNormalizeScaled",
    "softmaxGradient",
  ]);
});
