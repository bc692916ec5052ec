/**
 * The intermediate form: values with shapes, and how each came to be. No numbers, no engine.
 *
 * A graph is nothing but the values that its outputs reach. An op in `ops/` makes one kind of value: its shape
 * rule is what the function checks, and the value carries its attributes, its gradient in terms of other ops,
 * and its ONNX nodes. How a GPU computes an op by its name is `engines/webgpu/rules.ts`.
 */

import { GraphError } from "../util/errors.ts";

/** Sizes of a value, outermost first; `[]` is a scalar. */
export type Shape = readonly number[];

/** Element types that graphs hold. */
export type ElementType = "f32" | "i32";

/** The numbers of a value, as engines take and give them. */
export type Numbers = Float32Array | Int32Array;

/** What an op tells an ONNX model builder to write; returns the name of the result. */
export interface OnnxBuilder {
  /** Adds one ONNX node and returns the name of its only output. */
  node(type: string, inputs: string[], attributes?: OnnxAttributes): string;
  /** Adds one ONNX node with several outputs and returns their names. */
  nodes(type: string, inputs: string[], outputs: number, attributes?: OnnxAttributes): string[];
  /** A constant of the model; the same numbers and shape are stored once. */
  constant(numbers: Float32Array | Int32Array | BigInt64Array, shape: Shape): string;
}

/** Attributes of an ONNX node: whole numbers, `{ float }` for reals, lists of whole numbers, text. */
export type OnnxAttributes = Record<string, number | { float: number } | number[] | string>;

/** What engines and the gradient ask of an op. */
export interface Rules {
  /**
   * The loss's gradient with respect to each input, given the one with respect to the output;
   * `null` for an input that has none (whole numbers). Absent: the op cannot be differentiated.
   */
  gradient?: (upstream: Value, output: Value) => (Value | null)[];
  /** Writes the op as ONNX nodes. */
  onnx: (builder: OnnxBuilder, inputs: string[]) => string;
}

/** Settings of an op by name: what says, with its inputs and its shape, all that it computes. */
export type Attributes = Readonly<
  Record<string, number | boolean | string | null | Float32Array>
>;

/** One value of a graph. */
export interface Value {
  /** Kind of op: `"matmul"`, `"input"`, … */
  readonly operation: string;
  /** Name of an input that the caller feeds; `null` for every other op. */
  readonly name: string | null;
  /** What it is computed from. */
  readonly inputs: readonly Value[];
  /** Its sizes. */
  readonly shape: Shape;
  /** Type of its elements. */
  readonly type: ElementType;
  /** Settings of its op. */
  readonly attributes: Attributes;
  /** What its op tells engines and the gradient. */
  readonly rules: Rules;
}

/** Makes a value; only ops call it. */
export function makeValue(
  operation: string,
  inputs: readonly Value[],
  shape: Shape,
  { attributes = {}, ...rules }: Rules & { readonly attributes?: Attributes },
  type: ElementType = "f32",
): Value {
  return { operation, name: null, inputs, shape, type, attributes, rules };
}

/**
 * A value that the caller feeds by `name` when the graph runs: a weight, tokens, an activation.
 *
 * @example
 * ```ts
 * import { input, onnxEngine, ops } from "@bitdelta/workspace";
 * import assert from "node:assert/strict";
 *
 * const sum = ops.add(input("a", [2]), input("b", [2]));
 * const program = await onnxEngine({ threads: 1 }).compile({ sum });
 * const results = await program.run({ a: Float32Array.of(1, 2), b: Float32Array.of(3, 4) });
 * assert.deepEqual([...results.sum], [4, 6]);
 * await program.release();
 * ```
 */
export function input(name: string, shape: Shape, type: ElementType = "f32"): Value {
  const onnx = () => name;
  return { operation: "input", name, inputs: [], shape, type, attributes: {}, rules: { onnx } };
}

/**
 * All values that `outputs` reach, each after its inputs.
 *
 * @param isGiven whether a value is given to whoever asks, so that its inputs are not reached by it.
 */
export function topologicalOrder(
  outputs: Iterable<Value>,
  isGiven: (value: Value) => boolean = () => false,
): Value[] {
  const seen = new Set<Value>();
  const order: Value[] = [];
  // An explicit stack: a whole model is deeper than the call stack should be.
  const stack: { value: Value; next: number }[] = [];
  for (const output of outputs) {
    if (!seen.has(output)) stack.push({ value: output, next: 0 });
    seen.add(output);
    while (stack.length > 0) {
      const top = stack[stack.length - 1];
      if (top.next === top.value.inputs.length || isGiven(top.value)) {
        order.push(top.value);
        stack.pop();
        continue;
      }
      const child = top.value.inputs[top.next++];
      if (!seen.has(child)) {
        seen.add(child);
        stack.push({ value: child, next: 0 });
      }
    }
  }
  return order;
}

/**
 * Checks a condition on an op's operands.
 *
 * @throws {GraphError} that names the op, the shapes found and what it expects.
 */
export function requireShapes(
  holds: boolean,
  operation: string,
  operands: readonly Value[],
  expected: string,
): void {
  if (holds) return;
  throw new GraphError({
    problem: `operands of '${operation}' do not fit`,
    value: operands.map((operand) => `${operand.type}[${operand.shape}]`).join(" and "),
    expected,
  });
}

/** Whether two shapes are the same. */
export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}
