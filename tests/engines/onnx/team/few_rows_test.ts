/**
 * Products of few rows on the thread team: odd sizes, all storages and patterns of groups, against plain sums in
 * float64; to the bit the same in any order, beside any rows and on any number of threads.
 */

import assert from "node:assert/strict";
import { onnxEngine } from "../../../../lib/engines/onnx/engine.ts";
import type { Engine, Feed } from "../../../../lib/graph/engine.ts";
import { input, type Value } from "../../../../lib/graph/graph.ts";
import { groupedMatmul, groupedSignMatmul } from "../../../../lib/graph/ops/grouped.ts";
import {
  asStored,
  normalRows,
  plainGroupedMatmul,
  plainGroupedSignMatmul,
  randomWords,
  reservedOf,
} from "../../../graph/ops/grouped_case.ts";

const engines = [1, 2, 3].map((threads) => onnxEngine({ threads }));

async function computed(engine: Engine, y: Value, feeds: Record<string, Feed>) {
  const program = await engine.compile({ y });
  const { y: numbers } = await program.run(feeds);
  await program.release();
  return numbers as Float32Array;
}

/** Groups of rows by name: one, each its own, none, in turns, and sorted with more than four of a kind. */
const patterns: Readonly<Record<string, readonly number[]>> = {
  "one row": [1],
  "two rows of one group": [0, 0],
  "three": [2, 2, 2],
  "five of one, and none": [1, 1, -1, 1, 1, 1],
  "each its own": [2, 0, 1],
  "in turns": [0, 1, 0, 1, 0, 1, 0, 1, 0, 1],
  "sixteen of one": Array(16).fill(1),
  "none": [-1, -1],
};

/** Inputs and outputs: around the eights, sixteens and blocks of 512 that are read together. */
const sizes = [[1, 1], [7, 6], [8, 24], [15, 25], [16, 1], [33, 47], [129, 50]] as const;

for (const dtype of ["F32", "BF16", "F16"] as const) {
  Deno.test(`rows times ${dtype} matrices are plain sums, whatever sizes and groups`, async () => {
    for (const [inputs, outputs] of sizes) {
      const shape = [3, outputs, inputs];
      const stored = asStored(normalRows(1, ...shape), dtype);
      const matrices = await reservedOf(engines[1], stored, dtype, shape);
      for (const [name, ofRows] of Object.entries(patterns)) {
        const rows = ofRows.length;
        const numbers = normalRows(2, rows, inputs);
        const groups = Int32Array.from(ofRows);
        const product = groupedMatmul(
          input("x", [rows, inputs]),
          input("matrices", shape),
          input("groups", [rows], "i32"),
        );
        const y = await computed(engines[1], product, { x: numbers, matrices, groups });
        const expected = plainGroupedMatmul(numbers, stored, groups, shape);
        for (const [at, number] of expected.entries()) {
          const bound = 1e-6 * Math.sqrt(inputs) * 4;
          assert.ok(Math.abs(y[at] - number) <= bound, `${name} ${inputs} ${outputs}: ${at}`);
        }
      }
      matrices.release();
    }
  });
}

/** What half a unit of each table of four inputs comes to, blocks of 512 inputs having each its own, and rounding. */
function boundOfSigns(row: Float32Array): number {
  let bound = 0;
  for (let block = 0; block < row.length; block += 512) {
    const numbers = row.subarray(block, block + 512);
    const fours = Array.from(
      { length: Math.ceil(numbers.length / 4) },
      (_, at) => numbers.subarray(4 * at, 4 * at + 4).reduce((sum, x) => sum + Math.abs(x), 0),
    );
    bound += Math.max(...fours) / 32767 * fours.length * 0.51;
  }
  return bound;
}

Deno.test("rows times signs are within half a unit a table, whatever sizes and groups", async () => {
  for (const [inputs, outputs] of [...sizes, [511, 17], [513, 33], [1100, 16], [2048, 20]]) {
    const shape = [3, Math.ceil(inputs / 32), outputs];
    const words = randomWords(3, ...shape);
    const masks = await reservedOf(engines[1], words, "F32", shape);
    for (const [name, ofRows] of Object.entries(patterns)) {
      const rows = ofRows.length;
      const numbers = normalRows(4, rows, inputs);
      // One far from the others, as activations have them.
      numbers[0] *= 100;
      const groups = Int32Array.from(ofRows);
      const product = groupedSignMatmul(
        input("x", [rows, inputs]),
        input("masks", shape, "i32"),
        input("groups", [rows], "i32"),
      );
      const y = await computed(engines[1], product, { x: numbers, masks, groups });
      const expected = plainGroupedSignMatmul(numbers, words, groups, shape);
      for (let row = 0; row < rows; row++) {
        const bound = boundOfSigns(numbers.subarray(row * inputs, (row + 1) * inputs));
        for (let at = row * outputs; at < (row + 1) * outputs; at++) {
          const error = Math.abs(y[at] - expected[at]);
          assert.ok(error <= bound, `${name} ${inputs} ${outputs}: ${error} above ${bound}`);
        }
      }
    }
    masks.release();
  }
});

Deno.test("signs of tiny, great and no numbers", async () => {
  const words = Int32Array.of(0b0101, -1);
  const product = groupedSignMatmul(
    input("x", [1, 4]),
    input("masks", [1, 1, 2], "i32"),
    input("groups", [1], "i32"),
  );
  const of = (...x: number[]) =>
    computed(engines[0], product, {
      x: Float32Array.from(x),
      masks: words,
      groups: Int32Array.of(0),
    });
  assert.deepEqual([...await of(0, 0, 0, 0)], [0, 0]);
  assert.deepEqual([...await of(1e-38, 0, 0, 0)], [0, 0]);
  assert.deepEqual([...await of(1, 2, 4, 32760)], [-32757, 32767]);
  const [, great] = await of(1e38, 1e38, 0, 0);
  assert.ok(Math.abs(great / 2e38 - 1) < 1e-4);
  for (const bad of [NaN, Infinity]) {
    for (const number of await of(1, bad, 0, 0)) assert.ok(!Number.isFinite(number), `${bad}`);
  }
});

Deno.test("a row's sums are the same to the bit in any order, beside any rows, on any threads", async () => {
  const [inputs, outputs] = [531, 101];
  const shape = [3, outputs, inputs];
  const masksShape = [3, Math.ceil(inputs / 32), outputs];
  const rows = 11;
  const all = normalRows(6, rows, inputs);
  const ofRows = [0, 1, 1, 0, -1, 1, 1, 2, 1, 0, 1];
  const row = (numbers: Float32Array, at: number, width: number) =>
    numbers.subarray(at * width, (at + 1) * width);
  for (const dtype of ["F32", "BF16", "F16", "signs"] as const) {
    const runs = async (engine: Engine, picked: readonly number[]) => {
      const [x, groups] = [
        input("x", [picked.length, inputs]),
        input("groups", [picked.length], "i32"),
      ];
      const table = dtype === "signs"
        ? await reservedOf(engine, randomWords(7, ...masksShape), "F32", masksShape)
        : await reservedOf(engine, asStored(normalRows(5, ...shape), dtype), dtype, shape);
      const y = await computed(
        engine,
        dtype === "signs"
          ? groupedSignMatmul(x, input("table", masksShape, "i32"), groups)
          : groupedMatmul(x, input("table", shape), groups),
        {
          x: Float32Array.from(picked.flatMap((at) => [...row(all, at, inputs)])),
          groups: Int32Array.from(picked, (at) => ofRows[at]),
          table,
        },
      );
      table.release();
      return new Map(picked.map((at, place) => [at, row(y, place, outputs)]));
    };
    const reference = await runs(engines[0], [...ofRows.keys()]);
    const orders = [[...ofRows.keys()].reverse(), [3], [6], [1, 2], [8, 0, 10, 4], [
      5,
      6,
      8,
      10,
      1,
    ]];
    for (const engine of engines) {
      for (const order of orders) {
        for (const [at, numbers] of await runs(engine, order)) {
          assert.deepEqual(numbers, reference.get(at), `${dtype} ${at} of ${order}`);
        }
      }
    }
  }
});
