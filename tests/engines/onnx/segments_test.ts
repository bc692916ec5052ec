/** Graphs cut into stretches: what is cut where, and that it computes the same. */

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import type * as Runtime from "onnxruntime-node";
import { floatKernels } from "../../../lib/checkpoint/float_kernels.ts";
import { elementCount, fromFloat32 } from "../../../lib/checkpoint/tensor.ts";
import { compileStages } from "../../../lib/engines/onnx/compile.ts";
import { onnxEngine } from "../../../lib/engines/onnx/engine.ts";
import { OnnxProgram } from "../../../lib/engines/onnx/program.ts";
import { Scratch } from "../../../lib/engines/onnx/scratch.ts";
import { segments } from "../../../lib/engines/onnx/segments.ts";
import { Turns } from "../../../lib/util/turns.ts";
import { gradient } from "../../../lib/graph/gradient.ts";
import { input, type Value } from "../../../lib/graph/graph.ts";
import { difference } from "../../../lib/graph/ops/difference.ts";
import { add, multiply, silu, sumTo } from "../../../lib/graph/ops/elementwise.ts";
import { matmul } from "../../../lib/graph/ops/matrix.ts";
import { assertWithin, relativeError } from "../../graph/closeness.ts";
import { SeededRandom } from "../../../lib/util/random.ts";

const runtime = createRequire(import.meta.url)("onnxruntime-node") as typeof Runtime;

/** A gated feed-forward, 64 wide, whose weights take 16 KiB each. */
const names = ["gate", "up", "down"];
const x = input("x", [3, 64]);
const [gate, up, down] = names.map((name) => input(name, [64, 64]));
const linear = (x: Value, w: Value) => matmul(x, w, { transposeSecond: true });
const gated = silu(linear(x, gate));
const y = add(x, linear(multiply(gated, linear(x, up)), down));
const isFed = ({ name }: Value) => name !== null;

Deno.test("a graph whose weights fit is one stretch", () => {
  const all = segments([y], { isFed, most: 3 * 64 * 64 * 4 + 3 * 64 * 4 });
  assert.deepEqual(all.map(({ outputs, cut }) => [outputs, cut]), [[[y], []]]);
});

Deno.test("weights of a stretch stay within its bytes, and what is cut is passed on", () => {
  const all = segments([y, gated], { isFed, most: 64 * 64 * 4 + 3 * 64 * 4 });
  assert.equal(all.length, 3);
  assert.deepEqual(all[0], { outputs: [gated], cut: [] });
  assert.deepEqual(all[1].outputs, all[2].cut);
  assert.ok(all[1].cut.includes(gated));
  assert.deepEqual(all[2].outputs, [y]);
});

Deno.test("a weight that is larger than a stretch is one alone", () => {
  for (const { outputs } of segments([y], { isFed, most: 64 * 64 * 4 })) {
    assert.ok(outputs.length > 0);
  }
  assert.ok(segments([y], { isFed, most: 64 * 64 * 4 }).length >= 3);
});

/** Everything that the cut meets: results in each stretch, one twice, inputs as results, formed values. */
const everything: Record<string, Value> = {
  y,
  gated,
  "gated again": gated,
  x,
  delta: difference(gate, up, "BF16"),
  signed: linear(x, difference(gate, up, "BF16")),
  ...Object.fromEntries(
    gradient(sumTo(multiply(y, y), []), [gate, up, down])
      .map((value, index) => [`gradient of ${names[index]}`, value]),
  ),
};

for (const [bytes, least] of [[1, 4], [64 * 64 * 4, 4], [3 * 64 * 64 * 4, 2]]) {
  Deno.test(`stretches of ${bytes} bytes compute what the whole does`, async () => {
    const create = (model: Uint8Array) =>
      runtime.InferenceSession.create(model, { intraOpNumThreads: 1, logSeverityLevel: 3 });
    const compiled = await compileStages(everything, {
      openSession: create,
      threads: 1,
      segmentBytes: bytes,
    });
    assert.ok(compiled.stages.length >= least, `${compiled.stages.length} stages`);
    const scratch = new Scratch(await floatKernels());
    const state = { runtime, scratch, turns: new Turns() };
    const program = new OnnxProgram(state, compiled);
    const engine = onnxEngine({ threads: 1 });
    const whole = await engine.compile(everything);
    const random = new SeededRandom(7);
    const feeds = Object.fromEntries(
      await Promise.all([x, gate, up, down].map(async (value) => {
        const values = Float32Array.from(
          { length: elementCount(value.shape) },
          () => random.normal(),
        );
        const raw = {
          dtype: "BF16",
          shape: value.shape,
          bytes: fromFloat32(values, "BF16"),
        } as const;
        return [value.name!, await engine.place(raw)] as const;
      })),
    );
    const [results, expected] = [await program.run(feeds), await whole.run(feeds)];
    assert.deepEqual(Object.keys(results), Object.keys(everything));
    for (const name of Object.keys(everything)) {
      // ONNX Runtime joins nodes of one graph, which rounds less often.
      assertWithin(relativeError(results[name], expected[name]), 1e-6, name);
    }
    await program.release();
    await whole.release();
  });
}
