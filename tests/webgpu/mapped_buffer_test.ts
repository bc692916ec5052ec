/** Readings that do not wait for Deno to tell of them: the numbers are those of the work before, buffers are shared by none. */

import assert from "node:assert/strict";
import { input } from "../../lib/graph/graph.ts";
import { scaleBy } from "../../lib/graph/ops/elementwise.ts";
import { gpuTest } from "./gpu.ts";

gpuTest(
  "numbers are read before Deno tells that they can be, and are those of their run",
  async (engine) => {
    const { mapAsync } = GPUBuffer.prototype;
    let pending = 0;
    GPUBuffer.prototype.mapAsync = function (...range) {
      pending++;
      const mapping = mapAsync.apply(this, range);
      mapping.then(() => pending--);
      return mapping;
    };
    const program = await engine.compile({ y: scaleBy(input("x", [1000]), 2) });
    try {
      let early = 0;
      for (let run = 0; run < 60; run++) {
        const { y } = await program.run({ x: new Float32Array(1000).fill(run) });
        assert.ok(y.every((each) => each === 2 * run), `run ${run}`);
        if (pending > 0) early++;
      }
      // The first reading of each buffer is waited for; this fails with versions of Deno that were not looked at.
      assert.ok(early > 40, `${early} of 60`);
      const many = await Promise.all(
        Array.from(
          { length: 30 },
          (_, run) => program.run({ x: new Float32Array(1000).fill(run) }),
        ),
      );
      many.forEach(({ y }, run) =>
        assert.ok(
          y.every((each) => each === 2 * run),
          `${run} at once`,
        )
      );
    } finally {
      GPUBuffer.prototype.mapAsync = mapAsync;
      await program.release();
    }
  },
);
