/**
 * Values that the CPU engine forms itself, in blocks and straight from weights as they are stored, before ONNX
 * Runtime runs: differences of two inputs with their signs, and rows of a table. ONNX's own nodes do the same of
 * values that are computed, to the bit.
 */

import { differenceInto, widenInto } from "../../checkpoint/float_blocks.ts";
import type { FloatKernels } from "../../checkpoint/float_kernels.ts";
import { float32Tensor, type FloatType, type RawTensor } from "../../checkpoint/tensor.ts";
import { topologicalOrder, type Value } from "../../graph/graph.ts";
import { GraphError } from "../../util/errors.ts";
import type { Numbers } from "../../graph/graph.ts";
import { StoredNumbers } from "./placed.ts";

/** What an input was fed with. */
export type Fed = (input: Value) => Numbers | StoredNumbers;

/** Values that are formed of the same inputs. */
export interface Formation {
  readonly values: readonly Value[];
  /**
   * Writes those of the values that are wanted.
   *
   * @throws {GraphError} if there is no such row.
   */
  form(kernels: FloatKernels, fed: Fed, targets: ReadonlyMap<Value, Float32Array>): void;
}

/** The formation of each value of a graph that has one. */
export function formations(
  outputs: Readonly<Record<string, Value>>,
): ReadonlyMap<Value, Formation> {
  const formed = new Map<Value, Formation>();
  const differences = new Map<Value, Value[]>();
  for (const value of topologicalOrder(Object.values(outputs))) {
    const [first] = value.inputs;
    if (value.operation === "gatherRows" && ofInputs(value)) {
      formed.set(value, { values: [value], form: (...given) => formRows(value, ...given) });
    } else if (value.operation === "difference" && ofInputs(value)) {
      differences.set(value, [value]);
    } else if (value.operation === "sign" && differences.has(first)) {
      differences.get(first)!.push(value);
    }
  }
  for (const [difference, values] of differences) {
    const formation: Formation = {
      values,
      form: (...given) => formDifference(difference, values, ...given),
    };
    for (const value of values) formed.set(value, formation);
  }
  return formed;
}

function ofInputs({ inputs }: Value): boolean {
  return inputs.every(({ name }) => name !== null);
}

function formRows(
  value: Value,
  kernels: FloatKernels,
  fed: Fed,
  targets: ReadonlyMap<Value, Float32Array>,
): void {
  const [table, indices] = value.inputs;
  const [rows, width] = table.shape;
  const tensor = tensorOf(kernels, fed(table));
  const target = targets.get(value)!;
  for (const [place, index] of (fed(indices) as Int32Array).entries()) {
    const row = index < 0 ? index + rows : index;
    if (row < 0 || row >= rows) {
      throw new GraphError({
        problem: `'${table.name}' has no such row`,
        value: index,
        expected: `a row below ${rows}`,
      });
    }
    const ofRow = target.subarray(place * width, (place + 1) * width);
    widenInto(kernels, tensor, ofRow, row * width);
  }
}

function formDifference(
  difference: Value,
  values: readonly Value[],
  kernels: FloatKernels,
  fed: Fed,
  targets: ReadonlyMap<Value, Float32Array>,
): void {
  const [fine, base] = difference.inputs.map((input) => tensorOf(kernels, fed(input)));
  const signs = values.flatMap((value) => {
    const target = targets.get(value);
    return target && value !== difference ? [[value.attributes.zero, target]] : [];
  });
  differenceInto(kernels, { fine, base, type: difference.attributes.type as FloatType }, {
    delta: targets.get(difference),
    signs: Object.fromEntries(signs),
  });
}

function tensorOf(kernels: FloatKernels, fed: Numbers | StoredNumbers): RawTensor {
  if (!(fed instanceof StoredNumbers)) return float32Tensor(fed as Float32Array, [fed.length]);
  if (!("form" in fed.tensor)) return fed.tensor;
  const values = new Float32Array(fed.length);
  fed.into(kernels, values);
  return float32Tensor(values, fed.tensor.shape);
}
