/** Memory that the CPU engine reserves: as any engine's, and what only this one does with it. */

import assert from "node:assert/strict";
import { onnxEngine } from "../../../lib/engines/onnx/engine.ts";
import type { HostReserved } from "../../../lib/engines/onnx/reserved.ts";
import type { Reserved } from "../../../lib/graph/engine.ts";
import { input } from "../../../lib/graph/graph.ts";
import { choleskyBlock } from "../../../lib/graph/ops/cholesky_block.ts";
import { scaleBy } from "../../../lib/graph/ops/elementwise.ts";
import { groupedMatmul } from "../../../lib/graph/ops/grouped.ts";
import { gatherRows, matmul } from "../../../lib/graph/ops/matrix.ts";
import { signMatmul } from "../../../lib/graph/ops/signs.ts";
import {
  asStored,
  normalRows,
  plainGroupedMatmul,
  randomWords,
  reservedOf,
} from "../../graph/ops/grouped_case.ts";
import { assertWithin, relativeError } from "../../graph/closeness.ts";
import { checkCopies, checkRefusals, checkWrites, checkZeros } from "../reserved_case.ts";

const engine = onnxEngine({ threads: 1 });

Deno.test("what is written into reserved memory is seen as it is stored", () =>
  checkWrites(engine));
Deno.test("reserved memory is zeros each time", () => checkZeros(engine));
Deno.test("reserved memory is copied where it lies", () => checkCopies(engine));
Deno.test("what does not fit reserved memory is refused", () => checkRefusals(engine));

Deno.test("ONNX Runtime and block ops read reserved memory as they do other numbers", async () => {
  const weights = asStored(normalRows(1, 6, 37), "BF16");
  const masks = randomWords(2, 2, 6);
  const square = Float32Array.of(4, 2, 2, 5);
  const [x, w] = [input("x", [3, 37]), input("w", [6, 37])];
  const product = await engine.compile({
    y: matmul(x, w, { transposeSecond: true }),
    rows: gatherRows(w, input("tokens", [2], "i32")),
    signs: signMatmul(x, input("masks", [2, 6], "i32")),
  });
  const factor = await engine.compile({
    f: choleskyBlock(input("a", [2, 2]), input("ridge", []), { upper: false }),
  });
  const numbers = {
    x: normalRows(3, 3, 37),
    tokens: Int32Array.of(5, -1),
    ridge: new Float32Array(1),
  };
  const expected = [
    await product.run({ ...numbers, w: weights, masks }),
    await factor.run({ ...numbers, a: square }),
  ];
  const reserved = {
    w: await reservedOf(engine, weights, "BF16", [6, 37]),
    masks: await reservedOf(engine, masks, "F32", [2, 6]),
    a: await reservedOf(engine, square, "F32", [2, 2]),
  };
  const feeds = { ...numbers, ...reserved };
  assert.deepEqual([await product.run(feeds), await factor.run(feeds)], expected);
  Object.values(reserved).forEach((each) => each.release());
  await product.release();
  await factor.release();
});

Deno.test("a run that was asked for sees what is released before its turn", async () => {
  const shape = [2, 5, 7];
  const stored = normalRows(4, ...shape);
  const [x, groups] = [normalRows(5, 1, 7), Int32Array.of(1)];
  const product = groupedMatmul(
    input("x", [1, 7]),
    input("m", shape),
    input("groups", [1], "i32"),
  );
  const program = await engine.compile({ y: scaleBy(product, 2) });
  const m = await reservedOf(engine, stored, "F32", shape);
  const runs = [1, 2].map(() => program.run({ x, m, groups }));
  m.release();
  const next = engine.reserve({ dtype: "F32", shape }, "next");
  const expected = plainGroupedMatmul(x, stored, groups, shape).map((each) => 2 * each);
  for (const { y } of await Promise.all(runs)) assertWithin(relativeError(y, expected), 1e-6, "y");
  (await next).release();
  await program.release();
});

Deno.test("what is released is used again, however often", async () => {
  const places = new Set<string>();
  const kept = await engine.reserve({ dtype: "F32", shape: [10] }, "kept");
  for (let time = 0; time < 50; time++) {
    const all: Reserved[] = [];
    for (const side of [300, 10, 2000]) {
      all.push(await engine.reserve({ dtype: "BF16", shape: [side, 100] }, "table"));
    }
    for (const each of time % 2 ? all : all.toReversed()) {
      const { memory, address } = (each as HostReserved).block;
      places.add(`${memory.id} ${address}`);
      each.release();
    }
  }
  kept.release();
  assert.equal(places.size, 3);
});
