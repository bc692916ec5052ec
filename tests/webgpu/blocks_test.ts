/** Block ops: a GPU's kernels against the CPU's double precision. */

import { input, type Numbers } from "../../lib/graph/graph.ts";
import { choleskyBlock } from "../../lib/graph/ops/cholesky_block.ts";
import { onnxEngine } from "../../lib/engines/onnx/engine.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";
import { flat, secondMoments } from "../graph/linear_algebra/plain.ts";
import { gpuTest } from "./gpu.ts";

const onnx = onnxEngine({ threads: 1 });

for (const n of [1, 7, 128]) {
  for (const upper of [false, true]) {
    gpuTest(`${upper ? "upper" : "lower"} choleskyBlock of ${n} rows`, async (engine) => {
      const graph = { y: choleskyBlock(input("a", [n, n]), input("ridge", []), { upper }) };
      const a = flat(secondMoments(n, n));
      const ridge = Float32Array.of(0.01);
      const programs = [await onnx.compile(graph), await engine.compile(graph)];
      const [exact, found] = await Promise.all(programs.map((each) => each.run({ a, ridge })));
      for (const [begin, end] of [[0, n * n], [n * n, 2 * n * n], [2 * n * n, 2 * n * n + n]]) {
        const part = ({ y }: Record<string, Numbers>) => Float64Array.from(y).subarray(begin, end);
        assertWithin(relativeError(part(found), part(exact)), 5e-6, `${n} from ${begin}`);
      }
      await Promise.all(programs.map((each) => each.release()));
    });
  }
}
