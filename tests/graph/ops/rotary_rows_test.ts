/** Rotation of rows at positions of their own: that of whole sequences to the bit, and what is refused. */

import assert from "node:assert/strict";
import { onnxEngine } from "../../../lib/engines/onnx/engine.ts";
import { input } from "../../../lib/graph/graph.ts";
import { rotary, rotationTables } from "../../../lib/graph/ops/rotary.ts";
import { rotaryRows } from "../../../lib/graph/ops/rotary_rows.ts";
import { GraphError } from "../../../lib/util/errors.ts";
import { SeededRandom } from "../../../lib/util/random.ts";

const headSize = 6;
const frequencies = Float32Array.of(1, 0.3, 0.01);
const turns = { frequencies, attentionFactor: 1.2 };

Deno.test("rows in any order are turned as in their sequence, to the bit", async () => {
  const sequence = 40;
  const random = new SeededRandom(3);
  const x = Float32Array.from({ length: sequence * 12 }, () => random.normal());
  const engine = onnxEngine({ threads: 1 });
  const whole = await engine.compile({
    y: rotary(input("x", [sequence, 12]), { batch: 1, sequence, headSize }, turns),
  });
  const { y: expected } = await whole.run({ x });
  const positions = [39, 0, 7, 7, 21];
  const rows = await engine.compile({
    y: rotaryRows(
      input("x", [5, 12]),
      input("cosines", [5, 3]),
      input("sines", [5, 3]),
      headSize,
    ),
  });
  const { cosines, sines } = rotationTables(sequence, turns);
  const of = (table: ArrayLike<number>, width: number) =>
    Float32Array.from(
      positions.flatMap((at) => Array.from(table).slice(at * width, (at + 1) * width)),
    );
  const { y } = await rows.run({ x: of(x, 12), cosines: of(cosines, 3), sines: of(sines, 3) });
  assert.deepEqual(y, of(expected, 12));
  await whole.release();
  await rows.release();
});

Deno.test("tables of other rows or pairs are refused", () => {
  const table = (...shape: number[]) => input("table", shape);
  const x = input("x", [5, 12]);
  for (const bad of [table(4, 3), table(5, 4), input("whole", [5, 3], "i32")]) {
    assert.throws(() => rotaryRows(x, bad, table(5, 3), headSize), GraphError);
    assert.throws(() => rotaryRows(x, table(5, 3), bad, headSize), GraphError);
  }
  assert.throws(() => rotaryRows(x, table(5, 3), table(5, 3), 5), GraphError);
});
