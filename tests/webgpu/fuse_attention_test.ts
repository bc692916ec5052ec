/** Which attentions of a graph are fused, and what remains of them in memory. No device is needed. */

import { elementCount } from "../../lib/checkpoint/tensor.ts";
import assert from "node:assert/strict";
import type { DecoderConfig } from "../../lib/checkpoint/config.ts";
import { denseLinear, parameterInputs } from "../../lib/model/linear.ts";
import { type DecoderContext, decoderLayer } from "../../lib/model/llama.ts";
import { gradient } from "../../lib/graph/gradient.ts";
import { input, topologicalOrder, type Value } from "../../lib/graph/graph.ts";
import type { KernelFeatures } from "../../lib/engines/webgpu/kernel.ts";
import { add } from "../../lib/graph/ops/elementwise.ts";
import { attentionMix, attentionScores, maskedSoftmax } from "../../lib/graph/ops/attention.ts";
import { fuseAttention } from "../../lib/engines/webgpu/fused/attention/rewriting.ts";
import { rewrite } from "../../lib/engines/webgpu/fused/rewrite.ts";
import { lower } from "../../lib/engines/webgpu/lower.ts";
import { shaderText } from "../../lib/engines/webgpu/shader.ts";
import { tinyConfig } from "../model/random_model.ts";

const features: KernelFeatures = {
  subgroups: false,
  float16: false,
  workgroupBytes: 16384,
  workgroupInvocations: 256,
};

/** An attention and its gradients, from the parts that a graph may also use elsewhere. */
function attention(
  { batch = 2, sequence = 40, headSize = 4, heads = 4, keyHeads = 2, padded = false } = {},
) {
  const layout = { batch, sequence, headSize };
  const rows = batch * sequence;
  const queries = input("queries", [rows, heads * headSize]);
  const keys = input("keys", [rows, keyHeads * headSize]);
  const values = input("values", [rows, keyHeads * headSize]);
  const attentionMask = padded ? input("attentionMask", [batch, sequence], "i32") : undefined;
  const scores = attentionScores(queries, keys, layout);
  const weights = maskedSoftmax(scores, { slidingWindow: 7, attentionMask });
  const output = attentionMix(weights, values, layout);
  const upstream = input("upstream", output.shape);
  const [byQueries, byKeys, byValues] = gradient(output, [queries, keys, values], upstream);
  const gradients = { byQueries, byKeys, byValues };
  return { layout, queries, keys, values, scores, weights, output, upstream, gradients };
}

/** How often each op of tiled attention, or of the plain one, stands in the rewritten graph. */
function attentionOps(outputs: Readonly<Record<string, Value>>): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { operation } of topologicalOrder(Object.values(rewrite(outputs, fuseAttention)))) {
    if (/attention|softmax/i.test(operation)) counts[operation] = (counts[operation] ?? 0) + 1;
  }
  return counts;
}

const fusedForward = { fusedAttention: 1 };
const fusedBackward = {
  fusedAttention: 1,
  attentionRowDots: 1,
  attentionQueryGradient: 1,
  attentionKeyGradient: 1,
  attentionValueGradient: 1,
};

Deno.test("an attention becomes one op, and each of its gradients one more", () => {
  const { output, gradients } = attention();
  assert.deepEqual(attentionOps({ output }), fusedForward);
  assert.deepEqual(attentionOps({ output, ...gradients }), fusedBackward);
});

Deno.test("gradients are fused where the output itself is not asked for", () => {
  assert.deepEqual(attentionOps(attention({ padded: true }).gradients), fusedBackward);
});

Deno.test("two upstream gradients share one forward op", () => {
  const { output, queries, gradients } = attention();
  const [again] = gradient(output, [queries], input("other", output.shape));
  assert.deepEqual(attentionOps({ ...gradients, again }), {
    ...fusedBackward,
    attentionRowDots: 2,
    attentionQueryGradient: 2,
  });
});

Deno.test("an attention whose inner values are needed elsewhere stays as it is", () => {
  const plainForward = { attentionScores: 1, maskedSoftmax: 1, attentionMix: 1 };
  const { output, weights, scores, values, layout, gradients, upstream } = attention();
  assert.deepEqual(attentionOps({ output, weights }), plainForward);
  assert.deepEqual(attentionOps({ output, scores }), plainForward);
  assert.deepEqual(attentionOps({ output, sum: add(weights, weights) }), plainForward);
  const other = attentionMix(weights, add(values, values), layout);
  assert.deepEqual(attentionOps({ output, other }), { ...plainForward, attentionMix: 2 });
  const slopes = gradients.byQueries.inputs[0];
  assert.equal(slopes.operation, "softmaxGradient");
  const kept = attentionOps({ output, ...gradients, slopes });
  assert.ok(kept.maskedSoftmax === 1 && !kept.fusedAttention);
  const inner = attentionOps({ output, ...gradients, inner: slopes.inputs[1] });
  assert.ok(inner.maskedSoftmax === 1 && !inner.fusedAttention);
  assert.deepEqual(upstream.shape, output.shape);
});

Deno.test("a head of an odd number of features stays as it is", () => {
  const { output } = attention({ headSize: 3 });
  assert.ok(attentionOps({ output }).maskedSoftmax === 1);
});

const config: DecoderConfig = {
  ...tinyConfig,
  hiddenSize: 32,
  intermediateSize: 48,
  headCount: 4,
  keyValueHeadCount: 2,
  headSize: 8,
};
const SEQUENCE = 256;

/** A decoder layer's output and its gradients with respect to all weights and its input. */
function layer(): Record<string, Value> {
  const asked = new Map<string, Value>();
  const inputs = parameterInputs(config);
  const parameters = (tensor: string) => {
    asked.set(tensor, inputs(tensor));
    return inputs(tensor);
  };
  const context: DecoderContext = {
    config,
    shape: { batch: 1, sequence: SEQUENCE },
    parameters,
    linear: denseLinear(parameters),
  };
  const x = input("x", [SEQUENCE, config.hiddenSize]);
  const output = decoderLayer(x, 0, context);
  const wanted = [x, ...asked.values()];
  const partials = gradient(output, wanted, input("upstream", output.shape));
  return Object.fromEntries([["output", output], ...partials.map((each, i) => [`d${i}`, each])]);
}

/** Elements of the largest tensor that any kernel of the lowered graph writes. */
function largestWritten(outputs: Readonly<Record<string, Value>>): number {
  const { dispatches } = lower(outputs, { features });
  return Math.max(
    ...dispatches.flatMap(({ writes }) => writes.map(({ shape }) => elementCount(shape))),
  );
}

Deno.test("forward and backward of a layer keep no matrix of tokens by tokens", () => {
  const plain = layer();
  assert.equal(largestWritten(plain), config.headCount * SEQUENCE ** 2);
  assert.equal(
    largestWritten(rewrite(plain, fuseAttention)),
    SEQUENCE * config.intermediateSize,
  );
});

function texts(outputs: Readonly<Record<string, Value>>): string[] {
  return lower(rewrite(outputs, fuseAttention), { features }).dispatches
    .map(({ kernel }) => `// ${kernel.name}\n${shaderText(kernel, features)}`);
}

Deno.test("WGSL of padded attention on heads of 6 features is the one on record", async (context) => {
  const { output } = attention({ headSize: 6, padded: true });
  await context.assertSnapshot(texts({ output }).join("\n"));
});

Deno.test("WGSL of fused attention is the same for all tokens, heads and windows", () => {
  const small = attention();
  const large = attention({ batch: 3, sequence: 700, headSize: 32, heads: 12, keyHeads: 3 });
  assert.deepEqual(
    texts({ output: small.output, ...small.gradients }),
    texts({ output: large.output, ...large.gradients }),
  );
});

Deno.test("workgroup memory of fused attention is within what every device has", () => {
  const { output, gradients } = attention({ headSize: 256, padded: true });
  const found = texts({ output, ...gradients }).filter((text) => text.includes("tiles"));
  assert.equal(found.length, 4);
  for (const text of found) {
    const arrays = [...text.matchAll(/var<workgroup> \w+: array<vec4f, (\d+)>/g)];
    const bytes = arrays.reduce((sum, [, length]) => sum + 16 * Number(length), 0);
    assert.ok(bytes > 0 && bytes <= features.workgroupBytes, `${bytes} bytes`);
  }
});
