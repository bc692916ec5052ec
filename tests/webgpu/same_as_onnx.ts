/** One op on given operands, on the GPU and on ONNX Runtime: numbers and gradients must agree. */

import assert from "node:assert/strict";
import { gradient } from "../../lib/graph/gradient.ts";
import type { Engine } from "../../lib/graph/engine.ts";
import { input, type Numbers, type Value } from "../../lib/graph/graph.ts";
import { onnxEngine } from "../../lib/engines/onnx/engine.ts";
import type { WebGpuEngine } from "../../lib/engines/webgpu/engine.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";
import { normals, type Operand } from "../graph/op_case.ts";
import { gpuTest } from "./gpu.ts";

/** An op and its operands. */
export interface EngineCase {
  name: string;
  operands: Operand[];
  build: (...values: Value[]) => Value;
  /** Largest relative error; default: {@linkcode BOUND}. */
  bound?: number;
}

/** Largest relative error between the engines, unless a case says otherwise. */
const BOUND = 2e-6;

const onnx = onnxEngine({ threads: 1 });

/** Registers the test of a case. */
export function testSame(each: EngineCase): void {
  gpuTest(`${each.name}: numbers and gradient are those of ONNX`, async (engine) => {
    await assertSame(engine, each);
  });
}

/** Runs a case on both engines; the loss is ⟨r, y⟩ with a random r. */
export async function assertSame(gpu: WebGpuEngine, each: EngineCase): Promise<void> {
  const { name, operands, build, bound = BOUND } = each;
  const inputs = operands.map(({ shape, type }, index) => input(`operand${index}`, shape, type));
  const output = build(...inputs);
  const outputs: Record<string, Value> = { output };
  const feeds: Record<string, Numbers> = {};
  for (const [index, { type, numbers }] of operands.entries()) {
    const isFloat = type === "f32";
    feeds[`operand${index}`] = isFloat ? Float32Array.from(numbers) : Int32Array.from(numbers);
  }
  if (operands.some(({ differentiable }) => differentiable)) {
    const seed = input("direction", output.shape);
    feeds.direction = Float32Array.from(normals(99, ...output.shape).numbers);
    for (const [index, { differentiable }] of operands.entries()) {
      if (!differentiable) continue;
      outputs[`gradient of operand ${index}`] = gradient(output, [inputs[index]], seed)[0];
    }
  }
  const [expected, actual] = [await run(onnx, outputs, feeds), await run(gpu, outputs, feeds)];
  for (const [result, numbers] of Object.entries(expected)) {
    assert.equal(actual[result].constructor, numbers.constructor, `${name}, ${result}`);
    assertWithin(relativeError(actual[result], numbers), bound, `${name}, ${result}`);
  }
}

/** Compiles `outputs`, runs them once and frees the program. */
async function run(
  engine: Engine,
  outputs: Record<string, Value>,
  feeds: Record<string, Numbers>,
): Promise<Record<string, Numbers>> {
  const program = await engine.compile(outputs);
  const results = structuredClone(await program.run(feeds));
  await program.release();
  return results;
}
