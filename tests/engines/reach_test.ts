/**
 * What is computed on the CPU reaches nothing of the GPU's engine, be it for types alone: a new kernel
 * changes the key of no measurement that was made there.
 */

import assert from "node:assert/strict";
import { sourceFiles } from "../source_file.ts";

const files = new Map(sourceFiles("lib").map((file) => [file.path, file]));

/** The files that one reaches by its imports, itself among them. */
function reached(from: string): Set<string> {
  const found = new Set([from]);
  for (const path of found) {
    for (const each of files.get(path)?.imports ?? []) if (files.has(each)) found.add(each);
  }
  return found;
}

const ROOTS = [
  "lib/engines/onnx/engine.ts",
  "lib/evaluation/evaluator.ts",
  ...[...files.keys()].filter((path) => /^lib\/(graph|methods|model|training)\//.test(path)),
];

Deno.test("the CPU's engine, evaluation, methods and training reach no WGSL", () => {
  assert.ok(reached(ROOTS[0]).has("lib/graph/graph.ts"));
  assert.ok(reached("lib/engines/device.ts").has("lib/engines/webgpu/rules.ts"));
  for (const root of ROOTS) {
    const ofGpu = [...reached(root)].filter((path) => path.startsWith("lib/engines/webgpu/"));
    assert.deepEqual(ofGpu, [], root);
  }
});
