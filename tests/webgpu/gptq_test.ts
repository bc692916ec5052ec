/** What a GPU makes of a block of GPTQ, to integers or signs: the numbers of the CPU, but for ties. */

import { gptqBlock } from "../../lib/graph/ops/gptq_block.ts";
import { gptqSignBlock } from "../../lib/graph/ops/gptq_sign_block.ts";
import type { Value } from "../../lib/graph/graph.ts";
import { fixed, normals } from "../graph/op_case.ts";
import { testSame } from "./same_as_onnx.ts";

/** An upper factor, `[size, size]`. */
function upperFactor(size: number) {
  const random = normals(1, size, size);
  const numbers = random.numbers.map((each, at) => {
    const [i, j] = [Math.floor(at / size), at % size];
    return i === j ? 1 + i / size : i < j ? 0.05 * each : 0;
  });
  return fixed({ ...random, numbers });
}

for (const [bits, group, rows, columns] of [[4, 32, 70, 33], [3, 128, 128, 5]]) {
  testSame({
    name: `a block of GPTQ in ${bits} bits and groups of ${group}`,
    operands: [fixed(normals(2, rows, columns)), upperFactor(rows)],
    bound: 1e-4,
    build: (weights: Value, factor: Value) => gptqBlock(weights, factor, { bits, group }),
  });
}

for (const [rows, width] of [[300, 70], [3, 128], [1, 1]]) {
  testSame({
    name: `a block of signs of [${rows}, ${width}] by GPTQ`,
    operands: [
      fixed(normals(2, rows, width)),
      upperFactor(width),
      fixed(normals(3, 1, rows)),
      fixed(normals(4, 1, width)),
    ],
    bound: 1e-4,
    build: gptqSignBlock,
  });
}
