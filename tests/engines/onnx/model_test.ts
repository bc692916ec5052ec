/** The ONNX messages that a graph becomes, read back with the format's own schema. */

import assert from "node:assert/strict";
import onnxProto from "onnx-proto";
import { GraphError } from "../../../lib/util/errors.ts";
import { modelLogits } from "../../../lib/model/llama.ts";
import { input, type Value } from "../../../lib/graph/graph.ts";
import { add, constant, multiply, scaleBy } from "../../../lib/graph/ops/elementwise.ts";
import { encodeModel } from "../../../lib/engines/onnx/model.ts";
import { denseContext } from "../../model/decoder_programs.ts";
import { randomModel, tinyConfig } from "../../model/random_model.ts";

function decodedGraph(outputs: Record<string, Value>) {
  const { graph } = onnxProto.onnx.ModelProto.decode(encodeModel(outputs).bytes);
  return graph!;
}

/** Numbers of the initializers, by name. */
function initializerNumbers(outputs: Record<string, Value>): number[][] {
  return decodedGraph(outputs).initializer!.map(({ rawData }) => [
    ...new Float32Array(Uint8Array.from(rawData!).buffer),
  ]);
}

const x = input("x", [2]);

Deno.test("equal constants are stored once, others each", () => {
  const numbers = Float32Array.of(3, 4);
  const scaled = add(scaleBy(x, 0.5), scaleBy(scaleBy(x, 0.5), 0.25));
  const same = add(constant(numbers, [2]), constant(numbers.slice(), [2]));
  const outputs = { y: add(scaled, same) };
  const stored = initializerNumbers(outputs);
  assert.deepEqual(stored.toSorted(), [[0.25], [0.5], [3, 4]]);
});

Deno.test("equal numbers of another shape are another constant", () => {
  const vector = constant(Float32Array.of(2), [1]);
  const scalar = constant(Float32Array.of(2), []);
  const dims = decodedGraph({ vector, scalar }).initializer!.map(({ dims }) => dims!.length);
  assert.deepEqual(dims.toSorted(), [0, 1]);
});

Deno.test("zero and negative zero are two constants", () => {
  const outputs = { y: add(constant(Float32Array.of(0), []), constant(Float32Array.of(-0), [])) };
  assert.equal(initializerNumbers(outputs).length, 2);
});

Deno.test("a whole decoder stores its tables once and no weights", () => {
  const shape = { batch: 2, sequence: 9 };
  const tokens = input("tokens", [18], "i32");
  const bytesWith = (layerCount: number) => {
    const model = randomModel({ ...tinyConfig, layerCount }, 1);
    const graph = decodedGraph({ logits: modelLogits(tokens, denseContext(model, shape)) });
    const names = graph.input!.map(({ name }) => name).filter((name) => name !== "tokens");
    assert.deepEqual(names.toSorted(), [...model.tensors.keys()].toSorted());
    return graph.initializer!.reduce((sum, { rawData }) => sum + rawData!.length, 0);
  };
  assert.equal(bytesWith(1), bytesWith(3));
});

Deno.test("a value that several others read is computed once", () => {
  const squared = multiply(x, x);
  const { node } = decodedGraph({ a: add(squared, squared), b: add(squared, x) });
  assert.equal(node!.filter(({ opType }) => opType === "Mul").length, 1);
});

Deno.test("inputs of one name are one input, and must be alike", () => {
  const twice = decodedGraph({ y: add(input("w", [2]), input("w", [2])) });
  assert.deepEqual(twice.input!.map(({ name }) => name), ["w"]);
  for (const other of [input("w", [3]), input("w", [2], "i32")]) {
    assert.throws(
      () => encodeModel({ one: input("w", [2]), other }),
      (error: Error) => error instanceof GraphError && error.message.includes("'w'"),
    );
  }
});

Deno.test("inputs and outputs are declared with their types and shapes", () => {
  const tokens = input("tokens", [3], "i32");
  const graph = decodedGraph({
    y: scaleBy(x, 2),
    tokens,
    scalar: constant(Float32Array.of(1), []),
  });
  const { DataType } = onnxProto.onnx.TensorProto;
  const described = [...graph.input!, ...graph.output!].map(({ name, type }) => {
    const { elemType, shape } = type!.tensorType!;
    return [name, elemType, shape!.dim!.map(({ dimValue }) => Number(dimValue))];
  });
  assert.deepEqual(described, [
    ["x", DataType.FLOAT, [2]],
    ["tokens", DataType.INT32, [3]],
    ["output:y", DataType.FLOAT, [2]],
    ["output:tokens", DataType.INT32, [3]],
    ["output:scalar", DataType.FLOAT, []],
  ]);
});
