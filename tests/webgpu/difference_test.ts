/** Differences on a GPU have the bits of the plain version, however the operands are stored. */

import assert from "node:assert/strict";
import { type FloatType, fromFloat32 } from "../../lib/checkpoint/tensor.ts";
import { input } from "../../lib/graph/graph.ts";
import { difference } from "../../lib/graph/ops/difference.ts";
import * as plain from "../graph/plain/difference.ts";
import { gpuTest } from "./gpu.ts";

for (const stored of ["F32", "BF16", "F16"] as const) {
  for (const type of new Set<FloatType>([stored, "F32"])) {
    gpuTest(
      `differences of hard ${stored} numbers, rounded to ${type}, are exact`,
      async (engine) => {
        const numbers = plain.hardPairs(stored);
        const shape = [numbers.fine.length];
        const delta = difference(input("fine", shape), input("base", shape), type);
        const program = await engine.compile({ delta });
        const place = (values: Float32Array) =>
          engine.place({ dtype: stored, shape, bytes: fromFloat32(values, stored) });
        const [fine, base] = [await place(numbers.fine), await place(numbers.base)];
        const found = (await program.run({ fine, base })).delta;
        const expected = numbers.fine.map((each, at) =>
          plain.difference(each, numbers.base[at], type)
        );
        assert.deepEqual(plain.bitsOf(found), plain.bitsOf(expected));
        [fine, base].forEach((each) => each.release());
        await program.release();
      },
    );
  }
}
