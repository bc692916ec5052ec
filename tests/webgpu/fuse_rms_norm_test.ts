/** Where RMSNorm and its weight become one op. No device is needed. */

import assert from "node:assert/strict";
import { gradient } from "../../lib/graph/gradient.ts";
import { input, topologicalOrder, type Value } from "../../lib/graph/graph.ts";
import { multiply } from "../../lib/graph/ops/elementwise.ts";
import { rmsNormalize } from "../../lib/graph/ops/normalize.ts";
import { rewrite } from "../../lib/engines/webgpu/fused/rewrite.ts";
import { fuseRmsNorm } from "../../lib/engines/webgpu/fused/rms_norm.ts";

const x = input("x", [5, 8]);
const weight = input("weight", [8]);
const normalized = rmsNormalize(x, 1e-5);
const output = multiply(normalized, weight);
const upstream = input("upstream", [5, 8]);

function operations(outputs: Readonly<Record<string, Value>>): string[] {
  return topologicalOrder(Object.values(rewrite(outputs, fuseRmsNorm)))
    .map(({ operation }) => operation).filter((operation) => operation !== "input").sort();
}

Deno.test("RMSNorm and its weight become one op with the same ε", () => {
  assert.deepEqual(operations({ output }), ["rmsNormalizeScaled"]);
  const { output: fused } = rewrite({ output }, fuseRmsNorm);
  assert.deepEqual(fused.inputs, [x, weight]);
  assert.deepEqual(fused.attributes, { epsilon: 1e-5 });
});

Deno.test("the gradient of what is normalised leaves them one op", () => {
  const [byX] = gradient(output, [x], upstream);
  assert.deepEqual(operations({ output, byX }), [
    "multiply",
    "rmsNormalizeGradient",
    "rmsNormalizeScaled",
  ]);
});

Deno.test("both stay where the normalised rows are needed themselves", () => {
  const [byWeight] = gradient(output, [weight], upstream);
  assert.ok(operations({ output, byWeight }).includes("rmsNormalize"));
  assert.deepEqual(operations({ output, normalized }), ["multiply", "rmsNormalize"]);
});

Deno.test("a factor that is no weight of each feature stays beside the norm", () => {
  for (const shape of [[5, 8], []]) {
    const scaled = multiply(normalized, input("factor", shape));
    assert.deepEqual(operations({ scaled }), ["multiply", "rmsNormalize"]);
  }
});
