/** What users call to run graphs: the engines by the names of devices. */

export * from "./device.ts";
export * from "./onnx/engine.ts";
