/** Rewriting of graphs: rules look at one value and its users and may put another value in its place. */

import { topologicalOrder, type Value } from "../../../graph/graph.ts";

/** The values of the graph, before rewriting, that read a value. */
export type UsersOf = (value: Value) => readonly Value[];

/** Returns what stands in for `value`, in terms of values of the graph; `null`: itself. */
export type RewriteRule = (value: Value, usersOf: UsersOf) => Value | null;

/**
 * The graph with each value replaced as `rule` says. The rule sees the original graph; what it returns
 * may use original values and new ones, whose inputs are replaced in turn. An output of the graph has
 * `usersOf` one user more than it seems, so that no rule takes it for an inner value.
 */
export function rewrite(
  outputs: Readonly<Record<string, Value>>,
  rule: RewriteRule,
): Record<string, Value> {
  const users = new Map<Value, Value[]>();
  for (const value of topologicalOrder(Object.values(outputs))) {
    for (const each of new Set(value.inputs)) users.set(each, [...users.get(each) ?? [], value]);
  }
  for (const output of Object.values(outputs)) {
    users.set(output, [...users.get(output) ?? [], OUTSIDE]);
  }
  const usersOf: UsersOf = (value) => users.get(value) ?? [];
  const replaced = new Map<Value, Value>();
  const targets = new Map<Value, Value>();
  const targetOf = (value: Value) => {
    const known = targets.get(value) ?? (users.has(value) ? rule(value, usersOf) : null) ?? value;
    targets.set(value, known);
    return known;
  };
  const replace = (root: Value): Value => {
    // An explicit stack: a whole model is deeper than the call stack should be.
    const stack = [root];
    while (stack.length > 0) {
      const value = stack[stack.length - 1];
      if (replaced.has(value)) {
        stack.pop();
        continue;
      }
      const target = targetOf(value);
      const missing = target.inputs.filter((each) => !replaced.has(each));
      if (missing.length > 0) {
        stack.push(...missing);
        continue;
      }
      const inputs = target.inputs.map((each) => replaced.get(each)!);
      const same = inputs.every((each, index) => each === target.inputs[index]);
      const result = same ? target : { ...target, inputs };
      replaced.set(target, result);
      replaced.set(value, result);
      stack.pop();
    }
    return replaced.get(root)!;
  };
  return Object.fromEntries(
    Object.entries(outputs).map(([name, value]) => [name, replace(value)]),
  );
}

/**
 * `find` with its results kept as long as a rewriting lasts: where several values become results of one
 * fused op, each must be given the same one. Each rewriting has its own users, by which it is known.
 */
export function findOnce<Found>(
  find: (value: Value, usersOf: UsersOf) => Found | null,
): (value: Value, usersOf: UsersOf) => Found | null {
  const kept = new WeakMap<UsersOf, Map<Value, Found | null>>();
  return (value, usersOf) => {
    const known = kept.get(usersOf) ?? new Map<Value, Found | null>();
    kept.set(usersOf, known);
    if (!known.has(value)) known.set(value, find(value, usersOf));
    return known.get(value)!;
  };
}

/** Whether a value is x · Wᵀ, with W `[out, in]` as checkpoints store it. */
export function isLinear({ operation, attributes }: Value): boolean {
  return operation === "matmul" && attributes.transposeSecond === true &&
    attributes.transposeFirst === false;
}

/** Stands for whoever reads the outputs of a graph. */
const OUTSIDE: Value = {
  operation: "outside",
  name: null,
  inputs: [],
  shape: [],
  type: "f32",
  attributes: {},
  rules: { onnx: () => "" },
};
