import assert from "node:assert/strict";
import { GraphError } from "../../../lib/util/errors.ts";
import { gradient } from "../../../lib/graph/gradient.ts";
import { input, type Value } from "../../../lib/graph/graph.ts";
import { concatenateRows } from "../../../lib/graph/ops/matrix.ts";
import { fixed, normals, testOp } from "../op_case.ts";

const matrix = (...shape: number[]) => input("x", shape);

testOp({
  name: "concatenateRows",
  operands: [normals(1, 2, 3), normals(2, 1, 3), normals(3, 4, 3)].map(fixed),
  build: (...pieces) => concatenateRows(pieces),
  plain: (...pieces) => Float64Array.from(pieces.flatMap((each) => [...each])),
});

testOp({
  name: "concatenateRows of one piece",
  operands: [fixed(normals(1, 2, 3))],
  build: (x) => concatenateRows([x]),
  plain: (x) => x,
});

Deno.test("concatenateRows has the rows of all pieces", () => {
  assert.deepEqual(concatenateRows([matrix(2, 3), matrix(5, 3)]).shape, [7, 3]);
});

const refused: [why: string, pieces: Value[]][] = [
  ["no pieces", []],
  ["columns differ", [matrix(2, 3), matrix(2, 4)]],
  ["a vector", [matrix(3), matrix(3)]],
  ["whole numbers", [input("w", [2, 3], "i32")]],
];
for (const [why, pieces] of refused) {
  Deno.test(`concatenateRows refuses operands: ${why}`, () => {
    assert.throws(() => concatenateRows(pieces), (error: Error) => {
      assert.ok(error instanceof GraphError, String(error));
      assert.ok(error.message.includes("'concatenateRows'"), error.message);
      return true;
    });
  });
}

Deno.test("concatenateRows has no gradient", () => {
  const x = matrix(2, 3);
  assert.throws(() => gradient(concatenateRows([x, x]), [x], matrix(4, 3)), GraphError);
});
