/** Chains of products by the WebGPU provider that onnxruntime-node has bundled. */

import * as runtime from "onnxruntime-node";
import { encodeModel } from "../../lib/engines/onnx/model.ts";
import { chainGraph, type ChainOperands, type Products } from "./webgpu_peers.ts";

/** @throws {Error} if it finds no adapter. */
export async function onnxRuntimeProducts(operands: ChainOperands): Promise<Products> {
  const { rows, inner, columns, x, weights } = operands;
  const feeds: Record<string, runtime.Tensor> = {
    x: new runtime.Tensor("float32", x, [rows, inner]),
  };
  weights.forEach((weight, index) => {
    const shape = index === 0 ? [inner, columns] : [columns, inner];
    feeds[`weight ${index}`] = new runtime.Tensor("float32", weight, shape);
  });
  const chain: Products["chain"] = async (length) => {
    const { bytes } = encodeModel({ y: chainGraph(operands, length) });
    const session = await runtime.InferenceSession.create(bytes, {
      executionProviders: ["webgpu"],
      logSeverityLevel: 3,
    });
    const names = new Set(session.inputNames);
    const fed = Object.fromEntries(Object.entries(feeds).filter(([name]) => names.has(name)));
    const run = async () => (await session.run(fed))["output:y"];
    return {
      run: async () => void await run(),
      read: async () => (await run()).data as Float32Array,
      release: () => session.release(),
    };
  };
  // Whether there is an adapter shows when a model is made ready; before its reason stands a line of C++.
  const first = await chain(1).catch(({ message }: Error) => {
    throw new Error(message.split("was false. ").at(-1)!.trim());
  });
  await first.release();
  return { chain, release: () => {} };
}
