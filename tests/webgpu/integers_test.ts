/** What a GPU makes of whole numbers of a few bits: the same matrix. */

import { integerMatrix } from "../../lib/graph/ops/integers.ts";
import type { Value } from "../../lib/graph/graph.ts";
import { fixed, normals, randomMask } from "../graph/op_case.ts";
import { testSame } from "./same_as_onnx.ts";

for (const [bits, group, rows, columns] of [[4, 32, 70, 33], [3, 64, 128, 40], [8, 128, 20, 5]]) {
  const groups = Math.ceil(rows / group);
  testSame({
    name: `integers of ${bits} bits in groups of ${group}`,
    operands: [
      fixed(randomMask(1, bits * Math.ceil(rows / 32), columns)),
      { ...normals(2, groups, columns), differentiable: false },
      fixed(randomMask(3, groups * bits, Math.ceil(columns / 32))),
    ],
    bound: 1e-6,
    build: (planes: Value, scale: Value, zero: Value) =>
      integerMatrix(planes, scale, zero, { bits, group, rows }),
  });
}
