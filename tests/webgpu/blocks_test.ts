/** Block ops: a GPU's kernels against the CPU's double precision. */

import assert from "node:assert/strict";
import { input, type Numbers } from "../../lib/graph/graph.ts";
import { choleskyBlock } from "../../lib/graph/ops/cholesky_block.ts";
import { signSweep } from "../../lib/graph/ops/sign_sweep.ts";
import { residualBlock } from "../../lib/graph/ops/residual_block.ts";
import { onnxEngine } from "../../lib/engines/onnx/engine.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";
import { flat, secondMoments } from "../graph/linear_algebra/plain.ts";
import { sweepCase } from "../graph/ops/sweep_case.ts";
import { normals } from "../graph/op_case.ts";
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

for (const isCoupled of [false, true]) {
  for (const [rows, width] of [[1, 1], [5, 70]]) {
    gpuTest(
      `${isCoupled ? "coupledSignSweep" : "signSweep"} of [${rows}, ${width}]`,
      async (engine) => {
        const { values, gradient, inner, outer } = sweepCase(rows, width, isCoupled);
        const [v, g, k, c] = Object.entries({ values, gradient, inner, outer }).map(
          ([name, matrix]) => input(name, [matrix.length, matrix[0].length]),
        );
        const graph = { y: signSweep(v, g, k, isCoupled ? c : null, { passes: 2 }) };
        const feeds = Object.fromEntries(
          Object.entries({ values, gradient, inner, ...isCoupled ? { outer } : {} })
            .map(([name, matrix]) => [name, flat(matrix)]),
        );
        const programs = [await onnx.compile(graph), await engine.compile(graph)];
        const [exact, found] = await Promise.all(programs.map((each) => each.run(feeds)));
        const signs = ({ y }: Record<string, Numbers>) => y.subarray(0, rows * width);
        assert.deepEqual(signs(found), signs(exact));
        const error = relativeError(Float64Array.from(found.y), Float64Array.from(exact.y));
        assertWithin(error, 5e-6, "steps");
        await Promise.all(programs.map((each) => each.release()));
      },
    );
  }
}

gpuTest("residualBlock keeps what is left where most of it cancels", async (engine) => {
  const [rows, n, begin] = [5, 301, 7];
  const graph = {
    y: residualBlock(
      input("a", [rows, n]),
      input("x", [1, n]),
      input("b", [1, n]),
      input("ridge", []),
      begin,
    ),
  };
  const [a, x] = [normals(1, rows, n), normals(2, 1, n)]
    .map(({ numbers }) => Float32Array.from(numbers));
  // b is A x rounded: what is left is its rounding.
  const b = new Float32Array(n);
  for (let row = 0; row < rows; row++) {
    for (let k = n - 1, sum = 0; k >= 0; k--) b[begin + row] = sum += a[row * n + k] * x[k];
  }
  const feeds = { a, x, b, ridge: Float32Array.of(2 ** -26) };
  const programs = [await onnx.compile(graph), await engine.compile(graph)];
  const [exact, found] = await Promise.all(programs.map((each) => each.run(feeds)));
  assertWithin(relativeError(found.y, exact.y), 1e-3, "residual");
  await Promise.all(programs.map((each) => each.release()));
});
