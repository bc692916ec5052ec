/** Runs one candidate of a product, so that tests choose its tile themselves. */

import type { RawTensor } from "../../lib/checkpoint/tensor.ts";
import type { Numbers, Shape } from "../../lib/graph/graph.ts";
import type { WebGpuEngine } from "../../lib/engines/webgpu/engine.ts";
import type { Kernel, Operand, Storage } from "../../lib/engines/webgpu/kernel.ts";
import type { Dispatch } from "../../lib/engines/webgpu/kernels/candidates.ts";
import type { Dispatch as Dispatched, Tensor } from "../../lib/engines/webgpu/lower.ts";
import { readOperand } from "../../lib/engines/webgpu/shader.ts";
import { runLowered } from "./run_lowered.ts";

/** Numbers of a shape, or a tensor as stored. */
export type Fed = RawTensor | { readonly shape: Shape; readonly numbers: Numbers };

const STORED: Readonly<Record<string, Storage>> = { BF16: "bf16", F16: "f16", F32: "f32" };

/** The operand that holds what is fed. */
function operandOf(fed: Fed): Operand {
  const storage = "dtype" in fed
    ? STORED[fed.dtype]
    : fed.numbers instanceof Int32Array
    ? "i32"
    : "f32";
  return { shape: fed.shape, storage };
}

/** The results that `write` dispatches for operands of the names of `feeds`. */
export async function runCandidate<Name extends string>(
  engine: WebGpuEngine,
  feeds: Readonly<Record<Name, Fed>>,
  write: (operands: Record<Name, Operand>, dispatch: Dispatch) => Operand[],
): Promise<Numbers[]> {
  const names = Object.keys(feeds) as Name[];
  const operands = Object.fromEntries(
    names.map((name) => [name, { ...operandOf(feeds[name]), source: { input: name } }]),
  ) as unknown as Record<Name, Tensor>;
  const dispatches: Dispatched[] = [];
  const dispatch = (kernel: Kernel): Tensor[] => {
    const source = { kernel: dispatches.length };
    const writes = Object.values(kernel.writes).map(({ shape, type = "f32" }) => (
      { shape, storage: type, source }
    ));
    const reads = Object.values(kernel.reads).map((each) => readOperand(each).operand as Tensor);
    dispatches.push({ kernel, reads, changes: [], writes });
    return writes;
  };
  const results = write(operands, dispatch) as Tensor[];
  const read = new Set(dispatches.flatMap(({ reads }) => reads));
  const inputs = names.filter((name) => read.has(operands[name]));
  const graph = {
    dispatches,
    inputs: new Map(inputs.map((name) => [name, operands[name]])),
    outputs: new Map(results.map((each, index) => [String(index), each])),
  };
  const given = Object.fromEntries(names.map((name) => {
    const fed: Fed = feeds[name];
    return [name, "dtype" in fed ? fed : fed.numbers];
  }));
  return Object.values(await runLowered(engine, graph, given));
}
