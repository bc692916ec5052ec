/**
 * One op on given operands, checked against its plain version: the numbers of the forward pass, and
 * the gradient against finite differences of the plain version.
 */

import { elementCount } from "../../lib/checkpoint/tensor.ts";
import assert from "node:assert/strict";
import { GraphError } from "../../lib/util/errors.ts";
import { gradient } from "../../lib/graph/gradient.ts";
import {
  type ElementType,
  input,
  type Numbers,
  type Shape,
  type Value,
} from "../../lib/graph/graph.ts";
import { onnxEngine } from "../../lib/engines/onnx/engine.ts";
import { SeededRandom } from "../../lib/util/random.ts";
import { assertWithin, relativeError } from "./closeness.ts";
import { finiteDifferences } from "./finite_difference.ts";

/** Numbers for one input of an op. */
export interface Operand {
  shape: Shape;
  type: ElementType;
  numbers: Float64Array;
  /** Whether a gradient flows into it. */
  differentiable: boolean;
}

/** An op, its operands and its plain version. */
export interface OpCase {
  name: string;
  operands: Operand[];
  build: (...values: Value[]) => Value;
  plain: (...numbers: Float64Array[]) => Float64Array;
}

const FORWARD_BOUND = 1e-5;
const GRADIENT_BOUND = 1e-4;

/** Standard normal numbers that float32 holds exactly. */
export function normals(seed: number, ...shape: number[]): Operand {
  const random = new SeededRandom(seed);
  const numbers = Float64Array.from(
    { length: elementCount(shape) },
    () => Math.fround(random.normal()),
  );
  return { shape, type: "f32", numbers, differentiable: true };
}

/** A vector of whole numbers. */
export function wholes(...numbers: number[]): Operand {
  const shape = [numbers.length];
  return { shape, type: "i32", numbers: Float64Array.from(numbers), differentiable: false };
}

/** A mask `[words, outputs]` of random bits. */
export function randomMask(seed: number, words: number, outputs: number): Operand {
  const random = new SeededRandom(seed);
  const word = () => (random.integer(0x10000) << 16) | random.integer(0x10000);
  return { ...wholes(...Array.from({ length: words * outputs }, word)), shape: [words, outputs] };
}

/** The same operand, into which no gradient flows. */
export function fixed(operand: Operand): Operand {
  return { ...operand, differentiable: false };
}

/** Registers the test of a case. */
export function testOp(each: OpCase): void {
  Deno.test(`${each.name}: numbers and gradient are those of the plain version`, async () => {
    await checkOp(each);
  });
}

/**
 * Runs a case. The loss is ⟨r, y⟩ with a random r, so that every entry of the output counts.
 *
 * @throws {assert.AssertionError} if numbers or gradients are apart.
 */
export async function checkOp({ name, operands, build, plain }: OpCase): Promise<void> {
  const inputs = operands.map(({ shape, type }, index) => input(`operand${index}`, shape, type));
  const output = build(...inputs);
  const direction = normals(99, ...output.shape);
  const seed = input("direction", output.shape);
  const outputs: Record<string, Value> = { output };
  for (const [index, { differentiable }] of operands.entries()) {
    const partial = () => gradient(output, [inputs[index]], seed)[0];
    if (differentiable) outputs[`gradient${index}`] = partial();
    else assert.throws(partial, GraphError);
  }
  const results = await run(outputs, [...inputs, seed], [...operands, direction]);

  const numbers = operands.map((operand) => operand.numbers);
  assertWithin(relativeError(results.output, plain(...numbers)), FORWARD_BOUND, name);
  for (const [index, { differentiable, shape }] of operands.entries()) {
    if (!differentiable) continue;
    const loss = (moved: Float64Array) => {
      const result = plain(...numbers.with(index, moved));
      return result.reduce((sum, each, at) => sum + each * direction.numbers[at], 0);
    };
    const label = `${name}, gradient of operand ${index}`;
    const found = outputs[`gradient${index}`];
    assert.deepEqual(found.shape, shape, label);
    const expected = finiteDifferences(loss, numbers[index]);
    assertWithin(relativeError(results[`gradient${index}`], expected), GRADIENT_BOUND, label);
  }
}

/** Compiles `outputs`, runs them once on one thread, and frees the program. */
async function run(
  outputs: Record<string, Value>,
  inputs: Value[],
  operands: Operand[],
): Promise<Record<string, Numbers>> {
  const program = await onnxEngine({ threads: 1 }).compile(outputs);
  const feeds = inputs.map(({ name, type }, index): [string, Numbers] => {
    const { numbers } = operands[index];
    return [name!, type === "f32" ? Float32Array.from(numbers) : Int32Array.from(numbers)];
  });
  const results = await program.run(Object.fromEntries(feeds));
  await program.release();
  return results;
}
