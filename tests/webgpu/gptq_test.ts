/** What a GPU makes of a block of GPTQ: the numbers of the CPU, but for ties. */

import { gptqBlock } from "../../lib/graph/ops/gptq_block.ts";
import type { Value } from "../../lib/graph/graph.ts";
import { fixed, normals } from "../graph/op_case.ts";
import { testSame } from "./same_as_onnx.ts";

for (const [bits, group, rows, columns] of [[4, 32, 70, 33], [3, 128, 128, 5]]) {
  const random = normals(1, rows, rows).numbers;
  const upper = Float64Array.from({ length: rows * rows }, (_, at) => {
    const [i, j] = [Math.floor(at / rows), at % rows];
    return i === j ? 1 + i / rows : i < j ? 0.05 * random[at] : 0;
  });
  testSame({
    name: `a block of GPTQ in ${bits} bits and groups of ${group}`,
    operands: [
      fixed(normals(2, rows, columns)),
      fixed({ ...normals(1, rows, rows), numbers: upper }),
    ],
    bound: 1e-4,
    build: (weights: Value, factor: Value) => gptqBlock(weights, factor, { bits, group }),
  });
}
