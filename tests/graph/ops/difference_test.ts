import assert from "node:assert/strict";
import { type FloatType, fromFloat32 } from "../../../lib/checkpoint/tensor.ts";
import { differenceMatrix } from "../../../lib/delta/difference.ts";
import { onnxEngine } from "../../../lib/engines/onnx/engine.ts";
import { input } from "../../../lib/graph/graph.ts";
import { difference } from "../../../lib/graph/ops/difference.ts";
import { GraphError } from "../../../lib/util/errors.ts";
import { fixed, normals, testOp } from "../op_case.ts";
import * as plain from "../plain/difference.ts";

const TYPES = ["F32", "BF16", "F16"] as const;

for (const type of TYPES) {
  testOp({
    name: `difference rounded to ${type}`,
    operands: [fixed(normals(1, 5, 7)), fixed(normals(2, 5, 7))],
    build: (fine, base) => difference(fine, base, type),
    plain: (fine, base) => fine.map((each, at) => plain.difference(each, base[at], type)),
  });
}

for (const stored of TYPES) {
  Deno.test(`differences of hard ${stored} numbers are those of the plain version to the bit`, async () => {
    const { fine, base } = plain.hardPairs(stored);
    const operands = ["fine", "base"].map((name) => input(name, [fine.length]));
    for (const type of new Set<FloatType>([stored, "F32"])) {
      const delta = difference(operands[0], operands[1], type);
      const program = await onnxEngine({ threads: 1 }).compile({ delta });
      const found = (await program.run({ fine, base })).delta;
      const expected = fine.map((each, at) => plain.difference(each, base[at], type));
      assert.deepEqual(plain.bitsOf(found), plain.bitsOf(expected), type);
      await program.release();
    }
  });

  Deno.test(`the delta of two ${stored} matrices is the plain version's`, () => {
    const { fine, base } = plain.hardPairs(stored);
    const tensor = (values: Float32Array) => (
      { dtype: stored, shape: [values.length], bytes: fromFloat32(values, stored) }
    );
    const expected = fine.map((each, at) => plain.difference(each, base[at], stored));
    const found = differenceMatrix(tensor(base), tensor(fine));
    assert.deepEqual(plain.bitsOf(found), plain.bitsOf(expected));
  });
}

Deno.test("a difference of two shapes is refused", () => {
  assert.throws(
    () => difference(input("fine", [2, 3]), input("base", [3, 2]), "BF16"),
    (error) => error instanceof GraphError && /'difference'.*one shape/.test(error.message),
  );
});
