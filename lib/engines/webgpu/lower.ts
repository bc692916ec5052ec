/**
 * A graph as a list of kernels: walks the values and lets each op's rule write its own. Text and sizes only;
 * nothing here touches a device, so that tests can read what would run.
 */

import { GraphError } from "../../util/errors.ts";
import {
  type Numbers,
  requireShapes,
  sameShape,
  type Shape,
  topologicalOrder,
  type Value,
} from "../../graph/graph.ts";
import type {
  Kernel,
  KernelBuilder,
  KernelFeatures,
  Operand,
  Storage,
  TileProblem,
} from "./kernel.ts";
import { type Expression, expressionOf, isPointwise, pointwiseKernel } from "./pointwise.ts";
import { kernelRules } from "./rules.ts";
import { readOperand } from "./shader.ts";

/** A tensor of a lowered graph, and where its numbers come from. */
export interface Tensor extends Operand {
  readonly source:
    | { readonly input: string }
    | { readonly constant: Numbers }
    | { readonly kernel: number }
    | PartOf;
}

/** A tensor that is some of another's numbers, where that lies. */
export interface PartOf {
  readonly partOf: Tensor;
  /** The first of them. */
  readonly first: number;
}

/** A kernel with its tensors. */
export interface Dispatch {
  readonly kernel: Kernel;
  readonly reads: readonly Tensor[];
  /** Inputs of the graph that it changes in place. */
  readonly changes: readonly Tensor[];
  readonly writes: readonly Tensor[];
}

/** All that a dispatch binds, in the order of its bindings. */
export function boundTensors({ reads, changes, writes }: Dispatch): readonly Tensor[] {
  return [...reads, ...changes, ...writes];
}

/** A graph as kernels, in the order in which they run. */
export interface LoweredGraph {
  readonly dispatches: readonly Dispatch[];
  readonly inputs: ReadonlyMap<string, Tensor>;
  readonly outputs: ReadonlyMap<string, Tensor>;
}

/** What lowering depends on beside the graph. */
export interface LoweringOptions {
  readonly features: KernelFeatures;
  /** How inputs are stored that are not as their element type says. */
  readonly storage?: (input: string) => Storage | undefined;
  /** Chooses among the tiles of a product; default: the first. */
  readonly tile?: (problem: TileProblem, candidates: readonly string[]) => string;
}

/**
 * Lowers the graph that `outputs` reach.
 *
 * @throws {GraphError} if two inputs of one name differ, an op has no kernel, or one reads an input that another
 * changes in place.
 */
export function lower(
  outputs: Readonly<Record<string, Value>>,
  options: LoweringOptions,
): LoweredGraph {
  const lowering = new Lowering(outputs, options);
  const order = topologicalOrder(Object.values(outputs));
  for (const value of order) lowering.visit(value);
  const named = Object.entries(outputs).map(([name, value]) =>
    [name, lowering.tensor(value)] as const
  );
  lowering.requireOrder(outputs);
  return {
    dispatches: lowering.dispatches,
    inputs: lowering.inputs,
    outputs: new Map(named),
  };
}

class Lowering implements KernelBuilder {
  readonly dispatches: Dispatch[] = [];
  readonly inputs = new Map<string, Tensor>();
  readonly features: KernelFeatures;
  readonly #options: LoweringOptions;
  readonly #results = new Map<Value, readonly Tensor[]>();
  /** Values whose elements are computed inside the kernel of their only user. */
  readonly #deferred = new Map<Value, Expression>();
  readonly #users = new Map<Value, Value[]>();
  readonly #outputs: ReadonlySet<Value>;
  readonly #constants: Tensor[] = [];
  /** Values by the inputs that they change in place. */
  readonly #changing = new Map<Tensor, Set<Value>>();

  constructor(outputs: Readonly<Record<string, Value>>, options: LoweringOptions) {
    this.#options = options;
    this.features = options.features;
    this.#outputs = new Set(Object.values(outputs));
    for (const value of topologicalOrder(this.#outputs)) {
      for (const each of value.inputs) {
        this.#users.set(each, [...this.#users.get(each) ?? [], value]);
      }
    }
  }

  visit(value: Value): void {
    if (value.name !== null) this.#results.set(value, [this.#input(value.name, value)]);
    else if (value.operation === "part") this.#results.set(value, [this.#part(value)]);
    else if (isPointwise(value)) this.#visitPointwise(value);
    else this.#results.set(value, this.#lowered(value));
  }

  /**
   * What else reads an input that an op changes in place would see it as it was before or as it is afterwards,
   * whichever comes first: ops that change it are the only ones that may have it.
   */
  requireOrder(outputs: Readonly<Record<string, Value>>): void {
    const order = topologicalOrder(Object.values(outputs));
    for (const [tensor, changing] of this.#changing) {
      const { input } = tensor.source as { input: string };
      const isIt = ({ name }: Value) => name === input;
      const other = order.find((value) =>
        value.inputs.some(isIt) && !changing.has(value) || isIt(value) && this.#outputs.has(value)
      );
      if (!other) continue;
      throw new GraphError({
        operation: other.operation,
        problem: `reads '${input}', which is changed in place`,
        value: [...changing][0].operation,
        expected: "no other op to read it",
      });
    }
  }

  tensor(value: Value): Tensor {
    const expression = this.#deferred.get(value);
    if (expression) {
      this.#deferred.delete(value);
      const [result] = this.dispatch(pointwiseKernel(expression, value.shape));
      this.#results.set(value, [result]);
    }
    return this.#results.get(value)![0];
  }

  dispatch(kernel: Kernel): Tensor[] {
    const index = this.dispatches.length;
    const writes = Object.values(kernel.writes).map(({ shape, type = "f32" }): Tensor => ({
      shape,
      storage: type,
      source: { kernel: index },
    }));
    const reads = Object.values(kernel.reads).map((each) => readOperand(each).operand as Tensor);
    const changes = Object.values(kernel.changes ?? {}) as Tensor[];
    this.dispatches.push({ kernel, reads, changes, writes });
    return writes;
  }

  part(input: Operand, first: number, shape: Shape): Tensor {
    const { source, storage } = input as Tensor;
    if (!("partOf" in source)) {
      return { shape, storage, source: { partOf: input as Tensor, first } };
    }
    return { shape, storage, source: { ...source, first: source.first + first } };
  }

  constant(numbers: Numbers, shape: Shape): Tensor {
    const storage = numbers instanceof Float32Array ? "f32" : "i32";
    const known = this.#constants.find((each) =>
      each.storage === storage && sameShape(each.shape, shape) &&
      sameNumbers((each.source as { constant: Numbers }).constant, numbers)
    );
    if (known) return known;
    const tensor = { shape, storage, source: { constant: numbers } } as const;
    this.#constants.push(tensor);
    return tensor;
  }

  tile(problem: TileProblem, candidates: readonly string[]): string {
    return this.#options.tile?.(problem, candidates) ?? candidates[0];
  }

  #lowered(value: Value): readonly Tensor[] {
    const rule = kernelRules[value.operation];
    if (!rule) {
      throw new GraphError({
        problem: `op '${value.operation}' has no WGSL kernel`,
        value: `[${value.shape}]`,
        expected: "an op that runs on a GPU",
      });
    }
    const operands = value.inputs.map((each) => this.tensor(each));
    const from = this.dispatches.length;
    const result = rule(this, operands, value);
    for (const tensor of this.dispatches.slice(from).flatMap(({ changes }) => changes)) {
      this.#changing.set(tensor, (this.#changing.get(tensor) ?? new Set()).add(value));
    }
    return (Array.isArray(result) ? result : [result]) as Tensor[];
  }

  #visitPointwise(value: Value): void {
    const expression = expressionOf(
      value,
      (each) => this.#deferred.get(each),
      (each) => this.tensor(each),
    );
    for (const each of value.inputs) this.#deferred.delete(each);
    this.#deferred.set(value, expression);
    const users = this.#users.get(value) ?? [];
    const inline = users.length === 1 && !this.#outputs.has(value) && isPointwise(users[0]) &&
      sameShape(users[0].shape, value.shape);
    if (!inline) this.tensor(value);
  }

  #part(value: Value): Tensor {
    const [of] = value.inputs;
    return this.#results.get(of)![value.attributes.index as number];
  }

  #input(name: string, value: Value): Tensor {
    const storage = this.#options.storage?.(name) ?? value.type;
    const known = this.inputs.get(name) ??
      { shape: value.shape, storage, source: { input: name } };
    requireShapes(
      sameShape(known.shape, value.shape) && (known.storage === "i32") === (value.type === "i32"),
      "input",
      [value],
      `one shape and type of all inputs named '${name}', [${known.shape}]`,
    );
    this.inputs.set(name, known);
    return known;
  }
}

function sameNumbers(a: Numbers, b: Numbers): boolean {
  return a === b || (a.length === b.length && a.every((each, index) => each === b[index]));
}
