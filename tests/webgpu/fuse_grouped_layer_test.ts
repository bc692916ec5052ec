/**
 * Signs of tenants in a layer, and turned queries, as one op each: fused where nothing else reads what is inside, with
 * the numbers of the ops alone.
 */

import assert from "node:assert/strict";
import { fuse } from "../../lib/engines/webgpu/fused/fuse.ts";
import { lower } from "../../lib/engines/webgpu/lower.ts";
import { input, topologicalOrder, type Value } from "../../lib/graph/graph.ts";
import { add, multiply, scaleBy } from "../../lib/graph/ops/elementwise.ts";
import { groupedRows, groupedSignMatmul } from "../../lib/graph/ops/grouped.ts";
import { rotaryRows } from "../../lib/graph/ops/rotary_rows.ts";
import { assertWithin, relativeError } from "../graph/closeness.ts";
import { normals, randomMask } from "../graph/op_case.ts";
import { gpuTest } from "./gpu.ts";
import { runLowered } from "./run_lowered.ts";

const [ROWS, INNER, COLUMNS, GROUPS] = [5, 70, 64, 4];
const words = Math.ceil(INNER / 32);
const x = input("x", [ROWS, INNER]);
const masks = input("masks", [GROUPS, words, COLUMNS], "i32");
const groups = input("groups", [ROWS], "i32");
const indices = input("indices", [ROWS], "i32");
const scale = (groups: Value) =>
  groupedRows(input("vectors", [GROUPS, 2, COLUMNS]), groups, indices);
const base = input("base", [ROWS, COLUMNS]);
const signs = groupedSignMatmul(x, masks, groups);
const layer = add(base, multiply(signs, scale(groups)));
const residual = add(input("residual", [ROWS, COLUMNS]), layer);

const numbers = (seed: number, ...shape: number[]) =>
  Float32Array.from(normals(seed, ...shape).numbers);
const feeds = {
  x: numbers(1, ROWS, INNER),
  masks: Int32Array.from(randomMask(2, GROUPS * words, COLUMNS).numbers),
  groups: Int32Array.of(3, -1, 0, 2, 0),
  indices: Int32Array.of(1, 7, 0, 1, 1),
  vectors: numbers(3, GROUPS, 2, COLUMNS),
  base: numbers(4, ROWS, COLUMNS),
  residual: numbers(5, ROWS, COLUMNS),
};

const operationsOf = (y: Value) =>
  topologicalOrder(Object.values(fuse({ y }))).flatMap(({ name, operation }) =>
    name === null ? [operation] : []
  );

for (const [name, y] of Object.entries({ layer, residual })) {
  gpuTest(`a ${name} of signs by groups is one op with the numbers of its ops`, async (engine) => {
    const { features } = engine.device;
    assert.deepEqual(operationsOf(y), ["groupedSignLayer"]);
    const expected = Float64Array.from(
      (await runLowered(engine, lower({ y }, { features }), feeds)).y,
    );
    // Whole, and masks in pieces of three of four groups.
    for (const bindingBytes of [features.bindingBytes, feeds.masks.byteLength * 0.8]) {
      let names: readonly string[] = [];
      const options = { features: { ...features, bindingBytes } };
      lower(fuse({ y }), { ...options, tile: (_, all) => (names = all)[0] });
      const isWhole = bindingBytes === features.bindingBytes;
      // On hardware and in software, each of which takes seconds to compile.
      for (const name of isWhole ? [names[0], names.at(-1)!] : names.slice(-1)) {
        const graph = lower(fuse({ y }), { ...options, tile: () => name });
        assert.equal(graph.dispatches.length === 1, isWhole);
        const { y: found } = await runLowered(engine, graph, feeds);
        assertWithin(relativeError(found, expected), 1e-6, name);
      }
    }
  });
}

gpuTest("turned and scaled rows are one op", async (engine) => {
  const { features } = engine.device;
  const [cosines, sines] = ["cosines", "sines"].map((name) => input(name, [ROWS, 4]));
  const y = scaleBy(rotaryRows(base, cosines, sines, 8), 0.3);
  const given = { ...feeds, cosines: numbers(6, ROWS, 4), sines: numbers(7, ROWS, 4) };
  assert.deepEqual(operationsOf(y), ["scaledRotaryRows"]);
  const [alone, fused] = [lower({ y }, { features }), lower(fuse({ y }), { features })];
  const expected = await runLowered(engine, alone, given);
  assert.deepEqual(await runLowered(engine, fused, given), expected);
});

const apart: Record<string, Value> = {
  "another vector's groups": add(base, multiply(signs, scale(input("others", [ROWS], "i32")))),
  "signs that others read": add(layer, signs),
  "no scale": add(base, signs),
};
for (const [name, y] of Object.entries(apart)) {
  Deno.test(`${name} stay apart`, () => {
    assert.ok(!operationsOf(y).includes("groupedSignLayer"));
  });
}

Deno.test("terms of two families are two ops, and what they are added to part of the second", () => {
  const other = groupedSignMatmul(x, input("masks 2", [2, words, COLUMNS], "i32"), groups);
  const two = add(
    layer,
    multiply(other, groupedRows(input("more", [2, 1, COLUMNS]), groups, indices)),
  );
  const operations = operationsOf(add(input("residual", [ROWS, COLUMNS]), two));
  assert.deepEqual(operations, ["groupedSignLayer", "groupedSignLayer"]);
});
