/**
 * A graph as an ONNX model: walks the values and lets each op write its nodes. The protobuf
 * messages are `onnx-proto`'s. Running the model is `engine.ts`.
 */

import onnxProto from "onnx-proto";
import {
  type ElementType,
  type OnnxAttributes,
  type OnnxBuilder,
  requireShapes,
  sameShape,
  type Shape,
  topologicalOrder,
  type Value,
} from "../../graph/graph.ts";

const { onnx } = onnxProto;
const { AttributeType } = onnx.AttributeProto;
const { DataType } = onnx.TensorProto;

/** Version of ONNX's standard operators that the ops write. */
const OPERATOR_SET = 21;
/** Version of the ONNX file format that goes with it. */
const FORMAT_VERSION = 10;

/** An encoded model and what it takes and gives. */
export interface OnnxModel {
  readonly bytes: Uint8Array;
  readonly inputs: ReadonlyMap<string, Value>;
  readonly outputs: ReadonlyMap<string, Value>;
}

/**
 * Encodes the graph that `outputs` reach; its inputs keep their names.
 *
 * @param given names of values that are inputs of the model too, in the place of what they are computed from.
 * @throws {GraphError} if two inputs of one name differ in shape or type.
 */
export function encodeModel(
  outputs: Readonly<Record<string, Value>>,
  given: ReadonlyMap<Value, string> = new Map(),
): OnnxModel {
  const builder = new ModelBuilder();
  const names = new Map<Value, string>();
  const inputs = new Map<string, Value>();
  for (const value of topologicalOrder(Object.values(outputs), (each) => given.has(each))) {
    const name = value.name ?? given.get(value);
    if (name !== undefined) {
      declare(name, value, inputs);
      names.set(value, name);
    } else {
      const operands = value.inputs.map((each) => names.get(each)!);
      names.set(value, value.rules.onnx(builder, operands));
    }
  }
  // Identity nodes give outputs their names, and let one value be several outputs, or an input one.
  for (const [name, value] of Object.entries(outputs)) {
    builder.rename(names.get(value)!, `output:${name}`);
  }
  const graph = onnx.GraphProto.create({
    name: "graph",
    node: builder.graphNodes,
    initializer: builder.initializers,
    input: [...inputs].map(([name, value]) => valueInfo(name, value)),
    output: Object.entries(outputs).map(([name, value]) => valueInfo(`output:${name}`, value)),
  });
  const model = onnx.ModelProto.create({
    irVersion: FORMAT_VERSION,
    producerName: "bitdelta",
    opsetImport: [{ domain: "", version: OPERATOR_SET }],
    graph,
  });
  return {
    bytes: onnx.ModelProto.encode(model).finish(),
    inputs,
    outputs: new Map(Object.entries(outputs)),
  };
}

/**
 * Adds an input to those that are known by their names.
 *
 * @throws {GraphError} if one of its name is known, of another shape or type.
 */
export function declare(name: string, value: Value, inputs: Map<string, Value>): void {
  const known = inputs.get(name) ?? value;
  requireShapes(
    known.type === value.type && sameShape(known.shape, value.shape),
    "input",
    [known, value],
    `one shape and type of all inputs named '${name}'`,
  );
  inputs.set(name, value);
}

class ModelBuilder implements OnnxBuilder {
  readonly graphNodes: onnxProto.onnx.INodeProto[] = [];
  readonly initializers: onnxProto.onnx.ITensorProto[] = [];
  readonly #constants = new Map<string, { numbers: ArrayBufferView; name: string }[]>();
  #count = 0;

  node(type: string, inputs: string[], attributes: OnnxAttributes = {}): string {
    return this.nodes(type, inputs, 1, attributes)[0];
  }

  nodes(type: string, inputs: string[], outputs: number, attributes: OnnxAttributes = {}) {
    const output = Array.from({ length: outputs }, () => `v${this.#count++}`);
    this.graphNodes.push({
      opType: type,
      input: inputs,
      output,
      attribute: Object.entries(attributes).map(([name, value]) => attribute(name, value)),
    });
    return output;
  }

  rename(from: string, to: string): void {
    this.graphNodes.push({ opType: "Identity", input: [from], output: [to] });
  }

  constant(numbers: Float32Array | Int32Array | BigInt64Array, shape: Shape): string {
    const key = `${numbers.constructor.name}[${shape}]`;
    const alike = this.#constants.get(key) ?? [];
    const known = alike.find((each) => sameBytes(each.numbers, numbers));
    if (known) return known.name;
    const name = `c${this.#count++}`;
    this.#constants.set(key, [...alike, { numbers, name }]);
    this.initializers.push({
      name,
      dims: [...shape],
      dataType: numbers instanceof Float32Array
        ? DataType.FLOAT
        : numbers instanceof Int32Array
        ? DataType.INT32
        : DataType.INT64,
      rawData: bytesOf(numbers),
    });
    return name;
  }
}

function attribute(
  name: string,
  value: OnnxAttributes[string],
): onnxProto.onnx.IAttributeProto {
  if (typeof value === "number") return { name, type: AttributeType.INT, i: value };
  if (typeof value === "string") {
    return { name, type: AttributeType.STRING, s: new TextEncoder().encode(value) };
  }
  if (Array.isArray(value)) return { name, type: AttributeType.INTS, ints: value };
  return { name, type: AttributeType.FLOAT, f: value.float };
}

function valueInfo(name: string, value: Value): onnxProto.onnx.IValueInfoProto {
  const elemType = { f32: DataType.FLOAT, i32: DataType.INT32 }[value.type satisfies ElementType];
  const shape = { dim: value.shape.map((size) => ({ dimValue: size })) };
  return { name, type: { tensorType: { elemType, shape } } };
}

function bytesOf(numbers: ArrayBufferView): Uint8Array {
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
}

function sameBytes(a: ArrayBufferView, b: ArrayBufferView): boolean {
  if (a === b) return true;
  const left = bytesOf(a);
  const right = bytesOf(b);
  return left.every((byte, index) => byte === right[index]);
}
