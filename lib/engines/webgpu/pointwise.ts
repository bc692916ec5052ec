/**
 * Ops that act element by element: chains of them become one kernel, which reads each operand once and
 * writes only the last result (SwiGLU and its backward are such chains).
 */

import { elementCount } from "../../checkpoint/tensor.ts";
import { sameShape, type Shape, type Value } from "../../graph/graph.ts";
import type { Kernel, Operand } from "./kernel.ts";
import { elementKernel } from "./kernels/grid.ts";
import { elementRules } from "./rules.ts";

/** How one element of a result comes from elements of tensors. */
export interface Expression {
  /** The ops in it, inner ones first. */
  readonly operations: readonly string[];
  /** WGSL of an element, given that of the inputs' elements. */
  readonly element: (inputs: readonly string[]) => string;
  readonly inputs: readonly (Expression | Operand)[];
  /** The tensors that it reads, each once. */
  readonly operands: readonly Operand[];
}

/** Operands of one kernel at most: with its result they are the 8 storage buffers of any device. */
const MOST_OPERANDS = 7;

/** Whether an op is computed element by element. */
export function isPointwise({ operation }: Value): boolean {
  return operation in elementRules;
}

/**
 * The expression of a value over its inputs' expressions where these may be taken in, over their
 * tensors where not.
 */
export function expressionOf(
  value: Value,
  deferred: (input: Value) => Expression | undefined,
  tensor: (input: Value) => Operand,
): Expression {
  const operands = new Set<Operand>();
  const operations: string[] = [];
  const inputs = value.inputs.map((each, index) => {
    const inner = sameShape(each.shape, value.shape) ? deferred(each) : undefined;
    const together = new Set([...operands, ...inner?.operands ?? []]);
    // Room is kept for one operand of each input that follows.
    const fits = together.size <= MOST_OPERANDS - (value.inputs.length - 1 - index);
    if (!inner || !fits) {
      const operand = tensor(each);
      operands.add(operand);
      return operand;
    }
    for (const operand of inner.operands) operands.add(operand);
    operations.push(...inner.operations);
    return inner;
  });
  operations.push(value.operation);
  const element = (inputs: readonly string[]) =>
    elementRules[value.operation](inputs, value.attributes);
  return { element, inputs, operands: [...operands], operations };
}

/** The kernel that computes all elements of an expression. */
export function pointwiseKernel(expression: Expression, shape: Shape): Kernel {
  const count = elementCount(shape);
  const sizes: Record<string, number> = {};
  const reads: Record<string, Operand> = {};
  const accessors = new Map<Operand, string>();
  expression.operands.forEach((operand, k) => {
    const name = `x${k}`;
    const length = elementCount(operand.shape);
    if (length !== count && length !== 1) sizes[`length${k}`] = length;
    const index = length === count ? "i" : length === 1 ? "0u" : `i % sizes.length${k}`;
    reads[name] = operand;
    accessors.set(operand, `${name}_at(${index})`);
  });
  const lines: string[] = [];
  const result = print(expression, accessors, new Map(), lines);
  return elementKernel(count, {
    name: expression.operations.join(" · "),
    reads,
    writes: { y: { shape } },
    sizes,
    body: [...lines, `y[i] = ${result};`].join("\n"),
  });
}

/** Writes what an element needs, each part once, and returns its name. */
function print(
  node: Expression | Operand,
  accessors: ReadonlyMap<Operand, string>,
  names: Map<Expression | Operand, string>,
  lines: string[],
): string {
  const known = names.get(node);
  if (known) return known;
  const text = "element" in node
    ? node.element(node.inputs.map((each) => print(each, accessors, names, lines)))
    : accessors.get(node)!;
  const name = `v${lines.length}`;
  lines.push(`let ${name} = ${text};`);
  names.set(node, name);
  return name;
}
